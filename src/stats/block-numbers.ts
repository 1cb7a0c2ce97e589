/**
 * Numbers for 64-bit block ids in order of first appearance: an open-addressing table over two 32-bit lanes, because a
 * Map of BigInts takes ten times the memory and time. Grows by doubling.
 */

export class BlockNumbers {
  #mask = (1 << 10) - 1;
  #lanes = new Uint32Array(2 << 10);
  /** Number + 1; 0 = free. */
  #numbers = new Int32Array(1 << 10);
  #size = 0;

  /** Distinct ids so far. */
  get size(): number {
    return this.#size;
  }

  /** Number of the id with these lanes. */
  of(low: number, high: number): number {
    const slot = this.#find(low, high);
    if (this.#numbers[slot] !== 0) return this.#numbers[slot] - 1;
    this.#lanes[2 * slot] = low;
    this.#lanes[2 * slot + 1] = high;
    this.#numbers[slot] = ++this.#size;
    if (2 * this.#size > this.#mask) this.#grow();
    return this.#size - 1;
  }

  #find(low: number, high: number): number {
    let h = Math.imul(low ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2_ae35);
    let slot = (h ^ (h >>> 13)) & this.#mask;
    while (
      this.#numbers[slot] !== 0 &&
      (this.#lanes[2 * slot] !== low >>> 0 || this.#lanes[2 * slot + 1] !== high >>> 0)
    ) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  #grow(): void {
    const lanes = this.#lanes;
    const numbers = this.#numbers;
    const slots = 2 * (this.#mask + 1);
    this.#mask = slots - 1;
    this.#lanes = new Uint32Array(2 * slots);
    this.#numbers = new Int32Array(slots);
    for (let old = 0; old < numbers.length; old++) {
      if (numbers[old] === 0) continue;
      const slot = this.#find(lanes[2 * old], lanes[2 * old + 1]);
      this.#lanes[2 * slot] = lanes[2 * old];
      this.#lanes[2 * slot + 1] = lanes[2 * old + 1];
      this.#numbers[slot] = numbers[old];
    }
  }
}
