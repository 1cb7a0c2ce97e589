/**
 * Prompt lengths that come again soon: the same session asking anew. The share of requests whose prompt is exactly as long as
 * one of the 50 before is held against what the same lengths would show in random order, the mean over all shuffles:
 * Σ c/n · (1 − (1 − (c − 1)/(n − 1))^50) over the lengths with c of n rows.
 * Source: STATISTICS §1.2 (Feitelson's locality of sampling). Judged on the first 200 000 rows.
 */
import type { Int32Column } from '../types.js';
import { formatRatio } from '../units.js';

const WINDOW = 50;
const JUDGED_ROWS = 200_000;
const LEAST_ROWS = 1_000;
/** Excess over chance that is worth a sentence. */
const LEAST_EXCESS = 0.03;

export class LocalityMeter {
  /** The last lengths, the oldest overwritten first; −1 = none yet. */
  readonly #recent = new Int32Array(WINDOW).fill(-1);
  readonly #inWindow = new Map<number, number>();
  readonly #counts = new Map<number, number>();
  #rows = 0;
  #repeated = 0;

  add(column: Int32Column | null, rowCount: number): void {
    if (column === null) return;
    const { values, valid } = column;
    for (let row = 0; row < rowCount && this.#rows < JUDGED_ROWS; row++) {
      if (valid === null || valid[row] !== 0) this.#take(values[row]);
    }
  }

  /** Share that repeats one of the 50 before, and the share that chance would give; null = too few rows. */
  facts(): { readonly repeated: number; readonly byChance: number } | null {
    if (this.#rows < LEAST_ROWS) return null;
    let byChance = 0;
    for (const count of this.#counts.values()) {
      const others = (count - 1) / (this.#rows - 1);
      byChance += (count / this.#rows) * (1 - (1 - others) ** WINDOW);
    }
    return { repeated: this.#repeated / this.#rows, byChance };
  }

  notes(): string[] {
    const facts = this.facts();
    if (facts === null || facts.repeated - facts.byChance < LEAST_EXCESS) return [];
    return [
      `input_tokens: ${formatRatio(facts.repeated)} of requests are exactly as long as one of the ${WINDOW} before, ${formatRatio(facts.byChance)} would be in random order: requests that belong together come together`,
    ];
  }

  #take(value: number): void {
    const inWindow = this.#inWindow;
    if (inWindow.has(value)) this.#repeated += 1;
    const slot = this.#rows % WINDOW;
    const oldest = this.#recent[slot];
    if (oldest >= 0) {
      const left = inWindow.get(oldest)! - 1;
      if (left === 0) inWindow.delete(oldest);
      else inWindow.set(oldest, left);
    }
    this.#recent[slot] = value;
    inWindow.set(value, (inWindow.get(value) ?? 0) + 1);
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    this.#rows += 1;
  }
}
