/**
 * Least and greatest value of a column chunk, as the footer holds them: little-endian for numbers, UTF-8 for texts in the
 * order of their bytes. Readers skip row groups by them. Source: parquet.thrift, `Statistics` and `ColumnOrder`.
 */
import { bytesOf } from './byte-sink.js';

export interface Range {
  readonly least: Uint8Array;
  readonly most: Uint8Array;
}

/** Longer texts would make the footer long: their range is not told. */
const MAX_TEXT_BYTES = 128;

export function int32Range(values: Int32Array): { least: number; most: number; range: Range | null } {
  let least = values[0] ?? 0;
  let most = least;
  for (let i = 1; i < values.length; i++) {
    const value = values[i];
    if (value < least) least = value;
    else if (value > most) most = value;
  }
  const range = { least: bytesOf(Int32Array.of(least)), most: bytesOf(Int32Array.of(most)) };
  return { least, most, range: values.length === 0 ? null : range };
}

/** Compared by halves, because BigInt compares are ten times slower; the flipped sign bit makes the order unsigned. */
export function int64Range(values: BigInt64Array): Range | null {
  const flip = 0x80000000;
  if (values.length === 0) return null;
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  let least = 0;
  let most = 0;
  let leastHigh = (words[1] ^ flip) >>> 0;
  let mostHigh = leastHigh;
  for (let i = 1; i < values.length; i++) {
    const high = (words[2 * i + 1] ^ flip) >>> 0;
    if (high < leastHigh || (high === leastHigh && words[2 * i] < words[2 * least])) {
      least = i;
      leastHigh = high;
    }
    if (high > mostHigh || (high === mostHigh && words[2 * i] > words[2 * most])) {
      most = i;
      mostHigh = high;
    }
  }
  const bytes = (at: number): Uint8Array => bytesOf(words.slice(2 * at, 2 * at + 2));
  return { least: bytes(least), most: bytes(most) };
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
