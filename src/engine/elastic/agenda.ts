/** What falls due at which instant of virtual time: a binary heap by time, then rank, then order of entry. Base part. */

/** Order of what happens at one instant: state first, then measurement, then decisions that rest on both. */
export const RANK = { ready: 0, end: 1, scrape: 2, decide: 3, sample: 4 } as const;

interface Item {
  readonly atSec: number;
  readonly rank: number;
  readonly order: number;
  readonly run: (nowSec: number) => void;
}

export class Agenda {
  readonly #heap: Item[] = [];
  #orders = 0;

  /** When the next item falls due; Infinity = nothing is planned. */
  get nextSec(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0].atSec;
  }

  add(atSec: number, rank: number, run: (nowSec: number) => void): void {
    const heap = this.#heap;
    const item = { atSec, rank, order: this.#orders++, run };
    let i = heap.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(item, heap[parent])) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = item;
  }

  /** Runs `fn` at `firstSec` and every `periodSec` after it, without drift. */
  every(firstSec: number, periodSec: number, rank: number, fn: (nowSec: number) => void): void {
    let turns = 0;
    const turn = (nowSec: number): void => {
      fn(nowSec);
      turns += 1;
      this.add(firstSec + turns * periodSec, rank, turn);
    };
    this.add(firstSec, rank, turn);
  }

  /** Runs the next item; call only when there is one. */
  runNext(): void {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop()!;
    if (heap.length > 0) {
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
    }
    top.run(top.atSec);
  }
}

function isBefore(a: Item, b: Item): boolean {
  if (a.atSec !== b.atSec) return a.atSec < b.atSec;
  return a.rank !== b.rank ? a.rank < b.rank : a.order < b.order;
}
