/**
 * profile: many load levels → LatencyProfile. The caller brings `runLevel`, which sends one level's requests to an
 * endpoint (or to the engine model in virtual time) and returns their raw instants; everything else is here: the
 * levels' requests, the choice of the next level, the judgement, the knee and the capacity at the SLO.
 */
import { ToolError } from '../errors.js';
import type { Slo } from '../slo.js';
import type {
  LatencyProfile,
  LoadLevel,
  Manifest,
  ProfileLoad,
  ProgressListener,
  RunTarget,
  TraceRow,
} from '../types.js';
import { formatDurationSec, msToSec, significant } from '../units.js';
import { capacityOf, kneeOf, profileVerdict } from './capacity.js';
import { queriesNeeded } from './early-stopping.js';
import { judgeLevel, type LevelRun, samplesNeeded } from './judge.js';
import { bandEdgesOf } from './length-bands.js';
import { withCost } from './level-cost.js';
import { drawLevelLoad, type LoadPool } from './load.js';
import { isPercentile, type MlperfOptions } from './mlperf.js';
import { effectiveLevels, planNextLevel, type SearchOptions } from './search.js';

/** One level to run: rows sorted by arrival from 0, of which the first `warmupRequests` are not measured. */
export interface LevelPlan {
  readonly ratePerSec: number;
  readonly attempt: number;
  readonly seed: string;
  readonly rows: readonly TraceRow[];
  readonly warmupRequests: number;
  /** Why this level, for people. */
  readonly because: string;
  /** p90 of e2e at the highest steady level so far, seconds: what "long" means; null = not known yet. */
  readonly typicalSec: number | null;
  readonly signal: AbortSignal | null;
}

export interface ProfileOptions {
  /** Rates in requests/s, one run each; or a search for the capacity. */
  readonly levels: readonly number[] | 'auto';
  readonly slo: Slo;
  readonly pool: LoadPool;
  readonly workload: LatencyProfile['workload'];
  readonly manifest: Manifest;
  readonly runLevel: (plan: LevelPlan) => Promise<LevelRun>;
  readonly load: ProfileLoad;
  readonly seed: string;
  /** Measured part of a level, seconds; longer when `minRequests` asks for it. */
  readonly durationSec: number;
  /** Measured requests of a level at least. */
  readonly minRequests: number;
  /** Requests of a level at most, warm-up included: keeps fast levels short. */
  readonly maxRequests?: number;
  /** Seconds of a level at most, warm-up included: slow rates have fewer requests then. Default none. */
  readonly maxLevelSec?: number;
  readonly maxLevels?: number;
  /** Wanted relative half-width of the capacity's bracket. Default 0.05. */
  readonly resolution?: number;
  /** First rate of the search. Default an eighth of the workload's own rate. */
  readonly startRatePerSec?: number;
  readonly maxRatePerSec?: number;
  /** Judge by the rules of MLPerf LoadGen; levels are as long as these want them. */
  readonly mlperf?: MlperfOptions | null;
  /** Price of the endpoint, for the levels' cost. Default null = unknown. */
  readonly pricePerHour?: number | null;
  /** Called after each level, in the order of running. */
  readonly onLevel?: (level: LoadLevel) => void;
  readonly progress?: ProgressListener;
  readonly signal?: AbortSignal | null;
}

export const DEFAULT_MAX_LEVELS = 12;
export const DEFAULT_RESOLUTION = 0.05;

/** Over-latency queries that a level in MLPerf mode can have and still pass. */
const MLPERF_OVER = 10;

/**
 * Runs the levels and judges them. Never throws for a missed SLO: the verdict says it. When aborted, the levels that had
 * ended are the profile. Throws what `runLevel` throws, the signal's reason when aborted before the first level ended, and
 * BAD_VALUE for rates that are not above zero.
 */
export async function profileLoad(asked: ProfileOptions): Promise<LatencyProfile> {
  const options = asked.mlperf == null ? asked : { ...asked, ...mlperfSize(asked, asked.mlperf) };
  const bandEdges = bandEdgesOf(options.pool.rows);
  const history: LoadLevel[] = [];
  let target: RunTarget | null = null;
  let interrupted = false;
  /** Runs a level; false when it was broken off. */
  const run = async (step: LevelStep, total: number): Promise<boolean> => {
    try {
      const level = await runOne(options, step, { history, total, bandEdges });
      options.signal?.throwIfAborted();
      target ??= level.target;
      const judged = withCost(level.judged, options.pricePerHour ?? null);
      history.push(judged);
      options.onLevel?.(judged);
    } catch (error) {
      if (history.length === 0 || options.signal?.aborted !== true) throw error;
      interrupted = true;
    }
    return !interrupted;
  };
  const search: SearchOptions = {
    startRatePerSec: options.startRatePerSec ?? options.pool.meanRatePerSec / 8,
    maxRatePerSec: options.maxRatePerSec ?? Number.POSITIVE_INFINITY,
    resolution: options.resolution ?? DEFAULT_RESOLUTION,
    maxLevels: options.maxLevels ?? DEFAULT_MAX_LEVELS,
  };
  let ended: string;
  let skipped: string | null = null;
  if (options.levels === 'auto') {
    for (;;) {
      const step = planNextLevel(history, search);
      if (step.kind === 'stop') {
        ended = step.because;
        break;
      }
      if (await run(step, search.maxLevels)) continue;
      ended = INTERRUPTED;
      break;
    }
  } else {
    const rates = checkRates(options.levels);
    ended = 'these were the rates asked for';
    for (const [index, ratePerSec] of rates.entries()) {
      if (!(await run({ ratePerSec, attempt: 1, because: 'asked for' }, rates.length))) {
        ended = INTERRUPTED;
        break;
      }
      const left = rates.slice(index + 1);
      if (left.length > 0 && overSaturated(history)) {
        ended = `the server is over-saturated, so ${left.map((rate) => significant(rate, 4)).join(', ')}/s were not run`;
        skipped = ended;
        break;
      }
    }
  }
  const levels = [...history].sort((a, b) => a.ratePerSec - b.ratePerSec || a.attempt - b.attempt);
  const capacity = capacityOf(levels, ended);
  return {
    schemaVersion: 1,
    kind: 'latency-profile',
    manifest: options.manifest,
    target: target!,
    workload: options.workload,
    slo: options.slo.text,
    load: options.load,
    levels,
    knee: kneeOf(levels),
    capacity,
    ...(interrupted ? { interrupted } : {}),
    ...(options.mlperf == null ? {} : { mode: 'mlperf' as const }),
    bandEdges,
    warnings: [
      ...(interrupted ? ['interrupted: go on with the same command and --resume'] : []),
      ...(skipped === null ? [] : [skipped]),
      ...warningsOf(levels, options),
    ],
    engine: null,
    verdict: profileVerdict(levels, capacity, options.slo.text),
  };
}

/** The last two levels were too much for the server: higher ones only measure how long its queue gets. */
function overSaturated(history: readonly LoadLevel[]): boolean {
  const last = history.slice(-2);
  return last.length === 2 && last.every((level) => level.valid && !level.steady);
}

const INTERRUPTED = 'it was interrupted';

/** As long, and with as many queries, as LoadGen's rules want. */
export function mlperfSize(
  options: Pick<ProfileOptions, 'durationSec' | 'minRequests' | 'slo'>,
  mlperf: MlperfOptions,
): Pick<ProfileOptions, 'durationSec' | 'minRequests'> {
  const needed = options.slo.terms
    .filter(isPercentile)
    .map((term) => queriesNeeded(term.statistic.p, MLPERF_OVER));
  return {
    durationSec: Math.max(options.durationSec, mlperf.minDurationSec),
    minRequests: Math.max(options.minRequests, mlperf.minQueries, ...needed),
  };
}

/** Measured and warm-up requests of a level at a rate. */
export function levelSize(
  ratePerSec: number,
  options: Pick<ProfileOptions, 'durationSec' | 'minRequests' | 'maxRequests' | 'maxLevelSec' | 'load'>,
): { readonly requests: number; readonly warmupRequests: number } {
  const wanted = Math.max(Math.ceil(ratePerSec * options.durationSec), options.minRequests, 2);
  const all = Math.ceil(wanted / (1 - options.load.warmupRatio));
  const inTime = Math.max(2, Math.floor(ratePerSec * (options.maxLevelSec ?? Number.POSITIVE_INFINITY)));
  const requests = Math.min(all, inTime, options.maxRequests ?? Number.POSITIVE_INFINITY);
  return { requests, warmupRequests: Math.floor(requests * options.load.warmupRatio) };
}

type LevelStep = Pick<LevelPlan, 'ratePerSec' | 'attempt' | 'because'>;

async function runOne(
  options: ProfileOptions,
  step: LevelStep,
  so: {
    readonly history: readonly LoadLevel[];
    readonly total: number;
    readonly bandEdges: readonly number[];
  },
): Promise<{ readonly target: RunTarget; readonly judged: LoadLevel }> {
  options.signal?.throwIfAborted();
  const { ratePerSec, attempt, because } = step;
  const { requests, warmupRequests } = levelSize(ratePerSec, options);
  const takes =
    options.load.clock === 'endpoint' ? `, about ${formatDurationSec(requests / ratePerSec)}` : '';
  options.progress?.({
    stage: `level ${significant(ratePerSec)}/s${takes}`,
    done: so.history.length,
    total: so.total,
    unit: 'levels',
  });
  const seed = attempt === 1 ? options.seed : `${options.seed}/repeat-${attempt}`;
  const typicalSec = typicalE2eSec(so.history);
  const cooldownRequests = cooldownOf(ratePerSec, requests, typicalSec, options.maxRequests);
  const rows = drawLevelLoad({
    pool: options.pool,
    ratePerSec,
    requests: requests + cooldownRequests,
    shape: options.load.shape,
    gapCv: options.load.gapCv ?? 1,
    seed,
  });
  const signal = options.signal ?? null;
  const plan = { ratePerSec, attempt, seed, rows, warmupRequests, because, typicalSec, signal };
  const run = withoutCooldown(await options.runLevel(plan), requests);
  const judged = judgeLevel(run, {
    ratePerSec,
    attempt,
    seed,
    slo: options.slo,
    maxErrorRatio: options.load.maxErrorRatio,
    bandEdges: so.bandEdges,
    mlperf: options.mlperf,
  });
  return { target: run.target, judged };
}

/**
 * Requests that follow the measured ones, so that these end under the level's load and not while it fades: as many as
 * arrive in a long answer's time, a quarter of the level at most.
 */
function cooldownOf(
  ratePerSec: number,
  requests: number,
  typicalSec: number | null,
  maxRequests: number | undefined,
): number {
  const room = (maxRequests ?? Number.POSITIVE_INFINITY) - requests;
  return Math.max(0, Math.min(Math.floor(ratePerSec * (typicalSec ?? 0)), Math.floor(requests / 4), room));
}

/** Records come in order of arrival; those of the cool-down are left out like those of the warm-up. */
function withoutCooldown(run: LevelRun, requests: number): LevelRun {
  if (run.records.length <= requests) return run;
  return {
    ...run,
    records: run.records.map((record, i) =>
      i < requests ? record : { ...record, phase: 'warmup' as const },
    ),
  };
}

function typicalE2eSec(history: readonly LoadLevel[]): number | null {
  const steady = history.filter((level) => level.valid && level.steady);
  const busiest = steady.reduce<LoadLevel | null>(
    (best, level) => (best === null || level.ratePerSec > best.ratePerSec ? level : best),
    null,
  );
  const p90Ms = busiest?.metrics.e2e?.p90 ?? null;
  return p90Ms === null ? null : msToSec(p90Ms);
}

function checkRates(rates: readonly number[]): number[] {
  const sorted = [...new Set(rates)].sort((a, b) => a - b);
  if (sorted.length === 0 || sorted[0] <= 0 || !sorted.every(Number.isFinite)) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected rates above zero, got '${rates.join(',')}'`,
      hint: 'write --rates 1,2,4 (requests per second) or --rates auto',
    });
  }
  return sorted;
}

/** Long answers that a level must outlast for its batch to be as full as its rate makes it. */
const SETTLED_ANSWERS = 2;

function warningsOf(levels: readonly LoadLevel[], options: ProfileOptions): string[] {
  const warnings: string[] = [];
  const needed = samplesNeeded(options.slo);
  const thin = effectiveLevels(levels).filter((level) =>
    level.notes.some((note) => note.includes('rests on')),
  );
  if (thin.length > 0) {
    warnings.push(
      `${thin.length} of ${effectiveLevels(levels).length} levels have fewer than the ${needed} samples that the SLO's percentile wants: set --min-requests ${needed}`,
    );
  }
  for (const level of effectiveLevels(levels)) {
    const unstable = level.notes.find((note) => note.includes('not stable'));
    if (unstable !== undefined && level.valid && level.steady) {
      warnings.push(`${significant(level.ratePerSec, 4)}/s: ${unstable}; lengthen the level (--duration)`);
    }
  }
  const short = effectiveLevels(levels).filter(
    (level) =>
      level.valid &&
      level.sloMet &&
      level.durationSec < SETTLED_ANSWERS * msToSec(level.metrics.e2e?.p90 ?? 0),
  );
  const shortest = short.at(-1);
  if (shortest !== undefined) {
    warnings.push(
      `${short.map((level) => `${significant(level.ratePerSec, 4)}/s`).join(', ')}: too short to settle (at the last, ${formatDurationSec(shortest.durationSec)} for answers of ${formatDurationSec(msToSec(shortest.metrics.e2e!.p90!))} at p90), so the capacity may be off; lengthen the level (--duration)`,
    );
  }
  const repeated = levels.filter((level) => level.attempt > 1);
  if (repeated.length > 0) {
    warnings.push(
      `repeated because of doubt: ${repeated.map((level) => `${significant(level.ratePerSec, 4)}/s`).join(', ')}`,
    );
  }
  const invalid = effectiveLevels(levels).filter((level) => !level.valid);
  for (const level of invalid) {
    warnings.push(
      `${significant(level.ratePerSec, 4)}/s does not count: ${level.invalidBecause ?? 'invalid run'}`,
    );
  }
  return warnings;
}
