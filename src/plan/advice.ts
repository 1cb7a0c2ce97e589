/**
 * From a profile and the offered rate over time to autoscaler settings, each with the evidence for it.
 *
 * λ* = one replica's capacity at the SLO. Reaction R = scrape + sync + metric window + cold start: what happens now
 * is served by new replicas R later, so replicas are sized at λ*·h with h = 1 ÷ (p99 over time of the rate R later ÷
 * the rate now, or ÷ what the smallest fleet serves where that is more). Bursts that outrun the reaction are the
 * smallest fleet's: minReplicas is raised, up to the static size, until that ratio is at most 2. A signal's target is its value at λ*·h, divided by 1.1: the HPA does nothing within 10 % of its
 * target (Kubernetes, horizontal pod autoscaler, tolerance), so a target itself may be overstepped by that much.
 * Waiting follows from Little's law: λ*·h × (TTFT limit − TTFT of an unloaded replica).
 */
import type { Slo } from '../slo.js';
import type { AutoscalerAdvice, EngineModel, LatencyProfile, Threshold } from '../types.js';
import { formatDurationSec, formatMs, significant } from '../units.js';
import { replicasText } from './evidence.js';
import { dipLengths, largestRise, type RateSeries, rampOver, ratePercentile, slidingRates } from './rates.js';
import { monotonicity, type SignalCurve, type SignalName, signalCurves, valueAt } from './signals.js';

export interface AdviceOptions {
  readonly profile: LatencyProfile;
  /** Replicas behind the profiled endpoint. */
  readonly profileReplicas: number;
  readonly engine: EngineModel | null;
  readonly slo: Slo;
  /** Sorted, seconds from the start. */
  readonly arrivalsSec: ArrayLike<number>;
  readonly scrapeSec: number;
  readonly syncSec: number;
  readonly windowSec: number;
  readonly coldStartSec: number;
  /** Size of the static fleet, which the autoscaler must be able to reach; null when none was found. */
  readonly staticReplicas: number | null;
}

/** The HPA leaves a metric alone within this share of its target. */
export const HPA_TOLERANCE = 0.1;
/** KV usage above which admission starts to wait and preempt. */
const KV_CEILING = 0.8;
const SCALE_UP_PERIOD_SEC = 15;
const SCALE_DOWN_PERIOD_SEC = 60;
/** Kubernetes' default; shorter windows save little and flap. */
const DEFAULT_DOWN_WINDOW_SEC = 300;
const RATE_STEP_SEC = 5;
/** Growth within one reaction time that replicas' head-room may have to carry. */
const MOST_RAMP = 2;
/** The largest fleet ÷ the fixed one: what a plan for the logged traffic leaves for more of it. */
const MAX_ROOM = 1.2;
/** KV usage below which the gauge says nothing about load. */
const KV_FLOOR = 0.05;

/** What vLLM exports; a profile that scraped another server names that server's metrics. */
export const CANONICAL_QUERIES: Readonly<Record<SignalName, string>> = {
  waiting: 'vllm:num_requests_waiting',
  running: 'vllm:num_requests_running',
  kv_usage: 'vllm:kv_cache_usage_perc',
  request_rate: 'rate(vllm:request_success_total[1m])',
};

/** Settings for HPA and KEDA; null when the profile knows no capacity (nothing can be derived from it then). */
export function adviseAutoscaler(options: AdviceOptions): AutoscalerAdvice | null {
  const { profile, profileReplicas } = options;
  if (profile.capacity.ratePerSec === null) return null;
  const warnings: string[] = [];
  const evidence: string[] = [];
  const capacity = profile.capacity.ratePerSec / profileReplicas;
  if (profile.capacity.missedAtPerSec === null) {
    warnings.push(
      'the profile never saturated: one replica can do more, and the thresholds are on the safe side',
    );
  }
  if (options.coldStartSec === 0) {
    warnings.push('cold start unknown, 0 s assumed: give --cold-start, the reaction time depends on it');
  }
  const reactionSec = options.scrapeSec + options.syncSec + options.windowSec + options.coldStartSec;
  const windowSec = Math.max(options.windowSec, 30);
  const series = slidingRates(options.arrivalsSec, windowSec, RATE_STEP_SEC);
  const low = ratePercentile(series, 0.01);
  const high = ratePercentile(series, 0.999);
  const { ramp, minReplicas: burstReplicas } = rampAndFloor(options, series, reactionSec, capacity);
  const headroom = 1 / ramp;
  if (ramp > MOST_RAMP) {
    warnings.push(
      `the rate grows ${significant(ramp)}-fold within one reaction time (${formatDurationSec(reactionSec)}), beyond what even ${replicasText(burstReplicas)} ${burstReplicas === 1 ? 'serves' : 'serve'}: no autoscaler follows that; queue at a gateway or keep a larger fleet`,
    );
  }
  const sized = capacity * headroom;
  const thresholds = thresholdsOf(options, sized, capacity);
  if (thresholds.length === 0) return null;
  const [recommended, ...alternatives] = thresholds;

  const minReplicas = Math.max(burstReplicas, Math.ceil(low / sized - 1e-9));
  const roomy = Math.ceil(MAX_ROOM * (options.staticReplicas ?? 1) - 1e-9);
  const maxReplicas = Math.max(minReplicas, Math.ceil(high / sized - 1e-9), roomy);
  const rise = largestRise(series, SCALE_UP_PERIOD_SEC);
  const scaleUpPods = Math.max(1, Math.ceil(rise / sized - 1e-9));
  const dips = dipWindow(series, sized, options.coldStartSec);
  evidence.push(
    `reaction ${formatDurationSec(reactionSec)} = scrape ${significant(options.scrapeSec)} s + sync ${significant(options.syncSec)} s + metric window ${significant(options.windowSec)} s + cold start ${significant(options.coldStartSec)} s`,
    `head-room ${significant(headroom)}: within one reaction time the rate grows ${significant(ramp)}-fold at its p99 (beyond what the smallest fleet serves), so a replica is sized at ${significant(sized)} of its ${significant(capacity)} requests/s`,
    burstReplicas > 1 && burstReplicas === minReplicas
      ? `minReplicas ${minReplicas}: bursts outrun the reaction; with fewer, the rate would grow more than ${MOST_RAMP}-fold beyond what they serve`
      : `minReplicas ${minReplicas}: the p1 of the rate over ${significant(windowSec)} s is ${significant(low)}/s`,
    `maxReplicas ${maxReplicas}: the p99.9 of the rate is ${significant(high)}/s${options.staticReplicas === null ? '' : `, and the fixed fleet of ${replicasText(options.staticReplicas)} has room for a fifth more`}`,
    `scale up by ${scaleUpPods} per ${SCALE_UP_PERIOD_SEC} s: the largest rise in that time is ${significant(rise)}/s`,
    dips.because,
  );
  return {
    recommended,
    alternatives,
    minReplicas,
    maxReplicas,
    capacityPerReplicaPerSec: capacity,
    sizedPerReplicaPerSec: sized,
    reactionSec,
    headroom,
    reactionParts: {
      scrapeSec: options.scrapeSec,
      syncSec: options.syncSec,
      windowSec: options.windowSec,
      coldStartSec: options.coldStartSec,
    },
    ramp,
    scaleUpPods,
    scaleUpPeriodSec: SCALE_UP_PERIOD_SEC,
    scaleDownPods: 1,
    scaleDownPeriodSec: SCALE_DOWN_PERIOD_SEC,
    scaleDownWindowSec: dips.windowSec,
    evidence,
    warnings,
  };
}

/** The smallest fleet from which head-room follows the rate, and the growth that is left for it. */
function rampAndFloor(
  options: AdviceOptions,
  series: RateSeries,
  reactionSec: number,
  capacity: number,
): { readonly ramp: number; readonly minReplicas: number } {
  const most = options.staticReplicas ?? Math.max(1, Math.ceil(ratePercentile(series, 0.999) / capacity));
  for (let minReplicas = 1; ; minReplicas++) {
    const ramp = rampOver(series, reactionSec, capacity * minReplicas);
    if (ramp <= MOST_RAMP || minReplicas >= most) return { ramp, minReplicas };
  }
}

/** Dips shorter than the payback of a cold start should not remove a replica: the window covers their p95. */
function dipWindow(
  series: RateSeries,
  sizedPerSec: number,
  coldStartSec: number,
): { readonly windowSec: number; readonly because: string } {
  const paybackSec = Math.max(600, 5 * coldStartSec);
  const short = dipLengths(series, sizedPerSec).filter((sec) => sec < paybackSec);
  const sorted = short.sort((a, b) => a - b);
  const p95 = sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0;
  const windowSec = Math.min(3_600, Math.max(DEFAULT_DOWN_WINDOW_SEC, Math.ceil(p95 / 30) * 30));
  const dips = `${short.length} dips shorter than ${formatDurationSec(paybackSec)} (p95 ${significant(p95)} s)`;
  return {
    windowSec,
    because:
      windowSec > DEFAULT_DOWN_WINDOW_SEC
        ? `scale down after ${windowSec} s: it outlasts the ${dips}, which would not pay back a cold start`
        : `scale down after ${windowSec} s, the Kubernetes default: it outlasts the ${dips}`,
  };
}

interface Candidate {
  readonly threshold: Threshold;
  /** Lower is better. */
  readonly rank: number;
}

/** Every signal that has a target, the recommended one first. */
function thresholdsOf(options: AdviceOptions, sized: number, capacity: number): Threshold[] {
  const curves = signalCurves(options.profile, options.profileReplicas);
  const candidates = curves.flatMap((curve): Candidate[] => {
    const atSized = targetValue(options, curve, sized);
    if (atSized === null) return [];
    const target = atSized.value / (1 + HPA_TOLERANCE);
    const order = monotonicity(curve);
    const atHalf = valueAt(curve, sized / 2);
    const limit = curve.signal === 'running' ? (options.engine?.limits.maxSeqs ?? null) : null;
    const saturates = limit !== null && valueAt(curve, capacity) > 0.95 * limit;
    const notes = [
      `${atSized.because}; ÷ ${1 + HPA_TOLERANCE} for the HPA's tolerance`,
      order === null
        ? 'too few levels to say whether it follows the load'
        : `rank correlation ${significant(order, 2)} with the rate over ${curve.points.length} levels`,
    ];
    const lags = atHalf < 0.25 * target;
    if (lags) notes.push(`it lags: at half of the sized rate it reads ${significant(atHalf, 2)}`);
    if (saturates) notes.push(`it saturates: the engine runs at most ${limit} sequences`);
    if (curve.signal === 'request_rate') {
      notes.push(
        'it counts completions, so it stops at the capacity, and another mix of lengths makes it wrong',
      );
    }
    const rank =
      (saturates ? 8 : 0) +
      (curve.signal === 'request_rate' ? 6 : 0) +
      (order === null ? 3 : order < 0.9 ? 4 : 0) +
      (lags ? 1 : 0) +
      (curve.signal === 'kv_usage' ? 2 : 0);
    const threshold = {
      signal: curve.signal,
      query: curve.source ?? CANONICAL_QUERIES[curve.signal],
      target,
      because: notes.join('; '),
    };
    return [{ threshold, rank }];
  });
  return candidates.sort((a, b) => a.rank - b.rank).map((candidate) => candidate.threshold);
}

/** A signal's value at the sized rate, with the sentence that explains it; null when it says nothing there. */
function targetValue(
  options: AdviceOptions,
  curve: SignalCurve,
  sized: number,
): { readonly value: number; readonly because: string } | null {
  const { signal, origin } = curve;
  const rate = `${significant(sized)} requests/s per replica`;
  const value = valueAt(curve, sized);
  if (signal === 'request_rate') return { value: sized, because: `the sized rate itself, ${rate}` };
  if (signal === 'running') {
    return value > 0
      ? {
          value,
          because: `${significant(value)} running at ${rate} (${origin}), levels ${neighbours(curve, sized)}`,
        }
      : null;
  }
  if (signal === 'kv_usage') {
    if (value < KV_FLOOR) return null;
    const capped = Math.min(value, KV_CEILING);
    return {
      value: capped,
      because: `${significant(value, 2)} of the KV blocks in use at ${rate} (${origin})${capped < value ? `, held at ${KV_CEILING} where preemption starts` : ''}`,
    };
  }
  const limitMs = ttftLimitMs(options.slo);
  const idleMs = idleTtftMs(options.profile);
  if (limitMs === null || idleMs === null) {
    const counted = Math.max(1, value);
    return {
      value: counted,
      because: `${significant(value, 2)} waiting at ${rate} (${origin}), at least 1; the SLO bounds no TTFT to derive more from`,
    };
  }
  const allowed = (sized * Math.max(0, limitMs - idleMs)) / 1_000;
  return {
    value: Math.max(1, allowed),
    because: `Little's law: ${rate} × (${formatMs(limitMs)} limit − ${formatMs(idleMs)} p95 TTFT unloaded) = ${significant(allowed, 2)} may wait, at least 1`,
  };
}

function neighbours(curve: SignalCurve, ratePerSec: number): string {
  const after = curve.points.findIndex((point) => point.ratePerSec >= ratePerSec);
  const high = curve.points[after === -1 ? curve.points.length - 1 : after];
  const low = curve.points[Math.max(0, (after === -1 ? curve.points.length : after) - 1)];
  return low === high
    ? `${significant(high.ratePerSec)}/s`
    : `${significant(low.ratePerSec)}/s and ${significant(high.ratePerSec)}/s`;
}

/** The tightest limit on TTFT in the SLO, ms. */
function ttftLimitMs(slo: Slo): number | null {
  let limit: number | null = null;
  for (const term of slo.terms) {
    if (term.kind !== 'latency' || !['ttft', 'ttfa', 'response.ttft'].includes(term.metric)) continue;
    limit = Math.min(limit ?? Number.POSITIVE_INFINITY, term.limitMs);
  }
  return limit;
}

/** p95 of TTFT at the lowest valid level. */
function idleTtftMs(profile: LatencyProfile): number | null {
  const lowest = profile.levels.find((level) => level.valid);
  return lowest?.metrics.ttft?.p95 ?? null;
}
