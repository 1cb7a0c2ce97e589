/** What a run looks like while it runs: counts, rates, and percentiles of the last seconds. Pure: records and times in. */
import { e2e, type MetricValue, percentileSorted, sendLag, tpot, ttft } from '../metrics.js';
import type { RunRecord } from '../types.js';
import { NS_PER_SEC } from '../units.js';

/** Percentiles over the last seconds, ms; null = nothing in them. */
export interface LiveFigure {
  readonly n: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface LiveState {
  readonly elapsedSec: number;
  /** Planned length; 0 = not known (closed loop). */
  readonly plannedSec: number;
  readonly total: number;
  readonly ended: number;
  readonly inFlight: number;
  /** Endings other than ok, most frequent first. */
  readonly failures: readonly (readonly [string, number])[];
  /** Planned and real rate of sending over the last seconds, 1/s; null = not known yet, or no plan. */
  readonly offeredPerSec: number | null;
  readonly sentPerSec: number | null;
  readonly windowSec: number;
  readonly ttft: LiveFigure;
  readonly tpot: LiveFigure;
  readonly e2e: LiveFigure;
  readonly sendLag: LiveFigure;
}

/** What the run knows at an instant, ns from t0. */
export interface LiveInput {
  readonly nowNs: number;
  /** Requests that have left. */
  readonly dispatched: number;
  readonly inFlight: number;
}

export interface LiveOptions {
  /** Instants of the plan, ns from t0, rising; null = the instants follow from answers. */
  readonly intendedNs: Float64Array | null;
  readonly total: number;
  /** Default 10 s. */
  readonly windowSec?: number;
}

/** Most values that a rolling figure looks at. */
const MOST_VALUES = 20_000;
const FIGURES = { ttft, tpot, e2e, sendLag } as const;
type FigureName = keyof typeof FIGURES;

/** Gathers records as they come. */
export class LiveTally {
  readonly #options: LiveOptions;
  readonly #windowNs: number;
  readonly #recent: Record<FigureName, Recent>;
  readonly #failures = new Map<string, number>();
  /** (instant, requests that had left). */
  #departures: [number, number][] = [[0, 0]];
  #ended = 0;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#windowNs = (options.windowSec ?? 10) * NS_PER_SEC;
    this.#recent = { ttft: new Recent(), tpot: new Recent(), e2e: new Recent(), sendLag: new Recent() };
  }

  /** An attempt has ended. */
  add(record: RunRecord): void {
    if (record.phase === 'retried') return;
    this.#ended += 1;
    if (record.status !== 'ok') {
      this.#failures.set(record.status, (this.#failures.get(record.status) ?? 0) + 1);
    }
    for (const name of Object.keys(FIGURES) as FigureName[]) {
      const value: MetricValue = FIGURES[name](record);
      if (typeof value === 'number') this.#recent[name].push(record.endNs ?? record.intendedNs, value);
    }
  }

  state({ nowNs, dispatched, inFlight }: LiveInput): LiveState {
    const sinceNs = nowNs - this.#windowNs;
    this.#departures.push([nowNs, dispatched]);
    while (this.#departures.length > 2 && this.#departures[1][0] <= sinceNs) this.#departures.shift();
    const [fromNs, before] = this.#departures[0];
    const spanSec = (nowNs - fromNs) / NS_PER_SEC;
    const { intendedNs, total } = this.#options;
    const offered =
      intendedNs === null
        ? null
        : countUntil(intendedNs, nowNs) - countUntil(intendedNs, Math.max(fromNs, 0));
    const perSec = (count: number | null): number | null =>
      count === null || spanSec < 0.5 ? null : count / spanSec;
    const figure = (name: FigureName): LiveFigure => this.#recent[name].figure(sinceNs);
    return {
      elapsedSec: Math.max(0, nowNs / NS_PER_SEC),
      plannedSec: intendedNs === null ? 0 : intendedNs[intendedNs.length - 1] / NS_PER_SEC,
      total,
      ended: this.#ended,
      inFlight,
      failures: [...this.#failures].sort((a, b) => b[1] - a[1]),
      offeredPerSec: perSec(offered),
      sentPerSec: perSec(dispatched - before),
      windowSec: this.#windowNs / NS_PER_SEC,
      ttft: figure('ttft'),
      tpot: figure('tpot'),
      e2e: figure('e2e'),
      sendLag: figure('sendLag'),
    };
  }
}

/** Values with their instants, the newest of them kept. */
class Recent {
  #entries: [number, number][] = [];

  push(atNs: number, value: number): void {
    this.#entries.push([atNs, value]);
    if (this.#entries.length > 2 * MOST_VALUES) this.#entries = this.#entries.slice(-MOST_VALUES);
  }

  figure(sinceNs: number): LiveFigure {
    this.#entries = this.#entries.filter(([atNs]) => atNs > sinceNs);
    const sorted = Float64Array.from(this.#entries, ([, value]) => value).sort();
    return { n: sorted.length, p50: percentileSorted(sorted, 0.5), p99: percentileSorted(sorted, 0.99) };
  }
}

/** How many of the rising values are at most `limit`. */
function countUntil(values: Float64Array, limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
