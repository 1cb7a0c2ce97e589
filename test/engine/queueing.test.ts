/**
 * Engine settings whose waiting times are known by formula, within 2 %. Seeds are fixed; the tolerance is two to three
 * standard errors of the mean wait at these sample sizes (asymptotic variance of the M/M/1 wait: Whitt 1989).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateFleet } from '../../src/engine/fleet.js';
import { randomOf } from '../../src/random.js';
import type { EngineModel, SimulationResult } from '../../src/types.js';
import { engineWith } from './drive.js';

const STEP_SEC = 0.01;

/** Every iteration takes STEP_SEC, at most `seqs` requests at a time: service = output tokens × STEP_SEC. */
function server(seqs: number): EngineModel {
  return engineWith({
    step: { baseSec: STEP_SEC, perPrefillTokenSec: 0, perDecodeSeqSec: 0, perKvTokenSec: 0 },
    limits: { maxSeqs: seqs },
  });
}

/** Poisson arrivals at `ratePerSec`; outputs from `drawOutput`. */
function run(
  engine: EngineModel,
  requests: number,
  ratePerSec: number,
  drawOutput: (uniform: number) => number,
): SimulationResult {
  const gaps = randomOf('queueing', 'arrivals');
  const lengths = randomOf('queueing', 'lengths');
  const arrivalSec = new Float64Array(requests);
  const outputTokens = new Int32Array(requests);
  let nowSec = 0;
  for (let i = 0; i < requests; i++) {
    nowSec += gaps.exponential() / ratePerSec;
    arrivalSec[i] = nowSec;
    outputTokens[i] = drawOutput(lengths.uniformOpen());
  }
  const inputTokens = new Int32Array(requests).fill(1);
  return simulateFleet({ requests: { arrivalSec, inputTokens, outputTokens }, engine, replicas: 1, seed: 1 });
}

/** Geometric on 1, 2, … with the given mean: the discrete sibling of the exponential. */
const geometric = (mean: number) => {
  const scale = Math.log1p(-1 / mean);
  return (uniform: number): number => Math.ceil(Math.log(uniform) / scale);
};

function meanWaitSec(result: SimulationResult): number {
  return result.queueWaitMs.reduce<number>((sum, wait) => sum + wait!, 0) / result.queueWaitMs.length / 1_000;
}

function assertWithin(actual: number, expected: number, ratio: number): void {
  const error = actual / expected - 1;
  assert.ok(
    Math.abs(error) <= ratio,
    `got ${actual}, theory ${expected}, error ${(error * 100).toFixed(2)} %`,
  );
}

test('M/D/1: one sequence, one token → mean wait = ρ·s / 2(1 − ρ)', () => {
  const utilisation = 0.6;
  const result = run(server(1), 400_000, utilisation / STEP_SEC, () => 1);
  assertWithin(meanWaitSec(result), (utilisation * STEP_SEC) / (2 * (1 - utilisation)), 0.02);
  assertWithin(result.utilisation, utilisation, 0.01);
});

/** The mean wait of M/M/c: Erlang's C ÷ (c/s − λ). */
function erlangWaitSec(servers: number, serviceSec: number, ratePerSec: number): number {
  const load = ratePerSec * serviceSec;
  let sum = 0;
  let term = 1;
  for (let k = 0; k < servers; k++) {
    sum += term;
    term *= load / (k + 1);
  }
  const queued = term / (1 - load / servers);
  return queued / (sum + queued) / (servers / serviceSec - ratePerSec);
}

test('M/M/1: one sequence, one iteration of exponential length → mean wait = ρ·s / (1 − ρ)', () => {
  const utilisation = 0.6;
  const serviceSec = 0.01;
  // The iteration computes the whole prompt: 1 µs per token, exponential with a mean of 10 000 tokens.
  const engine = engineWith({
    step: { baseSec: 0, perPrefillTokenSec: 1e-6, perDecodeSeqSec: 0, perKvTokenSec: 0 },
    limits: { maxSeqs: 1, maxBatchedTokens: 2 ** 30, maxModelLen: 2 ** 30, kvBlocks: 64, blockSize: 2 ** 26 },
  });
  const gaps = randomOf('queueing', 'arrivals');
  const lengths = randomOf('queueing', 'lengths');
  const requests = 1_000_000;
  const arrivalSec = new Float64Array(requests);
  const inputTokens = new Int32Array(requests);
  let nowSec = 0;
  for (let i = 0; i < requests; i++) {
    nowSec += (gaps.exponential() * serviceSec) / utilisation;
    arrivalSec[i] = nowSec;
    inputTokens[i] = Math.max(1, Math.round(lengths.exponential() * 10_000));
  }
  const outputTokens = new Int32Array(requests).fill(1);
  const columns = { arrivalSec, inputTokens, outputTokens };
  const result = simulateFleet({ requests: columns, engine, replicas: 1, seed: 1 });
  assertWithin(meanWaitSec(result), (utilisation * serviceSec) / (1 - utilisation), 0.02);
});

test('M/Geo/1: one sequence, geometric answers → Pollaczek–Khinchine', () => {
  const utilisation = 0.6;
  const mean = 40;
  const serviceSec = mean * STEP_SEC;
  const ratePerSec = utilisation / serviceSec;
  const result = run(server(1), 400_000, ratePerSec, geometric(mean));
  // E[S²] of the geometric with success 1/mean is s²·(2 − 1/mean); the exponential has 2 s².
  const secondMoment = serviceSec ** 2 * (2 - 1 / mean);
  assertWithin(meanWaitSec(result), (ratePerSec * secondMoment) / (2 * (1 - utilisation)), 0.02);
});

test('M/M/c: two and four sequences → Erlang C', () => {
  for (const [servers, utilisation] of [
    [2, 0.5],
    [4, 0.7],
  ]) {
    const mean = 100;
    const serviceSec = mean * STEP_SEC;
    const ratePerSec = (servers * utilisation) / serviceSec;
    const result = run(server(servers), 400_000, ratePerSec, geometric(mean));
    assertWithin(meanWaitSec(result), erlangWaitSec(servers, serviceSec, ratePerSec), 0.02);
  }
});

test("Little's law holds exactly for waiting and running, over a drained run", () => {
  const result = run(server(4), 20_000, 6, geometric(50));
  const waitedSec = result.queueWaitMs.reduce<number>((sum, wait) => sum + wait!, 0) / 1_000;
  const sojournSec = result.requests.reduce((sum, r) => sum + (r.endNs! - r.sentNs!) / 1e9, 0);
  assertWithin(result.waiting.mean * result.makespanSec, waitedSec, 1e-9);
  assertWithin(result.running.mean * result.makespanSec, sojournSec - waitedSec, 1e-9);
});
