/**
 * ServeGen client pools → workload model: each client with its own rate, burstiness and lengths by window.
 *
 * Source: ServeGen (arXiv 2505.09999), whose published pools give per client and 600-s window a rate, the CV of gaps and a
 * family, and per 6 h the laws of prompt and answer lengths. Its own generator divides gaps by their sum, so that every
 * window has a fixed count, and loses the last arrival of each window, so that clients below one request per window send
 * nothing (STATISTICS §2.4.6). Here gaps run on in operational time, across windows; counts vary as renewal counts do, and
 * expected counts are rate × time. Prompt and answer have draws of their own: the pools do not say how they depend.
 */
import { gammaln } from 'simple-statistics';
import { ToolError } from '../errors.js';
import { createManifest } from '../manifest.js';
import { findPositiveRoot } from '../stats/root.js';
import type { GroupedSample } from '../stats/sample.js';
import type {
  GapModel,
  GapsByTime,
  LengthModel,
  ManifestInput,
  WorkloadClass,
  WorkloadModel,
} from '../types.js';
import { formatCount, formatDurationSec, significant } from '../units.js';
import { buildQuantileTable } from './quantile-table.js';

/** What one row of a client's trace file says. */
export interface ClientWindow {
  readonly startSec: number;
  readonly ratePerSec: number;
  /** Coefficient of variation of gaps. */
  readonly cv: number;
  readonly family: 'gamma' | 'weibull';
}

/** Laws of lengths from `startSec` on; null = nobody asked for anything then. */
export interface ClientLengths {
  readonly startSec: number;
  /** Probabilities by value; `counts` sum to 1. */
  readonly input: GroupedSample | null;
  readonly output: GroupedSample | null;
}

export interface ServegenClient {
  readonly name: string;
  readonly windows: readonly ClientWindow[];
  readonly lengths: readonly ClientLengths[];
}

export interface ServegenOptions {
  readonly clients: readonly ServegenClient[];
  readonly name: string;
  readonly licence?: string;
  readonly citation?: string;
  /** Hash of the pool's files. */
  readonly hash: string;
  readonly inputs?: readonly ManifestInput[];
  /** Share of requests that clients with classes of their own make; the others are pooled. Default 0.9. */
  readonly ownShare?: number;
}

const OWN_SHARE = 0.9;
const POOL = '(other)';

/** Throws TOO_FEW_ROWS for a pool without requests. */
export function fitServegen(options: ServegenOptions): WorkloadModel {
  const { windowSec, durationSec } = timesOf(options.clients);
  const requestsOf = ({ windows }: ServegenClient): number =>
    windows.reduce((sum, one) => sum + one.ratePerSec * windowSec, 0);
  const busy = options.clients
    .map((client) => ({ client, requests: requestsOf(client) }))
    .filter(({ requests }) => requests > 0)
    .sort((a, b) => b.requests - a.requests || (a.client.name < b.client.name ? -1 : 1));
  const total = busy.reduce((sum, { requests }) => sum + requests, 0);
  if (total === 0)
    throw new ToolError({
      code: 'TOO_FEW_ROWS',
      message: `the clients of ${options.name} send no requests`,
      hint: 'is this the folder with chunk-*-trace.csv and chunk-*-dataset.json?',
    });
  const own: ServegenClient[] = [];
  const pooled: ServegenClient[] = [];
  let covered = 0;
  for (const { client, requests } of busy) {
    if (covered < (options.ownShare ?? OWN_SHARE) * total) own.push(client);
    else pooled.push(client);
    covered += requests;
  }
  const groups = [...own.map((client) => [client]), ...(pooled.length > 0 ? [pooled] : [])];
  const classes = groups.flatMap((members) => classesOf(members, windowSec, durationSec));
  return {
    schemaVersion: 1,
    kind: 'workload-model',
    manifest: createManifest({
      command: 'fit',
      options: { servegen: options.name, ownShare: options.ownShare ?? null },
      inputs: options.inputs,
      timestamp: false,
    }),
    name: options.name,
    source: {
      name: options.name,
      licence: options.licence ?? null,
      citation: options.citation ?? null,
      traceHash: options.hash,
      rows: Math.round(total),
      rowsUsed: Math.round(total),
      startUtc: null,
    },
    durationSec,
    meanRatePerSec: total / durationSec,
    by: 'client',
    classes,
    shared: null,
    locality: null,
    choices: [
      {
        about: 'classes',
        chosen: `${own.length} clients with classes of their own, ${pooled.length} pooled`,
        because: `they make ${significant((100 * Math.min(covered, total) * (options.ownShare ?? OWN_SHARE)) / total)} % of the requests; each class stands for one period of lengths`,
        score: '',
        candidates: [],
      },
    ],
    warnings: [
      `made from a pool of ${formatCount(options.clients.length)} clients with windows of ${formatDurationSec(windowSec)}: structure below that is a renewal law, no single request was seen`,
      `where a rate steps, the curve is a ramp of ${formatDurationSec(windowSec / 4)} with the same number of requests`,
      'how answers depend on prompts is not in the pool: they are independent inside a client and period',
    ],
  };
}

function timesOf(clients: readonly ServegenClient[]): { windowSec: number; durationSec: number } {
  const starts = [...new Set(clients.flatMap(({ windows }) => windows.map(({ startSec }) => startSec)))].sort(
    (a, b) => a - b,
  );
  const steps = starts.slice(1).map((start, i) => start - starts[i]);
  const windowSec = steps.length > 0 ? Math.min(...steps) : 600;
  return { windowSec, durationSec: (starts.at(-1) ?? 0) + windowSec };
}

/** One class per period of lengths, silent in the others. */
function classesOf(
  members: readonly ServegenClient[],
  windowSec: number,
  durationSec: number,
): WorkloadClass[] {
  const [first] = members;
  const isPool = members.length > 1;
  const periods = [
    ...new Set(members.flatMap(({ lengths }) => lengths.map(({ startSec }) => startSec))),
  ].sort((a, b) => a - b);
  return periods.flatMap((startSec, p): WorkloadClass[] => {
    const endSec = periods[p + 1] ?? durationSec;
    const windows = mergedWindows(members, windowSec, durationSec, startSec, endSec);
    const requests = windows.reduce((sum, { ratePerSec }) => sum + ratePerSec * windowSec, 0);
    const lengths = mergedLengths(members, windowSec, startSec, endSec);
    if (requests === 0 || lengths === null) return [];
    const name = isPool ? POOL : first.name;
    return [
      {
        id: `${name}@${formatDurationSec(startSec).replaceAll(' ', '')}`,
        clientId: isPool ? null : first.name,
        model: null,
        requests: Math.max(1, Math.round(requests)),
        arrivals: {
          rate: {
            ...rateKnots(
              windows.map(({ ratePerSec }) => ratePerSec),
              windowSec,
            ),
            bandwidthSec: null,
          },
          gaps: averageGaps(windows),
          dispersion: [],
          dequantizedGridNs: null,
          gapsByTime: gapsByTime(windows, windowSec),
        },
        lengths,
      },
    ];
  });
}

/** Rates add up; squared variations are weighted by rate, as counts of a superposition are in the long run. */
function mergedWindows(
  members: readonly ServegenClient[],
  windowSec: number,
  durationSec: number,
  fromSec: number,
  toSec: number,
): ClientWindow[] {
  const count = Math.ceil(durationSec / windowSec - 1e-9);
  const rates = new Float64Array(count);
  const squares = new Float64Array(count);
  const weibull = new Float64Array(count);
  for (const { windows } of members) {
    for (const { startSec, ratePerSec, cv, family } of windows) {
      if (startSec < fromSec || startSec >= toSec) continue;
      const place = Math.round(startSec / windowSec);
      rates[place] += ratePerSec;
      squares[place] += ratePerSec * cv * cv;
      if (family === 'weibull') weibull[place] += ratePerSec;
    }
  }
  return Array.from(rates, (ratePerSec, place) => ({
    startSec: place * windowSec,
    ratePerSec,
    cv: ratePerSec > 0 ? Math.sqrt(squares[place] / ratePerSec) : 1,
    family: weibull[place] > ratePerSec / 2 ? 'weibull' : 'gamma',
  }));
}

/**
 * Four steps per window: the smaller of both rates on the border, the window's own in the middle, and beside it what makes
 * its integral exact. Nothing leaks into silent windows.
 */
function rateKnots(rates: readonly number[], windowSec: number): { stepSec: number; ratePerSec: number[] } {
  const border = (k: number): number =>
    Math.min(rates[Math.max(0, k - 1)], rates[Math.min(rates.length - 1, k)]);
  const knots = rates.flatMap((rate, k) => [
    border(k),
    rate + (rate - border(k)) / 2,
    rate,
    rate + (rate - border(k + 1)) / 2,
  ]);
  knots.push(rates[rates.length - 1]);
  return { stepSec: windowSec / 4, ratePerSec: knots.map((rate) => Number(rate.toPrecision(6))) };
}

/** Mean 1, the given variation; a window without any is Poisson. */
function gapLaw({ cv, family }: ClientWindow): Pick<GapModel, 'family' | 'params'> {
  const limited = Math.min(1_000, Math.max(0.01, Number(cv.toPrecision(4))));
  if (limited === 1) return { family: 'exponential', params: { scale: 1 } };
  if (family === 'weibull') {
    const c = weibullShape(limited);
    if (c !== null) return { family, params: { c, scale: Math.exp(-gammaln(1 + 1 / c)) } };
  }
  const square = limited * limited;
  return { family: 'gamma', params: { a: 1 / square, scale: square } };
}

/** Equal laws once. */
function gapsByTime(windows: readonly ClientWindow[], stepSec: number): GapsByTime {
  const places = new Map<string, number>();
  const laws: GapsByTime['laws'][number][] = [];
  const lawOfStep = windows.map((window) => {
    const law = gapLaw(window);
    const key = JSON.stringify(law);
    let place = places.get(key);
    if (place === undefined) {
      place = laws.push(law) - 1;
      places.set(key, place);
    }
    return place;
  });
  return { stepSec, lawOfStep, laws };
}

/** Shape of a Weibull law with this variation: 1 + cv² = Γ(1 + 2/c) / Γ(1 + 1/c)². */
export function weibullShape(cv: number): number | null {
  const target = Math.log1p(cv * cv);
  return findPositiveRoot((c) => gammaln(1 + 2 / c) - 2 * gammaln(1 + 1 / c) - target, 1 / Math.max(0.1, cv));
}

function averageGaps(windows: readonly ClientWindow[]): GapModel {
  const total = windows.reduce((sum, { ratePerSec }) => sum + ratePerSec, 0);
  const square = windows.reduce((sum, { ratePerSec, cv }) => sum + ratePerSec * cv * cv, 0) / total;
  const cv = Math.sqrt(square);
  return { ...gapLaw({ startSec: 0, ratePerSec: 1, cv, family: 'gamma' }), candidates: [], cv };
}

/** Laws of the period, weighted by the requests of each member in it. */
function mergedLengths(
  members: readonly ServegenClient[],
  windowSec: number,
  fromSec: number,
  toSec: number,
): LengthModel | null {
  const input = new Map<number, number>();
  const output = new Map<number, number>();
  for (const { windows, lengths } of members) {
    const requests = windows
      .filter(({ startSec }) => startSec >= fromSec && startSec < toSec)
      .reduce((sum, { ratePerSec }) => sum + ratePerSec * windowSec, 0);
    const period = lengths.find(({ startSec }) => startSec === fromSec);
    if (requests === 0 || !period || period.input === null || period.output === null) continue;
    addTo(input, period.input, requests);
    addTo(output, period.output, requests);
  }
  if (input.size === 0 || output.size === 0) return null;
  const values = [...input.keys()];
  return {
    kind: 'pairs',
    input: buildQuantileTable(groupedOf(input)),
    outputGivenInput: [
      {
        inputFrom: values.reduce((a, b) => Math.min(a, b)),
        inputTo: values.reduce((a, b) => Math.max(a, b)),
        output: buildQuantileTable(groupedOf(output)),
      },
    ],
    spearman: null,
    inputFits: [],
    outputFits: [],
  };
}

function addTo(sums: Map<number, number>, { values, counts }: GroupedSample, weight: number): void {
  values.forEach((value, i) => {
    sums.set(value, (sums.get(value) ?? 0) + counts[i] * weight);
  });
}

function groupedOf(sums: ReadonlyMap<number, number>): GroupedSample {
  const sorted = [...sums].filter(([, count]) => count > 0).sort((a, b) => a[0] - b[0]);
  const counts = Float64Array.from(sorted, ([, count]) => Number(count.toPrecision(9)));
  return {
    values: Float64Array.from(sorted, ([value]) => value),
    counts,
    n: counts.reduce((sum, count) => sum + count, 0),
  };
}
