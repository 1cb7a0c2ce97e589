/**
 * From the instants of a run's requests to the iterations of the engine behind them: calibrate's reconstruction.
 *
 * All tokens of an iteration leave the server together, so the chunk instants of a run fall into groups, one per
 * iteration; consecutive groups bound its duration. Its content follows from the requests: who decoded (a chunk that
 * is not the first), how much context they held, and which prompts were computed. A prompt longer than the budget
 * that decodes leave is spread over the latest iterations that can hold it, in order, ending where its first token
 * came out: what first-come-first-served chunked prefill does. Iterations without a decoding sequence produce
 * nothing that a client sees; such a stretch is kept as one observation of several iterations.
 */
import { orderOfRows } from '../trace/run-order.js';

/** One request as calibration sees it; seconds of the run's clock. */
export interface CalibrationRequest {
  readonly sentSec: number;
  /** Whole prompt. */
  readonly inputTokens: number;
  /** Prompt tokens that had to be computed (without the cached part). */
  readonly prefillTokens: number;
  /** Instants of the chunks that carried tokens; the first is the first token. */
  readonly tokenSec: ArrayLike<number>;
}

/** A stretch of time and what the engine did in it. */
export interface StepObservation {
  readonly durationSec: number;
  /** Iterations in it: 1, except for prefill stretches. */
  readonly iterations: number;
  readonly prefillTokens: number;
  readonly decodeSeqs: number;
  readonly kvTokens: number;
}

export interface Reconstruction {
  readonly observations: readonly StepObservation[];
  /** Largest number of sequences decoding in one iteration, and in how many iterations it was seen with others waiting. */
  readonly maxDecodeSeqs: number;
  readonly iterationsAtMax: number;
  readonly iterations: number;
}

interface Step {
  readonly endSec: number;
  /** Request indices whose first token came out. */
  readonly firsts: number[];
  /** Request indices that decoded. */
  readonly decodes: number[];
  kvTokens: number;
  /** All decoding sequences had their previous token in the step before. */
  contiguous: boolean;
  prefillTokens: number;
}

/** Reconstructs the iterations of one replica's run, given the token budget of an iteration; for one budget after another. */
export function stepReconstruction(
  requests: readonly CalibrationRequest[],
): (maxBatchedTokens: number) => Reconstruction {
  const steps = groupTokens(requests);
  return (maxBatchedTokens) => reconstruct(steps, requests, maxBatchedTokens);
}

function reconstruct(
  steps: readonly Step[],
  requests: readonly CalibrationRequest[],
  maxBatchedTokens: number,
): Reconstruction {
  assignPrefills(steps, requests, maxBatchedTokens);
  const observations: StepObservation[] = [];
  let maxDecodeSeqs = 0;
  for (let k = 0; k < steps.length; k++) {
    const step = steps[k];
    maxDecodeSeqs = Math.max(maxDecodeSeqs, step.decodes.length);
    const observation = step.decodes.length > 0 ? busyStep(steps, k) : prefillStretch(steps, k);
    if (observation !== null && observation.durationSec > 0) observations.push(observation);
  }
  let iterationsAtMax = 0;
  const waitingUntil = waitingCounter(requests);
  for (const step of steps) {
    if (step.decodes.length === maxDecodeSeqs && waitingUntil(step.endSec) > 0) iterationsAtMax += 1;
  }
  return { observations, maxDecodeSeqs, iterationsAtMax, iterations: steps.length };

  function busyStep(all: readonly Step[], k: number): StepObservation | null {
    if (k === 0 || !all[k].contiguous) return null;
    return {
      durationSec: all[k].endSec - all[k - 1].endSec,
      iterations: 1,
      prefillTokens: all[k].prefillTokens,
      decodeSeqs: all[k].decodes.length,
      kvTokens: all[k].kvTokens,
    };
  }

  /** Nobody decodes: usable when one request came to an idle engine, or all of them were already waiting. */
  function prefillStretch(all: readonly Step[], k: number): StepObservation | null {
    const { firsts, endSec, prefillTokens } = all[k];
    const previousSec = k === 0 ? Number.NEGATIVE_INFINITY : all[k - 1].endSec;
    const sent = firsts.map((index) => requests[index].sentSec);
    const waited = sent.every((sec) => sec <= previousSec);
    if (!waited && firsts.length > 1) return null;
    return {
      durationSec: endSec - (waited ? previousSec : sent[0]),
      iterations: Math.max(1, Math.ceil(prefillTokens / maxBatchedTokens)),
      prefillTokens,
      decodeSeqs: 0,
      kvTokens: 0,
    };
  }
}

/**
 * Groups token instants into iterations. A new group starts when a sequence would appear twice, or after a pause
 * longer than the jitter of one iteration's writes, unless sequences that were decoding are still missing from the
 * group and the pause is below half a typical gap (a straggling write).
 */
function groupTokens(requests: readonly CalibrationRequest[]): Step[] {
  const total = requests.reduce((sum, request) => sum + request.tokenSec.length, 0);
  const times = new Float64Array(total);
  const owner = new Int32Array(total);
  const position = new Int32Array(total);
  let at = 0;
  requests.forEach((request, index) => {
    for (let i = 0; i < request.tokenSec.length; i++) {
      times[at] = request.tokenSec[i];
      owner[at] = index;
      position[at] = i;
      at += 1;
    }
  });
  const order = orderOfTimes(times);
  const gaps = gapScale(requests);
  const steps: Step[] = [];
  const lastGroup = new Int32Array(requests.length).fill(-1);
  let current: Step | null = null;
  let previousSec = Number.NEGATIVE_INFINITY;
  let decoding = 0;
  for (const token of order) {
    const sec = times[token];
    const index = owner[token];
    const pauseSec = sec - previousSec;
    const incomplete: boolean = current !== null && current.decodes.length < decoding;
    const joins: boolean =
      current !== null &&
      lastGroup[index] !== steps.length - 1 &&
      (pauseSec <= gaps.jitterSec || (incomplete && sec - current.endSec < gaps.typicalSec / 2));
    if (!joins) {
      decoding = current === null ? 0 : stillDecoding(current);
      current = {
        endSec: sec,
        firsts: [],
        decodes: [],
        kvTokens: 0,
        contiguous: true,
        prefillTokens: 0,
      };
      steps.push(current);
    }
    const step = current!;
    if (position[token] === 0) step.firsts.push(index);
    else {
      step.decodes.push(index);
      step.kvTokens += requests[index].inputTokens + position[token];
      if (lastGroup[index] !== steps.length - 2) step.contiguous = false;
    }
    lastGroup[index] = steps.length - 1;
    previousSec = sec;
  }
  return steps;

  /** Sequences of a finished group that will give another token. */
  function stillDecoding(step: Step): number {
    let count = 0;
    for (const index of step.firsts) if (requests[index].tokenSec.length > 1) count += 1;
    for (const index of step.decodes) {
      const { tokenSec } = requests[index];
      if (tokenSec[tokenSec.length - 1] > step.endSec + gaps.jitterSec) count += 1;
    }
    return count;
  }
}

/** Places of instants in rising order; equal ones stay as they were. */
function orderOfTimes(times: Float64Array): Uint32Array {
  const leastSec = times.reduce((least, sec) => Math.min(least, sec), Number.POSITIVE_INFINITY);
  const high = new Uint32Array(times.length);
  const low = new Uint32Array(times.length);
  const bits = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < times.length; i++) {
    // Doubles from zero up are in the order of their bits.
    bits.setFloat64(0, times[i] - leastSec);
    high[i] = bits.getUint32(0);
    low[i] = bits.getUint32(4);
  }
  return orderOfRows(times.length, [high, low]);
}

/** Typical gap between a sequence's tokens, and how far apart the writes of one iteration may be. */
function gapScale(requests: readonly CalibrationRequest[]): { typicalSec: number; jitterSec: number } {
  const count = requests.reduce((sum, { tokenSec }) => sum + Math.max(0, tokenSec.length - 1), 0);
  if (count === 0) return { typicalSec: 0, jitterSec: 0 };
  const sorted = new Float64Array(count);
  let at = 0;
  for (const { tokenSec } of requests) {
    for (let i = 1; i < tokenSec.length; i++) sorted[at++] = tokenSec[i] - tokenSec[i - 1];
  }
  sorted.sort();
  const typicalSec = sorted[Math.floor(sorted.length / 2)];
  const shortSec = sorted[Math.floor(sorted.length / 20)];
  return { typicalSec, jitterSec: Math.min(0.2 * shortSec, 0.005) };
}

/** Spreads each prompt over the iterations that computed it; see the file's header for the rule. */
function assignPrefills(
  steps: readonly Step[],
  requests: readonly CalibrationRequest[],
  budget: number,
): void {
  for (const step of steps) step.prefillTokens = 0;
  for (let k = 0; k < steps.length; k++) {
    const firsts = [...steps[k].firsts].sort((a, b) => requests[a].sentSec - requests[b].sentSec);
    for (const index of firsts) {
      const { prefillTokens, sentSec } = requests[index];
      let from = k;
      let room = roomOf(k);
      while (
        room < prefillTokens &&
        from > 0 &&
        steps[from - 1].decodes.length > 0 &&
        startOf(from - 1) >= sentSec
      ) {
        from -= 1;
        room += roomOf(from);
      }
      let left = prefillTokens;
      for (let j = from; j < k && left > 0; j++) {
        const chunk = Math.min(left, roomOf(j));
        steps[j].prefillTokens += chunk;
        left -= chunk;
      }
      steps[k].prefillTokens += left;
    }
  }

  function roomOf(k: number): number {
    if (steps[k].decodes.length === 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, budget - steps[k].decodes.length - steps[k].prefillTokens);
  }
  function startOf(k: number): number {
    return k === 0 ? Number.NEGATIVE_INFINITY : steps[k - 1].endSec;
  }
}

/** Requests that were sent and had no token yet, as a function of time. */
function waitingCounter(requests: readonly CalibrationRequest[]): (atSec: number) => number {
  const sent = Float64Array.from(requests, (request) => request.sentSec).sort();
  const first = Float64Array.from(
    requests.filter((request) => request.tokenSec.length > 0),
    (request) => request.tokenSec[0],
  ).sort();
  return (atSec) => countUpTo(sent, atSec) - countUpTo(first, atSec);
}

function countUpTo(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
