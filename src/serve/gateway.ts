/** What stands before the replicas: counts requests in flight over time, and holds those that nobody can take yet. */
import type { Clock } from '../types.js';
import { nsToSec } from '../units.js';

export interface GatewayLoad {
  /** Requests that came so far. */
  readonly arrivals: number;
  /** Request-seconds in the server up to now, held ones included. */
  readonly inFlightSec: number;
  /** Held now, because no replica is up. */
  readonly held: number;
}

export class Gateway {
  readonly #clock: Clock;
  #arrivals = 0;
  #inside = 0;
  #sinceNs: number;
  #inFlightNs = 0;
  #held: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceNs = clock.nowNs();
  }

  enter(): void {
    this.#count();
    this.#arrivals += 1;
    this.#inside += 1;
  }

  leave(): void {
    this.#count();
    this.#inside -= 1;
  }

  /** Calls `retry` when a replica has come up. */
  hold(retry: () => void): void {
    this.#held.push(retry);
  }

  /** Hands out what was held, in order of arrival. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const retry of held) retry();
  }

  load(): GatewayLoad {
    this.#count();
    return {
      arrivals: this.#arrivals,
      inFlightSec: nsToSec(this.#inFlightNs),
      held: this.#held.length,
    };
  }

  #count(): void {
    const nowNs = this.#clock.nowNs();
    this.#inFlightNs += this.#inside * (nowNs - this.#sinceNs);
    this.#sinceNs = nowNs;
  }
}
