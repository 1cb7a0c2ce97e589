/**
 * First half against second half of the window: what a model of this window cannot know.
 *
 * The distance between the halves is shown beside a noise floor: the 95 % point of the same distance when blocks of
 * 60 s (30 s for traces under 30 min) are dealt to two halves at random. Above the floor the stream drifts, and a
 * synthesis describes the fitted window only (STATISTICS §3.4, §5.14).
 */
import { percentileSorted } from '../metrics.js';
import { type Rng, randomOf } from '../random.js';
import type { DriftCheck } from '../types.js';

export interface DriftOptions {
  /** Rows with known lengths, in time order. */
  readonly arrivalSec: Float64Array;
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
  readonly durationSec: number;
  readonly seed: string;
}

const REPEATS = 40;
const LEAST_BLOCKS = 10;
const LONG_WINDOW_SEC = 1_800;

export function checkDrift(options: DriftOptions): DriftCheck[] {
  const { arrivalSec, durationSec } = options;
  const columns = [
    { metric: 'input_tokens KS', coded: codeValues(options.inputTokens) },
    { metric: 'output_tokens KS', coded: codeValues(options.outputTokens) },
  ];
  const halfOf = blocksOf(arrivalSec, durationSec / 2, 2);
  const secondHalf = Uint8Array.of(0, 1);
  const late = halfOf.reduce((sum, half) => sum + half, 0);
  const early = halfOf.length - late;
  if (early === 0 || late === 0) return [];
  const floors = randomHalvesFloor(
    options,
    columns.map(({ coded }) => coded),
  );
  return [
    { metric: 'rate second/first half', value: late / early, floor: null },
    ...columns.map(({ metric, coded }, k) => ({
      metric,
      value: distanceOfHalves(coded, halfOf, secondHalf),
      floor: floors === null ? null : floors[k],
    })),
  ];
}

/** Values as ranks among the distinct values, so that a distance is one pass over a table. */
interface CodedValues {
  readonly codes: Int32Array;
  readonly distinct: number;
}

function codeValues(values: Int32Array): CodedValues {
  const codeOf = new Map([...new Set(values)].sort((a, b) => a - b).map((value, code) => [value, code]));
  return { codes: values.map((value) => codeOf.get(value)!), distinct: codeOf.size };
}

/** Number of the block of `blockSec` that each time lies in; the last block takes what is left. */
function blocksOf(arrivalSec: Float64Array, blockSec: number, blocks: number): Int32Array {
  const blockOf = new Int32Array(arrivalSec.length);
  for (let i = 0; i < blockOf.length; i++) {
    blockOf[i] = Math.min(blocks - 1, Math.floor(arrivalSec[i] / blockSec));
  }
  return blockOf;
}

/** KS distance between the rows of marked blocks and the others. */
function distanceOfHalves({ codes, distinct }: CodedValues, blockOf: Int32Array, marks: Uint8Array): number {
  // Counts of both halves side by side: code 2k for value k in an unmarked block, 2k + 1 in a marked one.
  const counts = new Uint32Array(2 * distinct);
  for (let i = 0; i < codes.length; i++) counts[2 * codes[i] + marks[blockOf[i]]] += 1;
  let marked = 0;
  for (let k = 0; k < distinct; k++) marked += counts[2 * k + 1];
  const others = codes.length - marked;
  if (others === 0 || marked === 0) return 0;
  let difference = 0;
  let largest = 0;
  for (let k = 0; k < distinct; k++) {
    difference += counts[2 * k] / others - counts[2 * k + 1] / marked;
    largest = Math.max(largest, Math.abs(difference));
  }
  return largest;
}

/** 95 % point of the distance over random halves made of whole blocks; null with too few blocks. */
function randomHalvesFloor(options: DriftOptions, columns: readonly CodedValues[]): number[] | null {
  const blockSec = options.durationSec < LONG_WINDOW_SEC ? 30 : 60;
  const blocks = Math.ceil(options.durationSec / blockSec);
  if (blocks < LEAST_BLOCKS) return null;
  const rng = randomOf(options.seed, 'bootstrap', 'drift');
  const distances = columns.map(() => new Float64Array(REPEATS));
  const blockOf = blocksOf(options.arrivalSec, blockSec, blocks);
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const marks = randomHalf(blocks, rng);
    columns.forEach((coded, k) => {
      distances[k][repeat] = distanceOfHalves(coded, blockOf, marks);
    });
  }
  return distances.map((values) => percentileSorted(values.sort(), 0.95)!);
}

/** Marks half of the blocks, by a partial Fisher–Yates shuffle. */
function randomHalf(blocks: number, rng: Rng): Uint8Array {
  const order = Int32Array.from({ length: blocks }, (_, i) => i);
  const marks = new Uint8Array(blocks);
  for (let i = 0; i < blocks >> 1; i++) {
    const j = i + rng.int(blocks - i);
    [order[i], order[j]] = [order[j], order[i]];
    marks[order[i]] = 1;
  }
  return marks;
}
