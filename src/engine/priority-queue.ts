/**
 * The waiting queue of a priority scheduler: lower priority value first, then earlier submission. Base part.
 *
 * Same calls as `SlotQueue`. A preempted sequence keeps its place by submission, so putting it to the front is putting
 * it back. Source: vLLM's PriorityRequestQueue (priority, arrival time).
 */
import type { SlotTable } from './slots.js';

/** What the scheduler needs of a waiting queue. */
export interface WaitingQueue {
  readonly length: number;
  /** First slot; call only when length > 0. */
  front(): number;
  pushBack(slot: number): void;
  pushFront(slot: number): void;
  popFront(): number;
  /** Takes one slot out of the middle, keeping the order. Cost O(length). */
  remove(slot: number): void;
}

export class PriorityQueue implements WaitingQueue {
  readonly #slots: SlotTable;
  /** Binary heap. */
  readonly #heap: number[] = [];

  constructor(slots: SlotTable) {
    this.#slots = slots;
  }

  get length(): number {
    return this.#heap.length;
  }

  front(): number {
    return this.#heap[0];
  }

  pushBack(slot: number): void {
    this.#heap.push(slot);
    this.#rise(this.#heap.length - 1);
  }

  pushFront(slot: number): void {
    this.pushBack(slot);
  }

  popFront(): number {
    const top = this.#heap[0];
    this.#removeAt(0);
    return top;
  }

  remove(slot: number): void {
    const at = this.#heap.indexOf(slot);
    if (at >= 0) this.#removeAt(at);
  }

  #removeAt(at: number): void {
    const last = this.#heap.pop()!;
    if (at === this.#heap.length) return;
    this.#heap[at] = last;
    this.#rise(at);
    this.#sink(at);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    for (let i = from; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!isBefore(this.#slots, heap[i], heap[parent])) return;
      [heap[i], heap[parent]] = [heap[parent], heap[i]];
      i = parent;
    }
  }

  #sink(from: number): void {
    const heap = this.#heap;
    for (let i = from; ; ) {
      let child = 2 * i + 1;
      if (child >= heap.length) return;
      if (child + 1 < heap.length && isBefore(this.#slots, heap[child + 1], heap[child])) child += 1;
      if (!isBefore(this.#slots, heap[child], heap[i])) return;
      [heap[i], heap[child]] = [heap[child], heap[i]];
      i = child;
    }
  }
}

/** Whether a sequence comes before another: it is admitted earlier and preempted later. */
export function isBefore(slots: SlotTable, a: number, b: number): boolean {
  const { priority, order } = slots;
  return priority[a] !== priority[b] ? priority[a] < priority[b] : order[a] < order[b];
}
