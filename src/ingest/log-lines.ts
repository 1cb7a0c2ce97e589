/** What the layers around log lines (log-wrapping.ts, log-envelopes.ts) are read with: lines out of chunks, lines in parts. */

/** One layer, of which every reading opens a reader of its own. */
export interface LogLayer {
  /** What the lines are taken out of, for people. */
  readonly title: string;
  open(): LayerReader;
}

/** Takes chunks as they come and gives bare lines. */
export interface LayerReader {
  take(chunk: Buffer): Buffer;
  end(): Buffer;
}

/** Layers from the outside in, at least one. */
export type LogWrapping = readonly LogLayer[];

const LF = 10;

/** The first line that is not blank, or what there is of it. */
export function firstLine(sample: Buffer): string {
  let start = 0;
  while (start < sample.length && sample[start] <= 32 && sample[start] !== 27) start += 1;
  const lf = sample.indexOf(LF, start);
  return sample.toString('utf8', start, Math.min(lf < 0 ? sample.length : lf, start + (1 << 20)));
}

/** Cuts chunks into lines and hands each on, without its line end. */
export class LineReader implements LayerReader {
  readonly #unwrap: (line: string) => string;
  readonly #finish: () => string;
  #rest: Buffer[] = [];

  /** `unwrap` gives the bare line with its line end, or nothing while more parts are to come; `finish` what is left. */
  constructor(unwrap: (line: string) => string, finish: () => string = () => '') {
    this.#unwrap = unwrap;
    this.#finish = finish;
  }

  take(chunk: Buffer): Buffer {
    const end = chunk.lastIndexOf(LF) + 1;
    if (end === 0) {
      if (chunk.length > 0) this.#rest.push(chunk);
      return Buffer.alloc(0);
    }
    const lines = Buffer.concat([...this.#rest, chunk.subarray(0, end - 1)]).toString('utf8');
    this.#rest = end < chunk.length ? [chunk.subarray(end)] : [];
    return Buffer.from(
      lines
        .split('\n')
        .map((line) => this.#bare(line))
        .join(''),
    );
  }

  end(): Buffer {
    const last = Buffer.concat(this.#rest).toString('utf8');
    this.#rest = [];
    return Buffer.from((last === '' ? '' : this.#bare(last)) + this.#finish());
  }

  #bare(line: string): string {
    return this.#unwrap(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}

/** Lines that come in parts, by stream. */
export class LineParts {
  readonly #open = new Map<string, { text: string; lines: number }>();

  /** The line with its line end, followed by an empty line for each part before; nothing while more are to come. */
  add(stream: string, text: string, isLast: boolean): string {
    const before = this.#open.get(stream) ?? { text: '', lines: 0 };
    if (!isLast) {
      this.#open.set(stream, { text: before.text + text, lines: before.lines + 1 });
      return '';
    }
    this.#open.delete(stream);
    return `${before.text}${text}\n${'\n'.repeat(before.lines)}`;
  }

  /** What was never finished. */
  end(): string {
    const open = [...this.#open.values()].map(({ text }) => `${text}\n`);
    this.#open.clear();
    return open.join('');
  }
}
