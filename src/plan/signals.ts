/**
 * The server's gauges over the load levels of a profile, as functions of the rate: what an autoscaler would read.
 *
 * A gauge's mean covers a whole run, its start and its drain included; where running and waiting are both known they
 * are scaled so that their sum is the number in the system that was measured while load was offered. Without gauges
 * the number in the system (Little's law holds for it exactly) stands for `running`.
 */
import type { LatencyProfile, LoadLevel, Threshold } from '../types.js';

export type SignalName = Threshold['signal'];

/** A signal's mean per replica at each rate per replica, rising in rate. */
export interface SignalCurve {
  readonly signal: SignalName;
  readonly points: readonly { readonly ratePerSec: number; readonly value: number }[];
  /** Where the values come from, for people. */
  readonly origin: string;
  /** The server's own name of the metric; null = not scraped from a server. */
  readonly source: string | null;
}

/** The curves that a profile of `replicas` replicas gives. Levels that are invalid are left out. */
export function signalCurves(profile: LatencyProfile, replicas: number): SignalCurve[] {
  const levels = usableLevels(profile);
  const origin = `${profile.load.clock === 'simulation' ? 'simulated' : 'server gauge'}, mean over the level`;
  const curves: SignalCurve[] = [
    {
      signal: 'request_rate',
      origin: 'offered rate',
      source: null,
      points: levels.map((level) => ({
        ratePerSec: level.ratePerSec / replicas,
        value: level.ratePerSec / replicas,
      })),
    },
  ];
  for (const signal of ['running', 'waiting', 'kv_usage'] as const) {
    const points = levels.flatMap((level) => {
      const value = signal === 'kv_usage' ? gaugeMean(level, signal) : countMean(level, signal);
      const perReplica = value === null ? null : signal === 'kv_usage' ? value : value / replicas;
      return perReplica === null ? [] : [{ ratePerSec: level.ratePerSec / replicas, value: perReplica }];
    });
    if (points.length > 0) {
      const source = sourceOf(levels, signal);
      curves.push({ signal, source, origin, points });
    }
  }
  if (!curves.some((curve) => curve.signal === 'running')) {
    const points = levels.flatMap((level) =>
      level.inFlightMean === null
        ? []
        : [{ ratePerSec: level.ratePerSec / replicas, value: level.inFlightMean / replicas }],
    );
    if (points.length > 0)
      curves.push({ signal: 'running', source: null, origin: 'requests in flight at the client', points });
  }
  return curves;
}

/** The last attempt at each rate, valid, up to and including the first level whose backlog grew. */
function usableLevels(profile: LatencyProfile): LoadLevel[] {
  const byRate = new Map<number, LoadLevel>();
  for (const level of profile.levels) {
    const known = byRate.get(level.ratePerSec);
    if (level.valid && (known === undefined || level.attempt >= known.attempt))
      byRate.set(level.ratePerSec, level);
  }
  const levels = [...byRate.values()].sort((a, b) => a.ratePerSec - b.ratePerSec);
  const firstUnsteady = levels.findIndex((level) => !level.steady);
  return firstUnsteady === -1 ? levels : levels.slice(0, firstUnsteady + 1);
}

function countMean(level: LoadLevel, signal: 'running' | 'waiting'): number | null {
  const own = gaugeMean(level, signal);
  const running = gaugeMean(level, 'running');
  const waiting = gaugeMean(level, 'waiting');
  if (own === null || running === null || waiting === null || level.inFlightMean === null) return own;
  const scale = running + waiting > 0 ? level.inFlightMean / (running + waiting) : 1;
  return own * Math.min(2, Math.max(0.5, scale));
}

function gaugeMean(level: LoadLevel, signal: Exclude<SignalName, 'request_rate'>): number | null {
  return level.gauges.find((gauge) => gauge.name === signal)?.mean ?? null;
}

/** A metric name that a server exported; simulated levels have none. */
function sourceOf(levels: readonly LoadLevel[], signal: SignalName): string | null {
  for (const level of levels) {
    const source = level.gauges.find((gauge) => gauge.name === signal)?.source;
    if (source !== undefined && /^[a-z]\w*[:_]\w+$/i.test(source)) return source;
  }
  return null;
}

/** Value at a rate: linear between levels, proportional below the lowest, the highest level's value above. */
export function valueAt(curve: SignalCurve, ratePerSec: number): number {
  const { points } = curve;
  const after = points.findIndex((point) => point.ratePerSec >= ratePerSec);
  if (after === -1) return points[points.length - 1].value;
  const high = points[after];
  const low = after === 0 ? { ratePerSec: 0, value: 0 } : points[after - 1];
  const span = high.ratePerSec - low.ratePerSec;
  return span === 0
    ? high.value
    : low.value + ((high.value - low.value) * (ratePerSec - low.ratePerSec)) / span;
}

/** Spearman's rank correlation of the signal with the rate; null with fewer than three levels or a constant signal. */
export function monotonicity(curve: SignalCurve): number | null {
  const n = curve.points.length;
  if (n < 3) return null;
  const ranks = averageRanks(curve.points.map((point) => point.value));
  const mean = (n + 1) / 2;
  let cross = 0;
  let rateSquare = 0;
  let valueSquare = 0;
  ranks.forEach((rank, i) => {
    cross += (i + 1 - mean) * (rank - mean);
    rateSquare += (i + 1 - mean) ** 2;
    valueSquare += (rank - mean) ** 2;
  });
  return valueSquare === 0 ? null : cross / Math.sqrt(rateSquare * valueSquare);
}

function averageRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1]] === values[order[from]]) to += 1;
    for (let k = from; k <= to; k++) ranks[order[k]] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return ranks;
}
