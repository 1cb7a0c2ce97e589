/**
 * An autoscaler on the real clock: the served replicas as a fleet that HPA, KEDA or Knative resize, with the same
 * controllers, scrapes and cold starts as the simulation (engine/elastic), so that a plan can be tried out over HTTP.
 *
 * Seconds count from the start of the server. A replica that is added takes requests after its cold start; one that is
 * removed takes no more and goes down when its last request has ended.
 */
import type { Scheduler } from '../clock.js';
import type { PodView } from '../engine/autoscale/hpa-metrics.js';
import { type ColdStartTimes, drawColdStart } from '../engine/elastic/cold-start.js';
import {
  longestWindowSec,
  type ScaledFleet,
  startAutoscaler,
  type WakeListener,
} from '../engine/elastic/drivers.js';
import { aggregate, TargetSamples } from '../engine/elastic/scrapes.js';
import type { AutoscalerSpec, ColdStartPhases, HpaMetric, ReplicaLife, ScaleEvent } from '../types.js';
import { nsToSec, secToNs } from '../units.js';
import type { ReplicaSet } from './replica-set.js';

export interface LiveFleetOptions {
  readonly autoscaler: AutoscalerSpec;
  readonly replicas: ReplicaSet;
  readonly scheduler: Scheduler;
  readonly coldStart: ColdStartPhases;
  readonly scrapeSec: number;
  readonly seed: string | number;
  /** Requests accepted so far, request-seconds in the server and in the router's queue, requests in that queue. */
  readonly load: () => { readonly arrivals: number; readonly inFlightSec: number; readonly held: number };
  readonly onScale?: (event: ScaleEvent) => void;
}

interface Pod {
  /** Its place in the replica set. */
  readonly place: number;
  readonly createdSec: number;
  readonly times: ColdStartTimes;
  readySec: number | null;
  drainingSec: number | null;
  endSec: number | null;
  readonly samples: TargetSamples;
}

const NOTHING = {
  running: 0,
  waiting: 0,
  kvUsage: 0,
  finishedRequests: 0,
  promptTokens: 0,
  generatedTokens: 0,
} as const;

export class LiveFleet implements ScaledFleet {
  readonly scaleEvents: ScaleEvent[] = [];
  readonly #options: LiveFleetOptions;
  readonly #originNs: number;
  readonly #pods: Pod[] = [];
  readonly #gateway: TargetSamples;
  readonly #keepSec: number;
  readonly #wake: WakeListener;
  readonly #timers = new Set<() => void>();
  #stopped = false;

  constructor(options: LiveFleetOptions) {
    this.#options = options;
    this.#originNs = options.scheduler.nowNs();
    this.#keepSec = Math.max(longestWindowSec(options.autoscaler), options.scrapeSec);
    this.#gateway = new TargetSamples(this.#keepSec);
    for (const { replica, state } of options.replicas.states())
      if (state === 'up') this.#add(replica, { runningSec: 0, readySec: 0 }, 0);
    this.every(options.scrapeSec, 'scrape', (nowSec) => this.#scrape(nowSec));
    this.#wake = startAutoscaler(options.autoscaler, this, 0);
  }

  /** Seconds since the start. */
  get nowSec(): number {
    return nsToSec(this.#options.scheduler.nowNs() - this.#originNs);
  }

  /** A request came while no replica was there to take it. */
  wake(): void {
    this.#wake?.(this.nowSec);
  }

  /** From creation to end, or to now, summed over replicas: what would be paid for. */
  replicaSec(): number {
    const { nowSec } = this;
    return this.#pods.reduce((sum, pod) => sum + (pod.endSec ?? nowSec) - pod.createdSec, 0);
  }

  /** Every replica that there was. */
  lives(): readonly ReplicaLife[] {
    this.#settle();
    return this.#pods.map(({ createdSec, readySec, drainingSec, endSec }, replica) => ({
      replica,
      createdSec,
      readySec,
      drainingSec,
      endSec,
    }));
  }

  /** Ends all loops. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  get specReplicas(): number {
    return this.#living().filter((pod) => pod.drainingSec === null).length;
  }

  get readyReplicas(): number {
    return this.#ready().length;
  }

  get arrivals(): number {
    return this.#options.load().arrivals;
  }

  inFlightSec(): number {
    return this.#options.load().inFlightSec;
  }

  monitored(): boolean {
    return true;
  }

  views(nowSec: number): readonly PodView[] {
    return this.#living().map((pod) => {
      if (pod.drainingSec !== null) return { phase: 'terminating', ready: pod.readySec !== null };
      if (pod.readySec !== null) return { phase: 'running', ready: true };
      return { phase: nowSec < pod.createdSec + pod.times.runningSec ? 'pending' : 'running', ready: false };
    });
  }

  podValues(metric: HpaMetric, nowSec: number): readonly (number | null)[] {
    return this.#living().map((pod) => (isReady(pod) ? pod.samples.read(metric.query, nowSec) : null));
  }

  fleetValue(metric: HpaMetric, nowSec: number): number | null {
    if (metric.query.signal === 'gateway_queue') return this.#gateway.read(metric.query, nowSec);
    return aggregate(
      metric.aggregate,
      this.#ready().map((pod) => pod.samples.read(metric.query, nowSec)),
    );
  }

  every(periodSec: number, _name: string, fn: (nowSec: number) => void): void {
    let turns = 0;
    const next = (): void => {
      turns += 1;
      const dueSec = turns * periodSec;
      this.#after(dueSec - this.nowSec, () => {
        fn(dueSec);
        next();
      });
    };
    next();
  }

  everySecond(fn: (nowSec: number) => void): void {
    this.every(1, 'second', fn);
  }

  scaleTo(nowSec: number, replicas: number, because: string): void {
    const from = this.specReplicas;
    if (replicas === from || this.#stopped) return;
    const event = { atSec: nowSec, from, to: replicas, because };
    this.scaleEvents.push(event);
    this.#options.onScale?.(event);
    for (let i = from; i < replicas; i++) this.#create();
    if (replicas < from) this.#remove(from - replicas);
  }

  #create(): void {
    const { replicas, coldStart, seed } = this.#options;
    const free = replicas.states().find((place) => place.state === 'down');
    // The places are as many as the autoscaler's maximum; while others drain there may be none for a moment.
    if (free === undefined) return;
    const times = drawColdStart(coldStart, seed, this.#pods.length);
    const pod = this.#add(free.replica, times, this.nowSec);
    replicas.startAfter(free.replica, times.readySec, () => {
      pod.readySec = this.nowSec;
    });
  }

  #add(place: number, times: ColdStartTimes, createdSec: number): Pod {
    const pod: Pod = {
      place,
      createdSec,
      times,
      readySec: times.readySec === 0 && createdSec === 0 ? 0 : null,
      drainingSec: null,
      endSec: null,
      samples: new TargetSamples(this.#keepSec),
    };
    this.#pods.push(pod);
    return pod;
  }

  /** Those that are not ready yet go first, then the most recently ready ones (ReplicaSet controller). */
  #remove(count: number): void {
    const { replicas } = this.#options;
    const order = (pod: Pod): number => pod.readySec ?? Number.POSITIVE_INFINITY;
    const removable = this.#living().filter((pod) => pod.drainingSec === null);
    removable.sort((a, b) => {
      const [aSec, bSec] = [order(a), order(b)];
      return aSec === bSec ? b.createdSec - a.createdSec : bSec - aSec;
    });
    for (const pod of removable.slice(0, count)) {
      pod.drainingSec = this.nowSec;
      replicas.drain(pod.place);
    }
    this.#settle();
  }

  #scrape(nowSec: number): void {
    const { replicas, load } = this.#options;
    this.#gateway.add({ ...NOTHING, atSec: nowSec, held: load().held });
    for (const pod of this.#ready()) {
      const { engine, metrics } = replicas.at(pod.place);
      const { promptTokens, generatedTokens } = engine.gauges();
      pod.samples.add({
        atSec: nowSec,
        running: engine.running,
        waiting: engine.waiting,
        kvUsage: engine.kvUsage,
        finishedRequests: metrics.finished('stop') + metrics.finished('length'),
        promptTokens,
        generatedTokens,
        held: 0,
      });
    }
  }

  #living(): readonly Pod[] {
    this.#settle();
    return this.#pods.filter((pod) => pod.endSec === null);
  }

  #ready(): readonly Pod[] {
    return this.#living().filter(isReady);
  }

  /** A replica that went down has ended; one that nobody asked to go is replaced at once, as a ReplicaSet does. */
  #settle(): void {
    const states = this.#options.replicas.states();
    let lost = 0;
    for (const pod of this.#pods) {
      if (pod.endSec !== null) continue;
      const { state } = states[pod.place];
      if (pod.drainingSec === null && (state === 'down' || state === 'draining')) {
        pod.drainingSec = this.nowSec;
        lost += 1;
      }
      if (state === 'down') pod.endSec = this.nowSec;
    }
    for (let i = 0; i < lost && !this.#stopped; i++) this.#create();
  }

  #after(sec: number, fn: () => void): void {
    if (this.#stopped) return;
    const { scheduler } = this.#options;
    const cancel = scheduler.callAt(scheduler.nowNs() + secToNs(Math.max(sec, 0)), () => {
      this.#timers.delete(cancel);
      if (!this.#stopped) fn();
    });
    this.#timers.add(cancel);
  }
}

const isReady = (pod: Pod): boolean => pod.readySec !== null && pod.drainingSec === null;
