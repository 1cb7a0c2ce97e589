/**
 * LoRA adapters on one engine: a few fit in memory at once, loading one takes time, the least recently used one goes.
 *
 * Base part, after vLLM (`max_loras`): all sequences of a batch share the loaded adapters; a request whose adapter
 * cannot be loaded, because every place is taken by a running sequence's, is passed over until one is free.
 */
import type { AdapterLimits } from '../types.js';

/** Number of the base model, which is always there. */
export const BASE_MODEL = 0;

export class AdapterCache {
  readonly #limits: AdapterLimits;
  readonly #numbers = new Map<string, number>();
  /** Loaded adapter → running sequences that use it; least recently used first. */
  readonly #users = new Map<number, number>();
  loads = 0;

  constructor(limits: AdapterLimits) {
    this.#limits = limits;
  }

  /** Number of an adapter by name; null = the base model. */
  numberOf(name: string | null | undefined): number {
    if (name === null || name === undefined) return BASE_MODEL;
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 1;
    this.#numbers.set(name, number);
    return number;
  }

  /** Adapters in memory. */
  get loaded(): number {
    return this.#users.size;
  }

  /** Whether a sequence with this adapter could run now. */
  available(adapter: number): boolean {
    if (adapter === BASE_MODEL || this.#users.has(adapter) || this.#users.size < this.#limits.maxLoaded)
      return true;
    for (const users of this.#users.values()) if (users === 0) return true;
    return false;
  }

  /** A sequence begins to use an available adapter. Returns the seconds that loading it takes; 0 = it was there. */
  acquire(adapter: number): number {
    if (adapter === BASE_MODEL) return 0;
    const users = this.#users.get(adapter);
    if (users !== undefined) {
      // Deleting and setting makes it the most recently used.
      this.#users.delete(adapter);
      this.#users.set(adapter, users + 1);
      return 0;
    }
    if (this.#users.size >= this.#limits.maxLoaded) this.#evict();
    this.#users.set(adapter, 1);
    this.loads += 1;
    return this.#limits.loadSec;
  }

  release(adapter: number): void {
    if (adapter !== BASE_MODEL) this.#users.set(adapter, this.#users.get(adapter)! - 1);
  }

  #evict(): void {
    for (const [adapter, users] of this.#users) {
      if (users > 0) continue;
      this.#users.delete(adapter);
      return;
    }
    throw new Error('adapters: every loaded one is in use');
  }
}
