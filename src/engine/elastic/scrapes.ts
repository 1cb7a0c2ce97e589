/**
 * What a monitoring system knows of a fleet: samples of gauges and counters, taken now and then, asked through queries.
 *
 * Base part, after Prometheus: a gauge is what it was at the last scrape; ranges hold the samples of (now − window,
 * now]; `rate` extrapolates to the range's ends as promql/functions.go does; a target that is gone is stale at once.
 */
import type { HpaMetric, ScalingSignal, SignalQuery } from '../../types.js';

/** One scrape of one target. Counters count from the target's start. */
export interface ScrapedSample {
  readonly atSec: number;
  readonly running: number;
  readonly waiting: number;
  readonly kvUsage: number;
  readonly finishedRequests: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Held by the router; 0 for a replica. */
  readonly held: number;
}

const VALUES: Readonly<Record<ScalingSignal, (sample: ScrapedSample) => number>> = {
  running: (sample) => sample.running,
  waiting: (sample) => sample.waiting,
  in_flight: (sample) => sample.running + sample.waiting,
  kv_usage: (sample) => sample.kvUsage,
  request_rate: (sample) => sample.finishedRequests,
  prompt_token_rate: (sample) => sample.promptTokens,
  generation_token_rate: (sample) => sample.generatedTokens,
  gateway_queue: (sample) => sample.held,
};

/** A target's samples, as far back as any query looks. */
export class TargetSamples {
  readonly #keepSec: number;
  #samples: ScrapedSample[] = [];

  /** `keepSec`: the longest window that is asked for. */
  constructor(keepSec: number) {
    this.#keepSec = keepSec;
  }

  add(sample: ScrapedSample): void {
    const since = sample.atSec - this.#keepSec;
    if (this.#samples.length > 0 && this.#samples[0].atSec <= since)
      this.#samples = this.#samples.filter((kept) => kept.atSec > since);
    this.#samples.push(sample);
  }

  /** The answer for this target alone; null = too few samples for one. */
  read(query: SignalQuery, nowSec: number): number | null {
    const reading = VALUES[query.signal];
    if (query.statistic === 'last') {
      const last = this.#samples.at(-1);
      return last === undefined ? null : reading(last);
    }
    const fromSec = nowSec - query.windowSec;
    const inRange = this.#samples.filter((sample) => sample.atSec > fromSec && sample.atSec <= nowSec);
    if (query.statistic === 'rate') return rateOf(inRange, reading, fromSec, nowSec);
    if (inRange.length === 0) return null;
    const values = inRange.map(reading);
    return query.statistic === 'max'
      ? Math.max(...values)
      : values.reduce((sum, value) => sum + value, 0) / values.length;
  }
}

/** Makes one number of several targets' answers; null when there is none. */
export function aggregate(how: HpaMetric['aggregate'], values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  if (how === 'max') return Math.max(...known);
  const sum = known.reduce((total, value) => total + value, 0);
  return how === 'sum' ? sum : sum / known.length;
}

/**
 * Prometheus' rate(): growth between the first and the last sample, stretched to the range's ends: by the whole gap
 * when it is shorter than 1.1 mean sample distances, else by half such a distance, and never back beyond zero.
 */
function rateOf(
  samples: readonly ScrapedSample[],
  reading: (sample: ScrapedSample) => number,
  fromSec: number,
  toSec: number,
): number | null {
  if (samples.length < 2) return null;
  const first = samples[0];
  const last = samples[samples.length - 1];
  const growth = reading(last) - reading(first);
  const sampledSec = last.atSec - first.atSec;
  const distanceSec = sampledSec / (samples.length - 1);
  const reach = (gapSec: number): number => (gapSec >= distanceSec * 1.1 ? distanceSec / 2 : gapSec);
  const toZeroSec = growth > 0 ? sampledSec * (reading(first) / growth) : Number.POSITIVE_INFINITY;
  const beforeSec = Math.min(reach(first.atSec - fromSec), toZeroSec);
  const stretchedSec = sampledSec + beforeSec + reach(toSec - last.atSec);
  return (growth * (stretchedSec / sampledSec)) / (toSec - fromSec);
}
