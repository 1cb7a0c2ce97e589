/**
 * A fleet whose size an autoscaler changes, in virtual time: requests in; instants, sizes and costs out.
 *
 * Base part. Between two instants at which something is decided or measured (agenda.ts) the replicas run on their own.
 * A replica that is added takes requests after its cold start; one that is removed takes no more and ends when its
 * last request has. While no replica is ready, the router holds requests, in order. The same requests, options and
 * seed give the same result.
 */
import { ToolError } from '../../errors.js';
import { randomOf } from '../../random.js';
import type {
  AutoscalerSpec,
  ColdStartPhases,
  EngineRequest,
  FleetSample,
  HpaMetric,
  ReplicaLife,
  ScaleEvent,
  SimulationResult,
} from '../../types.js';
import type { PodView } from '../autoscale/hpa-metrics.js';
import type { FleetOptions } from '../fleet.js';
import { FleetRecord } from '../fleet-record.js';
import { createRouter, DEFAULT_ROUTER, type Router, routerReadsState } from '../router.js';
import { Agenda, RANK } from './agenda.js';
import { coldStartOf } from './cold-start.js';
import { longestWindowSec, type ScaledFleet, startAutoscaler, type WakeListener } from './drivers.js';
import type { Pod } from './pod.js';
import { PodSet } from './pod-set.js';
import { aggregate, TargetSamples } from './scrapes.js';

export interface ElasticFleetOptions extends Omit<FleetOptions, 'replicas'> {
  readonly autoscaler: AutoscalerSpec;
  /** Replicas that are ready at the first arrival. Default: the autoscaler's minimum, at least one. */
  readonly initialReplicas?: number;
  /** Time between two scrapes of a replica; default 15. */
  readonly scrapeSec?: number;
  /** Default: the engine model's. */
  readonly coldStart?: ColdStartPhases;
  /**
   * How long a removed replica may finish its requests before it is killed and they are cut off
   * (`terminationGracePeriodSeconds`). Default null: as long as it takes.
   */
  readonly terminationGraceSec?: number | null;
  /** Whether scrapes and syncs have phases of their own, drawn from the seed, or all begin at the first arrival. */
  readonly phases?: 'seeded' | 'aligned';
  /** Distance of the timeline's samples; default 15. */
  readonly sampleSec?: number;
  /** When the monitoring system does not answer. */
  readonly outages?: readonly { readonly fromSec: number; readonly toSec: number }[];
  /** When the replica that has been ready for longest dies with its requests; another one starts in its place. */
  readonly failuresSec?: readonly number[];
}

/** What an elastic fleet did. */
export interface ElasticFleetResult {
  /** `replicas` = most at once; means and utilisation are over the time in which replicas could work. */
  readonly simulation: SimulationResult;
  readonly timeline: readonly FleetSample[];
  readonly scaleEvents: readonly ScaleEvent[];
  readonly lives: readonly ReplicaLife[];
  /** From creation to end, or to the last token, summed over replicas: what is paid for. */
  readonly replicaSec: number;
  /** Requests cut off with a replica that was killed, and requests that no replica ever took. */
  readonly cutOff: number;
  readonly unserved: number;
}

/** After the last arrival, requests that nobody takes are given up when no replica has come for this long. */
const HOPELESS_SEC = 1_800;

/** An empty fleet; its time begins with the first arrival. */
export function createElasticFleet(options: ElasticFleetOptions): ElasticFleet {
  return new ElasticFleet(options);
}

interface HeldRequest {
  readonly request: EngineRequest;
  readonly index: number;
}

/** See the file's header. */
export class ElasticFleet implements ScaledFleet {
  readonly #options: ElasticFleetOptions;
  readonly #scrapeSec: number;
  readonly #initialReplicas: number;
  readonly #record: FleetRecord;
  readonly #agenda = new Agenda();
  readonly #gateway: TargetSamples;
  readonly #keepSamplesSec: number;
  readonly #timeline: FleetSample[] = [];
  readonly #scaleEvents: ScaleEvent[] = [];
  /** Set by the first arrival. */
  #pods: PodSet | null = null;
  #route: Router | null = null;
  #wake: WakeListener = null;
  #held: HeldRequest[] = [];
  #heldSinceSec = 0;
  #heldSec = 0;
  #startSec = 0;
  #lastArrivalSec = Number.NEGATIVE_INFINITY;

  constructor(options: ElasticFleetOptions) {
    this.#options = options;
    const { autoscaler } = options;
    this.#scrapeSec = requirePositive('scrape interval', options.scrapeSec ?? 15);
    requirePositive('distance of samples', options.sampleSec ?? 15);
    this.#initialReplicas =
      options.initialReplicas ??
      (autoscaler.kind === 'static' ? autoscaler.replicas : Math.max(1, autoscaler.minReplicas));
    if (!(Number.isSafeInteger(this.#initialReplicas) && this.#initialReplicas >= 0)) {
      throw new ToolError({
        code: 'BAD_VALUE',
        message: `expected a whole number of initial replicas, got ${this.#initialReplicas}`,
        hint: 'give a whole number from 0',
      });
    }
    this.#record = new FleetRecord(options.keepChunks ?? false);
    this.#keepSamplesSec = Math.max(longestWindowSec(autoscaler), this.#scrapeSec);
    this.#gateway = new TargetSamples(this.#keepSamplesSec);
  }

  /** Requests taken so far. */
  get offered(): number {
    return this.#record.count;
  }

  /** Takes a request; arrivals must not go back in time (ToolError BAD_TRACE). */
  offer(request: EngineRequest): void {
    const { arrivalSec } = request;
    if (!(arrivalSec >= this.#lastArrivalSec)) {
      throw new ToolError({
        code: 'BAD_TRACE',
        message: `request ${this.offered} arrives at ${arrivalSec} s, before its predecessor at ${this.#lastArrivalSec} s`,
        hint: 'sort the requests by arrival',
      });
    }
    if (this.#pods === null) this.#start(arrivalSec);
    this.#lastArrivalSec = arrivalSec;
    while (this.#agenda.nextSec <= arrivalSec) this.#agenda.runNext();
    const index = this.#record.arrive(request);
    if (this.readyReplicas > 0) this.#dispatch(request, index, arrivalSec);
    else {
      this.#countHeld(arrivalSec);
      this.#held.push({ request, index });
      this.#wake?.(arrivalSec);
    }
  }

  /** Lets the fleet finish everything and returns what happened. Call once. */
  finish(): ElasticFleetResult {
    const pods = this.#pods;
    if (pods === null) return { ...NOTHING, simulation: this.#record.result([]) };
    this.#drainWork(pods);
    const endSec = Math.max(this.#record.endSec, this.#lastArrivalSec);
    pods.present(endSec);
    let replicaSec = 0;
    let servingSec = 0;
    for (const pod of pods.all) {
      const untilSec = Math.min(pod.endSec ?? endSec, endSec);
      replicaSec += Math.max(untilSec - pod.createdSec, 0);
      if (pod.readySec !== null) servingSec += Math.max(untilSec - pod.readySec, 0);
    }
    const totals = pods.all.flatMap((pod) => pod.totals ?? pod.replica?.totals() ?? []);
    const { connection_error: cutOff, timeout_first_byte: unserved } = this.#record.losses;
    return {
      simulation: this.#record.result(totals, { replicas: pods.peak, servingSec }),
      timeline: this.#timeline.filter((sample) => sample.atSec <= endSec),
      scaleEvents: this.#scaleEvents.filter((event) => event.atSec <= endSec),
      lives: pods.all.filter((pod) => pod.createdSec <= endSec).map((pod) => lifeOf(pod, endSec)),
      replicaSec,
      cutOff,
      unserved,
    };
  }

  // What the autoscaler sees and does.

  get specReplicas(): number {
    return this.#pods!.wanted;
  }

  get readyReplicas(): number {
    return this.#pods!.ready.length;
  }

  get arrivals(): number {
    return this.#record.count;
  }

  views(nowSec: number): readonly PodView[] {
    return this.#pods!.present(nowSec).map((pod) => pod.view(nowSec)!);
  }

  podValues(metric: HpaMetric, nowSec: number): readonly (number | null)[] {
    return this.#pods!.present(nowSec).map((pod) =>
      pod.state === 'ready' ? pod.samples.read(metric.query, nowSec) : null,
    );
  }

  fleetValue(metric: HpaMetric, nowSec: number): number | null {
    if (metric.query.signal === 'gateway_queue') return this.#gateway.read(metric.query, nowSec);
    const values = this.#pods!.ready.map((pod) => pod.samples.read(metric.query, nowSec));
    return aggregate(metric.aggregate, values);
  }

  monitored(nowSec: number): boolean {
    const { outages = [] } = this.#options;
    return !outages.some(({ fromSec, toSec }) => nowSec >= fromSec && nowSec < toSec);
  }

  inFlightSec(nowSec: number): number {
    this.#countHeld(nowSec);
    return this.#pods!.inFlightSec(nowSec) + this.#heldSec;
  }

  every(periodSec: number, name: string, fn: (nowSec: number) => void): void {
    this.#agenda.every(this.#startSec + this.#phase(name, periodSec), periodSec, RANK.decide, fn);
  }

  everySecond(fn: (nowSec: number) => void): void {
    this.#agenda.every(this.#startSec + 1, 1, RANK.scrape, fn);
  }

  scaleTo(nowSec: number, replicas: number, because: string): void {
    const from = this.specReplicas;
    if (replicas === from) return;
    this.#scaleEvents.push({ atSec: nowSec, from, to: replicas, because });
    for (let i = from; i < replicas; i++) this.#pods!.create(nowSec);
    if (replicas < from) this.#pods!.remove(nowSec, from - replicas);
  }

  // Time and requests.

  #start(startSec: number): void {
    const options = this.#options;
    const { engine, seed, engineSpeed, keepChunks, autoscaler } = options;
    this.#startSec = startSec;
    const pods = new PodSet(
      {
        replica: { engine, seed, engineSpeed, keepChunks },
        record: this.#record,
        agenda: this.#agenda,
        coldStart: options.coldStart ?? coldStartOf(engine),
        scrapeSec: this.#scrapeSec,
        keepSamplesSec: this.#keepSamplesSec,
        terminationGraceSec: options.terminationGraceSec ?? null,
        phaseOf: (name, periodSec) => this.#phase(name, periodSec),
        onReady: (nowSec) => this.#release(nowSec),
      },
      startSec,
    );
    this.#pods = pods;
    this.#route = createRouter(
      options.router ?? DEFAULT_ROUTER,
      pods.readyEngines,
      (index) => pods.ready[index].id,
    );
    for (let i = 0; i < this.#initialReplicas; i++) pods.addReady(startSec);
    const gatewaySec = startSec + this.#phase('gateway', this.#scrapeSec);
    this.#agenda.every(gatewaySec, this.#scrapeSec, RANK.scrape, (atSec) =>
      this.#gateway.add({ ...UNSAMPLED, atSec, held: this.#held.length }),
    );
    for (const atSec of options.failuresSec ?? [])
      this.#agenda.add(Math.max(atSec, startSec), RANK.end, (nowSec) => pods.fail(nowSec));
    this.#agenda.every(startSec, options.sampleSec ?? 15, RANK.sample, (atSec) => this.#sample(atSec));
    this.#wake = startAutoscaler(autoscaler, this, startSec);
  }

  #phase(name: string, periodSec: number): number {
    if (this.#options.phases === 'aligned') return periodSec;
    return randomOf(this.#options.seed, 'jitter', 'phase', name).uniformOpen() * periodSec;
  }

  #dispatch(request: EngineRequest, index: number, nowSec: number): void {
    const pods = this.#pods!;
    if (routerReadsState(this.#options.router ?? DEFAULT_ROUTER)) pods.advanceReady(nowSec);
    pods.ready[this.#route!(request)].replica!.submit(request, index, nowSec);
  }

  /** Hands out what was held, in order of arrival. */
  #release(nowSec: number): void {
    if (this.#held.length === 0) return;
    this.#countHeld(nowSec);
    const held = this.#held;
    this.#held = [];
    for (const { request, index } of held) this.#dispatch(request, index, nowSec);
  }

  #countHeld(nowSec: number): void {
    this.#heldSec += this.#held.length * (nowSec - this.#heldSinceSec);
    this.#heldSinceSec = nowSec;
  }

  /** After the last arrival: goes on until every request has ended, or nobody comes for what is held. */
  #drainWork(pods: PodSet): void {
    let hopeSec = this.#lastArrivalSec;
    for (;;) {
      const nextSec = this.#agenda.nextSec;
      pods.advanceAll(nextSec);
      if (this.#record.open === 0) return;
      if (pods.wanted > 0) hopeSec = nextSec;
      if (this.#record.open === this.#held.length && nextSec - hopeSec > HOPELESS_SEC) {
        for (const { index } of this.#held) this.#record.lose(index, 'timeout_first_byte', nextSec);
        return;
      }
      this.#agenda.runNext();
    }
  }

  #sample(atSec: number): void {
    const counts = { starting: 0, ready: 0, draining: 0, running: 0, waiting: 0 };
    for (const { state, replica } of this.#pods!.present(atSec)) {
      if (state !== 'gone') counts[state] += 1;
      if (replica === null) continue;
      replica.advance(atSec);
      counts.running += replica.engine.running;
      counts.waiting += replica.engine.waiting;
    }
    const desired = counts.starting + counts.ready;
    this.#timeline.push({ atSec, desired, ...counts, held: this.#held.length });
  }
}

const UNSAMPLED = {
  running: 0,
  waiting: 0,
  kvUsage: 0,
  finishedRequests: 0,
  promptTokens: 0,
  generatedTokens: 0,
} as const;

const NOTHING = { timeline: [], scaleEvents: [], lives: [], replicaSec: 0, cutOff: 0, unserved: 0 } as const;

/** What happened after the end of the simulation did not happen. */
function lifeOf(pod: Pod, endSec: number): ReplicaLife {
  const until = (sec: number | null): number | null => (sec !== null && sec <= endSec ? sec : null);
  return {
    replica: pod.id,
    createdSec: pod.createdSec,
    readySec: until(pod.readySec),
    drainingSec: until(pod.drainingSec),
    endSec: until(pod.endSec),
  };
}

function requirePositive(what: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected a ${what} above zero, got ${value}`,
    hint: 'give a positive number of seconds',
  });
}
