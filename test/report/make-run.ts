/**
 * Makes runs for the report's tests: a queue with a fixed number of slots under seeded Poisson traffic, with some of
 * every kind of failure, summarized by the program's own metrics and SLO code.
 */
import { summarizeMetrics } from '../../src/metrics.js';
import { type Rng, randomOf } from '../../src/random.js';
import { goodputOf, judgeSlo, parseSlo } from '../../src/slo.js';
import type { Check, Manifest, RunRecord, RunStatus, RunSummary, ServerSample } from '../../src/types.js';
import { msToNs, nsToSec, secToNs } from '../../src/units.js';

export interface MadeRunOptions {
  readonly seed: string;
  readonly requests: number;
  readonly ratePerSec: number;
  /** Concurrent requests that the made server carries. */
  readonly slots: number;
  readonly slo: string | null;
  readonly failureRatio: number;
  readonly warmup: number;
  /** Lateness of the made client, ms on average. */
  readonly lagMs: number;
}

export const RUN_DEFAULTS: MadeRunOptions = {
  seed: 'report',
  requests: 3_000,
  ratePerSec: 12,
  slots: 40,
  slo: 'p99(ttft) < 2s, mean(tpot) < 60ms, goodput >= 0.9',
  failureRatio: 0.01,
  warmup: 60,
  lagMs: 0.05,
};

export const MADE_MANIFEST: Manifest = {
  tool: 'tokentide',
  version: '0.1.0',
  command: 'replay',
  options: {
    url: 'http://127.0.0.1:8000',
    protocol: 'openai-chat',
    speed: 1,
    keepText: false,
    dropTail: true,
  },
  seed: '42',
  inputs: [{ name: 'azure conv.parquet', bytes: 1_234_567, sha256: 'ab'.repeat(32) }],
  createdUtc: '2026-03-04T05:06:07.000Z',
};

/** A run with its summary, the same for the same options. */
export function makeRun(overrides: Partial<MadeRunOptions> = {}): {
  readonly summary: RunSummary;
  readonly records: readonly RunRecord[];
} {
  const options = { ...RUN_DEFAULTS, ...overrides };
  const records = makeRecords(options);
  return { summary: summarize(records, options), records };
}

function makeRecords(options: MadeRunOptions): RunRecord[] {
  const rng = randomOf(options.seed, 'arrivals');
  const lengths = randomOf(options.seed, 'lengths');
  const failures = randomOf(options.seed, 'failures');
  const freeAtSec = new Array<number>(options.slots).fill(0);
  const records: RunRecord[] = [];
  let atSec = 0;
  for (let i = 0; i < options.requests; i++) {
    const wave = 1 + 0.35 * Math.sin((2 * Math.PI * i) / options.requests) + (i % 700 < 40 ? 1.5 : 0);
    atSec += rng.exponential() / (options.ratePerSec * wave);
    const inputTokens = Math.max(8, Math.round(Math.exp(6.4 + 1.1 * lengths.normal())));
    const outputTokens = Math.max(1, Math.round(Math.exp(4.3 + 0.8 * lengths.normal())));
    const lagSec = (options.lagMs / 1_000) * rng.exponential();
    const sentSec = atSec + lagSec;
    const slot = freeAtSec.indexOf(Math.min(...freeAtSec));
    const startSec = Math.max(sentSec, freeAtSec[slot]);
    const firstSec = startSec + 0.02 + inputTokens * 5e-5 + 0.004 * rng.exponential();
    const gapSec = 0.018 + 0.004 * rng.uniform();
    const lastSec = firstSec + (outputTokens - 1) * gapSec;
    freeAtSec[slot] = lastSec;
    records.push(
      recordOf({ i, atSec, sentSec, firstSec, lastSec, inputTokens, outputTokens, failures, options }),
    );
  }
  return records;
}

interface Draft {
  readonly i: number;
  readonly atSec: number;
  readonly sentSec: number;
  readonly firstSec: number;
  readonly lastSec: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly failures: Rng;
  readonly options: MadeRunOptions;
}

const FAILURES: readonly { status: RunStatus; httpStatus: number | null; error: string }[] = [
  { status: 'http_error', httpStatus: 503, error: 'overloaded: <b>queue & cache</b> are "full"' },
  { status: 'timeout_idle', httpStatus: 200, error: 'no chunk for 30 s' },
  { status: 'truncated', httpStatus: 200, error: 'stream ended without finish_reason or [DONE]' },
  { status: 'unsent', httpStatus: null, error: 'run ended before the request was due' },
];

function recordOf(draft: Draft): RunRecord {
  const { i, options, failures } = draft;
  const failed = i >= options.warmup && failures.uniform() < options.failureRatio;
  const failure = failed ? FAILURES[failures.int(FAILURES.length)] : null;
  const ns = (sec: number): number => Math.round(secToNs(sec));
  const unsent = failure?.status === 'unsent';
  const silent = unsent || failure?.status === 'http_error';
  return {
    index: i,
    requestId: `r${i}`,
    sessionId: null,
    phase: i < options.warmup ? 'warmup' : 'measure',
    status: failure?.status ?? 'ok',
    stream: true,
    intendedNs: ns(draft.atSec),
    releasedNs: null,
    connectNs: null,
    sentNs: unsent ? null : ns(draft.sentSec),
    firstByteNs: unsent ? null : ns(draft.firstSec) - msToNs(2),
    firstTokenNs: silent ? null : ns(draft.firstSec),
    firstAnswerTokenNs: silent ? null : ns(draft.firstSec),
    lastTokenNs: silent ? null : ns(draft.lastSec),
    endNs: unsent ? null : ns(silent ? draft.firstSec : draft.lastSec) + msToNs(1),
    outputTokens: silent ? null : draft.outputTokens,
    inputTokens: silent ? null : draft.inputTokens,
    tokensInFirstChunk: silent ? null : 1,
    chunkNs: null,
    httpStatus: failure === null ? 200 : failure.httpStatus,
    error: failure?.error ?? null,
    note: null,
    inputTokensAsked: draft.inputTokens,
    maxOutputTokens: draft.outputTokens,
    outputTokensSource: silent ? null : 'usage',
    cachedTokens: null,
    reasoningTokens: null,
    chunks: silent ? 0 : draft.outputTokens,
    finishReason: failure === null ? 'stop' : null,
    responseId: unsent ? null : `cmpl-${i}`,
    sender: i % 2,
    attempt: 1,
  };
}

function summarize(records: readonly RunRecord[], options: MadeRunOptions): RunSummary {
  const measured = records.filter((record) => record.phase === 'measure');
  const metrics = summarizeMetrics(measured);
  const slo = options.slo === null ? null : parseSlo(options.slo);
  const byStatus: Partial<Record<RunStatus, number>> = {};
  for (const record of measured) byStatus[record.status] = (byStatus[record.status] ?? 0) + 1;
  const fromNs = measured[0].intendedNs;
  const windowSec = nsToSec(measured.reduce((end, record) => Math.max(end, record.endNs ?? 0), 0) - fromNs);
  const ok = measured.filter((record) => record.status === 'ok');
  const sum = (list: readonly RunRecord[], pick: (record: RunRecord) => number | null): number =>
    list.reduce((total, record) => total + (pick(record) ?? 0), 0);
  const lagP99 = metrics.send_lag!.p99!;
  const checks: Check[] = [
    {
      check: 'send lag p99',
      value: lagP99,
      limit: 5,
      unit: 'ms',
      pass: lagP99 <= 5,
      advice: 'use --senders 4, or lower --speed to 1',
    },
    {
      check: 'unsent requests',
      value: (byStatus.unsent ?? 0) / measured.length,
      limit: 0.01,
      unit: 'ratio',
      pass: true,
      advice: 'raise --drain',
    },
    {
      check: 'CPU of the busiest sender',
      value: null,
      limit: 0.8,
      unit: 'ratio',
      pass: true,
      advice: 'use --senders 4',
    },
  ];
  const valid = checks.every((check) => check.pass);
  return {
    schemaVersion: 1,
    kind: 'run',
    manifest: MADE_MANIFEST,
    target: { url: 'http://127.0.0.1:8000', protocol: 'openai-chat', model: 'llama-3-8b' },
    load: {
      traceName: 'azure-conv',
      traceHash: 'cd'.repeat(32),
      rows: records.length,
      durationSec: nsToSec(records[records.length - 1].intendedNs),
      speed: 1,
      rate: null,
      window: null,
      concurrency: null,
      warmupRequests: options.warmup,
      salt: 'a1b2c3d4',
      plannedRatePerSec: records.length / nsToSec(records[records.length - 1].intendedNs),
    },
    startedUtc: '2026-03-04T05:06:07.000Z',
    interrupted: false,
    counts: { offered: measured.length, byStatus },
    metrics,
    throughput: {
      windowSec,
      sentPerSec: measured.filter((record) => record.sentNs !== null).length / windowSec,
      okPerSec: ok.length / windowSec,
      okOutputTokensPerSec: sum(ok, (record) => record.outputTokens) / windowSec,
      allOutputTokensPerSec: sum(measured, (record) => record.outputTokens) / windowSec,
      inputTokensPerSec: sum(measured, (record) => record.inputTokens) / windowSec,
    },
    goodput: slo === null ? null : goodputOf(slo, measured),
    slo: slo === null ? [] : judgeSlo(slo, measured),
    validity: {
      verdict: valid ? 'valid' : 'invalid',
      because: valid
        ? `All ${checks.length} checks passed.`
        : `send lag p99 was ${lagP99.toFixed(1)} ms, the limit is 5 ms.`,
      recommendation: valid ? 'Nothing to change.' : 'Use --senders 4, or lower --speed to 1.',
      checks,
    },
    client: {
      senders: 2,
      loopDelayP99Ms: 1.2,
      loopDelayMaxMs: 4.8,
      gcTotalMs: 120,
      gcMaxMs: 9.5,
      cpuShare: null,
      cpuWaitShare: 0.002,
      connectionsOpened: 64,
    },
    server: {
      gauges: [
        {
          name: 'running',
          source: 'vllm:num_requests_running',
          samples: 240,
          failedScrapes: 0,
          mean: 21.4,
          max: 40,
          last: 3,
        },
        {
          name: 'kv_usage',
          source: 'vllm:kv_cache_usage_perc',
          samples: 238,
          failedScrapes: 2,
          mean: 0.41,
          max: 0.93,
          last: null,
        },
        {
          name: 'preemptions',
          source: 'vllm:num_preemptions_total',
          samples: 238,
          failedScrapes: 2,
          mean: null,
          max: null,
          last: 4,
        },
      ],
    },
    promptTokens: { compared: ok.length, exact: ok.length - 3, meanSignedError: 0.0012 },
    notes: ['Prompts were salted: the prefix cache of earlier runs was not measured.'],
  };
}

/** What a server says of itself while a made run lasts: a scrape a second, one of them failed, its counter restarted once. */
export function makeServerSamples(seconds: number): ServerSample[] {
  return Array.from({ length: seconds }, (_, i): ServerSample => {
    const kv = 0.5 + 0.4 * Math.sin(i / 20);
    return {
      atNs: secToNs(i),
      source: 'server',
      values:
        i === 30
          ? null
          : {
              running: Math.round(40 * kv),
              waiting: Math.max(0, Math.round(60 * (kv - 0.7))),
              kv_usage: kv,
              generation_tokens: i < 90 ? 1_000 * i : 500 * (i - 90),
            },
    };
  });
}
