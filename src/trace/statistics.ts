/**
 * Least and greatest value of a column chunk, as the footer holds them: little-endian for numbers, UTF-8 for texts in the
 * order of their bytes. Readers skip row groups by them. Source: parquet.thrift, `Statistics` and `ColumnOrder`.
 */
import { kernels } from '../kernels/kernels.js';
import { bytesOf } from './byte-sink.js';

export interface Range {
  readonly least: Uint8Array;
  readonly most: Uint8Array;
}

/** Longer texts would make the footer long: their range is not told. */
const MAX_TEXT_BYTES = 128;

export function int32Range(values: Int32Array): { least: number; most: number; range: Range | null } {
  if (values.length === 0) return { least: 0, most: 0, range: null };
  const memory = kernels();
  const [given] = memory.regions(values.byteLength);
  memory.put(given, values);
  memory.run.range32(given, values.length);
  const [least, most] = [memory.run.least32.value, memory.run.most32.value];
  return { least, most, range: { least: bytesOf(Int32Array.of(least)), most: bytesOf(Int32Array.of(most)) } };
}

export function int64Range(values: BigInt64Array): Range | null {
  if (values.length === 0) return null;
  const memory = kernels();
  const [given] = memory.regions(values.byteLength);
  memory.put(given, values);
  memory.run.range64(given, values.length);
  return {
    least: bytesOf(BigInt64Array.of(memory.run.least64.value)),
    most: bytesOf(BigInt64Array.of(memory.run.most64.value)),
  };
}

export function textRange(texts: readonly Uint8Array[]): Range | null {
  if (texts.length === 0) return null;
  let least = texts[0];
  let most = least;
  for (const text of texts) {
    if (Buffer.compare(text, least) < 0) least = text;
    if (Buffer.compare(text, most) > 0) most = text;
  }
  return least.length > MAX_TEXT_BYTES || most.length > MAX_TEXT_BYTES ? null : { least, most };
}
