/**
 * Small integers as Parquet packs them: the hybrid of runs (a count and one value) and groups of eight values side by
 * side, least significant bit first. Levels and dictionary indexes are stored so. Source: parquet-format, "Run Length
 * Encoding / Bit-Packing Hybrid".
 */
import { kernels } from '../kernels/kernels.js';
import type { ByteSink } from './byte-sink.js';

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
  const memory = kernels();
  const isBytes = values instanceof Uint8Array;
  const [numbers, out] = memory.regions(values.subarray(0, count).byteLength, packedBytes(count, bitWidth));
  memory.put(numbers, values.subarray(0, count));
  const end = memory.run.packHybrid(numbers, count, isBytes ? 1 : 0, bitWidth, out);
  sink.append(memory.bytes.subarray(out, end));
}

/** Room for so many values: groups of eight, and a head of at most five bytes for what 24 values or a run make. */
function packedBytes(count: number, bitWidth: number): number {
  return Math.ceil(count / 8 + 1) * bitWidth + 12 * Math.ceil(count / 24 + 1);
}

/** Appends one value so many times. */
export function packRun(value: number, count: number, bitWidth: number, sink: ByteSink): void {
  sink.varint(count * 2);
  for (let bits = 0; bits < bitWidth; bits += 8) sink.byte(value >>> bits);
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
