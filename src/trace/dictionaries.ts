/**
 * Distinct values of a column chunk and each value's number among them, in order of first appearance: what dictionary
 * encoding stores. Numbers get a dictionary only where it makes them smaller.
 */
import { kernels } from '../kernels/kernels.js';
import type { StringColumn } from '../types.js';
import { bitWidthOf } from './bit-packing.js';

/** Spread of integers for which a table by value is kept, 1 MiB. */
const MAX_SPREAD = 1 << 18;

/** Numbers of entries have at most 24 bits. */
const MAX_ENTRIES = 1 << 24;

interface Numbered<Entries> {
  readonly numbers: Int32Array;
  readonly entries: Entries;
}

/** 32-bit integers between `least` and `most`; null = plain is as small, or the spread is too large. */
export function numbersOfInts(values: Int32Array, least: number, most: number): Numbered<Int32Array> | null {
  const spread = most - least + 1;
  if (values.length === 0 || spread > MAX_SPREAD) return null;
  const { length } = values;
  const memory = kernels();
  const mostEntries = Math.min(spread, length);
  const [given, table, numbers, entries] = memory.regions(
    length * 4,
    spread * 4,
    length * 4,
    mostEntries * 4,
  );
  memory.put(given, values);
  memory.bytes.fill(0xff, table, table + spread * 4);
  const count = memory.run.numberValues(given, length, least, table, numbers, entries);
  if (!isSmaller(count, length, 4)) return null;
  const result = { numbers: new Int32Array(length), entries: new Int32Array(count) };
  memory.get(numbers, result.numbers);
  memory.get(entries, result.entries);
  return result;
}

/** 64-bit integers, by hashing; null = plain is as small. */
export function numbersOfWords(values: BigInt64Array | BigUint64Array): Numbered<BigInt64Array> | null {
  const length = values.length;
  const words = new Uint32Array(values.buffer, values.byteOffset, length * 2);
  const limit = Math.min(length >> 1, MAX_ENTRIES);
  const bits = Math.max(4, bitWidthOf(limit * 2));
  const mask = (1 << bits) - 1;
  const slots = new Int32Array(1 << bits).fill(-1);
  const numbers = new Int32Array(length);
  const entries = new BigInt64Array(limit + 1);
  const entryWords = new Uint32Array(entries.buffer);
  let count = 0;
  for (let i = 0; i < length; i++) {
    const low = words[2 * i];
    const high = words[2 * i + 1];
    let slot = (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & mask;
    for (;;) {
      const number = slots[slot];
      if (number < 0) {
        if (count > limit) return null;
        slots[slot] = count;
        entryWords[2 * count] = low;
        entryWords[2 * count + 1] = high;
        numbers[i] = count++;
        break;
      }
      if (entryWords[2 * number] === low && entryWords[2 * number + 1] === high) {
        numbers[i] = number;
        break;
      }
      slot = (slot + 1) & mask;
    }
  }
  return isSmaller(count, length, 8) ? { numbers, entries: entries.slice(0, count) } : null;
}

function isSmaller(entries: number, values: number, bytes: number): boolean {
  return entries * bytes + (values * bitWidthOf(entries - 1)) / 8 < values * bytes;
}

/** Numbers of the known rows, and the texts as UTF-8, each once. */
export function numbersOfTexts(
  { codes, dictionary }: StringColumn,
  rowCount: number,
  nullCount: number,
): { readonly numbers: Int32Array; readonly texts: readonly Uint8Array[] } {
  const numberOfCode = new Int32Array(dictionary.length).fill(-1);
  const numberOfText = new Map<string, number>();
  const texts: Uint8Array[] = [];
  const numbers = new Int32Array(rowCount - nullCount);
  let filled = 0;
  for (let row = 0; row < rowCount; row++) {
    const code = codes[row];
    if (code < 0) continue;
    let number = numberOfCode[code];
    if (number < 0) {
      const text = dictionary[code];
      const known = numberOfText.get(text);
      number = known ?? texts.push(Buffer.from(text)) - 1;
      if (known === undefined) numberOfText.set(text, number);
      numberOfCode[code] = number;
    }
    numbers[filled++] = number;
  }
  return { numbers, texts };
}

/** Texts as PLAIN encoding has them: each with its length before it. */
export function bytesOfTexts(texts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const text of texts) length += 4 + text.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const text of texts) {
    at = bytes.writeUInt32LE(text.length, at);
    bytes.set(text, at);
    at += text.length;
  }
  return bytes;
}
