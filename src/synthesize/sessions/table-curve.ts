/**
 * Length tables as rising curves: consecutive turns of a session are correlated through their ranks, and a rank needs
 * atoms and sketch in one order.
 */
import { probabilityAt, quantileAt } from '../../stats/quantile-curve.js';
import type { ConditionalTable, QuantileCurve, QuantileTable } from '../../types.js';

/** The table's distribution function: an atom is a jump at its value, the sketch straight lines between. */
export function curveOfTable(table: QuantileTable): QuantileCurve {
  const atoms = [...table.atoms].sort((a, b) => a[0] - b[0]);
  const atomRows = atoms.reduce((sum, [, count]) => sum + count, 0);
  const atomShare = table.probs.length === 0 ? 1 : atomRows / table.n;
  const probs: number[] = [];
  const values: number[] = [];
  const push = (prob: number, value: number): void => {
    probs.push(Math.min(1, prob));
    values.push(value);
  };
  let below = 0;
  let next = 0;
  let sketchBelow = 0;
  const jump = (sketchProb: number): void => {
    const [value, count] = atoms[next++];
    push(below + sketchProb * (1 - atomShare), value);
    below += (count / atomRows) * atomShare;
    push(below + sketchProb * (1 - atomShare), value);
  };
  table.probs.forEach((prob, k) => {
    const value = table.values[k];
    while (next < atoms.length && atoms[next][0] <= value) {
      const from = k === 0 ? value : table.values[k - 1];
      const share = value > from ? Math.max(0, (atoms[next][0] - from) / (value - from)) : 0;
      jump(k === 0 ? 0 : sketchBelow + share * (prob - sketchBelow));
    }
    push(below + prob * (1 - atomShare), value);
    sketchBelow = prob;
  });
  while (next < atoms.length) jump(1);
  probs[0] = 0;
  probs[probs.length - 1] = 1;
  return { n: table.n, probs, values };
}

/** Output lengths by input length, by rank. */
export class ConditionalCurves {
  readonly #own = new Map<number, QuantileCurve>();
  readonly #tops: number[] = [];
  readonly #curves: QuantileCurve[] = [];

  constructor(tables: readonly ConditionalTable[]) {
    // When every table is for one value, the tables double as ranges that end at their value.
    const hasRanges = tables.some(({ inputFrom, inputTo }) => inputFrom !== inputTo);
    for (const { inputFrom, inputTo, output } of [...tables].sort((a, b) => a.inputTo - b.inputTo)) {
      const curve = curveOfTable(output);
      if (inputFrom === inputTo) this.#own.set(inputFrom, curve);
      if (inputFrom === inputTo && hasRanges) continue;
      this.#tops.push(inputTo);
      this.#curves.push(curve);
    }
  }

  /** Length at rank u for this input. */
  tokensAt(inputTokens: number, u: number): number {
    return Math.round(quantileAt(this.#curveFor(inputTokens), u));
  }

  /** Rank of a length among those of this input, 0–1. */
  rankOf(inputTokens: number, outputTokens: number): number {
    return probabilityAt(this.#curveFor(inputTokens), outputTokens);
  }

  #curveFor(inputTokens: number): QuantileCurve {
    const own = this.#own.get(inputTokens);
    if (own !== undefined) return own;
    let low = 0;
    let high = this.#tops.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (inputTokens <= this.#tops[middle]) high = middle;
      else low = middle + 1;
    }
    return this.#curves[low];
  }
}
