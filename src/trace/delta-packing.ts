/**
 * 64-bit integers as steps from one to the next, bit-packed in blocks of 128: DELTA_BINARY_PACKED. Times that rise and
 * ids that follow each other take a third of their plain size. Steps beyond 2^51 are not packed: such a column is
 * stored plain, so that all arithmetic here is exact in doubles. Source: parquet-format, "Delta Encoding".
 */
import type { ByteSink } from './byte-sink.js';

const BLOCK_VALUES = 128;
const MINIBLOCKS = 4;
const MINIBLOCK_VALUES = BLOCK_VALUES / MINIBLOCKS;
const MAX_STEP = 2 ** 51;
const TWO_32 = 4_294_967_296;

/** Appends the values; false, with nothing appended, when they are none or a step is too large. */
export function packDeltas(values: BigInt64Array | BigUint64Array, sink: ByteSink): boolean {
  const count = values.length;
  if (count === 0) return false;
  const words = new Uint32Array(values.buffer, values.byteOffset, count * 2);
  const start = sink.length;
  sink.varint(BLOCK_VALUES);
  sink.varint(MINIBLOCKS);
  sink.varint(count);
  zigzag64(BigInt.asIntN(64, values[0]), sink);
  const steps = new Float64Array(BLOCK_VALUES);
  for (let from = 1; from < count; from += BLOCK_VALUES) {
    const length = Math.min(BLOCK_VALUES, count - from);
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < length; i++) {
      const at = (from + i) * 2;
      // The difference of the halves; that of unsigned values beyond 2^63 is the same modulo 2^64, or too large.
      const step = ((words[at + 1] - words[at - 1]) | 0) * TWO_32 + (words[at] - words[at - 2]);
      steps[i] = step;
      if (step < least) least = step;
      if (step > most) most = step;
    }
    if (least <= -MAX_STEP || most >= MAX_STEP) {
      sink.length = start;
      return false;
    }
    packBlock(steps, length, least, sink);
  }
  return true;
}

function packBlock(steps: Float64Array, length: number, least: number, sink: ByteSink): void {
  sink.varint(least < 0 ? -2 * least - 1 : 2 * least);
  sink.reserve(MINIBLOCKS + BLOCK_VALUES * 8);
  const widthsAt = sink.length;
  sink.length += MINIBLOCKS;
  for (let block = 0; block < MINIBLOCKS; block++) {
    const from = block * MINIBLOCK_VALUES;
    const to = Math.min(from + MINIBLOCK_VALUES, length);
    let most = 0;
    for (let i = from; i < to; i++) {
      steps[i] -= least;
      if (steps[i] > most) most = steps[i];
    }
    const width = most < TWO_32 ? 32 - Math.clz32(most) : 64 - Math.clz32(Math.floor(most / TWO_32));
    sink.bytes[widthsAt + block] = width;
    if (width > 0) packMiniblock(steps, from, to, width, sink);
  }
}

/** 32 values of one width; those that the block lacks are 0. */
function packMiniblock(steps: Float64Array, from: number, to: number, width: number, sink: ByteSink): void {
  const { bytes } = sink;
  const end = sink.length + 4 * width;
  let place = sink.length;
  let waiting = 0;
  let waitingBits = 0;
  for (let i = from; i < to; i++) {
    const step = steps[i];
    const low = step >>> 0;
    const isWide = width > 32;
    let part = low & 0xffff;
    let partBits = Math.min(width, 16);
    for (let piece = 0; ; piece++) {
      waiting |= part << waitingBits;
      waitingBits += partBits;
      while (waitingBits >= 8) {
        bytes[place++] = waiting;
        waiting >>>= 8;
        waitingBits -= 8;
      }
      if (piece === 0 && width > 16) {
        part = low >>> 16;
        partBits = Math.min(width, 32) - 16;
      } else if (piece === 1 && isWide) {
        part = Math.floor(step / TWO_32);
        partBits = width - 32;
      } else break;
    }
  }
  if (waitingBits > 0) bytes[place++] = waiting;
  bytes.fill(0, place, end);
  sink.length = end;
}

function zigzag64(value: bigint, sink: ByteSink): void {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest >= 128n; rest >>= 7n) sink.byte(Number(rest & 127n) | 128);
  sink.byte(Number(rest));
}
