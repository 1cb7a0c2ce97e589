/**
 * A fleet of engines in virtual time behind one router: requests in, the instants of each one out.
 *
 * Base part, used by `simulate`, `plan`, `calibrate` and by tests of `profile`. Between two arrivals the replicas do
 * not influence each other, so each one runs its own iterations up to the next arrival; at an instant every arrival is
 * queued before a batch is formed there. Memory: about 60 bytes per request, plus its chunks when they are kept.
 */
import { ToolError } from '../errors.js';
import type {
  EngineModel,
  EngineRequest,
  ProgressListener,
  RouterPolicy,
  SimulationResult,
} from '../types.js';
import { FleetRecord } from './fleet-record.js';
import { VirtualReplica } from './replica.js';
import { createRouter, DEFAULT_ROUTER, type Router, routerReadsState } from './router.js';

/** Requests by column, in order of arrival; session keys and prefixes unknown. */
export interface RequestColumns {
  readonly arrivalSec: ArrayLike<number>;
  readonly inputTokens: ArrayLike<number>;
  readonly outputTokens: ArrayLike<number>;
}

export interface FleetOptions {
  readonly engine: EngineModel;
  readonly replicas: number;
  /** Default: least-requests. */
  readonly router?: RouterPolicy;
  readonly seed: string | number;
  /** Divides every iteration time; default 1. */
  readonly engineSpeed?: number;
  /** Keeps the instant of every token (`chunkNs`), 8 bytes each; needed for ITL. Default false. */
  readonly keepChunks?: boolean;
}

export interface SimulateFleetOptions extends FleetOptions {
  /** In order of arrival. */
  readonly requests: Iterable<EngineRequest> | RequestColumns;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

/** A fleet that takes requests one by one: for callers that stream or that want to breathe in between. */
export interface Fleet {
  /** Takes a request; arrivals must not go back in time (ToolError BAD_TRACE). */
  offer(request: EngineRequest): void;
  /** Requests taken so far. */
  readonly offered: number;
  /** Lets the fleet finish everything and returns what happened. Call once. */
  finish(): SimulationResult;
}

const REQUESTS_PER_REPORT = 8_192;

/**
 * Runs all requests through a fleet. Ids are replaced by the position in the order of arrival.
 * Throws ToolError BAD_TRACE for arrivals out of order, BAD_VALUE for lengths below 1, the signal's reason on abort.
 */
export function simulateFleet(options: SimulateFleetOptions): SimulationResult {
  const fleet = createFleet(options);
  const { signal, progress } = options;
  const requests = 'arrivalSec' in options.requests ? fromColumns(options.requests) : options.requests;
  const total = 'arrivalSec' in options.requests ? options.requests.arrivalSec.length : null;
  for (const request of requests) {
    fleet.offer(request);
    if (fleet.offered % REQUESTS_PER_REPORT === 0) {
      signal?.throwIfAborted();
      progress?.({ stage: 'simulating', done: fleet.offered, total, unit: 'requests' });
    }
  }
  return fleet.finish();
}

/** An empty fleet at time 0. */
export function createFleet(options: FleetOptions): Fleet {
  return new VirtualFleet(options);
}

class VirtualFleet implements Fleet {
  readonly #replicas: readonly VirtualReplica[];
  readonly #route: Router;
  readonly #routerReadsState: boolean;
  readonly #record: FleetRecord;
  #lastArrivalSec = Number.NEGATIVE_INFINITY;

  constructor(options: FleetOptions) {
    if (!(Number.isSafeInteger(options.replicas) && options.replicas >= 1)) {
      throw new ToolError({
        code: 'BAD_VALUE',
        message: `expected at least one replica, got ${options.replicas}`,
        hint: 'give a whole number from 1',
      });
    }
    const policy = options.router ?? DEFAULT_ROUTER;
    const record = new FleetRecord(options.keepChunks ?? false);
    this.#record = record;
    this.#replicas = Array.from(
      { length: options.replicas },
      (_, replica) => new VirtualReplica({ ...options, replica, record }),
    );
    this.#route = createRouter(
      policy,
      this.#replicas.map((replica) => replica.engine),
    );
    this.#routerReadsState = routerReadsState(policy);
  }

  get offered(): number {
    return this.#record.count;
  }

  offer(request: EngineRequest): void {
    const { arrivalSec } = request;
    if (!(arrivalSec >= this.#lastArrivalSec)) {
      throw new ToolError({
        code: 'BAD_TRACE',
        message: `request ${this.offered} arrives at ${arrivalSec} s, before its predecessor at ${this.#lastArrivalSec} s`,
        hint: 'sort the requests by arrival',
      });
    }
    this.#lastArrivalSec = arrivalSec;
    if (this.#routerReadsState) for (const replica of this.#replicas) replica.advance(arrivalSec);
    const index = this.#record.arrive(request);
    this.#replicas[this.#route(request)].submit(request, index);
  }

  finish(): SimulationResult {
    for (const replica of this.#replicas) replica.advance(Number.POSITIVE_INFINITY);
    return this.#record.result(this.#replicas.map((replica) => replica.totals()));
  }
}

/** Columns as requests. */
export function* fromColumns(columns: RequestColumns): Generator<EngineRequest> {
  for (let id = 0; id < columns.arrivalSec.length; id++) {
    yield {
      id,
      arrivalSec: columns.arrivalSec[id],
      inputTokens: columns.inputTokens[id],
      outputTokens: columns.outputTokens[id],
      prefixHashes: null,
      sessionKey: null,
    };
  }
}
