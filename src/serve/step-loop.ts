/**
 * An engine on a real clock: its iterations end at absolute deadlines, each starting at the planned end of the last.
 *
 * A late callback does not shift the schedule: what follows catches up. An idle engine starts at the instant at which
 * work arrives.
 */
import { createHistogram } from 'node:perf_hooks';
import type { Scheduler } from '../clock.js';
import type { Engine, StepPlan } from '../engine/contract.js';
import type { StepEvents } from '../engine/events.js';
import type { EngineRequest } from '../types.js';
import { nsToSec, secToNs } from '../units.js';

/** An iteration that has just ended. Valid during the call only. */
export interface EndedStep {
  readonly events: StepEvents;
  readonly startNs: number;
  /** When it was to end. */
  readonly endNs: number;
  /** When it was noticed. */
  readonly nowNs: number;
  readonly plan: StepPlan;
}

/** How late the server noticed the ends of its iterations, ms; null before the first one. */
export interface StepLateness {
  readonly steps: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

/** A deadline that has passed is set a little ahead, so that sockets are read between iterations that run late. */
const BREATH_NS = 20_000;

export class StepLoop {
  readonly #engine: Engine;
  readonly #scheduler: Scheduler;
  readonly #onEnd: (step: EndedStep) => void;
  readonly #originNs: number;
  readonly #lateness = createHistogram();
  #cancelTimer: (() => void) | null = null;
  #flight: { readonly plan: StepPlan; readonly startNs: number; readonly endNs: number } | null = null;
  /** No iteration starts before this. */
  #frozenUntilNs = 0;
  #stopped = false;

  constructor(engine: Engine, scheduler: Scheduler, onEnd: (step: EndedStep) => void) {
    this.#engine = engine;
    this.#scheduler = scheduler;
    this.#onEnd = onEnd;
    this.#originNs = scheduler.nowNs();
  }

  /** Hands over a request that arrived at `arrivalNs` (now, or a moment ago); an idle engine starts at that instant. */
  submit(request: Omit<EngineRequest, 'arrivalSec'>, arrivalNs: number): ReturnType<Engine['submit']> {
    const outcome = this.#engine.submit({ ...request, arrivalSec: nsToSec(arrivalNs - this.#originNs) });
    if (outcome === 'queued' && this.#cancelTimer === null && !this.#stopped) this.#start(arrivalNs);
    return outcome;
  }

  cancel(id: number): boolean {
    return this.#engine.cancel(id);
  }

  lateness(): StepLateness {
    const h = this.#lateness;
    const ms = (ns: number): number | null => (h.count === 0 ? null : ns / 1e6);
    return {
      steps: h.count,
      p50Ms: ms(h.count === 0 ? 0 : h.percentile(50)),
      p99Ms: ms(h.count === 0 ? 0 : h.percentile(99)),
      maxMs: ms(h.max),
    };
  }

  /** Freezes the engine: the iteration in flight ends that much later, and none starts in between. */
  stall(ns: number): void {
    const nowNs = this.#scheduler.nowNs();
    this.#frozenUntilNs = Math.max(this.#frozenUntilNs, nowNs + ns);
    const flight = this.#flight;
    if (flight === null || this.#stopped) return;
    this.#cancelTimer?.();
    this.#endAt(flight.plan, flight.startNs, Math.max(flight.endNs, nowNs) + ns);
  }

  /** Stops after the iteration in flight; nothing is emitted any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #start(startNs: number): void {
    if (startNs < this.#frozenUntilNs) {
      const untilNs = this.#frozenUntilNs;
      this.#cancelTimer = this.#scheduler.callAt(untilNs, () => this.#start(untilNs));
      return;
    }
    const plan = this.#engine.planStep(nsToSec(startNs - this.#originNs));
    if (plan === null) {
      this.#cancelTimer = null;
      return;
    }
    this.#endAt(plan, startNs, startNs + secToNs(plan.durationSec));
  }

  #endAt(plan: StepPlan, startNs: number, endNs: number): void {
    const atNs = Math.max(endNs, this.#scheduler.nowNs() + BREATH_NS);
    this.#flight = { plan, startNs, endNs };
    this.#cancelTimer = this.#scheduler.callAt(atNs, () => this.#end(plan, startNs, endNs));
  }

  #end(plan: StepPlan, startNs: number, endNs: number): void {
    if (this.#stopped) return;
    this.#flight = null;
    const nowNs = this.#scheduler.nowNs();
    this.#lateness.record(Math.max(1, Math.round(nowNs - endNs)));
    this.#onEnd({ events: this.#engine.finishStep(), startNs, endNs, nowNs, plan });
    // A handler may have stopped the loop.
    if (!this.#stopped) this.#start(endNs);
  }
}
