/**
 * The replicas behind the port: routed to, stalled, sped up, killed and started again while requests come.
 *
 * A replica that is down is no target of the router and exports no metrics; one that starts again is a new process:
 * empty cache, counters from zero.
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
  /** null = least-requests. */
  readonly router: RouterPolicy | null;
  readonly seed: string | number;
  readonly speed: number;
  readonly scheduler: Scheduler;
  readonly onStep: (metrics: ReplicaMetrics, step: EndedStep) => void;
}

export type ReplicaState = 'up' | 'starting' | 'down';

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
      const live = this.#start(index, options.speed);
      return { state: 'up' as ReplicaState, live, speed: options.speed, cancelStart: null };
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
    const at = this.#up.indexOf(place.live);
    if (at < 0) return;
    place.live.loop.stop();
    this.#up.splice(at, 1);
    this.#engines.splice(at, 1);
  }

  /** Brings a replica that is down up again after a while. */
  startAfter(index: number, sec: number): void {
    const place = this.#places[index];
    if (place.state === 'up') return;
    place.cancelStart?.();
    place.state = 'starting';
    const { scheduler } = this.#options;
    place.cancelStart = scheduler.callAt(scheduler.nowNs() + secToNs(sec), () => {
      place.cancelStart = null;
      place.live = this.#start(index, place.speed);
      place.state = 'up';
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

  #start(index: number, speed: number): LiveReplica {
    const { engine: model, seed, scheduler, onStep } = this.#options;
    const engine = createEngine(model, { seed, replica: index, speed });
    const metrics = new ReplicaMetrics(model.limits.maxModelLen);
    const loop = new StepLoop(engine, scheduler, (step) => onStep(metrics, step));
    const live = { index, engine, loop, metrics };
    this.#up.push(live);
    this.#engines.push(engine);
    return live;
  }
}
