/**
 * Small integers as Parquet packs them: the hybrid of runs (a count and one value) and groups of eight values side by
 * side, least significant bit first. Levels and dictionary indexes are stored so. Source: parquet-format, "Run Length
 * Encoding / Bit-Packing Hybrid".
 */
import type { ByteSink } from './byte-sink.js';

/** Equal values from which on a run is shorter than what it replaces, whatever the width. */
const LEAST_RUN = 24;
/** Widest value that fits 32 bits beside the 7 bits that wait for a whole byte. */
const MAX_BITS = 24;

/** Bits of the values 0 … most. */
export function bitWidthOf(most: number): number {
  return 32 - Math.clz32(most);
}

/** Appends values of 0 to 24 bits. */
export function packHybrid(
  values: Uint8Array | Int32Array,
  count: number,
  bitWidth: number,
  sink: ByteSink,
): void {
  if (bitWidth > MAX_BITS) throw new Error(`values of ${bitWidth} bits are not packed`);
  let literal = 0;
  let at = 0;
  while (at < count) {
    const value = values[at];
    let end = at + 1;
    while (end < count && values[end] === value) end += 1;
    if (end - at >= LEAST_RUN || (at === 0 && end === count)) {
      packLiterals(values, literal, at, bitWidth, sink);
      packRun(value, end - at, bitWidth, sink);
      at = end;
      literal = at;
    } else {
      // Literals come in groups of eight: a run begins where a group does.
      at += 8;
    }
  }
  packLiterals(values, literal, count, bitWidth, sink);
}

/** Appends one value so many times. */
export function packRun(value: number, count: number, bitWidth: number, sink: ByteSink): void {
  sink.varint(count * 2);
  for (let bits = 0; bits < bitWidth; bits += 8) sink.byte(value >>> bits);
}

/** values[from, to) as one stretch of groups; only the last stretch may end inside a group, which is filled with 0. */
function packLiterals(
  values: Uint8Array | Int32Array,
  from: number,
  to: number,
  bitWidth: number,
  sink: ByteSink,
): void {
  if (to <= from) return;
  const groups = Math.ceil((to - from) / 8);
  sink.varint(groups * 2 + 1);
  sink.reserve(groups * bitWidth);
  const { bytes } = sink;
  const end = sink.length + groups * bitWidth;
  let place = sink.length;
  let waiting = 0;
  let waitingBits = 0;
  for (let at = from; at < to; at++) {
    waiting |= values[at] << waitingBits;
    waitingBits += bitWidth;
    while (waitingBits >= 8) {
      bytes[place++] = waiting;
      waiting >>>= 8;
      waitingBits -= 8;
    }
  }
  if (waitingBits > 0) bytes[place++] = waiting;
  bytes.fill(0, place, end);
  sink.length = end;
}

/** Appends truth values, one bit each: PLAIN encoding of BOOLEAN. */
export function packBooleans(values: Uint8Array, sink: ByteSink): void {
  const length = Math.ceil(values.length / 8);
  sink.reserve(length);
  const { bytes } = sink;
  bytes.fill(0, sink.length, sink.length + length);
  for (let at = 0; at < values.length; at++) {
    if (values[at] !== 0) bytes[sink.length + (at >> 3)] |= 1 << (at & 7);
  }
  sink.length += length;
}
