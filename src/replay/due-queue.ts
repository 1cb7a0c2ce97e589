/**
 * Jobs by the instant that they are due at. Those of a schedule come in rising order and cost nothing to keep; turns that
 * were released by an answer come in any order and go through a heap.
 */

/** Anything with an instant, ns from t0. */
export interface Due {
  readonly intendedNs: number;
}

/** First due first; equal instants in the order of coming. */
export class DueQueue<T extends Due> {
  /** null = has left: its body is free. */
  #rising: (T | null)[] = [];
  #next = 0;
  readonly #heap: { readonly job: T; readonly order: number }[] = [];
  #orders = 0;

  get size(): number {
    return this.#rising.length - this.#next + this.#heap.length;
  }

  /** When the first one is due; null = empty. */
  get firstNs(): number | null {
    const rising = this.#rising[this.#next] ?? null;
    const heaped = this.#heap[0]?.job ?? null;
    if (rising === null) return heaped?.intendedNs ?? null;
    return heaped === null ? rising.intendedNs : Math.min(rising.intendedNs, heaped.intendedNs);
  }

  push(job: T): void {
    const last = this.#rising[this.#rising.length - 1] ?? null;
    if (this.#next === this.#rising.length || last === null || job.intendedNs >= last.intendedNs) {
      this.#rising.push(job);
    } else this.#pushHeap(job);
  }

  /** Takes the first one; null = empty. */
  shift(): T | null {
    const rising = this.#rising[this.#next] ?? null;
    const heaped = this.#heap[0]?.job ?? null;
    if (heaped !== null && (rising === null || heaped.intendedNs < rising.intendedNs)) return this.#popHeap();
    if (rising === null) return null;
    this.#rising[this.#next] = null;
    this.#next += 1;
    if (this.#next >= 1_024) {
      this.#rising = this.#rising.slice(this.#next);
      this.#next = 0;
    }
    return rising;
  }

  /** Takes all of them, in no order. */
  drain(): T[] {
    const all = this.#rising.slice(this.#next).map((job) => job!);
    for (const { job } of this.#heap) all.push(job);
    this.#rising = [];
    this.#next = 0;
    this.#heap.length = 0;
    return all;
  }

  #pushHeap(job: T): void {
    const heap = this.#heap;
    const entry = { job, order: this.#orders++ };
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(entry, heap[parent])) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = entry;
  }

  #popHeap(): T {
    const heap = this.#heap;
    const { job } = heap[0];
    const last = heap.pop()!;
    if (heap.length === 0) return job;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], last)) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return job;
  }
}

interface Entry {
  readonly job: Due;
  readonly order: number;
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.job.intendedNs < b.job.intendedNs || (a.job.intendedNs === b.job.intendedNs && a.order < b.order);
}
