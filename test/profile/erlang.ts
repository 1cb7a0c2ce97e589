/**
 * M/M/c: the queue whose answer is known, as an engine setting. `c` sequence slots, a constant iteration time, free
 * prefill and geometric answers make each slot an exponential server (in steps of one iteration).
 *
 * Waiting time (A. K. Erlang 1917; L. Kleinrock, Queueing Systems I, 1975, eq. 3.40): P(W > t) = C(c, a)·exp(−(cμ − λ)t)
 * with a = λ/μ and C the probability of delay.
 */
import { randomOf } from '../../src/random.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { EngineModel, EngineRequest, TraceRow } from '../../src/types.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';

export interface ErlangSetting {
  readonly servers: number;
  readonly stepSec: number;
  /** Mean answer, tokens = iterations of service. */
  readonly meanTokens: number;
}

export function erlangEngine(setting: ErlangSetting): EngineModel {
  return {
    ...hiddenEngine({
      baseSec: setting.stepSec,
      perPrefillTokenSec: 0,
      perDecodeSeqSec: 0,
      perKvTokenSec: 0,
    }),
    name: 'erlang',
    limits: {
      maxBatchedTokens: 65_536,
      maxSeqs: setting.servers,
      kvBlocks: 1_000_000,
      blockSize: 16,
      maxModelLen: 65_536,
    },
  };
}

/** Rows with one prompt token and geometric answers. */
export function erlangRows(setting: ErlangSetting, rows: number, seed: string): TraceRow[] {
  const rng = randomOf(seed, 'lengths');
  const logStay = Math.log(1 - 1 / setting.meanTokens);
  return Array.from({ length: rows }, (_, i) =>
    emptyRow({
      arrivalNs: BigInt(i) * 1_000_000_000n,
      inputTokens: 1,
      outputTokens: 1 + Math.floor(Math.log(rng.uniformOpen()) / logStay),
    }),
  );
}

/** Rows as engine requests, without prefixes. */
export async function plainRequests(rows: readonly TraceRow[]): Promise<EngineRequest[]> {
  return rows.map((row, id) => ({
    id,
    arrivalSec: Number(row.arrivalNs) / 1e9,
    inputTokens: row.inputTokens!,
    outputTokens: row.outputTokens!,
    prefixHashes: null,
    sessionKey: null,
  }));
}

/** Erlang's probability of delay for `servers` servers at an offered load of `erlangs`. */
export function erlangC(servers: number, erlangs: number): number {
  let inverseB = 1;
  for (let k = 1; k <= servers; k++) inverseB = 1 + (inverseB * k) / erlangs;
  const b = 1 / inverseB;
  return b / (1 - (erlangs / servers) * (1 - b));
}

/** The rate at which P(W > waitSec) = tail, by bisection. */
export function erlangCapacity(setting: ErlangSetting, waitSec: number, tail: number): number {
  const serviceRate = 1 / (setting.meanTokens * setting.stepSec);
  let low = 0;
  let high = setting.servers * serviceRate;
  for (let i = 0; i < 200; i++) {
    const rate = (low + high) / 2;
    const probability =
      erlangC(setting.servers, rate / serviceRate) *
      Math.exp(-(setting.servers * serviceRate - rate) * waitSec);
    if (probability < tail) low = rate;
    else high = rate;
  }
  return low;
}
