/** Per-sequence state in typed arrays, one slot per live request, and a ring of slots for the waiting queue. */

import type { WaitingQueue } from './priority-queue.js';

/** Where a sequence stands. A cancelled one keeps its slot until the step that contains it has ended. */
export const STATE = { free: 0, waiting: 1, prefilling: 2, decoding: 3, cancelled: 4 } as const;

export class SlotTable {
  ids = new Float64Array(64);
  state = new Uint8Array(64);
  inputTokens = new Int32Array(64);
  outputTokens = new Int32Array(64);
  generated = new Int32Array(64);
  /** Tokens to have in KV before the next token can be sampled: the prompt, after a preemption also the answer so far. */
  target = new Int32Array(64);
  /** Tokens in KV. */
  computed = new Int32Array(64);
  /** Prompt tokens that the step in flight computes. */
  chunk = new Int32Array(64);
  heldBlocks = new Int32Array(64);
  /** 1 once the request has been admitted for the first time. */
  admitted = new Uint8Array(64);
  /** Lower = earlier; only a priority scheduler looks at it. */
  priority = new Float64Array(64);
  /** Number of the submission. */
  order = new Float64Array(64);
  /** Number of the LoRA adapter; 0 = base model. */
  adapter = new Int32Array(64);
  /** Tokens whose KV came with the request. */
  received = new Int32Array(64);
  /** Block ids as lanes; null = nothing to share. */
  lanes: (Uint32Array | null)[] = [];
  /** Pool node of each leading block, −1 = nameless; entries below nodeCounts are valid. */
  nodes: (Int32Array | null)[] = [];
  nodeCounts = new Int32Array(64);
  /** Leading blocks that have an id, of a sequence that holds its blocks; 0 = none. */
  nameable = new Int32Array(64);

  readonly #spare: number[] = [];
  #size = 0;

  /** An unused slot with all numbers zero. */
  take(): number {
    const reused = this.#spare.pop();
    if (reused !== undefined) return reused;
    if (this.#size === this.state.length) this.#grow();
    this.#size += 1;
    return this.#size - 1;
  }

  release(slot: number): void {
    this.state[slot] = STATE.free;
    this.generated[slot] = 0;
    this.computed[slot] = 0;
    this.chunk[slot] = 0;
    this.heldBlocks[slot] = 0;
    this.admitted[slot] = 0;
    this.adapter[slot] = 0;
    this.received[slot] = 0;
    this.nodeCounts[slot] = 0;
    this.nameable[slot] = 0;
    this.lanes[slot] = null;
    this.nodes[slot] = null;
    this.#spare.push(slot);
  }

  #grow(): void {
    const size = this.state.length * 2;
    this.ids = enlarged(this.ids, new Float64Array(size));
    this.state = enlarged(this.state, new Uint8Array(size));
    this.inputTokens = enlarged(this.inputTokens, new Int32Array(size));
    this.outputTokens = enlarged(this.outputTokens, new Int32Array(size));
    this.generated = enlarged(this.generated, new Int32Array(size));
    this.target = enlarged(this.target, new Int32Array(size));
    this.computed = enlarged(this.computed, new Int32Array(size));
    this.chunk = enlarged(this.chunk, new Int32Array(size));
    this.heldBlocks = enlarged(this.heldBlocks, new Int32Array(size));
    this.admitted = enlarged(this.admitted, new Uint8Array(size));
    this.priority = enlarged(this.priority, new Float64Array(size));
    this.order = enlarged(this.order, new Float64Array(size));
    this.adapter = enlarged(this.adapter, new Int32Array(size));
    this.received = enlarged(this.received, new Int32Array(size));
    this.nodeCounts = enlarged(this.nodeCounts, new Int32Array(size));
    this.nameable = enlarged(this.nameable, new Int32Array(size));
  }
}

function enlarged<A extends Float64Array | Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

/** First come, first served: a double-ended queue of slots in a ring that grows by doubling. */
export class SlotQueue implements WaitingQueue {
  #ring = new Int32Array(64);
  #head = 0;
  length = 0;

  /** First slot; call only when length > 0. */
  front(): number {
    return this.#ring[this.#head];
  }

  pushBack(slot: number): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.length) & (this.#ring.length - 1)] = slot;
    this.length += 1;
  }

  pushFront(slot: number): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = slot;
    this.length += 1;
  }

  popFront(): number {
    const slot = this.#ring[this.#head];
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.length -= 1;
    return slot;
  }

  /** Takes one slot out of the middle, keeping the order. Cost O(length). */
  remove(slot: number): void {
    const mask = this.#ring.length - 1;
    let kept = 0;
    for (let i = 0; i < this.length; i++) {
      const at = this.#ring[(this.#head + i) & mask];
      if (at !== slot) this.#ring[(this.#head + kept++) & mask] = at;
    }
    this.length = kept;
  }

  #grow(): void {
    const ring = new Int32Array(this.#ring.length * 2);
    for (let i = 0; i < this.length; i++) ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}
