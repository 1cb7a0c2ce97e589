/**
 * Time at the edges: a monotonic clock and a scheduler that calls on absolute deadlines.
 *
 * Deadlines are absolute, so lateness never accumulates. The real scheduler sleeps with `setTimeout` until the last
 * 1.3 ms and then polls with `setImmediate`, so sockets stay served while it waits (measured p50 2 µs, p99 below 1 ms
 * with 19 000 chunks/s parsed on the same thread). The tail burns CPU only while a deadline is near.
 */
import { availableParallelism } from 'node:os';
import type { Clock } from './types.js';

/** Calls functions at absolute times of its clock. */
export interface Scheduler extends Clock {
  /** Calls `fn` once, never before `atNs`; equal times in order of calling. Returns a function that cancels it. */
  callAt(atNs: number, fn: () => void): () => void;
}

/** The real clock's scheduler, which also says what its precision costs. */
export interface RealScheduler extends Scheduler {
  /** Time spent polling for a deadline with nothing else to do, ns: CPU that is not load. */
  spunNs(): number;
}

/**
 * Origin of `performance.now()` on the system's monotonic clock, ns; the closest of a few bracketed readings.
 * `performance.now()` reads the same clock without allocating a BigInt, which a polling timer would do a million
 * times a second.
 */
const ORIGIN_NS = ((): number => {
  let best = Number.POSITIVE_INFINITY;
  let origin = 0;
  for (let i = 0; i < 20; i++) {
    const before = performance.now();
    const clockNs = Number(process.hrtime.bigint());
    const after = performance.now();
    if (after - before < best) {
      best = after - before;
      origin = clockNs - ((before + after) / 2) * 1e6;
    }
  }
  return origin;
})();

/**
 * Whole ns on the system's monotonic clock: the same origin in every process of the machine (Linux, macOS), to within
 * a microsecond.
 */
export function monotonicNs(): number {
  return Math.round(ORIGIN_NS + performance.now() * 1e6);
}

/** A `setTimeout` of whole ms ends up to 1.15 ms late on a quiet machine; polling covers the rest. */
const TAIL_NS = 1_300_000;

/** An idle turn of the event loop takes 1–5 µs; a longer one has served sockets. */
const IDLE_TURN_NS = 20_000;

/**
 * With few cores the one that polls is the one that the other side of the measurement needs: there, idle turns sleep in
 * short slices and only the last 150 µs are polled. Measured on 2 cores: the server took requests up 3 × sooner (p90).
 * A slice is what a request waits for at most before its answer is read: 70 µs read it 50 µs sooner (p50) than 150.
 *
 * Every sleep is a chance to get the core back late, though. Who must be on time (`keepsCore`) sleeps once after it has
 * worked, so that who was woken gets the core, and polls on to a deadline that is less than the tail after the last.
 * Measured at 1 000 and 3 000 even sends/s: p99 of lag 0.2 and 0.6 ms, with sleeps all the way 0.8 and 1.2 ms. Without
 * the one sleep it is 0.05 and 0.5 ms, but one answer in ten comes 1.5 ms late.
 */
const FEW_CORES = 4;
const SPIN_NS = 150_000;
const SLICE_NS = 70_000;
/** A sleep ends this much late; a shorter one is not worth it. */
const SHORTEST_SLEEP_NS = 20_000;

const SLEEP_CELL = new Int32Array(new SharedArrayBuffer(4));

/**
 * How long an idle turn near a deadline stands still before the next. A turn of the event loop leaves some 300 bytes
 * behind, ten thousands of them a second are most of a sender's garbage; standing still leaves none. Measured at 3 000
 * requests/s with real-time priority: pauses for garbage a third shorter, send lag p99 0.36 ms instead of 0.42.
 */
const PAUSE_NS = 20_000;
const TRIAL_ROUNDS = 1_000;
const TRIALS = 200;

/** Stands still for so many rounds, without a look at the clock, which would allocate. */
function standStill(rounds: number): number {
  let seen = 0;
  for (let round = 0; round < rounds; round++) seen += Atomics.load(SLEEP_CELL, 0);
  return seen;
}

/** Rounds of the pause: by the fastest of many trials, the one that nothing interrupted. */
let pauseRounds: number | null = null;

function roundsOfPause(): number {
  if (pauseRounds !== null) return pauseRounds;
  let shortestNs = Number.POSITIVE_INFINITY;
  for (let trial = 0; trial < TRIALS; trial++) {
    const startNs = monotonicNs();
    standStill(TRIAL_ROUNDS);
    // What comes first is not compiled yet.
    if (trial >= TRIALS / 2) shortestNs = Math.min(shortestNs, Math.max(1, monotonicNs() - startNs));
  }
  pauseRounds = Math.max(1, Math.floor((TRIAL_ROUNDS * PAUSE_NS) / shortestNs));
  return pauseRounds;
}

interface Entry {
  readonly atNs: number;
  readonly order: number;
  fn: (() => void) | null;
}

export interface SchedulerOptions {
  /** False leaves out the polling tail (±1 ms, no CPU). Default true. */
  readonly spin?: boolean;
  /** Sleeps once only between deadlines that are close together, where cores are few. Default false. */
  readonly keepsCore?: boolean;
}

/** The real clock with a precise scheduler. */
export function createScheduler(options: SchedulerOptions = {}): RealScheduler {
  const { spin = true, keepsCore = false } = options;
  const yields = availableParallelism() < FEW_CORES;
  const rounds = spin ? roundsOfPause() : 0;
  const heap = new EntryHeap();
  let timer: NodeJS.Timeout | null = null;
  let polling = false;
  let polledNs = 0;
  let spunNs = 0;
  let orders = 0;
  let rested = false;
  let lastDueNs = Number.NEGATIVE_INFINITY;

  // What is asked for while due calls run waits for the next turn of the event loop, so that sockets are served.
  const runDue = (): boolean => {
    const turn = orders;
    let ran = false;
    for (let first = heap.peek(); first !== null; first = heap.peek()) {
      if (first.fn !== null && (first.order >= turn || first.atNs > monotonicNs())) break;
      heap.pop();
      if (first.fn === null) continue;
      ran = true;
      lastDueNs = first.atNs;
      first.fn();
    }
    return ran;
  };
  const arm = (): void => {
    if (polling) return;
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const first = heap.peek();
    if (first === null) return;
    const leftNs = first.atNs - monotonicNs();
    if (spin && leftNs <= TAIL_NS) {
      polling = true;
      polledNs = 0;
      setImmediate(poll);
      return;
    }
    const sleepMs = spin ? Math.floor((leftNs - TAIL_NS) / 1e6) : Math.ceil(leftNs / 1e6);
    timer = setTimeout(wake, Math.min(Math.max(sleepMs, 0), 2_147_483_647));
  };
  const wake = (): void => {
    timer = null;
    runDue();
    arm();
  };
  const poll = (): void => {
    const nowNs = monotonicNs();
    const idle = nowNs - polledNs < IDLE_TURN_NS;
    if (idle) spunNs += nowNs - polledNs;
    const ran = runDue();
    const first = heap.peek();
    if (!idle || ran) rested = false;
    else if (first !== null) {
      const startNs = monotonicNs();
      const leftNs = first.atNs - startNs;
      const keeps = keepsCore && rested && first.atNs - lastDueNs <= TAIL_NS;
      if (yields && !keeps && leftNs - SPIN_NS > SHORTEST_SLEEP_NS) {
        Atomics.wait(SLEEP_CELL, 0, 0, Math.min(leftNs - SPIN_NS, SLICE_NS) / 1e6);
        rested = true;
      } else if (leftNs > PAUSE_NS) {
        standStill(rounds);
        spunNs += monotonicNs() - startNs;
      }
    }
    polledNs = monotonicNs();
    if (first !== null && first.atNs - monotonicNs() <= TAIL_NS) setImmediate(poll);
    else {
      polling = false;
      arm();
    }
  };

  return {
    nowNs: monotonicNs,
    spunNs: () => spunNs,
    callAt(atNs, fn) {
      const entry: Entry = { atNs, order: orders++, fn };
      heap.push(entry);
      if (heap.peek() === entry) arm();
      return () => {
        entry.fn = null;
        while (heap.peek()?.fn === null) heap.pop();
        if (heap.peek() === null && timer !== null) {
          clearTimeout(timer);
          timer = null;
        }
      };
    },
  };
}

/** A clock that stands still until told: for tests of anything that takes a Scheduler. */
export class FakeScheduler implements Scheduler {
  #nowNs: number;
  #orders = 0;
  readonly #heap = new EntryHeap();

  constructor(startNs = 0) {
    this.#nowNs = startNs;
  }

  nowNs(): number {
    return this.#nowNs;
  }

  callAt(atNs: number, fn: () => void): () => void {
    const entry: Entry = { atNs, order: this.#orders++, fn };
    this.#heap.push(entry);
    return () => {
      entry.fn = null;
    };
  }

  /** Moves time forward, calling what falls due on the way, in order. */
  advance(ns: number): void {
    const untilNs = this.#nowNs + ns;
    for (let first = this.#heap.peek(); first !== null && first.atNs <= untilNs; first = this.#heap.peek()) {
      this.#heap.pop();
      if (first.fn === null) continue;
      this.#nowNs = Math.max(this.#nowNs, first.atNs);
      first.fn();
    }
    this.#nowNs = untilNs;
  }
}

/** Binary heap by time, then by order of insertion. */
class EntryHeap {
  readonly #items: Entry[] = [];

  peek(): Entry | null {
    return this.#items[0] ?? null;
  }

  push(entry: Entry): void {
    const items = this.#items;
    let i = items.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(entry, items[parent])) break;
      items[i] = items[parent];
      i = parent;
    }
    items[i] = entry;
  }

  pop(): Entry | null {
    const items = this.#items;
    const top = items[0] ?? null;
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1], items[child])) child += 1;
      if (!isBefore(items[child], last)) break;
      items[i] = items[child];
      i = child;
    }
    items[i] = last;
    return top;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atNs < b.atNs || (a.atNs === b.atNs && a.order < b.order);
}
