/** Options, levels and scripted servers for tests of profile. */
import type { LevelRecord, LevelRun } from '../../src/profile/judge.js';
import type { LevelPlan, ProfileOptions } from '../../src/profile/profile.js';
import { parseSlo } from '../../src/slo.js';
import { emptyRow } from '../../src/trace/batch.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';

export const TARGET = { url: 'http://localhost/', protocol: 'test', model: null };

export function profileOptions(more: Partial<ProfileOptions>): ProfileOptions {
  return {
    levels: 'auto',
    slo: parseSlo('p90(ttft) < 100ms'),
    pool: {
      rows: Array.from({ length: 100 }, (_, i) =>
        emptyRow({ arrivalNs: BigInt(i) * 100_000_000n, inputTokens: 10 + i, outputTokens: 5 }),
      ),
      meanRatePerSec: 10,
    },
    workload: { name: 'test', hash: '00', meanInputTokens: 60, meanOutputTokens: 5 },
    manifest: hiddenEngine().manifest,
    runLevel: async () => {
      throw new Error('no runLevel given');
    },
    load: { shape: 'stationary', gapCv: 1, warmupRatio: 0.1, maxErrorRatio: 0.01, clock: 'simulation' },
    seed: '42',
    durationSec: 10,
    minRequests: 200,
    ...more,
  };
}

/** A server that answers every request of a level with the same TTFT, or fails. */
export function scriptedServer(
  answer: (ratePerSec: number, run: number) => { ttftMs: number; failed?: boolean; valid?: boolean },
): { readonly runLevel: (plan: LevelPlan) => Promise<LevelRun>; readonly plans: LevelPlan[] } {
  const plans: LevelPlan[] = [];
  return {
    plans,
    runLevel: async (plan) => {
      plans.push(plan);
      const { ttftMs, failed = false, valid = true } = answer(plan.ratePerSec, plans.length);
      return {
        target: TARGET,
        records: plan.rows.map((row, index) =>
          record(Number(row.arrivalNs), ttftMs, index < plan.warmupRequests, failed),
        ),
        gauges: [],
        valid,
        invalidBecause: valid ? null : 'client overloaded',
        runDir: null,
        stoppedEarly: null,
      };
    },
  };
}

export function record(arrivalNs: number, ttftMs: number, warmup = false, failed = false): LevelRecord {
  const firstNs = arrivalNs + ttftMs * 1e6;
  return {
    status: failed ? 'http_error' : 'ok',
    stream: true,
    intendedNs: arrivalNs,
    sentNs: arrivalNs,
    firstByteNs: firstNs,
    firstTokenNs: failed ? null : firstNs,
    firstAnswerTokenNs: failed ? null : firstNs,
    lastTokenNs: failed ? null : firstNs + 40e6,
    endNs: firstNs + 40e6,
    outputTokens: failed ? null : 5,
    inputTokens: 10,
    tokensInFirstChunk: failed ? null : 1,
    chunkNs: null,
    phase: warmup ? 'warmup' : 'measure',
  };
}
