/**
 * Keeps the senders supplied: builds bodies a little ahead of their instants, bounded in time and in bytes, so that
 * memory follows what is in flight and not the length of the trace.
 */
import { NS_PER_SEC } from '../units.js';
import type { BodyBuilder } from './bodies.js';
import type { SendPlan } from './plan.js';
import type { SendJob } from './sender.js';

/** Where jobs go. */
export interface JobSink {
  readonly size: number;
  backlogBytes(sender: number): number;
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
}

/** A message should not keep a sender's thread from its sockets: about 0.1 ms to read. */
const MESSAGE_BYTES = 128 * 1024;
const MESSAGE_JOBS = 64;

export class Feeder {
  readonly #options: FeederOptions;
  #next = 0;
  /** Everything due before this has been handed out. */
  #fedUntilNs = Number.NEGATIVE_INFINITY;

  constructor(options: FeederOptions) {
    this.#options = options;
  }

  /** Requests handed out so far. Request i goes to sender i mod n. */
  get fed(): number {
    return this.#next;
  }

  /** Hands out what is due until now + look-ahead. `nowNs` counts from t0; before the start pass 0. */
  pump(nowNs: number): void {
    const { plan, bodies, sink, placeOf } = this.#options;
    const lookAheadNs = this.#options.lookAheadNs ?? 2 * NS_PER_SEC;
    const untilNs = nowNs + lookAheadNs;
    if (this.#fedUntilNs - nowNs > lookAheadNs / 2) return;
    const maxBacklog = this.#options.maxBacklogBytes ?? 64 * 1024 * 1024;
    const pending: { jobs: SendJob[]; bytes: number }[] = Array.from({ length: sink.size }, () => ({
      jobs: [],
      bytes: 0,
    }));
    const flush = (sender: number): void => {
      if (pending[sender].jobs.length > 0) sink.send(sender, pending[sender].jobs);
      pending[sender] = { jobs: [], bytes: 0 };
    };
    this.#fedUntilNs = untilNs;
    for (; this.#next < plan.count && plan.schedule.intendedNs[this.#next] <= untilNs; this.#next++) {
      const index = this.#next;
      const sender = index % sink.size;
      if (sink.backlogBytes(sender) + pending[sender].bytes >= maxBacklog) {
        this.#fedUntilNs = Number.NEGATIVE_INFINITY;
        break;
      }
      const body = bodies.build(index);
      pending[sender].jobs.push({
        index,
        intendedNs: plan.schedule.intendedNs[index],
        body,
        stream: plan.stream[index] === 1,
        place: placeOf?.(index),
      });
      pending[sender].bytes += body.length;
      if (pending[sender].bytes >= MESSAGE_BYTES || pending[sender].jobs.length >= MESSAGE_JOBS)
        flush(sender);
    }
    for (let sender = 0; sender < sink.size; sender++) flush(sender);
  }
}
