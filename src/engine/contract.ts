/** What the engine core offers to whoever lets its time pass: the virtual fleet and the real server. */
import type { EngineGauges, EngineRequest } from '../types.js';
import type { StepEvents } from './events.js';

export interface EngineOptions {
  readonly seed: string | number;
  /** Which of several replicas: each has its own noise. */
  readonly replica?: number;
  /** Divides every iteration time. */
  readonly speed?: number;
  /** false leaves out events of tokens that are neither first nor last. */
  readonly tokenEvents?: boolean;
}

/** Why a request can never run here, or that it waits. */
export type SubmitOutcome = 'queued' | 'exceeds_model_len' | 'exceeds_kv';

/** The iteration in flight. One object, filled again at each step. */
export interface StepPlan {
  readonly startSec: number;
  readonly durationSec: number;
  readonly endSec: number;
  readonly prefillTokens: number;
  readonly decodeSeqs: number;
  readonly kvTokens: number;
}

export interface Engine {
  /** Queues a request, or says why it can never run. Throws ToolError BAD_VALUE for lengths below 1. */
  submit(request: EngineRequest): SubmitOutcome;
  /** Drops a request wherever it is and frees its blocks at once; false when it is not here. */
  cancel(id: number): boolean;
  /** Forms the next iteration, starting now; null when there is nothing to do. */
  planStep(nowSec: number): StepPlan | null;
  /** Ends the iteration in flight. The returned buffer is valid until the next call. */
  finishStep(): StepEvents;
  gauges(): EngineGauges;
  /** Divides the times of the iterations planned from now on. */
  setSpeed(speed: number): void;
  /** Requests admitted and not finished. */
  readonly running: number;
  readonly waiting: number;
  /** Used share of KV blocks, 0–1. */
  readonly kvUsage: number;
  /** Prompt tokens and tokens generated so far of all requests here: what a router can know of the load. */
  readonly outstandingTokens: number;
  /** Tokens of this prefix that the cache holds now. */
  cachedPrefixTokens(prefixHashes: ArrayLike<bigint>): number;
}
