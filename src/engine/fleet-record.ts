/** What a simulated fleet did: instants per request in growing columns, and the summary made of them. */
import type { EngineRequest, RequestInstants, SimulationResult } from '../types.js';
import { secToNs } from '../units.js';
import { EVENT, type StepEvents } from './events.js';
import type { ReplicaTotals } from './replica.js';

/** Requests that a replica took or refused but that never ended well: cut off with it, or never taken by any. */
export type Loss = 'connection_error' | 'timeout_first_byte';

/** Size of a fleet whose size changes. */
export interface FleetCapacity {
  /** Most replicas at once. */
  readonly replicas: number;
  /** Time in which replicas could work, summed over them, seconds. */
  readonly servingSec: number;
}

/** Unset instant inside the columns; becomes null outside. */
const UNSET = Number.NaN;

export class FleetRecord {
  count = 0;
  readonly #keepChunks: boolean;
  #arrivalSec = new Float64Array(1_024);
  #admittedSec = new Float64Array(1_024);
  #firstSec = new Float64Array(1_024);
  #lastSec = new Float64Array(1_024);
  #inputTokens = new Int32Array(1_024);
  #outputTokens = new Int32Array(1_024);
  /** −1 = refused. */
  #replica = new Int32Array(1_024);
  readonly #chunksNs: number[][] = [];
  /** Few in any run: index → what became of it, and when. */
  readonly #lost = new Map<number, { readonly loss: Loss; readonly atSec: number }>();
  #refused = 0;
  #finished = 0;
  #endSec = Number.NEGATIVE_INFINITY;

  constructor(keepChunks: boolean) {
    this.#keepChunks = keepChunks;
  }

  /** Notes an arrival; returns its index. */
  arrive(request: EngineRequest): number {
    if (this.count === this.#arrivalSec.length) this.#grow();
    const index = this.count++;
    this.#arrivalSec[index] = request.arrivalSec;
    this.#admittedSec[index] = UNSET;
    this.#firstSec[index] = UNSET;
    this.#lastSec[index] = UNSET;
    this.#inputTokens[index] = request.inputTokens;
    this.#outputTokens[index] = request.outputTokens;
    this.#replica[index] = -1;
    if (this.#keepChunks) this.#chunksNs.push([]);
    return index;
  }

  assign(index: number, replica: number): void {
    this.#replica[index] = replica;
  }

  refuse(index: number): void {
    this.#replica[index] = -1;
    this.#refused += 1;
  }

  /** Notes that a request ends here without its answer. */
  lose(index: number, loss: Loss, atSec: number): void {
    this.#lost.set(index, { loss, atSec });
  }

  /** Requests that have not ended yet. */
  get open(): number {
    return this.count - this.#finished - this.#refused - this.#lost.size;
  }

  /** Requests by how they were lost. */
  get losses(): Readonly<Record<Loss, number>> {
    const counts = { connection_error: 0, timeout_first_byte: 0 };
    for (const { loss } of this.#lost.values()) counts[loss] += 1;
    return counts;
  }

  /** Indices of the requests that are still with a replica. Cost O(requests). */
  openAt(replica: number): number[] {
    const indices: number[] = [];
    for (let index = 0; index < this.count; index++) {
      if (this.#replica[index] !== replica || this.#lost.has(index)) continue;
      if (Number.isNaN(this.#lastSec[index])) indices.push(index);
    }
    return indices;
  }

  /** Last token of any request; −Infinity before the first. */
  get endSec(): number {
    return this.#endSec;
  }

  /** Notes the events of an iteration. Returns how many requests it finished. */
  take(events: StepEvents, startSec: number, endSec: number): number {
    const { count, kinds, ids } = events;
    const before = this.#finished;
    for (let i = 0; i < count; i++) {
      const index = ids[i];
      switch (kinds[i]) {
        case EVENT.admitted:
          this.#admittedSec[index] = startSec;
          break;
        case EVENT.firstToken:
          this.#firstSec[index] = endSec;
          if (this.#keepChunks) this.#chunksNs[index].push(secToNs(endSec));
          break;
        case EVENT.token:
          if (this.#keepChunks) this.#chunksNs[index].push(secToNs(endSec));
          break;
        case EVENT.finished:
          this.#lastSec[index] = endSec;
          this.#endSec = Math.max(this.#endSec, endSec);
          this.#finished += 1;
          break;
      }
    }
    return this.#finished - before;
  }

  /** The summary; without `capacity` all replicas worked over the whole makespan. */
  result(replicas: readonly ReplicaTotals[], capacity?: FleetCapacity): SimulationResult {
    const makespanSec = this.count === 0 ? 0 : Math.max(this.#endSec - this.#arrivalSec[0], 0);
    const servingSec = capacity?.servingSec ?? replicas.length * makespanSec;
    const meanMax = (of: 'running' | 'waiting' | 'kvUsage'): { mean: number; max: number } => ({
      mean: servingSec > 0 ? replicas.reduce((sum, replica) => sum + replica[of].sum, 0) / servingSec : 0,
      max: replicas.reduce((max, replica) => Math.max(max, replica[of].max), 0),
    });
    const gauges = replicas.map((replica) => replica.gauges);
    const total = (of: keyof (typeof gauges)[number]): number => gauges.reduce((sum, g) => sum + g[of], 0);
    const queried = total('prefixQueriedTokens');
    const busySec = replicas.reduce((sum, replica) => sum + replica.busySec, 0);
    return {
      replicas: capacity?.replicas ?? replicas.length,
      requests: Array.from({ length: this.count }, (_, index) => this.#instants(index)),
      queueWaitMs: Array.from({ length: this.count }, (_, index) =>
        this.#replica[index] < 0 || Number.isNaN(this.#admittedSec[index])
          ? null
          : (this.#admittedSec[index] - this.#arrivalSec[index]) * 1_000,
      ),
      makespanSec,
      busySec,
      utilisation: servingSec > 0 ? Math.min(busySec / servingSec, 1) : 0,
      running: meanMax('running'),
      waiting: meanMax('waiting'),
      kvUsage: meanMax('kvUsage'),
      preemptions: total('preemptions'),
      prefixHitRatio: queried > 0 ? total('prefixHitTokens') / queried : null,
      refused: this.#refused,
      promptTokens: total('promptTokens'),
      generatedTokens: total('generatedTokens'),
      adapterLoads: total('adapterLoads'),
    };
  }

  #instants(index: number): RequestInstants {
    const lost = this.#lost.get(index);
    if (lost !== undefined) return this.#lostInstants(index, lost.loss, lost.atSec);
    const arrivalNs = secToNs(this.#arrivalSec[index]);
    const refused = this.#replica[index] < 0;
    const firstNs = refused ? null : secToNs(this.#firstSec[index]);
    const lastNs = refused ? null : secToNs(this.#lastSec[index]);
    return {
      status: refused ? 'http_error' : 'ok',
      stream: true,
      intendedNs: arrivalNs,
      sentNs: arrivalNs,
      firstByteNs: firstNs,
      firstTokenNs: firstNs,
      firstAnswerTokenNs: firstNs,
      lastTokenNs: lastNs,
      endNs: refused ? arrivalNs : lastNs,
      outputTokens: refused ? 0 : this.#outputTokens[index],
      inputTokens: this.#inputTokens[index],
      tokensInFirstChunk: refused ? null : 1,
      chunkNs: this.#keepChunks && !refused ? this.#chunksNs[index] : null,
    };
  }

  #lostInstants(index: number, loss: Loss, atSec: number): RequestInstants {
    const arrivalNs = secToNs(this.#arrivalSec[index]);
    const firstSec = this.#firstSec[index];
    const firstNs = Number.isNaN(firstSec) ? null : secToNs(firstSec);
    return {
      status: loss,
      stream: true,
      intendedNs: arrivalNs,
      sentNs: arrivalNs,
      firstByteNs: firstNs,
      firstTokenNs: firstNs,
      firstAnswerTokenNs: firstNs,
      lastTokenNs: null,
      endNs: secToNs(atSec),
      outputTokens: null,
      inputTokens: this.#inputTokens[index],
      tokensInFirstChunk: firstNs === null ? null : 1,
      chunkNs: null,
    };
  }

  #grow(): void {
    const size = this.#arrivalSec.length * 2;
    const seconds = (from: Float64Array): Float64Array<ArrayBuffer> => {
      const to = new Float64Array(size);
      to.set(from);
      return to;
    };
    const integers = (from: Int32Array): Int32Array<ArrayBuffer> => {
      const to = new Int32Array(size);
      to.set(from);
      return to;
    };
    this.#arrivalSec = seconds(this.#arrivalSec);
    this.#admittedSec = seconds(this.#admittedSec);
    this.#firstSec = seconds(this.#firstSec);
    this.#lastSec = seconds(this.#lastSec);
    this.#inputTokens = integers(this.#inputTokens);
    this.#outputTokens = integers(this.#outputTokens);
    this.#replica = integers(this.#replica);
  }
}
