/**
 * What a serving engine feels: a sample through one replica of the engine model in virtual time, and the least engine
 * speed that meets an objective. Source: statistics page §3.3; the engine equals that page's simulator to the last bit.
 */
import { createEngine } from '../engine/engine.js';
import { EVENT } from '../engine/events.js';
import { expandPrefixHashes } from '../engine/prefix.js';
import { percentileSorted } from '../metrics.js';
import type { EngineModel } from '../types.js';
import type { Sample } from './sample.js';

/** Requests that an engine can run, by column. */
export interface ServingInput {
  readonly arrivalSec: Float64Array;
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
  readonly prefixes: readonly (BigUint64Array | null)[] | null;
}

/** Sorted latencies, seconds. */
export interface ServingStatistics {
  readonly ttftSec: Float64Array;
  readonly e2eSec: Float64Array;
  /** (e2e − ttft) / (output − 1) of answers of two tokens or more. */
  readonly tpotSec: Float64Array;
  /** Requests that the engine will not take at all. */
  readonly refused: number;
}

/** The statistic that must stay within a limit. */
export interface ServingObjective {
  readonly metric: 'ttft' | 'e2e' | 'tpot';
  /** 0–1. */
  readonly percentile: number;
  readonly limitSec: number;
  readonly text: string;
}

export interface ServingSetup {
  readonly engine: EngineModel;
  readonly objective: ServingObjective;
  readonly seed: string;
}

/** Rows with known lengths; prefixes where the engine caches them and the trace names them. */
export function servingInput(sample: Sample, engine: EngineModel): ServingInput {
  const rows: number[] = [];
  for (let i = 0; i < sample.arrivalSec.length; i++)
    if (sample.inputTokens[i] >= 1 && sample.outputTokens[i] >= 1) rows.push(i);
  const { blocks, blockRows } = sample;
  const prefixOf = (i: number): BigUint64Array | null => {
    const row = blockRows![i];
    const hashes = blocks!.hashes.subarray(blocks!.offsets[row], blocks!.offsets[row + 1]);
    if (hashes.length === 0) return null;
    return expandPrefixHashes(hashes, blocks!.blockSize, engine.limits.blockSize, sample.inputTokens[i]);
  };
  return {
    arrivalSec: Float64Array.from(rows, (i) => sample.arrivalSec[i]),
    inputTokens: Int32Array.from(rows, (i) => sample.inputTokens[i]),
    outputTokens: Int32Array.from(rows, (i) => sample.outputTokens[i]),
    prefixes: engine.prefixCaching && blocks !== null && blockRows !== null ? rows.map(prefixOf) : null,
  };
}

/** Latencies at one engine speed. Deterministic: the noise of the engine comes from the seed. */
export function serve(input: ServingInput, setup: ServingSetup, speed: number): ServingStatistics {
  const { arrivalSec, inputTokens, outputTokens, prefixes } = input;
  const n = arrivalSec.length;
  const engine = createEngine(setup.engine, { seed: setup.seed, speed, tokenEvents: false });
  const firstSec = new Float64Array(n).fill(-1);
  const lastSec = new Float64Array(n);
  const request = {
    id: 0,
    arrivalSec: 0,
    inputTokens: 0,
    outputTokens: 0,
    prefixHashes: null as BigUint64Array | null,
    sessionKey: null,
  };
  let nowSec = 0;
  let next = 0;
  let refused = 0;
  for (;;) {
    // Every arrival up to this instant is queued before the batch is formed.
    for (; next < n && arrivalSec[next] <= nowSec; next++) {
      request.id = next;
      request.arrivalSec = arrivalSec[next];
      request.inputTokens = inputTokens[next];
      request.outputTokens = outputTokens[next];
      request.prefixHashes = prefixes === null ? null : prefixes[next];
      if (engine.submit(request) !== 'queued') refused += 1;
    }
    const plan = engine.planStep(nowSec);
    if (plan === null) {
      if (next === n) break;
      nowSec = arrivalSec[next];
      continue;
    }
    nowSec = plan.endSec;
    const events = engine.finishStep();
    for (let i = 0; i < events.count; i++) {
      if (events.kinds[i] === EVENT.firstToken) firstSec[events.ids[i]] = nowSec;
      else if (events.kinds[i] === EVENT.finished) lastSec[events.ids[i]] = nowSec;
    }
  }
  return latencies(input, firstSec, lastSec, refused);
}

function latencies(
  { arrivalSec, outputTokens }: ServingInput,
  firstSec: Float64Array,
  lastSec: Float64Array,
  refused: number,
): ServingStatistics {
  const n = arrivalSec.length;
  const ttftSec = new Float64Array(n - refused);
  const e2eSec = new Float64Array(n - refused);
  const tpotSec = new Float64Array(n - refused);
  let served = 0;
  let many = 0;
  for (let i = 0; i < n; i++) {
    if (firstSec[i] < 0) continue;
    const ttft = firstSec[i] - arrivalSec[i];
    const e2e = lastSec[i] - arrivalSec[i];
    ttftSec[served] = ttft;
    e2eSec[served++] = e2e;
    if (outputTokens[i] > 1) tpotSec[many++] = (e2e - ttft) / (outputTokens[i] - 1);
  }
  return {
    ttftSec: ttftSec.sort(),
    e2eSec: e2eSec.sort(),
    tpotSec: tpotSec.subarray(0, many).sort(),
    refused,
  };
}

const SLOWEST = 1e-4;
const FASTEST = 1e4;

/**
 * The least engine speed at which the objective is met, to `tolerance` (relative); the returned speed meets it. A
 * bracket on the logarithm of speed shrinks by interpolation between its ends, kept off them so that jumps of the
 * latency (which falls with speed but for the engine's batching) cannot stall it: a crossing, not a proof of the least
 * one. `guess` saves steps. null when no speed from 1e-4 to 1e4 does, or nothing can be served.
 */
export function requiredSpeed(
  input: ServingInput,
  setup: ServingSetup,
  { guess = 1, tolerance = 1e-3 }: { readonly guess?: number; readonly tolerance?: number } = {},
): number | null {
  const { metric, percentile, limitSec } = setup.objective;
  /** ln(latency ÷ limit): at most 0 where the objective is met. */
  const excess = (speed: number): number => {
    const value = percentileSorted(serve(input, setup, speed)[`${metric}Sec`], percentile);
    return value === null ? Number.POSITIVE_INFINITY : Math.log(value / limitSec);
  };
  let bracket = bracketSpeed(excess, guess, 1 + 8 * tolerance);
  while (bracket !== null && bracket.high / bracket.low > 1 + tolerance) {
    const { low, high, lowExcess, highExcess } = bracket;
    const width = Math.log(high / low);
    const interpolated = (lowExcess / (lowExcess - highExcess)) * width;
    // Half a tolerance past the crossing, on the side that is farther away: both ends close in.
    const step = interpolated + (interpolated < width / 2 ? tolerance / 2 : -tolerance / 2);
    const share = Number.isFinite(step) ? Math.min(Math.max(step / width, 0.1), 0.9) : 0.5;
    const speed = low * Math.exp(share * width);
    const found = excess(speed);
    bracket =
      found <= 0
        ? { ...bracket, high: speed, highExcess: found }
        : { ...bracket, low: speed, lowExcess: found };
  }
  return bracket === null ? null : bracket.high;
}

/** Speeds that miss (low) and meet (high) the objective. */
interface SpeedBracket {
  readonly low: number;
  readonly high: number;
  readonly lowExcess: number;
  readonly highExcess: number;
}

/** Walks away from the guess in growing steps until the objective turns. */
function bracketSpeed(
  excess: (speed: number) => number,
  guess: number,
  firstFactor: number,
): SpeedBracket | null {
  let factor = Math.max(firstFactor, 1.05);
  let from = guess;
  let fromExcess = excess(from);
  const rising = fromExcess > 0;
  for (;;) {
    const to = rising ? from * factor : from / factor;
    if (to > FASTEST || to < SLOWEST) return null;
    const toExcess = excess(to);
    if (rising && toExcess <= 0) return { low: from, high: to, lowExcess: fromExcess, highExcess: toExcess };
    if (!rising && toExcess > 0) return { low: to, high: from, lowExcess: toExcess, highExcess: fromExcess };
    from = to;
    fromExcess = toExcess;
    factor = Math.min(factor * factor, 8);
  }
}
