/** Runs for tests of compare: seeded traffic through the engine model in virtual time, as replay would record it. */
import type { RunInput } from '../../src/compare/runs.js';
import { simulateFleet } from '../../src/engine/fleet.js';
import { readEngineModel } from '../../src/engine/model.js';
import { summarizeMetrics } from '../../src/metrics.js';
import { randomOf } from '../../src/random.js';
import { goodputOf, judgeSlo, parseSlo } from '../../src/slo.js';
import type { RequestInstants, RunRecord, RunSummary } from '../../src/types.js';
import { makeRun } from '../report/make-run.js';

const base = await readEngineModel('reference');

export interface MadeOptions {
  readonly name?: string;
  /** Arrivals and lengths; equal seeds are the same trace. */
  readonly trace: string;
  /** The server's noise. */
  readonly noise: string;
  readonly ratePerSec?: number;
  readonly durationSec?: number;
  /** Divides the server's times. */
  readonly speed?: number;
  /** Share of requests that end with a 503. */
  readonly failures?: number;
  readonly slo?: string;
  readonly valid?: boolean;
}

/** Noise of a real engine's iterations, wide enough to make two runs differ. */
const NOISE_CV = 0.3;

export function madeRun(options: MadeOptions): RunInput & { readonly summary: RunSummary } {
  const { ratePerSec = 4, durationSec = 300, failures = 0, valid = true } = options;
  const columns = traffic(options.trace, ratePerSec, durationSec);
  const { requests } = simulateFleet({
    requests: columns,
    engine: { ...base, step: { ...base.step, noiseCv: NOISE_CV } },
    replicas: 1,
    seed: options.noise,
    engineSpeed: options.speed ?? 1,
  });
  const [template] = makeRun({ requests: 1, warmup: 0 }).records;
  const failing = randomOf(options.noise, 'failures');
  const records = requests.map((instants, index): RunRecord => {
    const failed = failing.uniform() < failures;
    return {
      ...template,
      ...wholeNs(instants),
      index,
      phase: 'measure',
      status: failed ? 'http_error' : 'ok',
    };
  });
  const slo = parseSlo(options.slo ?? 'p99(ttft) < 2s');
  const { summary } = makeRun({ requests: 10, warmup: 0 });
  const ok = records.filter((record) => record.status === 'ok').length;
  const made: RunSummary = {
    ...summary,
    load: {
      ...summary.load,
      traceName: options.trace,
      traceHash: options.trace,
      rows: records.length,
      plannedRatePerSec: ratePerSec,
    },
    counts: { offered: records.length, byStatus: { ok, http_error: records.length - ok } },
    metrics: summarizeMetrics(records),
    goodput: goodputOf(slo, records),
    slo: judgeSlo(slo, records),
    validity: valid
      ? summary.validity
      : {
          ...summary.validity,
          verdict: 'invalid',
          because: 'sent too late.',
          recommendation: 'Use more senders.',
        },
  };
  return { name: options.name ?? options.noise, summary: made, records };
}

/** Records hold whole nanoseconds. */
function wholeNs(instants: RequestInstants): RequestInstants {
  const round = (ns: number | null): number | null => (ns === null ? null : Math.round(ns));
  return {
    ...instants,
    intendedNs: Math.round(instants.intendedNs),
    sentNs: round(instants.sentNs),
    firstByteNs: round(instants.firstByteNs),
    firstTokenNs: round(instants.firstTokenNs),
    firstAnswerTokenNs: round(instants.firstAnswerTokenNs),
    lastTokenNs: round(instants.lastTokenNs),
    endNs: round(instants.endNs),
  };
}

function traffic(seed: string, ratePerSec: number, durationSec: number) {
  const gaps = randomOf(seed, 'arrivals');
  const lengths = randomOf(seed, 'lengths');
  const around = (median: number, sd: number): number =>
    Math.min(20_000, Math.max(1, Math.round(median * Math.exp(sd * lengths.normal()))));
  const arrivalSec: number[] = [];
  for (let t = gaps.exponential() / ratePerSec; t < durationSec; t += gaps.exponential() / ratePerSec)
    arrivalSec.push(t);
  return {
    arrivalSec,
    inputTokens: arrivalSec.map(() => around(700, 1)),
    outputTokens: arrivalSec.map(() => around(120, 0.8)),
  };
}
