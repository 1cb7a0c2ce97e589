/** Numbers for 64-bit block ids, in order of first appearance: an open-addressing table without objects. */

const LOW = 0xffff_ffffn;

export class BlockNumbers {
  readonly #mask: number;
  readonly #keys: BigUint64Array;
  /** Number + 1; 0 = free. */
  readonly #numbers: Int32Array;
  size = 0;

  /** Room for up to `most` distinct ids. */
  constructor(most: number) {
    let slots = 16;
    while (slots < 2 * most) slots *= 2;
    this.#mask = slots - 1;
    this.#keys = new BigUint64Array(slots);
    this.#numbers = new Int32Array(slots);
  }

  of(id: bigint): number {
    const low = Number(id & LOW);
    const high = Number(id >> 32n);
    let h = Math.imul(low ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2_ae35);
    let slot = (h ^ (h >>> 13)) & this.#mask;
    while (this.#numbers[slot] !== 0) {
      if (this.#keys[slot] === id) return this.#numbers[slot] - 1;
      slot = (slot + 1) & this.#mask;
    }
    this.#keys[slot] = id;
    this.#numbers[slot] = ++this.size;
    return this.size - 1;
  }
}
