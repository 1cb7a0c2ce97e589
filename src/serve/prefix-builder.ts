/** Chained ids of a conversation's KV blocks, built from text and token boundaries as the tokens come. */
import { PrefixChain } from '../engine/prefix.js';

export class PrefixBuilder {
  readonly #chain = new PrefixChain();
  readonly #blockSize: number;
  #lanes = new Uint32Array(64);
  #tokens = 0;

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  /** Tokens added so far. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Ids of the full blocks so far. */
  hashes(): BigUint64Array {
    const lanes = this.#lanes.slice(0, 2 * Math.floor(this.#tokens / this.#blockSize));
    return new BigUint64Array(lanes.buffer);
  }

  /** Text that names everything added so far, the last partial block included. */
  key(): string {
    const lanes = new Uint32Array(2);
    this.#chain.write(lanes, 0);
    return `${lanes[0]}-${lanes[1]}`;
  }

  /** A boundary that is no token, such as a change of role. */
  addMarker(marker: number): void {
    this.#chain.mix(~marker);
  }

  /** Text whose i-th token ends at `ends[i]`. Each token is mixed by itself: how text is cut into calls is no matter. */
  addText(text: string, ends: ArrayLike<number>): void {
    let at = 0;
    for (let token = 0; token < ends.length; token++) {
      const to = ends[token];
      // Two UTF-16 units per word.
      for (; at + 1 < to; at += 2) this.#chain.mix(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
      if (at < to) this.#chain.mix(text.charCodeAt(at++));
      this.#advance();
    }
  }

  /** Tokens given by id. */
  addIds(ids: readonly number[]): void {
    for (const id of ids) {
      this.#chain.mix(id);
      this.#advance();
    }
  }

  #advance(): void {
    this.#tokens += 1;
    if (this.#tokens % this.#blockSize !== 0) return;
    const block = this.#tokens / this.#blockSize - 1;
    if (2 * block + 2 > this.#lanes.length) {
      const larger = new Uint32Array(this.#lanes.length * 2);
      larger.set(this.#lanes);
      this.#lanes = larger;
    }
    this.#chain.write(this.#lanes, block);
  }
}
