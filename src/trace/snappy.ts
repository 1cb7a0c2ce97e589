/**
 * Snappy, compressing side: the raw block format that Parquet pages hold. Written here because its bytes must not depend
 * on the machine, which those of the zlib in Node do. Texts only go through it (numbers are packed by value), so that
 * speed beyond some 200 MB/s buys nothing. Source: google/snappy, format_description.txt.
 */
import type { ByteSink } from './byte-sink.js';

/** Matches are looked for within stretches of this size, so that distances fit 16 bits. */
const STRETCH_BYTES = 1 << 16;
const HASH_BITS = 14;
const LEAST_MATCH = 4;
/** The longest copy of one element. */
const MAX_COPY = 64;

const table = new Int32Array(1 << HASH_BITS);

/** Appends the compressed form. */
export function compressSnappy(input: Uint8Array, sink: ByteSink): void {
  sink.varint(input.length);
  for (let from = 0; from < input.length; from += STRETCH_BYTES) {
    compressStretch(input, from, Math.min(from + STRETCH_BYTES, input.length), sink);
  }
}

function compressStretch(input: Uint8Array, from: number, end: number, sink: ByteSink): void {
  // Literals cost at most one byte per 60 and three for the first.
  sink.reserve(end - from + ((end - from) >> 5) + 64);
  table.fill(-1);
  let literal = from;
  let at = from;
  let misses = 0;
  while (at + LEAST_MATCH <= end) {
    const key = wordAt(input, at);
    const slot = Math.imul(key, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const found = table[slot];
    table[slot] = at;
    if (found < 0 || wordAt(input, found) !== key) {
      // The longer nothing is found, the larger the steps.
      at += 1 + (misses++ >> 5);
      continue;
    }
    misses = 0;
    putLiteral(input, literal, at, sink);
    let length = LEAST_MATCH;
    while (at + length < end && input[found + length] === input[at + length]) length += 1;
    putCopy(at - found, length, sink);
    at += length;
    literal = at;
  }
  putLiteral(input, literal, end, sink);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function putLiteral(input: Uint8Array, from: number, to: number, sink: ByteSink): void {
  const length = to - from;
  if (length === 0) return;
  const last = length - 1;
  if (last < 60) sink.byte(last << 2);
  else if (last < 256) {
    sink.byte(60 << 2);
    sink.byte(last);
  } else {
    sink.byte(61 << 2);
    sink.byte(last);
    sink.byte(last >>> 8);
  }
  sink.append(input.subarray(from, to));
}

function putCopy(distance: number, length: number, sink: ByteSink): void {
  for (let left = length; left > 0; ) {
    const part = Math.min(left, MAX_COPY);
    sink.byte(((part - 1) << 2) | 2);
    sink.byte(distance);
    sink.byte(distance >>> 8);
    left -= part;
  }
}
