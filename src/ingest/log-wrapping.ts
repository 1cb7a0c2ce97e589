/**
 * What container runtimes, collectors and their tools put around a log line, in layers: CRI (`<time> stdout F …`, long
 * lines in parts marked P), times before each line (`kubectl logs --timestamps`, exports and tails of CloudWatch Logs,
 * Loki's `logcli`), other prefixes, and records with the line in a field of theirs (log-envelopes.ts). Lines come out
 * bare; a line joined from parts is followed by empty ones, so that line numbers stay those of the file. What looks like
 * a layer may be a log's own: the file as it is remains a second way to look at it.
 */
import { findEnvelope } from './log-envelopes.js';
import {
  firstLine,
  type LayerReader,
  LineParts,
  LineReader,
  type LogLayer,
  type LogWrapping,
} from './log-lines.js';

const MOST_LAYERS = 3;

/** How the lines of a sample are wrapped; null = not at all. */
export function findWrapping(sample: Buffer): LogWrapping | null {
  const layers: LogLayer[] = [];
  let bytes = sample;
  while (layers.length < MOST_LAYERS) {
    const layer = findPrefix(bytes) ?? findEnvelope(bytes);
    if (layer === null) break;
    layers.push(layer);
    bytes = unwrapSample(bytes, [layer]);
  }
  return layers.length === 0 ? null : layers;
}

/** The bare lines of chunks. */
export async function* unwrapLines(
  chunks: AsyncIterable<Buffer>,
  wrapping: LogWrapping,
): AsyncGenerator<Buffer> {
  const readers = wrapping.map((layer) => layer.open());
  for await (const chunk of chunks) yield readers.reduce((bytes, reader) => reader.take(bytes), chunk);
  let rest = Buffer.alloc(0);
  for (const reader of readers) rest = Buffer.concat([reader.take(rest), reader.end()]);
  yield rest;
}

/** Unwraps what is complete of a sample, or all of it when that is nothing: a last line may lack its end. */
export function unwrapSample(sample: Buffer, wrapping: LogWrapping): Buffer {
  return wrapping.reduce((bytes, layer) => {
    const reader = layer.open();
    const complete = reader.take(bytes);
    return complete.length > 0 ? complete : reader.end();
  }, sample);
}

const CRI = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?:\S*) /;

/** What tools put before a line that is whole. */
const PREFIXES: readonly { readonly title: string; readonly pattern: RegExp }[] = [
  {
    title: 'times before each line',
    // Only before what a log line may begin with: elsewhere the time is the line's own. Tools add the name of the stream
    // or its labels.
    pattern:
      // biome-ignore lint/suspicious/noControlCharactersInRegex: log colours are control characters
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?[ \t]+(?:\{(?:\w+="[^}]*)?\}\s+)?(?:(?=[[(\u001b]|\{\s*"|\d{4}-\d\d-\d\dT|(?:INFO|DEBUG|WARNING|ERROR)(?::|\s+\d\d-\d\d ))|\S+ (?=\{\s*"))/,
  },
  {
    title: 'syslog prefixes',
    pattern:
      /^(?:<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[[^\]]*\])+) \ufeff?|(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) (?!(?:ERROR|WARN|INFO|DEBUG|TRACE) )\S+ [^\s:[]+(?:\[\d+\])?: )/,
  },
  { title: 'names of services (docker compose logs)', pattern: /^[\w.-]+ *\| / },
  { title: 'names of pods (kubectl logs --prefix)', pattern: /^\[pod\/[^\]\s]+\] / },
];

/** The first line may be something that the tool says itself. */
const LINES_LOOKED_AT = 5;

function findPrefix(sample: Buffer): LogLayer | null {
  if (CRI.test(firstLine(sample))) return { title: 'CRI prefixes', open: criReader };
  const lines = sample.toString('utf8', 0, 1 << 16).split('\n', LINES_LOOKED_AT);
  const found = PREFIXES.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  if (found === undefined) return null;
  const { title, pattern } = found;
  return { title, open: () => new LineReader((raw) => `${raw.replace(pattern, '')}\n`) };
}

function criReader(): LayerReader {
  const parts = new LineParts();
  const unwrap = (raw: string): string => {
    const head = CRI.exec(raw);
    if (head === null) return `${raw}\n`;
    return parts.add(head[1], raw.slice(head[0].length), head[2] === 'F');
  };
  return new LineReader(unwrap, () => parts.end());
}
