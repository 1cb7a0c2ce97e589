/**
 * What container runtimes and their tools put around a log line: CRI (`<time> stdout F …`, long lines in parts marked P),
 * Docker's json-file (`{"log":"…\n","stream":…,"time":…}`, long lines in parts without `\n`) and the time that `kubectl
 * logs --timestamps` prints. Lines come out bare; a line joined from parts is followed by empty ones, so that line
 * numbers stay those of the file.
 */

export type LogWrapping = 'cri' | 'docker' | 'timestamps';

const CRI = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?:\S*) /;
/** Only before what a log line may begin with: elsewhere the time is the line's own. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z (?=[{[(]|(?:INFO|DEBUG|WARNING|ERROR)\b)/;
const DOCKER = /^\{\s*"log"\s*:\s*"/;
const LF = 10;

/** How the lines of a sample are wrapped; null = not at all. */
export function findWrapping(sample: Buffer): LogWrapping | null {
  const line = firstLine(sample);
  if (CRI.test(line)) return 'cri';
  if (TIMESTAMP.test(line)) return 'timestamps';
  return dockerLine(line) === null ? null : 'docker';
}

function firstLine(sample: Buffer): string {
  let start = 0;
  while (start < sample.length && sample[start] <= 32) start += 1;
  const lf = sample.indexOf(LF, start);
  return sample.toString('utf8', start, Math.min(lf < 0 ? sample.length : lf, start + (1 << 20)));
}

function dockerLine(line: string): { log: string; stream: string } | null {
  if (!DOCKER.test(line)) return null;
  try {
    const { log, stream, time } = JSON.parse(line) as Record<string, unknown>;
    const isWrapped = typeof log === 'string' && typeof stream === 'string' && typeof time === 'string';
    return isWrapped ? { log, stream } : null;
  } catch {
    return null;
  }
}

/** The bare lines of chunks. */
export async function* unwrapLines(
  chunks: AsyncIterable<Buffer>,
  wrapping: LogWrapping,
): AsyncGenerator<Buffer> {
  const unwrapper = new Unwrapper(wrapping);
  for await (const chunk of chunks) yield unwrapper.take(chunk);
  yield unwrapper.end();
}

/** Unwraps what is complete of a sample. */
export function unwrapSample(sample: Buffer, wrapping: LogWrapping): Buffer {
  return new Unwrapper(wrapping).take(sample);
}

class Unwrapper {
  readonly #wrapping: LogWrapping;
  #rest = Buffer.alloc(0);
  /** Parts of unfinished lines, by stream. */
  readonly #parts = new Map<string, { text: string; lines: number }>();

  constructor(wrapping: LogWrapping) {
    this.#wrapping = wrapping;
  }

  take(chunk: Buffer): Buffer {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = bytes.lastIndexOf(LF) + 1;
    this.#rest = Buffer.from(bytes.subarray(end));
    if (end === 0) return Buffer.alloc(0);
    const out: string[] = [];
    for (const line of bytes.toString('utf8', 0, end - 1).split('\n')) out.push(this.#line(line));
    return Buffer.from(out.join(''));
  }

  end(): Buffer {
    const last = this.#rest.length > 0 ? this.#line(this.#rest.toString('utf8')) : '';
    const open = [...this.#parts.values()].map(({ text }) => `${text}\n`);
    this.#parts.clear();
    return Buffer.from(last + open.join(''));
  }

  /** The bare text of a line, with its newline; empty while more parts are to come. */
  #line(raw: string): string {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (this.#wrapping === 'timestamps') return `${line.replace(TIMESTAMP, '')}\n`;
    if (this.#wrapping === 'cri') {
      const head = CRI.exec(line);
      if (head === null) return `${line}\n`;
      return this.#part(head[1], line.slice(head[0].length), head[2] === 'F');
    }
    const wrapped = dockerLine(line);
    if (wrapped === null) return `${line}\n`;
    const isWhole = wrapped.log.endsWith('\n');
    return this.#part(wrapped.stream, isWhole ? wrapped.log.slice(0, -1) : wrapped.log, isWhole);
  }

  #part(stream: string, text: string, isLast: boolean): string {
    const before = this.#parts.get(stream) ?? { text: '', lines: 0 };
    if (!isLast) {
      this.#parts.set(stream, { text: before.text + text, lines: before.lines + 1 });
      return '';
    }
    this.#parts.delete(stream);
    return `${before.text}${text}\n${'\n'.repeat(before.lines)}`;
  }
}
