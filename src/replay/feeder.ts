/**
 * Keeps the senders supplied: builds bodies a little ahead of their instants, bounded in time, in bytes and in jobs, so
 * that memory follows what is in flight and not the length of the trace.
 *
 * A turn that waits for an answer goes to the sender of its session two steps ahead: with its parent when that leaves by
 * the schedule, else as soon as the parent's own parent has ended.
 */
import { NS_PER_SEC } from '../units.js';
import type { BodyBuilder } from './bodies.js';
import type { SendPlan } from './plan.js';
import type { SendJob } from './sender.js';

/** Where jobs go. */
export interface JobSink {
  readonly size: number;
  backlogBytes(sender: number): number;
  /** Jobs that have not left; absent = unknown. */
  backlogJobs?(sender: number): number;
  send(sender: number, jobs: readonly SendJob[]): void;
}

export interface FeederOptions {
  readonly plan: SendPlan;
  readonly bodies: BodyBuilder;
  readonly sink: JobSink;
  /** Which of the target's places serves request i. Default all go to place 0. */
  readonly placeOf?: (i: number) => number;
  /**
   * Builds what is due within this time; what has been built lasts for half of it at least, so that senders are woken
   * seldom. Default 2 s: longer than any pause of this process.
   */
  readonly lookAheadNs?: number;
  /** Most unsent bytes per sender. Default 64 MiB. */
  readonly maxBacklogBytes?: number;
  /** Most unsent jobs per sender. Default 32 768. */
  readonly maxBacklogJobs?: number;
}

/** A message should not keep a sender's thread from its sockets: about 0.1 ms to read. */
const MESSAGE_BYTES = 128 * 1024;
const MESSAGE_JOBS = 64;

interface Pending {
  jobs: SendJob[];
  bytes: number;
}

export class Feeder {
  readonly #options: FeederOptions;
  /** Requests before this one leave by the schedule and have been handed out, or wait for others. */
  #next = 0;
  #fed = 0;
  /** Everything due before this has been handed out. */
  #fedUntilNs = Number.NEGATIVE_INFINITY;
  readonly #pending: Pending[];

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#pending = Array.from({ length: options.sink.size }, () => ({ jobs: [], bytes: 0 }));
  }

  /** Requests handed out so far. Request i goes to sender i mod n, a session whole to that of its first request. */
  get fed(): number {
    return this.#fed;
  }

  /** Hands out what is due until now + look-ahead. `nowNs` counts from t0; before the start pass 0. */
  pump(nowNs: number): void {
    const { plan, sink } = this.#options;
    const lookAheadNs = this.#options.lookAheadNs ?? 2 * NS_PER_SEC;
    const untilNs = nowNs + lookAheadNs;
    if (this.#fedUntilNs - nowNs > lookAheadNs / 2) return;
    const maxBytes = this.#options.maxBacklogBytes ?? 64 * 1024 * 1024;
    const maxJobs = this.#options.maxBacklogJobs ?? 32_768;
    this.#fedUntilNs = untilNs;
    const parent = plan.turns?.parent ?? null;
    for (; this.#next < plan.count; this.#next++) {
      const index = this.#next;
      if (parent !== null && parent[index] >= 0) continue;
      if (plan.schedule.intendedNs[index] > untilNs) break;
      const sender = index % sink.size;
      const { jobs, bytes } = this.#pending[sender];
      const waiting = (sink.backlogJobs?.(sender) ?? 0) + jobs.length;
      if (sink.backlogBytes(sender) + bytes >= maxBytes || waiting >= maxJobs) {
        this.#fedUntilNs = Number.NEGATIVE_INFINITY;
        break;
      }
      this.#feed(index, sender);
      this.#feedChildren(index, sender);
    }
    this.#flushAll();
  }

  /** Requests have ended for good: what follows on what follows them may be needed soon. */
  ended(indexes: readonly number[]): void {
    const { turns } = this.#options.plan;
    if (turns == null) return;
    for (const index of indexes) {
      for (let at = turns.childOffsets[index]; at < turns.childOffsets[index + 1]; at++) {
        const child = turns.children[at];
        this.#feedChildren(child, this.#senderOf(child));
      }
    }
    this.#flushAll();
  }

  #senderOf(index: number): number {
    const { parent } = this.#options.plan.turns!;
    let root = index;
    while (parent[root] >= 0) root = parent[root];
    return root % this.#options.sink.size;
  }

  #feedChildren(index: number, sender: number): void {
    const { turns } = this.#options.plan;
    if (turns == null) return;
    for (let at = turns.childOffsets[index]; at < turns.childOffsets[index + 1]; at++) {
      this.#feed(turns.children[at], sender);
    }
  }

  #feed(index: number, sender: number): void {
    const pending = this.#pending[sender];
    const job = this.#jobOf(index);
    pending.jobs.push(job);
    pending.bytes += job.body.length;
    this.#fed += 1;
    if (pending.bytes >= MESSAGE_BYTES || pending.jobs.length >= MESSAGE_JOBS) this.#flush(sender);
  }

  #jobOf(index: number): SendJob {
    const { plan, bodies, placeOf } = this.#options;
    const common = {
      index,
      intendedNs: plan.schedule.intendedNs[index],
      stream: plan.stream[index] === 1,
      place: placeOf?.(index),
    };
    const { turns } = plan;
    if (turns == null) return { ...common, body: bodies.build(index) };
    const children = turns.childOffsets[index + 1] - turns.childOffsets[index];
    const history = turns.newTokens[index] >= 0;
    const synthetic = turns.answers === 'synthetic';
    const { body, promptFrom, promptTo, answer } = bodies.buildTurn(
      index,
      history
        ? { tokens: turns.newTokens[index], answerTokens: synthetic ? turns.answerTokens[index] : 0 }
        : null,
    );
    const tokens = history ? turns.newTokens[index] : plan.inputTokens[index];
    const job = { ...common, body, children, prompt: { from: promptFrom, to: promptTo, tokens } };
    const parent = turns.parent[index];
    if (parent < 0) return job;
    const thinkNs = turns.thinkNs[index];
    const isKnown = !Number.isNaN(thinkNs);
    return {
      ...job,
      after: {
        parent,
        thinkNs: isKnown && turns.mode === 'closed' ? thinkNs : 0,
        gapNs: isKnown ? null : turns.gapNs[index],
        earliestNs: turns.mode === 'hybrid' ? common.intendedNs : null,
        history,
        answer: synthetic && history ? (answer ?? new Uint8Array(0)) : null,
        answerTokens: turns.answerTokens[index],
      },
    };
  }

  #flush(sender: number): void {
    const { jobs } = this.#pending[sender];
    if (jobs.length > 0) this.#options.sink.send(sender, jobs);
    this.#pending[sender] = { jobs: [], bytes: 0 };
  }

  #flushAll(): void {
    for (let sender = 0; sender < this.#options.sink.size; sender++) this.#flush(sender);
  }
}
