/**
 * What the battery reads: requests in a window [0, T), the whole of a trace or a part of it laid end to end.
 * Parts are made of whole time blocks: random halves for the noise floor, halves in order for the drift, resamples with
 * repetition for intervals. Source: statistics page §3.1.
 */
import type { Rng } from '../random.js';
import type { BlockLists } from './columns.js';

export interface Sample {
  readonly durationSec: number;
  /** In [0, durationSec), rising. */
  readonly arrivalSec: Float64Array;
  /** −1 = unknown. */
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
  /** Shared by all parts of a trace; request i has the blocks of `blockRows[i]`. */
  readonly blocks: BlockLists | null;
  readonly blockRows: Uint32Array | null;
  readonly sessions: Int32Array | null;
}

/** Whole blocks of a sample by time: block k holds rows [starts[k], starts[k + 1]). What is left at the end is not used. */
export interface TimeBlocks {
  readonly sample: Sample;
  readonly blockSec: number;
  readonly count: number;
  readonly starts: Uint32Array;
}

export function timeBlocks(sample: Sample, blockSec: number): TimeBlocks {
  const count = Math.floor(sample.durationSec / blockSec);
  const starts = new Uint32Array(count + 1);
  let row = 0;
  for (let k = 1; k <= count; k++) {
    while (row < sample.arrivalSec.length && Math.floor(sample.arrivalSec[row] / blockSec) < k) row += 1;
    starts[k] = row;
  }
  return { sample, blockSec, count, starts };
}

/** The given blocks laid end to end in the given order; a block may come twice. */
export function joinBlocks({ sample, blockSec, starts }: TimeBlocks, order: ArrayLike<number>): Sample {
  let n = 0;
  for (let k = 0; k < order.length; k++) n += starts[order[k] + 1] - starts[order[k]];
  const rows = new Uint32Array(n);
  const arrivalSec = new Float64Array(n);
  let to = 0;
  for (let k = 0; k < order.length; k++) {
    const shiftSec = (k - order[k]) * blockSec;
    for (let row = starts[order[k]]; row < starts[order[k] + 1]; row++) {
      rows[to] = row;
      arrivalSec[to++] = sample.arrivalSec[row] + shiftSec;
    }
  }
  return pickRows(sample, rows, arrivalSec, order.length * blockSec);
}

/** The sample's rows with arrivals before `untilSec`. */
export function cutAfter(sample: Sample, untilSec: number): Sample {
  return rowsFrom(sample, 0, firstRowFrom(sample, untilSec), { startSec: 0, durationSec: untilSec });
}

/** First and second half of the window, each counted from its own start; a row on the window's end is in the second. */
export function halvesInOrder(sample: Sample): readonly [Sample, Sample] {
  const durationSec = sample.durationSec / 2;
  const middle = firstRowFrom(sample, durationSec);
  return [
    rowsFrom(sample, 0, middle, { startSec: 0, durationSec }),
    rowsFrom(sample, middle, sample.arrivalSec.length, { startSec: durationSec, durationSec }),
  ];
}

function firstRowFrom({ arrivalSec }: Sample, sec: number): number {
  const row = arrivalSec.findIndex((t) => t >= sec);
  return row < 0 ? arrivalSec.length : row;
}

function rowsFrom(
  sample: Sample,
  from: number,
  to: number,
  { startSec, durationSec }: { readonly startSec: number; readonly durationSec: number },
): Sample {
  const rows = Uint32Array.from({ length: to - from }, (_, i) => from + i);
  const arrivalSec = sample.arrivalSec.slice(from, to).map((t) => t - startSec);
  return pickRows(sample, rows, arrivalSec, durationSec);
}

/**
 * Two random halves of the blocks, each in order of time, so that slow swings and the queues that they build stay; with
 * an odd count one block stays out.
 */
export function randomHalves(blocks: TimeBlocks, rng: Rng): readonly [Sample, Sample] {
  const order = Uint32Array.from({ length: blocks.count }, (_, k) => k);
  for (let k = order.length - 1; k > 0; k--) {
    const other = rng.int(k + 1);
    [order[k], order[other]] = [order[other], order[k]];
  }
  const half = blocks.count >> 1;
  return [
    joinBlocks(blocks, order.subarray(0, half).sort()),
    joinBlocks(blocks, order.subarray(half, 2 * half).sort()),
  ];
}

/** As many blocks as there are, drawn with repetition. */
export function resampleBlocks(blocks: TimeBlocks, rng: Rng): Sample {
  return joinBlocks(
    blocks,
    Uint32Array.from({ length: blocks.count }, () => rng.int(blocks.count)),
  );
}

function pickRows(sample: Sample, rows: Uint32Array, arrivalSec: Float64Array, durationSec: number): Sample {
  const { blockRows, sessions } = sample;
  return {
    durationSec,
    arrivalSec,
    inputTokens: Int32Array.from(rows, (row) => sample.inputTokens[row]),
    outputTokens: Int32Array.from(rows, (row) => sample.outputTokens[row]),
    blocks: sample.blocks,
    blockRows: blockRows === null ? null : rows.map((row) => blockRows[row]),
    sessions: sessions === null ? null : Int32Array.from(rows, (row) => sessions[row]),
  };
}
