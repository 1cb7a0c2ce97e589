/**
 * Sends jobs at their instants and sees every one to its end: the part that owns a thread's sockets and timer.
 *
 * Open loop: a job leaves at t0 + its intended instant, absolute on the monotonic clock, whatever earlier ones do. A job
 * that is late leaves at once and keeps its intended instant (the schedule is never moved). With a concurrency cap a due
 * job waits for a place, first come first served, and the instant of its release is kept; in a closed loop that release
 * is the intended instant. A turn that follows an answer gets its instant from it (turns.ts). A request that is sent
 * again keeps its place under the cap. Late jobs leave in small bursts, so that answers are read between them.
 */
import type { Scheduler } from '../clock.js';
import { NS_PER_MS } from '../units.js';
import { DueQueue } from './due-queue.js';
import { Exchange, type ExchangeLimits, type Outcome } from './exchange.js';
import { outcomeOfSkipped } from './outcome.js';
import type { Protocol } from './protocol.js';
import { isRetryable, retryWait } from './retry.js';
import type { Transport, TransportRequest } from './transport.js';
import { TurnBook, type TurnJob } from './turns.js';

/** One request, ready to leave. */
export interface SendJob extends TurnJob {
  /** ns from t0. Jobs come in rising order, but for turns that wait for an answer: theirs is decided later. */
  readonly intendedNs: number;
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
  /** Jobs are intended when a place is free, not when they are due. Default false. */
  readonly closedLoop?: boolean;
  /** Most attempts beyond the first. Default 0. */
  readonly retries?: number;
  /** A turn whose parent failed is skipped, and so is what follows it. Default true. */
  readonly endOnFailure?: boolean;
  /** How far the next attempt is put off beyond the least wait, 0–1, by request and attempt. Default 0. */
  readonly jitter?: (index: number, attempt: number) => number;
  /** The wall clock, ms, for Retry-After dates. Default Date.now. */
  readonly utcMs?: () => number;
  /** Called for the end of every attempt; the last one of a request is not superseded. */
  readonly onSettled: (outcome: Outcome) => void;
}

/** How often limits are looked at: a time limit is exact to this. */
const SWEEP_NS = 20 * NS_PER_MS;
/** Sends between two turns of the event loop when many jobs are due. */
const BURST = 16;

/** A request from its release to its end, over all its attempts. */
interface Flight {
  readonly job: SendJob;
  readonly releasedNs: number | null;
  attempt: number;
  first: Outcome | null;
  /** The attempt that failed, while the next one waits. */
  failed: Outcome | null;
  cancelWait: (() => void) | null;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #exchanges = new Set<Exchange>();
  readonly #due = new DueQueue<SendJob>();
  readonly #turns: TurnBook<SendJob>;
  readonly #retrying = new Set<Flight>();
  #t0Ns: number | null = null;
  #cancelTimer: (() => void) | null = null;
  #sweeping = false;
  #inFlight = 0;
  #cancelled = false;
  #stopped = false;
  /** Since when a place under the cap has been free. */
  #freeSinceNs = Number.NEGATIVE_INFINITY;
  #dispatchedJobs = 0;
  #dispatchedBytes = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#turns = new TurnBook<SendJob>(
      { release: (job) => this.#release(job), skip: (job) => this.#skip(job) },
      options.endOnFailure ?? true,
    );
  }

  /** Requests that were released and have not ended. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Jobs that have left the queue, skipped ones included. */
  get dispatchedJobs(): number {
    return this.#dispatchedJobs;
  }

  get dispatchedBytes(): number {
    return this.#dispatchedBytes;
  }

  /** Jobs that have not left. */
  get waiting(): number {
    return this.#due.size + this.#turns.waiting;
  }

  /** When the next job is due, ns on the scheduler's clock; null = none that could leave. */
  get nextDueNs(): number | null {
    const firstNs = this.#due.firstNs;
    if (this.#t0Ns === null || firstNs === null || this.#isFull()) return null;
    return this.#t0Ns + firstNs;
  }

  addJobs(jobs: readonly SendJob[]): void {
    for (const job of jobs) {
      if (job.after === undefined) this.#due.push(job);
      else this.#turns.add(job);
    }
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
    this.#stopped = true;
    const left = [...this.#due.drain(), ...this.#turns.drain()].map((job) => job.index);
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#giveUpRetries();
    return left;
  }

  /** Ends every request in flight as cancelled; one that waits for its next attempt ends as the last one did. */
  cancelAll(): void {
    this.#cancelled = true;
    this.#giveUpRetries();
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
    for (let sent = 0; sent < BURST && !this.#isFull(); sent++) {
      const firstNs = this.#due.firstNs;
      if (firstNs === null || t0Ns + firstNs > this.#options.scheduler.nowNs()) break;
      this.#begin(this.#due.shift()!, t0Ns);
    }
    this.#arm();
  }

  #begin(job: SendJob, t0Ns: number): void {
    const { concurrency, closedLoop } = this.#options;
    const dueNs = t0Ns + job.intendedNs;
    const releasedNs = concurrency === null ? null : Math.max(dueNs, this.#freeSinceNs);
    this.#inFlight += 1;
    this.#dispatchedJobs += 1;
    this.#dispatchedBytes += job.body.length;
    this.#send({
      job: closedLoop === true ? { ...job, intendedNs: releasedNs! - t0Ns } : job,
      releasedNs,
      attempt: 1,
      first: null,
      failed: null,
      cancelWait: null,
    });
  }

  #send(flight: Flight): void {
    const { scheduler, transport, protocol, limits, keepChunks } = this.#options;
    const { job } = flight;
    let request: TransportRequest | null = null;
    let abortAsked = false;
    const exchange: Exchange = new Exchange({
      index: job.index,
      stream: job.stream,
      protocol,
      limits,
      keepChunks,
      keepAnswer: (job.children ?? 0) > 0,
      echoLength: protocol.echoLength?.(job.body),
      nowNs: () => scheduler.nowNs(),
      releasedNs: flight.releasedNs,
      onSettled: (outcome) => this.#attemptEnded(flight, outcome),
      onAbort: () => {
        abortAsked = true;
        request?.abort();
      },
      onClosed: () => {
        this.#exchanges.delete(exchange);
      },
    });
    this.#exchanges.add(exchange);
    request = transport.send(job.body, job.stream, exchange, job.place);
    if (abortAsked) request.abort();
    this.#sweepLater();
  }

  #attemptEnded(flight: Flight, outcome: Outcome): void {
    const { retries, scheduler, utcMs, jitter } = this.#options;
    const again =
      flight.attempt <= (retries ?? 0) && !this.#cancelled && !this.#stopped && isRetryable(outcome);
    if (!again) {
      this.#ended(flight, outcome);
      return;
    }
    const { attempt, job } = flight;
    const { waitNs, capped } = retryWait({
      attempt,
      retryAfter: outcome.retryAfter ?? null,
      nowUtcMs: (utcMs ?? Date.now)(),
      jitter: jitter?.(job.index, attempt) ?? 0,
    });
    flight.failed = capped ? { ...outcome, note: withNote(outcome.note, 'retry_after_capped') } : outcome;
    this.#retrying.add(flight);
    flight.cancelWait = scheduler.callAt(scheduler.nowNs() + waitNs, () => {
      const { failed } = flight;
      this.#retrying.delete(flight);
      this.#options.onSettled({ ...this.#placed(flight, failed!), attempt, superseded: true });
      flight.first ??= failed;
      flight.failed = null;
      flight.attempt += 1;
      this.#send(flight);
    });
  }

  #giveUpRetries(): void {
    for (const flight of [...this.#retrying]) {
      this.#retrying.delete(flight);
      flight.cancelWait?.();
      this.#ended(flight, { ...flight.failed!, note: withNote(flight.failed!.note, 'retry_cut') });
    }
  }

  /** The request is over. Its latency counts from the first attempt. */
  #ended(flight: Flight, outcome: Outcome): void {
    const { scheduler, concurrency } = this.#options;
    const { job, first, attempt } = flight;
    const nowNs = scheduler.nowNs();
    if (this.#isFull()) this.#freeSinceNs = nowNs;
    this.#inFlight -= 1;
    const { answerText: _, ...told } = this.#placed(flight, outcome);
    this.#options.onSettled(
      first === null
        ? told
        : {
            ...told,
            attempt,
            sentNs: first.sentNs ?? told.sentNs,
            connectNs: first.sentNs === null ? told.connectNs : first.connectNs,
            dnsNs: first.sentNs === null ? told.dnsNs : first.dnsNs,
            lastSentNs: told.lastSentNs ?? told.sentNs,
          },
    );
    if ((job.children ?? 0) > 0) this.#turns.end(job, outcome, this.#t0Ns ?? nowNs, nowNs);
    if (concurrency !== null && this.#cancelTimer === null) this.#arm();
  }

  /** The outcome with what this sender decided: the instant, and the prompt's length. */
  #placed(flight: Flight, outcome: Outcome): Outcome {
    const { job } = flight;
    if (this.#t0Ns === null || (job.after === undefined && this.#options.closedLoop !== true)) return outcome;
    const asked = job.after?.history === true ? { inputTokensAsked: job.prompt!.tokens } : {};
    return { ...outcome, ...asked, intendedNs: this.#t0Ns + job.intendedNs };
  }

  #release(job: SendJob): void {
    this.#due.push(job);
    this.#arm();
  }

  #skip(job: SendJob): void {
    this.#dispatchedJobs += 1;
    this.#dispatchedBytes += job.body.length;
    this.#options.onSettled(outcomeOfSkipped(job.index, job.stream, this.#options.scheduler.nowNs()));
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#options.housekeeping.callAt(this.#options.housekeeping.nowNs() + SWEEP_NS, () => {
      this.#sweeping = false;
      const nowNs = this.#options.scheduler.nowNs();
      for (const exchange of this.#exchanges) exchange.checkLimits(nowNs);
      if (this.#exchanges.size > 0) this.#sweepLater();
    });
  }
}

const withNote = (note: string | null, word: string): string => (note === null ? word : `${note},${word}`);
