/**
 * What was used lately and when: prompts of recent sessions, documents. Found by how long ago they were used. Bounded:
 * the oldest are forgotten.
 */

export interface RecentUse<T> {
  readonly usedUs: number;
  readonly item: T;
  /** Used again later, or replaced: no longer to be found here. */
  isPast: boolean;
}

/** Uses kept; a trace with a longer memory loses its oldest reuses. */
const MOST_USES = 65_536;
/** Uses looked at around the wanted time. */
const REACH = 4_096;

export class RecentUses<T> {
  #uses: RecentUse<T>[] = [];
  /** Uses before this one are forgotten. */
  #first = 0;

  /** Uses come in order of time. */
  add(usedUs: number, item: T): RecentUse<T> {
    const use = { usedUs, item, isPast: false };
    this.#uses.push(use);
    if (this.#uses.length - this.#first > MOST_USES) this.#first += 1;
    if (this.#first > MOST_USES) {
      this.#uses = this.#uses.slice(this.#first);
      this.#first = 0;
    }
    return use;
  }

  /** Time of the oldest use that can be found; null = none. */
  get oldestUs(): number | null {
    while (this.#first < this.#uses.length && this.#uses[this.#first].isPast) this.#first += 1;
    return this.#first < this.#uses.length ? this.#uses[this.#first].usedUs : null;
  }

  /** The suitable use nearest to `atUs`; null = none near. */
  nearest(atUs: number, suits: (item: T) => boolean = () => true): RecentUse<T> | null {
    let after = this.#firstFrom(atUs);
    let before = after - 1;
    for (let step = 0; step < REACH; step++) {
      const earlier = before >= this.#first ? this.#uses[before] : null;
      const later = after < this.#uses.length ? this.#uses[after] : null;
      if (earlier === null && later === null) return null;
      const takeEarlier =
        later === null || (earlier !== null && atUs - earlier.usedUs <= later.usedUs - atUs);
      const use = takeEarlier ? earlier! : later;
      if (takeEarlier) before -= 1;
      else after += 1;
      if (!use.isPast && suits(use.item)) return use;
    }
    return null;
  }

  #firstFrom(atUs: number): number {
    let low = this.#first;
    let high = this.#uses.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#uses[middle].usedUs < atUs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
