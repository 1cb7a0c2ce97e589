/** Two runs as bootstrap material: requests in blocks of time, the same blocks for both where they sent the same rows. */
import { itlGaps, percentileSorted, REQUEST_METRICS } from '../metrics.js';
import type { MetricId } from '../types/run-support.js';
import type { RunRecord } from '../types.js';
import { msToSec, nsToSec } from '../units.js';

export interface RunSides {
  readonly paired: boolean;
  /** Rows that both runs measured; 0 when not paired. */
  readonly pairedRows: number;
  readonly blockSec: number;
  readonly a: RunSide;
  readonly b: RunSide;
}

export interface RunSide {
  /** Measured requests; of a pair, those whose row the other run measured too. */
  readonly records: readonly RunRecord[];
  readonly blockOf: Int32Array;
  readonly blocks: number;
}

/**
 * Requests that overlap share a batch and a queue, so a block must be long against a request: 10 s, or three times the
 * 90 % point of the slower run's end-to-end times; but at least 6 blocks, and no more than 30.
 */
const LEAST_BLOCK_SEC = 10;
const REQUESTS_PER_BLOCK = 3;
const FEWEST_BLOCKS = 6;
const MOST_BLOCKS = 30;

/** Runs of one trace are paired when they share at least this part of the smaller one's rows. */
const LEAST_COMMON = 0.5;

export function runSides(a: readonly RunRecord[], b: readonly RunRecord[], sameTrace: boolean): RunSides {
  const ofA = measuredInOrder(a);
  const ofB = measuredInOrder(b);
  const rowsA = new Set(ofA.map((record) => record.index));
  const rowsB = new Set(ofB.map((record) => record.index));
  const common = [...rowsA].filter((row) => rowsB.has(row)).length;
  const paired = sameTrace && common > 0 && common >= LEAST_COMMON * Math.min(rowsA.size, rowsB.size);
  if (!paired) {
    const blockSec = chooseBlockSec(Math.min(spanSec(ofA), spanSec(ofB)), [ofA, ofB]);
    return { paired, pairedRows: 0, blockSec, a: ownBlocks(ofA, blockSec), b: ownBlocks(ofB, blockSec) };
  }
  const keptA = ofA.filter((record) => rowsB.has(record.index));
  const keptB = ofB.filter((record) => rowsA.has(record.index));
  const blockSec = chooseBlockSec(spanSec(keptA), [keptA, keptB]);
  const first = ownBlocks(keptA, blockSec);
  const blockOfRow = new Map(keptA.map((record, i) => [record.index, first.blockOf[i]]));
  const second = {
    records: keptB,
    blockOf: Int32Array.from(keptB, (record) => blockOfRow.get(record.index)!),
    blocks: first.blocks,
  };
  return { paired, pairedRows: common, blockSec, a: first, b: second };
}

function measuredInOrder(records: readonly RunRecord[]): RunRecord[] {
  return records
    .filter((record) => record.phase === 'measure')
    .sort((x, y) => x.intendedNs - y.intendedNs || x.index - y.index);
}

function spanSec(records: readonly RunRecord[]): number {
  return records.length === 0 ? 0 : nsToSec(records[records.length - 1].intendedNs - records[0].intendedNs);
}

function chooseBlockSec(durationSec: number, runs: readonly (readonly RunRecord[])[]): number {
  const wishedSec = Math.max(
    LEAST_BLOCK_SEC,
    ...runs.map((records) => REQUESTS_PER_BLOCK * slowRequestSec(records)),
  );
  const blocks = Math.floor(durationSec / wishedSec);
  return durationSec / Math.min(Math.max(blocks, FEWEST_BLOCKS), MOST_BLOCKS);
}

/** The 90 % point of the end-to-end times, seconds; 0 without any. */
function slowRequestSec(records: readonly RunRecord[]): number {
  const values = records
    .map((record) => REQUEST_METRICS.e2e(record))
    .filter((value) => typeof value === 'number');
  return msToSec(percentileSorted(Float64Array.from(values).sort(), 0.9) ?? 0);
}

function ownBlocks(records: readonly RunRecord[], blockSec: number): RunSide {
  const blocks = blockSec > 0 ? Math.max(1, Math.round(spanSec(records) / blockSec)) : 1;
  const blockOf = Int32Array.from(records, (record) =>
    // The last request closes the last block instead of opening one of its own.
    Math.min(blocks - 1, Math.floor(nsToSec(record.intendedNs - records[0].intendedNs) / blockSec || 0)),
  );
  return { records, blockOf, blocks };
}

/** Values of one metric, in ms, with the block of each. */
export interface BlockedValues {
  readonly values: Float64Array;
  readonly blocks: Int32Array;
}

/** One value per request that has one; for ITL one per gap. */
export function metricValues(side: RunSide, id: Exclude<MetricId, 'queue_wait'>): BlockedValues {
  const kept = new GrowingValues();
  side.records.forEach((record, i) => {
    if (id === 'itl') {
      for (const gap of itlGaps(record)) kept.push(gap, side.blockOf[i]);
      return;
    }
    const value = REQUEST_METRICS[id](record);
    if (typeof value === 'number') kept.push(value, side.blockOf[i]);
  });
  return kept.take();
}

/** Gathers values with their blocks: gaps are as many as tokens, too many for arrays of objects or boxed numbers. */
class GrowingValues {
  #values = new Float64Array(1_024);
  #blocks = new Int32Array(1_024);
  #length = 0;

  push(value: number, block: number): void {
    if (this.#length === this.#values.length) {
      const [values, blocks] = [this.#values, this.#blocks];
      this.#values = new Float64Array(2 * this.#length);
      this.#values.set(values);
      this.#blocks = new Int32Array(2 * this.#length);
      this.#blocks.set(blocks);
    }
    this.#values[this.#length] = value;
    this.#blocks[this.#length++] = block;
  }

  take(): BlockedValues {
    return { values: this.#values.subarray(0, this.#length), blocks: this.#blocks.subarray(0, this.#length) };
  }
}

/** Every k-th value, so that at most `most` are left: resampling millions of gaps adds time and no information. */
export function thinned({ values, blocks }: BlockedValues, most: number): BlockedValues {
  const step = Math.max(1, Math.ceil(values.length / most));
  const kept = (_: number, i: number): boolean => i % step === 0;
  return { values: values.filter(kept), blocks: blocks.filter(kept) };
}

/** A ratio of sums, block by block: misses ÷ requests, or tokens ÷ seconds. */
export interface RatioBlocks {
  readonly numerator: Float64Array;
  readonly denominator: Float64Array;
}

/** Share of requests for which `counts` holds. */
export function shareBlocks(side: RunSide, counts: (record: RunRecord) => boolean): RatioBlocks {
  const numerator = new Float64Array(side.blocks);
  const denominator = new Float64Array(side.blocks);
  side.records.forEach((record, i) => {
    denominator[side.blockOf[i]] += 1;
    if (counts(record)) numerator[side.blockOf[i]] += 1;
  });
  return { numerator, denominator };
}

/**
 * Flow of completed requests by their end, over the window from the first intended instant to the last end (the
 * window of the run's own throughput): `amount` of every ok request ÷ seconds.
 */
export function flowBlocks(
  side: RunSide,
  blockSec: number,
  amount: (record: RunRecord) => number,
): RatioBlocks {
  const { records } = side;
  const fromNs = records[0]?.intendedNs ?? 0;
  // What was never sent has no end: it does not lengthen the window.
  const endNs = records.reduce((last, record) => Math.max(last, record.endNs ?? last), fromNs);
  const windowSec = nsToSec(endNs - fromNs);
  const blocks = blockSec > 0 ? Math.max(1, Math.ceil(windowSec / blockSec)) : 1;
  const numerator = new Float64Array(blocks);
  const denominator = Float64Array.from({ length: blocks }, (_, k) =>
    Math.max(0, Math.min(blockSec, windowSec - k * blockSec)),
  );
  for (const record of records) {
    if (record.status !== 'ok' || record.endNs === null) continue;
    const block = Math.floor(nsToSec(record.endNs - fromNs) / blockSec || 0);
    numerator[Math.min(blocks - 1, Math.max(0, block))] += amount(record);
  }
  return { numerator, denominator };
}

/** The ratio with block k counting times[k] times (all once without `times`); null when nothing is left below. */
export function ratioOf({ numerator, denominator }: RatioBlocks, times: Int32Array | null): number | null {
  let above = 0;
  let below = 0;
  for (let k = 0; k < numerator.length; k++) {
    const weight = times === null ? 1 : (times[k] ?? 0);
    above += weight * numerator[k];
    below += weight * denominator[k];
  }
  return below > 0 ? above / below : null;
}
