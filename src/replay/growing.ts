/** Columns of a plan while it is being made: typed arrays that grow by doubling, and dictionary-coded texts. */
import type { StringColumn } from '../types.js';

/** A typed array that grows by doubling. */
export class Growing<T extends Int32Array | Float64Array> {
  readonly #make: (length: number) => T;
  #values: T;
  length = 0;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#values = make(1_024);
  }

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = this.#make(this.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length] = value;
    this.length += 1;
  }

  take(): T {
    return this.#values.slice(0, this.length) as T;
  }
}

export const growingInt32 = (): Growing<Int32Array> => new Growing((length) => new Int32Array(length));

/** Texts as they come, each stored once. */
export class GrowingStrings {
  readonly #codes = growingInt32();
  readonly #dictionary: string[] = [];
  readonly #codeOf = new Map<string, number>();

  push(value: string | null): void {
    if (value === null) {
      this.#codes.push(-1);
      return;
    }
    let code = this.#codeOf.get(value);
    if (code === undefined) {
      code = this.#dictionary.push(value) - 1;
      this.#codeOf.set(value, code);
    }
    this.#codes.push(code);
  }

  take(): StringColumn | null {
    return this.#dictionary.length === 0 ? null : { codes: this.#codes.take(), dictionary: this.#dictionary };
  }
}
