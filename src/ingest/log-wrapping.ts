/**
 * What container runtimes, collectors and their tools put around a log line, in layers: CRI (`<time> stdout F …`, long
 * lines in parts marked P), times before each line (`kubectl logs --timestamps`, exports and tails of CloudWatch Logs,
 * Loki's `logcli`), and records with the line in a field of theirs (log-envelopes.ts). Lines come out bare; a line joined
 * from parts is followed by empty ones, so that line numbers stay those of the file.
 */
import { findEnvelope } from './log-envelopes.js';
import { firstLine, type LayerReader, LineParts, LineReader, type LogLayer } from './log-lines.js';

/** Layers from the outside in, at least one. */
export type LogWrapping = readonly LogLayer[];

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
/**
 * Only before what a log line may begin with: elsewhere the time is the line's own. Tools add the name of the stream or
 * its labels.
 */
const TIMESTAMP =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: log colours are control characters
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?[ \t]+(?:\{(?:\w+="[^}]*)?\}\s+)?(?:(?=[[(\u001b]|\{\s*"|\d{4}-\d\d-\d\dT|(?:INFO|DEBUG|WARNING|ERROR)(?::|\s+\d\d-\d\d ))|\S+ (?=\{\s*"))/;

function findPrefix(sample: Buffer): LogLayer | null {
  const line = firstLine(sample);
  if (CRI.test(line)) return { title: 'CRI prefixes', open: criReader };
  if (TIMESTAMP.test(line)) {
    return {
      title: 'times before each line',
      open: () => new LineReader((raw) => `${raw.replace(TIMESTAMP, '')}\n`),
    };
  }
  return null;
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
