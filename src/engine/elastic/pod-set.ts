/**
 * The replicas of an elastic fleet: created, started, scraped, drained, ended. Base part.
 *
 * A pod that becomes ready stays at its place in `ready` until it is removed; the router's list of engines runs beside
 * it. A target keeps its scrape phase: it is scraped at offset + k × interval from the fleet's start.
 */
import type { ColdStartPhases } from '../../types.js';
import type { Engine } from '../contract.js';
import type { FleetRecord } from '../fleet-record.js';
import { VirtualReplica, type VirtualReplicaOptions } from '../replica.js';
import { type Agenda, RANK } from './agenda.js';
import { drawColdStart } from './cold-start.js';
import { byRemovalOrder, Pod } from './pod.js';

export interface PodSetOptions {
  readonly replica: Omit<VirtualReplicaOptions, 'replica' | 'record'>;
  readonly record: FleetRecord;
  readonly agenda: Agenda;
  readonly coldStart: ColdStartPhases;
  readonly scrapeSec: number;
  /** Longest window of any query. */
  readonly keepSamplesSec: number;
  /** null = a removed replica may finish its requests. */
  readonly terminationGraceSec: number | null;
  /** When something periodic happens for the first time, from the fleet's start on. */
  readonly phaseOf: (name: string, periodSec: number) => number;
  readonly onReady: (nowSec: number) => void;
}

export class PodSet {
  /** Every pod there ever was, by id. */
  readonly all: Pod[] = [];
  /** Pods that are not gone, in order of creation. */
  living: readonly Pod[] = [];
  /** In order of readiness. */
  readonly ready: Pod[] = [];
  readonly readyEngines: Engine[] = [];
  /** Most living pods at once. */
  peak = 0;
  readonly #options: PodSetOptions;
  readonly #startSec: number;
  /** Request-seconds of replicas that take no more requests. */
  #pastInFlightSec = 0;

  constructor(options: PodSetOptions, startSec: number) {
    this.#options = options;
    this.#startSec = startSec;
  }

  /** Pods that were asked for: all that do not drain. */
  get wanted(): number {
    let count = 0;
    for (const pod of this.living) if (pod.state !== 'draining') count += 1;
    return count;
  }

  /** Adds a pod that needs no start. */
  addReady(nowSec: number): void {
    this.#becomeReady(this.#add(nowSec, nowSec), nowSec);
  }

  /** Adds a pod, ready after its cold start. */
  create(nowSec: number): void {
    const { coldStart, replica, agenda } = this.#options;
    const times = drawColdStart(coldStart, replica.seed, this.all.length);
    const pod = this.#add(nowSec, nowSec + times.runningSec);
    agenda.add(nowSec + times.readySec, RANK.ready, (atSec) => {
      if (pod.state === 'starting') this.#becomeReady(pod, atSec);
    });
  }

  /** Removes pods: those that start go at once, ready ones drain. */
  remove(nowSec: number, count: number): void {
    const removable = this.living.filter((pod) => pod.state !== 'draining').sort(byRemovalOrder);
    for (const pod of removable.slice(0, count)) {
      if (pod.state === 'starting') {
        pod.drainingSec = nowSec;
        this.#end(pod, nowSec);
      } else this.#drain(pod, nowSec);
    }
  }

  /** The replica that has been ready for longest dies, its requests with it; another one is created in its place. */
  fail(nowSec: number): void {
    const pod = this.ready[0];
    if (pod === undefined) return;
    pod.drainingSec = nowSec;
    this.#takeOut(pod, nowSec);
    this.#cutOff(pod, nowSec);
    this.create(nowSec);
  }

  /** Living pods, after those that have drained by now have been let go. */
  present(nowSec: number): readonly Pod[] {
    for (const pod of this.living) this.#settle(pod, nowSec);
    return this.living;
  }

  /** Runs the ready replicas up to an instant. */
  advanceReady(nowSec: number): void {
    for (const pod of this.ready) pod.replica!.advance(nowSec);
  }

  /** Runs all replicas up to an instant, draining ones too. */
  advanceAll(nowSec: number): void {
    for (const pod of this.living) pod.replica?.advance(nowSec);
  }

  /** Request-seconds spent in replicas while they took requests. */
  inFlightSec(nowSec: number): number {
    this.advanceReady(nowSec);
    return this.ready.reduce((sum, pod) => sum + pod.replica!.inFlightSec(nowSec), this.#pastInFlightSec);
  }

  #add(createdSec: number, runningSec: number): Pod {
    const pod = new Pod(this.all.length, createdSec, runningSec, this.#options.keepSamplesSec);
    this.all.push(pod);
    this.living = [...this.living, pod];
    this.peak = Math.max(this.peak, this.living.length);
    return pod;
  }

  #becomeReady(pod: Pod, nowSec: number): void {
    const { replica, record, scrapeSec, phaseOf, onReady } = this.#options;
    pod.state = 'ready';
    pod.readySec = nowSec;
    pod.replica = new VirtualReplica({ ...replica, replica: pod.id, record });
    this.ready.push(pod);
    this.readyEngines.push(pod.replica.engine);
    const offsetSec = phaseOf(`scrape-${pod.id}`, scrapeSec) % scrapeSec;
    this.#scrapeFrom(pod, offsetSec, Math.ceil((nowSec - this.#startSec - offsetSec) / scrapeSec));
    onReady(nowSec);
  }

  #scrapeFrom(pod: Pod, offsetSec: number, turn: number): void {
    const { agenda, scrapeSec } = this.#options;
    agenda.add(this.#startSec + offsetSec + turn * scrapeSec, RANK.scrape, (atSec) => {
      if (pod.state !== 'ready') return;
      pod.scrape(atSec);
      this.#scrapeFrom(pod, offsetSec, turn + 1);
    });
  }

  #drain(pod: Pod, nowSec: number): void {
    const { terminationGraceSec, agenda } = this.#options;
    this.#takeOut(pod, nowSec);
    pod.state = 'draining';
    pod.drainingSec = nowSec;
    if (terminationGraceSec !== null && !pod.replica!.idle)
      agenda.add(nowSec + terminationGraceSec, RANK.end, (atSec) => this.#kill(pod, atSec));
    this.#settle(pod, nowSec);
  }

  /** From here on the router does not know it. */
  #takeOut(pod: Pod, nowSec: number): void {
    const replica = pod.replica!;
    const at = this.ready.indexOf(pod);
    this.ready.splice(at, 1);
    this.readyEngines.splice(at, 1);
    replica.advance(nowSec);
    this.#pastInFlightSec += replica.inFlightSec(nowSec);
  }

  /** Ends a draining pod that has finished its work. */
  #settle(pod: Pod, nowSec: number): void {
    if (pod.state !== 'draining') return;
    const replica = pod.replica!;
    replica.advance(nowSec);
    if (replica.idle) this.#end(pod, Math.max(replica.lastEndSec, pod.drainingSec!));
  }

  #kill(pod: Pod, nowSec: number): void {
    this.#settle(pod, nowSec);
    if (pod.state !== 'gone') this.#cutOff(pod, nowSec);
  }

  #cutOff(pod: Pod, nowSec: number): void {
    const { record } = this.#options;
    for (const index of record.openAt(pod.id)) record.lose(index, 'connection_error', nowSec);
    this.#end(pod, nowSec);
  }

  #end(pod: Pod, endSec: number): void {
    pod.finish(endSec);
    this.living = this.living.filter((living) => living !== pod);
  }
}
