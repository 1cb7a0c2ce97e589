/**
 * Traffic for planning: the workload as it is, the same workload on a fresh seed, and more of it.
 *
 * A trace has happened once; a plan should not depend on which requests happened to meet. A fresh draw of a trace
 * (`rotate`) cuts it into 60-s blocks and turns each one by a random offset: the rate of every minute, its mix of
 * requests and the bursts inside it stay, what coincides across blocks changes. `bootstrap` draws 60-s blocks with
 * replacement instead: it also asks how much of the trace is a single episode, and breaks trends longer than a minute.
 *
 * Growth follows the question "more customers like these" (superposition): whole copies plus a thinned one, each
 * turned within 10-min blocks, so that copies keep the daily curve and have bursts of their own, with prefix blocks of
 * their own except the system prompts. Multiplying the rate of one stream instead would multiply its bursts.
 */
import { type Rng, randomOf } from '../random.js';
import type { EngineRequest } from '../types.js';

export type FreshMethod = 'rotate' | 'bootstrap';

/** Block of a fresh draw and of a growth copy, seconds. */
export const FRESH_BLOCK_SEC = 60;
export const GROWTH_BLOCK_SEC = 600;

/** Prefix blocks in at least this share of requests are a system prompt, which copies share. */
const SYSTEM_PROMPT_RATIO = 0.1;

/** The words for a fresh draw, for the plan. */
export const FRESH_METHODS: Readonly<Record<FreshMethod | 'synthesis', string>> = {
  rotate: `the trace with every ${FRESH_BLOCK_SEC}-s block turned by a random offset, and fresh engine and router draws`,
  bootstrap: `${FRESH_BLOCK_SEC}-s blocks of the trace drawn with replacement, and fresh engine and router draws`,
  synthesis: 'a synthesis of the workload model on a fresh seed, and fresh engine and router draws',
};

/** A fresh draw of a trace's requests. */
export function freshDraw(
  requests: readonly EngineRequest[],
  method: FreshMethod,
  seed: string,
): EngineRequest[] {
  const rng = randomOf(seed, 'bootstrap', method);
  return method === 'rotate'
    ? rotateBlocks(requests, FRESH_BLOCK_SEC, rng)
    : resampleBlocks(requests, FRESH_BLOCK_SEC, rng);
}

/** Turns each block of `blockSec` by an offset of its own, modulo the block; a shorter last block by its own length. */
export function rotateBlocks(
  requests: readonly EngineRequest[],
  blockSec: number,
  rng: Rng,
): EngineRequest[] {
  const turned: EngineRequest[] = [];
  for (const block of blocksOf(requests, blockSec)) {
    const offsetSec = rng.uniform() * block.lengthSec;
    for (const request of block.requests) {
      const inBlockSec = (request.arrivalSec - block.startSec + offsetSec) % block.lengthSec;
      turned.push({ ...request, arrivalSec: block.startSec + inBlockSec });
    }
  }
  return inOrder(turned);
}

/**
 * Whole blocks of `blockSec` drawn with replacement, one for each block of the trace (cut to a shorter last one); each
 * repetition has its own prefix blocks.
 */
export function resampleBlocks(
  requests: readonly EngineRequest[],
  blockSec: number,
  rng: Rng,
): EngineRequest[] {
  const slots = [...blocksOf(requests, blockSec)];
  const pool = slots.slice(0, poolSize(slots.length));
  const used = new Map<number, number>();
  const drawn: EngineRequest[] = [];
  for (const slot of slots) {
    const pick = rng.int(pool.length);
    const copy = used.get(pick) ?? 0;
    used.set(pick, copy + 1);
    const block = pool[pick];
    const own = copy === 0 ? block.requests : renameCopy(block.requests, copy, new Set());
    for (const request of own) {
      const inBlockSec = request.arrivalSec - block.startSec;
      if (inBlockSec <= slot.lengthSec) drawn.push({ ...request, arrivalSec: slot.startSec + inBlockSec });
    }
  }
  return inOrder(drawn);
}

/** Blocks that are drawn from: all but the last one, which is shorter. */
export function poolSize(blocks: number): number {
  return blocks > 1 ? blocks - 1 : blocks;
}

/**
 * Superposition of `growth` streams like this one. `copyOf(j)` gives stream j ≥ 1 (0 is the base itself); the last
 * one is thinned to the fraction of `growth`, whole sessions at a time where sessions are known.
 */
export async function growTraffic(
  base: readonly EngineRequest[],
  growth: number,
  seed: string,
  copyOf: (copy: number) => Promise<readonly EngineRequest[]> | readonly EngineRequest[],
): Promise<readonly EngineRequest[]> {
  if (growth === 1) return base;
  const whole = Math.floor(growth);
  const rest = growth - whole;
  const streams: EngineRequest[][] = [];
  const system = systemPromptBlocks(base);
  for (let copy = 0; copy < whole + (rest > 0 ? 1 : 0); copy++) {
    const stream = copy === 0 ? base : renameCopy(await copyOf(copy), copy, system);
    streams.push(copy < whole ? [...stream] : thin(stream, rest, randomOf(seed, 'bootstrap', 'thin', copy)));
  }
  return inOrder(streams.flat());
}

/** A growth copy of a trace: turned within 10-min blocks. */
export function growthCopy(requests: readonly EngineRequest[], copy: number, seed: string): EngineRequest[] {
  return rotateBlocks(requests, GROWTH_BLOCK_SEC, randomOf(seed, 'bootstrap', 'growth', copy));
}

/** Keeps each session (each request where sessions are unknown) with the given probability. */
export function thin(requests: readonly EngineRequest[], keepRatio: number, rng: Rng): EngineRequest[] {
  const decided = new Map<string, boolean>();
  return requests.filter((request) => {
    if (request.sessionKey === null) return rng.uniform() < keepRatio;
    let keep = decided.get(request.sessionKey);
    if (keep === undefined) {
      keep = rng.uniform() < keepRatio;
      decided.set(request.sessionKey, keep);
    }
    return keep;
  });
}

export interface Block {
  readonly startSec: number;
  readonly lengthSec: number;
  readonly requests: readonly EngineRequest[];
}

/** Consecutive blocks from time 0; empty ones too, so that resampling keeps quiet minutes. */
export function* blocksOf(requests: readonly EngineRequest[], blockSec: number): Generator<Block> {
  if (requests.length === 0) return;
  const endSec = requests[requests.length - 1].arrivalSec;
  let at = 0;
  for (let startSec = 0; startSec <= endSec; startSec += blockSec) {
    const from = at;
    while (at < requests.length && requests[at].arrivalSec < startSec + blockSec) at += 1;
    const lengthSec = Math.min(blockSec, Math.max(endSec - startSec, 1e-9));
    yield { startSec, lengthSec, requests: requests.slice(from, at) };
  }
}

/** Prefix blocks that a large share of the requests with prefixes have. */
function systemPromptBlocks(requests: readonly EngineRequest[]): ReadonlySet<bigint> {
  const counts = new Map<bigint, number>();
  let withPrefix = 0;
  for (const request of requests) {
    if (request.prefixHashes === null) continue;
    withPrefix += 1;
    for (const hash of Array.from(request.prefixHashes)) counts.set(hash, (counts.get(hash) ?? 0) + 1);
  }
  const least = Math.max(2, SYSTEM_PROMPT_RATIO * withPrefix);
  return new Set([...counts].filter(([, count]) => count >= least).map(([hash]) => hash));
}

/** Other customers: their sessions and prompts are not the first stream's. */
function renameCopy(
  requests: readonly EngineRequest[],
  copy: number,
  shared: ReadonlySet<bigint>,
): EngineRequest[] {
  const salt = BigInt.asUintN(64, BigInt(copy) * 0xd1b5_4a32_d192_ed03n);
  return requests.map((request) => ({
    ...request,
    sessionKey: request.sessionKey === null ? null : `${request.sessionKey}#${copy}`,
    prefixHashes:
      request.prefixHashes === null
        ? null
        : BigUint64Array.from(Array.from(request.prefixHashes), (hash) =>
            shared.has(hash) ? hash : hash ^ salt,
          ),
  }));
}

/** Sorted by arrival (stable), numbered anew. */
function inOrder(requests: readonly EngineRequest[]): EngineRequest[] {
  return [...requests].sort((a, b) => a.arrivalSec - b.arrivalSec).map((request, id) => ({ ...request, id }));
}
