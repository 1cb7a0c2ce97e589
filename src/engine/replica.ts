/** One engine in virtual time: runs its iterations up to a given instant and integrates its gauges. */
import type { EngineGauges, EngineModel, EngineRequest } from '../types.js';
import type { Engine } from './contract.js';
import { createEngine } from './engine.js';
import type { FleetRecord } from './fleet-record.js';

export interface VirtualReplicaOptions {
  readonly engine: EngineModel;
  readonly seed: string | number;
  readonly replica: number;
  readonly engineSpeed?: number;
  readonly keepChunks?: boolean;
  readonly record: FleetRecord;
}

/** A gauge integrated over time, with its maximum. */
interface GaugeIntegral {
  sum: number;
  max: number;
}

/** What a replica did, for the summary of its fleet. */
export interface ReplicaTotals {
  readonly gauges: EngineGauges;
  readonly running: Readonly<GaugeIntegral>;
  readonly waiting: Readonly<GaugeIntegral>;
  readonly kvUsage: Readonly<GaugeIntegral>;
  readonly busySec: number;
}

export class VirtualReplica {
  readonly engine: Engine;
  readonly running: GaugeIntegral = { sum: 0, max: 0 };
  readonly waiting: GaugeIntegral = { sum: 0, max: 0 };
  readonly kvUsage: GaugeIntegral = { sum: 0, max: 0 };
  /** Time with an iteration in flight, seconds. */
  busySec = 0;
  /** Requests taken in so far. */
  accepted = 0;
  /** Requests whose last token is out. */
  finished = 0;
  /** End of the last iteration. */
  lastEndSec = 0;
  readonly #replica: number;
  readonly #record: FleetRecord;
  /** End of the iteration in flight; Infinity = none. */
  #endSec = Number.POSITIVE_INFINITY;
  #startSec = 0;
  /** When an idle engine with new work forms its batch; Infinity = no new work. */
  #wakeSec = Number.POSITIVE_INFINITY;
  #observedSec = 0;

  constructor(options: VirtualReplicaOptions) {
    this.engine = createEngine(options.engine, {
      seed: options.seed,
      replica: options.replica,
      speed: options.engineSpeed,
      tokenEvents: options.keepChunks ?? false,
    });
    this.#replica = options.replica;
    this.#record = options.record;
  }

  /** Runs everything that happens before `untilSec`; what happens exactly then waits for the arrivals of that instant. */
  advance(untilSec: number): void {
    for (;;) {
      const endSec = this.#endSec;
      if (endSec < untilSec) {
        this.#observe(endSec);
        this.finished += this.#record.take(this.engine.finishStep(), this.#startSec, endSec);
        this.lastEndSec = endSec;
        this.#plan(endSec);
      } else if (this.#wakeSec < untilSec) {
        const wakeSec = this.#wakeSec;
        this.#wakeSec = Number.POSITIVE_INFINITY;
        this.#observe(wakeSec);
        this.#plan(wakeSec);
      } else return;
    }
  }

  /** Hands in a request at `nowSec`, its arrival by default; `index` is its place in the record. */
  submit(request: EngineRequest, index: number, nowSec = request.arrivalSec): void {
    this.advance(nowSec);
    this.#observe(nowSec);
    const outcome = this.engine.submit({ ...request, id: index });
    if (outcome !== 'queued') {
      this.#record.refuse(index);
      return;
    }
    this.accepted += 1;
    this.#record.assign(index, this.#replica);
    this.waiting.max = Math.max(this.waiting.max, this.engine.waiting);
    if (this.#endSec === Number.POSITIVE_INFINITY && this.#wakeSec === Number.POSITIVE_INFINITY)
      this.#wakeSec = nowSec;
  }

  /** Whether nothing is in flight and nothing waits. */
  get idle(): boolean {
    return this.engine.running + this.engine.waiting === 0;
  }

  /** Request-seconds in the engine up to `nowSec`, which must not lie before what has been run. */
  inFlightSec(nowSec: number): number {
    this.#observe(nowSec);
    return this.running.sum + this.waiting.sum;
  }

  totals(): ReplicaTotals {
    const { running, waiting, kvUsage, busySec } = this;
    return { gauges: this.engine.gauges(), running, waiting, kvUsage, busySec };
  }

  #plan(nowSec: number): void {
    const plan = this.engine.planStep(nowSec);
    if (plan === null) {
      this.#endSec = Number.POSITIVE_INFINITY;
      return;
    }
    this.#startSec = nowSec;
    this.#endSec = plan.endSec;
    this.busySec += plan.durationSec;
    const { running, kvUsage } = this.engine;
    if (running > this.running.max) this.running.max = running;
    if (kvUsage > this.kvUsage.max) this.kvUsage.max = kvUsage;
  }

  /** Adds the present values for the time since the last change. */
  #observe(nowSec: number): void {
    const elapsedSec = nowSec - this.#observedSec;
    this.#observedSec = nowSec;
    this.running.sum += this.engine.running * elapsedSec;
    this.waiting.sum += this.engine.waiting * elapsedSec;
    this.kvUsage.sum += this.engine.kvUsage * elapsedSec;
  }
}
