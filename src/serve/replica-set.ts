/**
 * The replicas behind the port: routed to, stalled, sped up, drained, killed and started again while requests come.
 *
 * A replica that is down is no target of the router and exports no metrics, nor is one that drains: it finishes what it
 * has and goes down. One that starts again is a new process: empty cache, counters from zero.
 */
import type { Scheduler } from '../clock.js';
import type { Engine } from '../engine/contract.js';
import { createEngine } from '../engine/engine.js';
import { createRouter, DEFAULT_ROUTER, type Router } from '../engine/router.js';
import type { EngineModel, EngineRequest, RouterPolicy } from '../types.js';
import { secToNs } from '../units.js';
import { type EndedStep, type StepLateness, StepLoop } from './step-loop.js';
import { ReplicaMetrics } from './vllm-metrics.js';

export interface ReplicaSetOptions {
  readonly engine: EngineModel;
  readonly count: number;
  /** Those that are up at the start; default: all. */
  readonly initial?: number;
  /** null = least-requests. */
  readonly router: RouterPolicy | null;
  readonly seed: string | number;
  readonly speed: number;
  readonly scheduler: Scheduler;
  readonly onStep: (metrics: ReplicaMetrics, step: EndedStep) => void;
  /** A replica has come up after the start. */
  readonly onUp?: () => void;
}

export type ReplicaState = 'up' | 'starting' | 'draining' | 'down';

export interface LiveReplica {
  readonly index: number;
  readonly engine: Engine;
  readonly loop: StepLoop;
  readonly metrics: ReplicaMetrics;
}

interface Place {
  state: ReplicaState;
  live: LiveReplica;
  speed: number;
  cancelStart: (() => void) | null;
}

export class ReplicaSet {
  readonly #options: ReplicaSetOptions;
  readonly #places: readonly Place[];
  /** Side by side, in order of coming up. */
  readonly #up: LiveReplica[] = [];
  readonly #engines: Engine[] = [];
  readonly #route: Router;

  constructor(options: ReplicaSetOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.count }, (_, index) => {
      const live = this.#create(index, options.speed);
      const up = index < (options.initial ?? options.count);
      if (up) this.#take(live);
      return { state: up ? ('up' as ReplicaState) : 'down', live, speed: options.speed, cancelStart: null };
    });
    this.#route = createRouter(
      options.router ?? DEFAULT_ROUTER,
      this.#engines,
      (index) => this.#up[index].index,
    );
  }

  get count(): number {
    return this.#places.length;
  }

  /** Replicas that answer, by index. */
  get up(): readonly LiveReplica[] {
    return [...this.#up].sort((a, b) => a.index - b.index);
  }

  /** The replica at a place, or the one that was there last. */
  at(index: number): LiveReplica {
    return this.#places[index].live;
  }

  /** Where a request goes; null = nobody is up. */
  route(request: EngineRequest): LiveReplica | null {
    return this.#up.length === 0 ? null : this.#up[this.#route(request)];
  }

  states(): readonly { readonly replica: number; readonly state: ReplicaState; readonly speed: number }[] {
    return this.#places.map(({ state, speed }, replica) => ({ replica, state, speed }));
  }

  /** `index` null = all that are up. */
  stall(index: number | null, sec: number): void {
    for (const live of this.#up) if (index === null || live.index === index) live.loop.stall(secToNs(sec));
  }

  setSpeed(index: number | null, speed: number): void {
    for (const [i, place] of this.#places.entries()) {
      if (index !== null && i !== index) continue;
      place.speed = speed;
      place.live.engine.setSpeed(speed);
    }
  }

  /** Takes a replica down; its requests are the caller's to end. */
  kill(index: number): void {
    const place = this.#places[index];
    place.cancelStart?.();
    place.cancelStart = null;
    place.state = 'down';
    place.live.loop.stop();
    this.#leave(place.live);
  }

  /** From here on the router does not know it. */
  #leave(live: LiveReplica): void {
    const at = this.#up.indexOf(live);
    if (at < 0) return;
    this.#up.splice(at, 1);
    this.#engines.splice(at, 1);
  }

  /** Sends a replica no more requests; it goes down when its last one has ended. One that starts goes down at once. */
  drain(index: number): void {
    const place = this.#places[index];
    if (place.state !== 'up') {
      this.kill(index);
      return;
    }
    place.state = 'draining';
    this.#leave(place.live);
    this.settle();
  }

  /** Takes down what has drained; asked for whenever a request ends. */
  settle(): void {
    for (const place of this.#places) {
      const { engine, loop } = place.live;
      if (place.state !== 'draining' || engine.running + engine.waiting > 0) continue;
      place.state = 'down';
      loop.stop();
    }
  }

  /** Brings a replica that is down up again after a while; nothing for one that is up or drains. */
  startAfter(index: number, sec: number, onUp?: () => void): void {
    const place = this.#places[index];
    if (place.state === 'up' || place.state === 'draining') return;
    place.cancelStart?.();
    place.state = 'starting';
    const { scheduler } = this.#options;
    place.cancelStart = scheduler.callAt(scheduler.nowNs() + secToNs(sec), () => {
      place.cancelStart = null;
      place.live = this.#create(index, place.speed);
      place.state = 'up';
      this.#take(place.live);
      onUp?.();
      this.#options.onUp?.();
    });
  }

  lateness(): readonly StepLateness[] {
    return this.#places.map((place) => place.live.loop.lateness());
  }

  /** Stops everything. */
  stop(): void {
    for (const place of this.#places) {
      place.cancelStart?.();
      place.live.loop.stop();
    }
  }

  #create(index: number, speed: number): LiveReplica {
    const { engine: model, seed, scheduler, onStep } = this.#options;
    const engine = createEngine(model, { seed, replica: index, speed });
    const metrics = new ReplicaMetrics(model.limits.maxModelLen);
    const loop = new StepLoop(engine, scheduler, (step) => onStep(metrics, step));
    return { index, engine, loop, metrics };
  }

  #take(live: LiveReplica): void {
    this.#up.push(live);
    this.#engines.push(live.engine);
  }
}
