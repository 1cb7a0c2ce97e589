/** The pieces in which the fast lanes hand lines to the kernels: small enough to stay in a core's own cache. */
import type { Kernels } from '../kernels/kernels.js';
import type { BlockBuilder } from './row-block.js';

export const SLICE_BYTES = 1 << 18;
/** Lines of a slice beyond these wait for the next: each has at least a dozen bytes, and rows take room too. */
export const SLICE_ROWS = 1 << 13;
/** Bytes after the last line that kernels may look at; they are 0. */
export const PADDING_BYTES = 32;

const LF = 10;

/** Where the last line of a slice ends; `from` when the first is longer than a slice. bytes[from, end) ends with LF. */
export function sliceEnd(bytes: Uint8Array, from: number, end: number): number {
  if (end - from <= SLICE_BYTES) return end;
  return from + bytes.subarray(from, from + SLICE_BYTES).lastIndexOf(LF) + 1;
}

/** Copies lines to a place in the kernels' memory, the padding after them; returns where they end. */
export function putLines(memory: Kernels, place: number, lines: Uint8Array): number {
  const end = place + lines.length;
  memory.put(place, lines);
  memory.bytes.fill(0, end, end + PADDING_BYTES);
  return end;
}

/** Takes over the times of `rows` rows from the kernels' memory; returns the first and the place after the last. */
export function takeTimes(
  memory: Kernels,
  { times, rowCount }: BlockBuilder,
  secs: number,
  nanos: number,
  rows: number,
): { readonly first: number; readonly last: number } {
  const last = rowCount + rows;
  memory.get(secs, times.secs.subarray(rowCount, last));
  memory.get(nanos, times.nanos.subarray(rowCount, last));
  return { first: rowCount, last };
}
