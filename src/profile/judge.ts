/**
 * One load level, judged: the records of a run → LoadLevel.
 *
 * The warm-up is left out. A level counts as met only when every SLO term is met, the queue does not grow through
 * it, and errors stay within the limit: a server that refuses most of its load must not look fast, and a backlog
 * that a longer run would turn into a miss is a miss.
 */
import { type FlowRecord, summarizeMetrics, throughputOf, ttft } from '../metrics.js';
import { goodputOf, judgeSlo, type Slo } from '../slo.js';
import type {
  Check,
  GaugeSummary,
  LoadLevel,
  RequestInstants,
  RunPhase,
  RunSummary,
  RunTarget,
} from '../types.js';
import { formatMs, formatRatio, nsToSec, significant } from '../units.js';
import { lengthBandsOf } from './length-bands.js';
import { judgeMlperf, type MlperfOptions } from './mlperf.js';
import { percentileIntervals } from './percentile-intervals.js';
import { instabilityOf } from './stability.js';

/** The instants of a request, and whether it belongs to the warm-up. */
export type LevelRecord = FlowRecord & {
  readonly phase: RunPhase;
  /** Why it failed, where the client knows it. */
  readonly error?: string | null;
};

/** What running one level gave. */
export interface LevelRun {
  readonly target: RunTarget;
  readonly records: readonly LevelRecord[];
  readonly gauges: readonly GaugeSummary[];
  readonly valid: boolean;
  /** Why the run does not count; null when it does. */
  readonly invalidBecause: string | null;
  /** Directory of the run, relative to the profile; null when not kept. */
  readonly runDir: string | null;
  /** Why the level was broken off as lost; null = it came to its end. What was not sent is not counted then. */
  readonly stoppedEarly: string | null;
}

export interface JudgeOptions {
  readonly ratePerSec: number;
  readonly attempt: number;
  readonly seed: string;
  readonly slo: Slo;
  readonly maxErrorRatio: number;
  /** Edges between bands of prompt length; absent = no bands. */
  readonly bandEdges?: readonly number[];
  /** Judge percentiles by LoadGen's early stopping; absent or null = by their value. */
  readonly mlperf?: MlperfOptions | null;
}

/** A run as a level's run. One that was broken off as lost counts if the client was well up to then. */
export function levelRunOf(
  summary: RunSummary,
  records: readonly LevelRecord[],
  more: Pick<LevelRun, 'runDir' | 'stoppedEarly'>,
): LevelRun {
  const spoilt = summary.validity.checks.filter((check) => !check.pass && check.check !== 'unsent');
  const valid =
    more.stoppedEarly === null
      ? summary.validity.verdict === 'valid' && !summary.interrupted
      : spoilt.length === 0;
  return {
    ...more,
    target: summary.target,
    records: more.stoppedEarly === null ? records : records.filter((record) => record.status !== 'unsent'),
    gauges: summary.server?.gauges ?? [],
    valid,
    invalidBecause: valid
      ? null
      : more.stoppedEarly === null
        ? summary.validity.because
        : `${more.stoppedEarly}, but the client was late itself: ${spoilt.map(checkText).join(', ')}`,
  };
}

function checkText(check: Check): string {
  const value = check.value === null ? 'not measured' : significant(check.value);
  return `${check.check} ${value} ${check.unit} (limit ${significant(check.limit)})`;
}

/** Judges the measured part of a level's run. */
export function judgeLevel(run: LevelRun, options: JudgeOptions): LoadLevel {
  const measured = run.records.filter((record) => record.phase === 'measure');
  const metrics = summarizeMetrics(measured);
  const slo = judgeSlo(options.slo, measured);
  const found = flowOf(run.records, measured, options.ratePerSec);
  const flow = run.stoppedEarly === null ? found : { ...found, steady: false };
  const failed = measured.filter((record) => record.status !== 'ok').length;
  const errorRatio = measured.length === 0 ? 0 : failed / measured.length;
  const countsErrors = options.slo.terms.some((term) => term.kind !== 'latency');
  const tooManyErrors = !countsErrors && errorRatio > options.maxErrorRatio;
  const mlperf =
    options.mlperf == null
      ? null
      : judgeMlperf({
          ...options.mlperf,
          slo: options.slo,
          measured,
          durationSec: flow.durationSec,
          clientValid: run.valid,
        });
  const unstable = instabilityOf(measured);
  const undecided = new Map(mlperf?.earlyStopping.map((one) => [one.term, one]));
  const missed = slo.filter((term) => !(undecided.get(term.term)?.met ?? term.met));
  const sloMet = measured.length > 0 && missed.length === 0 && flow.steady && !tooManyErrors;
  return {
    ratePerSec: options.ratePerSec,
    achievedPerSec: flow.achievedPerSec,
    attempt: options.attempt,
    seed: options.seed,
    requests: measured.length,
    warmupRequests: run.records.length - measured.length,
    durationSec: flow.durationSec,
    metrics,
    throughput: throughputOf(measured),
    errorRatio,
    goodput: goodputOf(options.slo, measured),
    slo,
    sloMet,
    steady: flow.steady,
    inFlightMean: flow.inFlightMean,
    completedPerSec: flow.completedPerSec,
    because: reasonOf(),
    valid: run.valid,
    invalidBecause: run.invalidBecause,
    notes: [...sampleNotes(options.slo, metrics), ...(unstable === null ? [] : [unstable])],
    gauges: run.gauges,
    runDir: run.runDir,
    intervals: percentileIntervals(measured, options.slo, options.seed),
    ...(options.bandEdges === undefined
      ? {}
      : { bands: lengthBandsOf(measured, options.bandEdges, options.slo) }),
    ...(mlperf === null ? {} : { mlperf }),
  };

  function reasonOf(): string {
    if (measured.length === 0) return 'no request was measured';
    const reasons = missed.map((term) => {
      const early = undecided.get(term.term);
      if (early !== undefined && term.met) {
        return `${term.term} not shown: ${early.over} of ${early.queries} over it, which takes ${early.queriesNeeded} queries`;
      }
      return `${term.term} missed: ${term.unit === 'ms' ? formatMs(term.value) : term.value === null ? 'no sample' : significant(term.value, 4)}`;
    });
    if (run.stoppedEarly !== null) reasons.push(run.stoppedEarly);
    else if (!flow.steady) {
      reasons.push(
        `the backlog grew: ${significant(flow.completedPerSec)}/s completed of ${significant(flow.achievedPerSec)}/s sent`,
      );
    }
    if (tooManyErrors) {
      reasons.push(
        `${formatRatio(errorRatio)} of requests failed, above the ${formatRatio(options.maxErrorRatio)} limit${commonFailure(measured)}`,
      );
    }
    return reasons.length > 0 ? reasons.join('; ') : 'every term met, backlog steady';
  }
}

/** The most frequent failure in words, with a comma before it. */
function commonFailure(measured: readonly LevelRecord[]): string {
  const counts = new Map<string, number>();
  for (const { status, error } of measured) {
    if (status === 'ok') continue;
    const text = error == null ? status : `${status}: ${error}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most === undefined ? '' : `, most of them ${most[0].slice(0, FAILURE_CHARACTERS)}`;
}

const FAILURE_CHARACTERS = 160;

/** Samples that a percentile needs to be more than its largest value: 10 beyond it. */
export function samplesNeeded(slo: Slo): number {
  let needed = 1;
  for (const term of slo.terms) {
    if (term.kind !== 'latency' || term.statistic.kind !== 'percentile' || term.statistic.p >= 1) continue;
    needed = Math.max(needed, Math.ceil(10 / (1 - term.statistic.p) - 1e-9));
  }
  return needed;
}

function sampleNotes(slo: Slo, metrics: LoadLevel['metrics']): string[] {
  const notes: string[] = [];
  for (const term of slo.terms) {
    if (term.kind !== 'latency' || term.statistic.kind !== 'percentile' || term.statistic.p >= 1) continue;
    const needed = Math.ceil(10 / (1 - term.statistic.p) - 1e-9);
    const n = metrics[term.metric]?.n ?? 0;
    if (n < needed) notes.push(`${term.text} rests on ${n} samples; ${needed} are wanted (10 beyond it)`);
  }
  return notes;
}

interface Flow {
  readonly achievedPerSec: number;
  readonly completedPerSec: number;
  readonly inFlightMean: number | null;
  readonly durationSec: number;
  readonly steady: boolean;
}

/**
 * Flow over the window of the measured arrivals [first, last]. Not steady: over the second half of the window the
 * number in the system grew by more than 5 % of that half's arrivals and by more than three standard deviations of a
 * Poisson count, while the mean TTFT of the last quarter is above 1.5 × that of the second quarter (a growing number
 * alone can be long answers still filling up).
 */
function flowOf(all: readonly LevelRecord[], measured: readonly LevelRecord[], ratePerSec: number): Flow {
  const none = { achievedPerSec: 0, completedPerSec: 0, inFlightMean: null, durationSec: 0, steady: true };
  if (measured.length === 0) return none;
  let fromNs = Number.POSITIVE_INFINITY;
  let lastNs = Number.NEGATIVE_INFINITY;
  for (const record of measured) {
    fromNs = Math.min(fromNs, record.intendedNs);
    lastNs = Math.max(lastNs, record.intendedNs);
  }
  const windowNs = Math.max(lastNs - fromNs, 1e9 / ratePerSec);
  const sent = measured.filter((record) => record.sentNs !== null);
  if (sent.length === 0) return { ...none, durationSec: nsToSec(windowNs) };
  let completed = 0;
  let insideNs = 0;
  for (const record of all) {
    if (record.sentNs === null) continue;
    const endNs = endOf(record);
    if (endNs >= fromNs && endNs < fromNs + windowNs && record.status === 'ok') completed += 1;
    insideNs += Math.max(0, Math.min(endNs, fromNs + windowNs) - Math.max(record.sentNs, fromNs));
  }
  const middleNs = fromNs + windowNs / 2;
  const growth = inSystem(all, fromNs + windowNs) - inSystem(all, middleNs);
  const halfArrivals = sent.filter((record) => record.intendedNs >= middleNs).length;
  const early = meanTtftMs(measured, fromNs + windowNs / 4, middleNs);
  const late = meanTtftMs(measured, fromNs + (3 * windowNs) / 4, fromNs + windowNs + 1);
  const backlog = growth > 0.05 * halfArrivals && growth > 3 * Math.sqrt(inSystem(all, middleNs) + 1);
  const slower = early !== null && (late === null || late > 1.5 * early);
  return {
    achievedPerSec: sent.length / nsToSec(windowNs),
    completedPerSec: completed / nsToSec(windowNs),
    inFlightMean: insideNs / windowNs,
    durationSec: nsToSec(windowNs),
    steady: !(backlog && slower),
  };
}

function endOf(record: RequestInstants): number {
  return record.endNs ?? record.lastTokenNs ?? Number.POSITIVE_INFINITY;
}

function inSystem(records: readonly LevelRecord[], atNs: number): number {
  let count = 0;
  for (const record of records) {
    if (record.sentNs !== null && record.sentNs <= atNs && endOf(record) > atNs) count += 1;
  }
  return count;
}

function meanTtftMs(records: readonly LevelRecord[], fromNs: number, toNs: number): number | null {
  let sum = 0;
  let n = 0;
  for (const record of records) {
    if (record.intendedNs < fromNs || record.intendedNs >= toNs) continue;
    const value = ttft(record);
    if (typeof value !== 'number') continue;
    sum += value;
    n += 1;
  }
  return n === 0 ? null : sum / n;
}
