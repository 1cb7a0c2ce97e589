/** The sequences of the running batch, decoding and prefilling, each in order of admission. Base part of the engine. */
import { isBefore } from './priority-queue.js';
import { type SlotTable, STATE } from './slots.js';

/** Every prefilling sequence was admitted after every decoding one: the budget goes to the oldest first. */
export class Batch {
  readonly decoding: Int32Array;
  decodingCount = 0;
  readonly prefilling: Int32Array;
  prefillingCount = 0;
  readonly #slots: SlotTable;

  constructor(maxSeqs: number, slots: SlotTable) {
    this.decoding = new Int32Array(maxSeqs);
    this.prefilling = new Int32Array(maxSeqs);
    this.#slots = slots;
  }

  addPrefilling(slot: number): void {
    this.prefilling[this.prefillingCount++] = slot;
  }

  addDecoding(slot: number): void {
    this.decoding[this.decodingCount++] = slot;
  }

  /** The sequence that was admitted last; call only when there is one. */
  newest(): number {
    return this.prefillingCount > 0
      ? this.prefilling[this.prefillingCount - 1]
      : this.decoding[this.decodingCount - 1];
  }

  /** The sequence that comes last by priority; call only when there is one. */
  lowest(): number {
    let lowest = this.newest();
    const look = (list: Int32Array, count: number): void => {
      for (let i = 0; i < count; i++) if (isBefore(this.#slots, lowest, list[i])) lowest = list[i];
    };
    look(this.decoding, this.decodingCount);
    look(this.prefilling, this.prefillingCount);
    return lowest;
  }

  /** Takes a sequence out. Returns its place among the decoding ones; −1 = it was prefilling. */
  remove(slot: number): number {
    const at = this.decoding.subarray(0, this.decodingCount).indexOf(slot);
    if (at >= 0) {
      this.decoding.copyWithin(at, at + 1, this.decodingCount);
      this.decodingCount -= 1;
    } else {
      const place = this.prefilling.indexOf(slot);
      this.prefilling.copyWithin(place, place + 1, this.prefillingCount);
      this.prefillingCount -= 1;
    }
    return at;
  }

  /** Lets go of cancelled sequences; only between iterations. */
  sweepCancelled(): void {
    this.decodingCount = this.#sweep(this.decoding, this.decodingCount);
    this.prefillingCount = this.#sweep(this.prefilling, this.prefillingCount);
  }

  #sweep(list: Int32Array, count: number): number {
    const { state } = this.#slots;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      if (state[list[i]] === STATE.cancelled) this.#slots.release(list[i]);
      else list[kept++] = list[i];
    }
    return kept;
  }
}
