/** Makes latency profiles for the report's tests: one made run per load level, judged by the program's own SLO code. */
import type { EngineModel, LatencyProfile, LoadLevel } from '../../src/types.js';
import { MADE_MANIFEST, makeRun } from './make-run.js';

const SLO = 'p99(ttft) < 2s, mean(tpot) < 60ms';
const RATES = [2, 4, 6, 8, 10, 12, 14, 16];

/** A profile whose capacity lies inside the swept range. */
export function makeProfile(seed = 'profile'): LatencyProfile {
  const levels = RATES.map((rate) => makeLevel(rate, seed));
  const met = levels.filter((level) => level.valid && level.sloMet).map((level) => level.ratePerSec);
  const missed = levels.filter((level) => level.valid && !level.sloMet).map((level) => level.ratePerSec);
  const metAtPerSec = Math.max(...met);
  const missedAtPerSec = Math.min(...missed);
  return {
    schemaVersion: 1,
    kind: 'latency-profile',
    manifest: {
      ...MADE_MANIFEST,
      command: 'profile',
      options: { url: 'http://127.0.0.1:8000', rates: 'auto', slo: SLO },
    },
    target: { url: 'http://127.0.0.1:8000', protocol: 'openai-chat', model: 'llama-3-8b' },
    workload: {
      name: 'azure-conv',
      hash: 'ef'.repeat(32),
      meanInputTokens: 1_154.7,
      meanOutputTokens: 211.1,
    },
    slo: SLO,
    load: { shape: 'stationary', gapCv: 1, warmupRatio: 0.1, maxErrorRatio: 0.01, clock: 'endpoint' },
    levels,
    knee: {
      ratePerSec: 10.4,
      method: 'p50(e2e) ≤ 2 × its value at the lowest level',
      because: 'Median latency doubles between 10/s and 12/s.',
    },
    capacity: {
      ratePerSec: (metAtPerSec + missedAtPerSec) / 2,
      metAtPerSec,
      missedAtPerSec,
      toleranceRatio: (missedAtPerSec - metAtPerSec) / (missedAtPerSec + metAtPerSec),
      because: `The objective was met at ${metAtPerSec}/s and missed at ${missedAtPerSec}/s.`,
    },
    warnings: ['Below 1 000 requests p99 rests on fewer than 10 samples.'],
    engine: makeEngine(levels),
    verdict: {
      verdict: 'capacity found',
      because: `p99(ttft) < 2s holds up to ${metAtPerSec}/s and fails at ${missedAtPerSec}/s.`,
      recommendation:
        'Plan with it: tokentide plan trace.parquet --profile p.profile.json --slo "p99(ttft) < 2s".',
    },
  };
}

/** The same profile with confidence intervals, length bands and MLPerf verdicts. */
export function makeMeasuredProfile(): LatencyProfile {
  const profile = makeProfile();
  const curve = { n: 100, probs: [0, 0.5, 0.99, 1], values: [10, 50, 400, 500] };
  return {
    ...profile,
    mode: 'mlperf',
    bandEdges: [1_000],
    levels: profile.levels.map((level, i) => ({
      ...level,
      intervals: (['ttft', 'e2e'] as const).flatMap((metric) =>
        [0.5, 0.99].map((percentile) => ({
          metric,
          percentile,
          level: 0.95,
          n: level.requests,
          valueMs: 100 * (i + 1),
          lowMs: 80 * (i + 1),
          highMs: percentile === 0.99 && i === 0 ? null : 130 * (i + 1),
        })),
      ),
      bands: [
        { fromTokens: 1, toTokens: 1_000 },
        { fromTokens: 1_000, toTokens: null },
      ].map((ends) => ({
        ...ends,
        requests: 100,
        meanInputTokens: 700,
        meanOutputTokens: 90,
        failed: 1,
        goodput: 0.97,
        ttft: curve,
        tpot: null,
        e2e: curve,
      })),
      mlperf: {
        verdict: i === 0 ? ('VALID' as const) : ('INVALID' as const),
        checks: [
          {
            check: 'queries',
            value: 100,
            limit: 270,
            unit: 'queries',
            pass: i === 0,
            advice: 'run longer: --seconds 600',
          },
        ],
        earlyStopping: [{ term: 'p99(ttft) < 2s', queries: 500, over: 1, queriesNeeded: 662, met: false }],
      },
    })),
  };
}

function makeLevel(ratePerSec: number, seed: string): LoadLevel {
  const { summary } = makeRun({
    seed: `${seed}-${ratePerSec}`,
    requests: ratePerSec * 60,
    ratePerSec,
    slots: 26,
    slo: SLO,
    failureRatio: ratePerSec > 12 ? 0.04 : 0,
    warmup: ratePerSec * 6,
  });
  const invalid = ratePerSec === 14;
  return {
    ratePerSec,
    achievedPerSec: summary.throughput.sentPerSec,
    attempt: 1,
    seed: `${seed}-${ratePerSec}`,
    requests: summary.counts.offered,
    warmupRequests: ratePerSec * 6,
    durationSec: 54,
    metrics: summary.metrics,
    throughput: summary.throughput,
    errorRatio: 1 - (summary.counts.byStatus.ok ?? 0) / summary.counts.offered,
    goodput: summary.goodput,
    slo: summary.slo,
    sloMet: summary.slo.every((term) => term.met),
    steady: ratePerSec < 14,
    inFlightMean: ratePerSec * 1.9,
    completedPerSec: Math.min(ratePerSec, 12.6),
    because: summary.slo.every((term) => term.met) ? 'every term met' : 'p99(ttft) above its limit',
    valid: !invalid,
    invalidBecause: invalid ? 'send lag p99 9 ms > 5 ms' : null,
    notes: ratePerSec < 4 ? ['few samples for p99'] : [],
    gauges: [
      {
        name: 'waiting',
        source: 'vllm:num_requests_waiting',
        samples: 54,
        failedScrapes: 0,
        mean: Math.max(0, ratePerSec - 9) * 3.1,
        max: Math.max(0, ratePerSec - 7) * 6,
        last: 0,
      },
      {
        name: 'kv_usage',
        source: 'vllm:kv_cache_usage_perc',
        samples: 54,
        failedScrapes: 0,
        mean: Math.min(1, ratePerSec / 18),
        max: Math.min(1, ratePerSec / 12),
        last: 0.1,
      },
      {
        name: 'preemptions',
        source: 'vllm:num_preemptions_total',
        samples: 54,
        failedScrapes: 0,
        mean: null,
        max: null,
        last: Math.max(0, ratePerSec - 10) * 5,
      },
    ],
    runDir: `runs/${ratePerSec}`,
  };
}

function makeEngine(levels: readonly LoadLevel[]): EngineModel {
  return {
    schemaVersion: 1,
    kind: 'engine-model',
    manifest: MADE_MANIFEST,
    name: 'llama3-8b-local-fitted',
    source: 'Fitted to the runs of this profile; holds for this endpoint only.',
    step: {
      baseSec: 0.0061,
      perPrefillTokenSec: 4.9e-5,
      perDecodeSeqSec: 1.1e-4,
      perKvTokenSec: 2.3e-8,
      noiseCv: 0.08,
    },
    limits: { maxBatchedTokens: 8_192, maxSeqs: 256, kvBlocks: 27_000, blockSize: 16, maxModelLen: 32_768 },
    kvAdmission: 'watermark',
    prefixCaching: true,
    coldStartSec: 90,
    calibration: {
      samples: 2_345,
      runs: levels.length,
      errors: levels.flatMap((level) =>
        (['ttft', 'tpot'] as const).flatMap((metric) =>
          [0.5, 0.99].map((percentile) => {
            const found = level.metrics[metric]!;
            const measuredMs = (percentile === 0.5 ? found.p50 : found.p99)!;
            const drift = 1 + 0.02 * Math.sin(level.ratePerSec + percentile);
            return {
              metric,
              percentile,
              ratePerSec: level.ratePerSec,
              measuredMs,
              simulatedMs: measuredMs * drift,
            };
          }),
        ),
      ),
    },
  };
}
