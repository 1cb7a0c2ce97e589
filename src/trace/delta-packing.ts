/**
 * 64-bit integers as steps from one to the next, bit-packed in blocks of 128: DELTA_BINARY_PACKED. Times that rise and
 * ids that follow each other take a third of their plain size. A column with a step
 * of 2^51 or more is not packed: it is stored plain. Source: parquet-format, "Delta Encoding".
 */
import { kernels } from '../kernels/kernels.js';
import type { ByteSink } from './byte-sink.js';

const BLOCK_VALUES = 128;
const MINIBLOCKS = 4;
/** Values handed to the kernels at once, blocks of them: what stays in a core's own cache. */
const PIECE_VALUES = 256 * BLOCK_VALUES;
/** Bytes that a block has at most beside 8 for each value: its least step and four widths. */
const BLOCK_HEAD_BYTES = 16;

/** Appends the values; false, with nothing appended, when they are none or a step is too large. */
export function packDeltas(values: BigInt64Array | BigUint64Array, sink: ByteSink): boolean {
  const count = values.length;
  if (count === 0) return false;
  const start = sink.length;
  sink.varint(BLOCK_VALUES);
  sink.varint(MINIBLOCKS);
  sink.varint(count);
  zigzag64(BigInt.asIntN(64, values[0]), sink);
  const memory = kernels();
  for (let from = 1; from < count; from += PIECE_VALUES) {
    const to = Math.min(count, from + PIECE_VALUES);
    const [steps, piece, out] = memory.regions(
      BLOCK_VALUES * 8,
      (to - from + 1) * 8,
      Math.ceil((to - from) / BLOCK_VALUES) * (BLOCK_VALUES * 8 + BLOCK_HEAD_BYTES),
    );
    memory.put(piece, values.subarray(from - 1, to));
    const end = memory.run.packSteps(piece + 8, to - from, steps, out);
    if (end === 0) {
      sink.length = start;
      return false;
    }
    sink.append(memory.bytes.subarray(out, end));
  }
  return true;
}

function zigzag64(value: bigint, sink: ByteSink): void {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest >= 128n; rest >>= 7n) sink.byte(Number(rest & 127n) | 128);
  sink.byte(Number(rest));
}
