/** A typed column that grows by doubling while batches come in. */
export class Growing<T extends Float64Array | Int32Array> {
  #values: T;
  #length = 0;
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#values = make(1 << 12);
  }

  /** Room for `count` more values; the caller fills them from `start`. */
  extend(count: number): { readonly values: T; readonly start: number } {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#values.length) {
      const grown = this.#make(Math.max(this.#length, this.#values.length * 2));
      grown.set(this.#values);
      this.#values = grown;
    }
    return { values: this.#values, start };
  }

  finish(): T {
    return this.#values.subarray(0, this.#length) as T;
  }
}
