/**
 * From judged levels to two numbers: the capacity at the SLO and the knee.
 *
 * Between two levels a latency is interpolated by its reciprocal, linear in the rate: exact for M/M/1, whose times are
 * proportional to 1 / (μ − λ), and for an engine whose iterations last base / (1 − λw).
 *
 * Capacity: between the tightest met and missed levels the SLO's statistic is read off at its limit; with several terms
 * the smallest rate counts. It never leaves the bracket. A level that missed because its backlog grew or requests failed
 * has no such value: then the met level itself is the answer.
 *
 * Knee: the highest rate at which the median end-to-end latency is at most twice its value at the lowest level,
 * interpolated between levels. For M/M/1 that is half the saturation rate, where Kleinrock's power (throughput ÷
 * response time) peaks (L. Kleinrock, "Power and deterministic rules of thumb", ICC 1979).
 */
import type { Knee, LatencyProfile, LoadLevel, ProfileCapacity, SloResult } from '../types.js';
import { formatMs, significant } from '../units.js';
import { bracketOf, effectiveLevels } from './search.js';

/** Latency at the knee ÷ latency at the lowest level. */
export const KNEE_FACTOR = 2;

/** The largest rate that meets the SLO, from all levels that ran. `ended` says why no more were run. */
export function capacityOf(levels: readonly LoadLevel[], ended: string): ProfileCapacity {
  const { met, missed, passedOver, contradictions } = bracketOf(levels);
  const upper = missed?.valid ? missed : null;
  const wall = upper === null ? (passedOver[0] ?? missed) : null;
  const doubt = contradictions.map(
    (level) =>
      ` Not monotonic: ${rate(level)} ${level.sloMet ? 'met the SLO above a miss' : 'missed it below a met level'}${level.attempt > 1 ? ', also when repeated' : ''}.`,
  );
  if (met === null) {
    const lowest = effectiveLevels(levels).find((level) => level.valid) ?? null;
    return {
      ratePerSec: null,
      metAtPerSec: null,
      missedAtPerSec: lowest?.ratePerSec ?? null,
      toleranceRatio: null,
      because:
        lowest === null
          ? `None: no valid level. ${levels[0]?.invalidBecause ?? ''}`.trim()
          : `None: ${ended}; at ${rate(lowest)}: ${lowest.because}.`,
    };
  }
  if (upper === null) {
    const limit =
      wall === null ? ended : `at ${rate(wall)} the run was invalid (${wall.invalidBecause ?? 'no reason'})`;
    return {
      ratePerSec: met.ratePerSec,
      metAtPerSec: met.ratePerSec,
      missedAtPerSec: null,
      toleranceRatio: null,
      because: `At least ${rate(met)}: it met the SLO, and ${limit}.${doubt.join('')}`,
    };
  }
  const ratePerSec = interpolatedRate(met, upper);
  return {
    ratePerSec,
    metAtPerSec: met.ratePerSec,
    missedAtPerSec: upper.ratePerSec,
    toleranceRatio: (upper.ratePerSec - met.ratePerSec) / (upper.ratePerSec + met.ratePerSec),
    because: `${rate(met)} met the SLO, ${rate(upper)} did not (${upper.because}); ${ended}.${doubt.join('')}`,
  };
}

/** The rate at which the first term reaches its limit, within the two levels. */
export function interpolatedRate(met: LoadLevel, missed: LoadLevel): number {
  let ratePerSec = missed.ratePerSec;
  let crossed = false;
  for (const term of missed.slo) {
    if (term.met) continue;
    const below = met.slo.find((candidate) => candidate.term === term.term);
    const share = crossing(below ?? null, term);
    if (share === null) return met.ratePerSec;
    crossed = true;
    ratePerSec = Math.min(ratePerSec, met.ratePerSec + share * (missed.ratePerSec - met.ratePerSec));
  }
  return crossed && missed.steady ? ratePerSec : met.ratePerSec;
}

/** Where between the two levels (0–1) the term's value reaches its limit; null when a value is missing. */
function crossing(met: SloResult | null, missed: SloResult): number | null {
  if (met === null || met.value === null || missed.value === null) return null;
  const latency = missed.unit === 'ms' && met.value > 0 && missed.limit > 0;
  const scale = latency ? reciprocal : (value: number): number => value;
  const span = scale(missed.value) - scale(met.value);
  if (span === 0) return 0;
  return Math.min(1, Math.max(0, (scale(missed.limit) - scale(met.value)) / span));
}

/** The knee of latency over load; see the file's header for the rule. */
export function kneeOf(levels: readonly LoadLevel[]): Knee {
  const method = `p50(e2e) ≤ ${KNEE_FACTOR} × its value at the lowest level`;
  const points = effectiveLevels(levels).filter(
    (level) => level.valid && level.metrics.e2e?.p50 !== null && level.metrics.e2e?.p50 !== undefined,
  );
  if (points.length < 2) return { ratePerSec: null, method, because: 'fewer than two levels with a latency' };
  const lowest = points[0];
  const lowMs = lowest.metrics.e2e!.p50!;
  const limitMs = KNEE_FACTOR * lowMs;
  for (let i = 1; i < points.length; i++) {
    const ms = points[i].metrics.e2e!.p50!;
    if (ms <= limitMs) continue;
    const before = points[i - 1];
    const beforeMs = before.metrics.e2e!.p50!;
    const share = (reciprocal(limitMs) - reciprocal(beforeMs)) / (reciprocal(ms) - reciprocal(beforeMs));
    return {
      ratePerSec: before.ratePerSec + share * (points[i].ratePerSec - before.ratePerSec),
      method,
      because: `median e2e is ${formatMs(lowMs)} at ${rate(lowest)}, ${formatMs(beforeMs)} at ${rate(before)} and ${formatMs(ms)} at ${rate(points[i])}`,
    };
  }
  const top = points[points.length - 1];
  return {
    ratePerSec: null,
    method,
    because: `not reached: median e2e is ${formatMs(lowMs)} at ${rate(lowest)} and ${formatMs(top.metrics.e2e!.p50!)} at ${rate(top)}`,
  };
}

/** What the profile as a whole says. */
export function profileVerdict(
  levels: readonly LoadLevel[],
  capacity: ProfileCapacity,
  slo: string,
): LatencyProfile['verdict'] {
  const invalid = levels.find((level) => !level.valid) ?? null;
  if (capacity.ratePerSec === null) {
    if (levels.length > 0 && levels.every((level) => !level.valid)) {
      return {
        verdict: 'invalid',
        because: `no level gave a valid run: ${levels[0].invalidBecause ?? 'unknown reason'}`,
        recommendation:
          'give the client more CPU or another machine, or lower --rates; `tokentide inspect <run>` shows the checks',
      };
    }
    return {
      verdict: 'slo never met',
      because: capacity.because,
      recommendation: `loosen the SLO "${slo}", or take a faster engine: fewer requests will not help`,
    };
  }
  if (capacity.missedAtPerSec === null) {
    return {
      verdict: 'never saturated',
      because: capacity.because,
      recommendation:
        invalid === null
          ? `go on above ${significant(capacity.ratePerSec)}/s: raise --max-rate, --max-levels or --rates`
          : 'the client was the limit, not the server: give it more CPU, then run again with --resume',
    };
  }
  return {
    verdict: 'capacity found',
    because: capacity.because,
    recommendation: `plan with ${significant(capacity.ratePerSec)} requests/s per replica: \`tokentide plan … --profile\``,
  };
}

const reciprocal = (value: number): number => 1 / value;

const rate = (level: LoadLevel): string => `${significant(level.ratePerSec, 4)}/s`;
