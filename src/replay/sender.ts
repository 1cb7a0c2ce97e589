/**
 * Sends jobs at their instants and sees every one to its end: the part that owns a thread's sockets and timer.
 *
 * Open loop: a job leaves at t0 + its intended instant, absolute on the monotonic clock, whatever earlier ones do. A job
 * that is late leaves at once and keeps its intended instant (the schedule is never moved). With a concurrency cap a due
 * job waits for a place, first come first served, and the instant of its release is kept. Late jobs leave in small
 * bursts, so that answers are read between them.
 */
import type { Scheduler } from '../clock.js';
import { NS_PER_MS } from '../units.js';
import { Exchange, type ExchangeLimits, type Outcome } from './exchange.js';
import type { Protocol } from './protocol.js';
import type { Transport, TransportRequest } from './transport.js';

/** One request, ready to leave. */
export interface SendJob {
  /** Place in the plan. */
  readonly index: number;
  /** ns from t0. Jobs come in rising order. */
  readonly intendedNs: number;
  readonly body: Uint8Array;
  readonly stream: boolean;
  /** Which of the target's places; default 0. */
  readonly place?: number;
}

export interface SenderOptions {
  /** Precise: for sending. */
  readonly scheduler: Scheduler;
  /** Coarse: for looking at limits. */
  readonly housekeeping: Scheduler;
  readonly transport: Transport;
  readonly protocol: Protocol;
  readonly limits: ExchangeLimits;
  /** Most requests in flight; null = no cap. */
  readonly concurrency: number | null;
  readonly keepChunks: boolean;
  readonly onSettled: (outcome: Outcome) => void;
}

/** How often limits are looked at: a time limit is exact to this. */
const SWEEP_NS = 20 * NS_PER_MS;
/** Sends between two turns of the event loop when many jobs are due. */
const BURST = 16;

export class Sender {
  readonly #options: SenderOptions;
  readonly #exchanges = new Set<Exchange>();
  /** null = has left: its body is free. */
  #jobs: (SendJob | null)[] = [];
  #next = 0;
  #t0Ns: number | null = null;
  #cancelTimer: (() => void) | null = null;
  #sweeping = false;
  #inFlight = 0;
  /** Since when a place under the cap has been free. */
  #freeSinceNs = Number.NEGATIVE_INFINITY;
  #dispatchedJobs = 0;
  #dispatchedBytes = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Requests that were released and have not ended. */
  get inFlight(): number {
    return this.#inFlight;
  }

  get dispatchedJobs(): number {
    return this.#dispatchedJobs;
  }

  get dispatchedBytes(): number {
    return this.#dispatchedBytes;
  }

  /** Jobs that have not left. */
  get waiting(): number {
    return this.#jobs.length - this.#next;
  }

  /** When the next job is due, ns on the scheduler's clock; null = none that could leave. */
  get nextDueNs(): number | null {
    if (this.#t0Ns === null || this.#next === this.#jobs.length || this.#isFull()) return null;
    return this.#t0Ns + this.#jobs[this.#next]!.intendedNs;
  }

  addJobs(jobs: readonly SendJob[]): void {
    for (const job of jobs) this.#jobs.push(job);
    this.#arm();
  }

  /** From now on intended instants count from t0 (ns on the scheduler's clock). */
  start(t0Ns: number): void {
    this.#t0Ns = t0Ns;
    this.#arm();
  }

  /** Keeps jobs back until the next `start`. */
  hold(): void {
    this.#t0Ns = null;
    this.#arm();
  }

  /** Sends nothing more. Requests in flight go on. Returns the places of the jobs that have not left. */
  stop(): number[] {
    const left = this.#jobs.slice(this.#next).map((job) => job!.index);
    this.#jobs = [];
    this.#next = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    return left;
  }

  /** Ends every request in flight as cancelled. */
  cancelAll(): void {
    for (const exchange of [...this.#exchanges]) exchange.cancel();
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const atNs = this.nextDueNs;
    if (atNs === null) return;
    this.#cancelTimer = this.#options.scheduler.callAt(atNs, () => {
      this.#cancelTimer = null;
      this.#sendDue(this.#t0Ns!);
    });
  }

  #isFull(): boolean {
    return this.#options.concurrency !== null && this.#inFlight >= this.#options.concurrency;
  }

  #sendDue(t0Ns: number): void {
    for (let sent = 0; sent < BURST && this.#next < this.#jobs.length && !this.#isFull(); sent++) {
      const job = this.#jobs[this.#next]!;
      if (t0Ns + job.intendedNs > this.#options.scheduler.nowNs()) break;
      this.#jobs[this.#next] = null;
      this.#next += 1;
      this.#send(job, t0Ns);
    }
    if (this.#next >= 1_024) {
      this.#jobs = this.#jobs.slice(this.#next);
      this.#next = 0;
    }
    this.#arm();
  }

  #send(job: SendJob, t0Ns: number): void {
    const { scheduler, transport, protocol, limits, concurrency, keepChunks } = this.#options;
    let request: TransportRequest | null = null;
    let abortAsked = false;
    const exchange: Exchange = new Exchange({
      index: job.index,
      stream: job.stream,
      protocol,
      limits,
      keepChunks,
      echoLength: protocol.echoLength?.(job.body),
      nowNs: () => scheduler.nowNs(),
      releasedNs: concurrency === null ? null : Math.max(t0Ns + job.intendedNs, this.#freeSinceNs),
      onSettled: (outcome) => this.#settled(outcome),
      onAbort: () => {
        abortAsked = true;
        request?.abort();
      },
      onClosed: () => {
        this.#exchanges.delete(exchange);
      },
    });
    this.#exchanges.add(exchange);
    this.#inFlight += 1;
    this.#dispatchedJobs += 1;
    this.#dispatchedBytes += job.body.length;
    request = transport.send(job.body, job.stream, exchange, job.place);
    if (abortAsked) request.abort();
    this.#sweepLater();
  }

  #settled(outcome: Outcome): void {
    if (this.#isFull()) this.#freeSinceNs = this.#options.scheduler.nowNs();
    this.#inFlight -= 1;
    this.#options.onSettled(outcome);
    if (this.#options.concurrency !== null && this.#cancelTimer === null) this.#arm();
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#options.housekeeping.callAt(this.#options.housekeeping.nowNs() + SWEEP_NS, () => {
      this.#sweeping = false;
      for (const exchange of this.#exchanges) exchange.checkLimits();
      if (this.#exchanges.size > 0) this.#sweepLater();
    });
  }
}
