/** What the run and its sender processes tell each other (structured clones over Node's IPC). */
import type { ExchangeLimits, Outcome } from './exchange.js';
import type { SendJob } from './sender.js';
import type { ConnectionFacts, TransportTarget } from './transport.js';

export interface SenderInit {
  readonly target: TransportTarget;
  readonly protocol: string;
  readonly limits: ExchangeLimits;
  readonly concurrency: number | null;
  readonly keepChunks: boolean;
  /** See SenderOptions. */
  readonly closedLoop?: boolean;
  readonly retries?: number;
  /** Of the jitter between attempts. */
  readonly seed: string;
  readonly endOnFailure?: boolean;
  /** Connections to open before the first request. */
  readonly preconnect: number;
  /** Run the code path against a loopback mock first. */
  readonly warmUpCode: boolean;
}

/** `hold` keeps jobs back until the next `start`. */
export type ToSender =
  | { readonly kind: 'init'; readonly init: SenderInit }
  | { readonly kind: 'jobs'; readonly jobs: readonly SendJob[] }
  | { readonly kind: 'start'; readonly t0Ns: number }
  | { readonly kind: 'hold' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'finish' };

/** Where a sender stands. Counts are since it began. */
export interface SenderState {
  readonly dispatchedJobs: number;
  readonly dispatchedBytes: number;
  readonly inFlight: number;
}

/** What a sender did to itself since the last `start`. */
export interface SenderHealth {
  readonly loopDelayP99Ms: number | null;
  readonly loopDelayMaxMs: number | null;
  readonly gcTotalMs: number;
  readonly gcMaxMs: number;
  readonly cpuShare: number;
  /** null = the system does not tell. */
  readonly cpuWaitShare: number | null;
  readonly connectionsOpened: number;
  /** Absent when the transport does not keep them. */
  readonly connections?: ConnectionFacts;
}

export type FromSender =
  | { readonly kind: 'ready' }
  | { readonly kind: 'outcomes'; readonly outcomes: readonly Outcome[]; readonly state: SenderState }
  | { readonly kind: 'stopped'; readonly unsent: readonly number[] }
  | { readonly kind: 'health'; readonly health: SenderHealth }
  | { readonly kind: 'failed'; readonly message: string };
