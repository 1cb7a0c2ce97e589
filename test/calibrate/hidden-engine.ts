/** An engine with known coefficients, and seeded loads for it: what calibration must find again. */
import { randomOf } from '../../src/random.js';
import type { EngineModel, EngineRequest, StepCost } from '../../src/types.js';

export function hiddenEngine(step: Partial<StepCost> = {}, maxBatchedTokens = 2_048): EngineModel {
  return {
    schemaVersion: 1,
    kind: 'engine-model',
    manifest: {
      tool: 'tokentide',
      version: '0',
      command: 'test',
      options: {},
      seed: null,
      inputs: [],
      createdUtc: null,
    },
    name: 'hidden',
    source: 'made for this test',
    step: {
      baseSec: 0.0117,
      perPrefillTokenSec: 4.3e-5,
      perDecodeSeqSec: 1.7e-4,
      perKvTokenSec: 6.1e-8,
      noiseCv: 0,
      ...step,
    },
    limits: { maxBatchedTokens, maxSeqs: 64, kvBlocks: 60_000, blockSize: 16, maxModelLen: 32_768 },
    kvAdmission: 'watermark',
    prefixCaching: true,
    coldStartSec: 60,
    calibration: null,
  };
}

/** Poisson arrivals; lognormal prompts (mean about 1 100 tokens) and geometric answers (mean 60 tokens). */
export function hiddenLoad(ratePerSec: number, requests: number, seed: string): EngineRequest[] {
  const rng = randomOf(seed, 'lengths');
  let arrivalSec = 0;
  return Array.from({ length: requests }, (_, id) => {
    arrivalSec += rng.exponential() / ratePerSec;
    return {
      id,
      arrivalSec,
      inputTokens: Math.min(8_000, Math.max(4, Math.round(700 * Math.exp(0.95 * rng.normal())))),
      outputTokens: 1 + Math.floor(Math.log(rng.uniformOpen()) / Math.log(1 - 1 / 60)),
      prefixHashes: null,
      sessionKey: null,
    };
  });
}
