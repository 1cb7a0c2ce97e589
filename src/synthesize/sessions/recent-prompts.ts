/**
 * The latest prompts of recent sessions, for first turns that begin like an earlier request: found by how long ago they
 * were used. Bounded: the oldest are forgotten.
 */
import type { Prompt } from './prompt.js';

export interface RecentPrompt {
  readonly usedUs: number;
  readonly prompt: Prompt;
  readonly outputTokens: number;
  /** The session went on: its newer prompt holds this one. */
  isPast: boolean;
}

/** Prompts kept; a trace with a longer memory loses its oldest reuses. */
const MOST_PROMPTS = 32_768;
/** Prompts looked at on either side of the wanted time. */
const REACH = 2_048;

export class RecentPrompts {
  #entries: RecentPrompt[] = [];
  /** Entries before this one are forgotten. */
  #first = 0;

  /** Prompts come in order of use. */
  add(usedUs: number, prompt: Prompt, outputTokens: number): RecentPrompt {
    const entry = { usedUs, prompt, outputTokens, isPast: false };
    this.#entries.push(entry);
    if (this.#entries.length - this.#first > MOST_PROMPTS) this.#first += 1;
    if (this.#first > MOST_PROMPTS) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    return entry;
  }

  /** The suitable prompt used nearest to `atUs`; null = none near. */
  nearest(atUs: number, suits: (prompt: Prompt) => boolean): RecentPrompt | null {
    let after = this.#firstFrom(atUs);
    let before = after - 1;
    for (let step = 0; step < 2 * REACH; step++) {
      const earlier = before >= this.#first ? this.#entries[before] : null;
      const later = after < this.#entries.length ? this.#entries[after] : null;
      if (earlier === null && later === null) return null;
      const takeEarlier =
        later === null || (earlier !== null && atUs - earlier.usedUs <= later.usedUs - atUs);
      const entry = takeEarlier ? earlier! : later;
      if (takeEarlier) before -= 1;
      else after += 1;
      if (!entry.isPast && suits(entry.prompt)) return entry;
    }
    return null;
  }

  #firstFrom(atUs: number): number {
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle].usedUs < atUs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
