/**
 * Lengths that occur far more often than their neighbours: caps of the context or of max_tokens, templates, system
 * prompts. Found by comparing each value's count with the counts around it; shown in the data-quality report so that
 * nobody fits a smooth curve through them unawares.
 */
import type { Int32Column, LengthFacts } from '../types.js';
import { formatCount, formatRatio } from '../units.js';

/** Counts of one length column, by value. */
export class LengthCounts {
  /** Values below DENSE, which are nearly all; the others in a map. */
  readonly #dense = new Uint32Array(DENSE);
  readonly #sparse = new Map<number, number>();
  total = 0;
  unknown = 0;

  add(column: Int32Column | null, rowCount: number): void {
    if (column === null) {
      this.unknown += rowCount;
      return;
    }
    const { valid } = column;
    const all = column.values.subarray(0, rowCount);
    const known = valid === null ? all : all.filter((_, row) => valid[row] !== 0);
    this.total += known.length;
    this.unknown += rowCount - known.length;
    this.#count(known);
  }

  #count(values: Int32Array): void {
    const dense = this.#dense;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value < DENSE) dense[value] += 1;
      else this.#sparse.set(value, (this.#sparse.get(value) ?? 0) + 1);
    }
  }

  get zero(): number {
    return this.#dense[0];
  }

  /** What the column shows, as numbers. */
  facts(): LengthFacts {
    const values = this.#values();
    const sum = values.reduce((total, value) => total + value * this.#countOf(value), 0);
    const hasEnough = this.total >= MIN_ROWS;
    const cap = hasEnough ? this.#capAt(values) : null;
    const floor = hasEnough ? this.#floorAt(values) : null;
    const atoms = hasEnough
      ? this.#atoms(values).filter(
          ({ value }) => value !== floor && (cap === null || value < cap.from * 0.99),
        )
      : [];
    return {
      knownRows: this.total,
      unknownRows: this.unknown,
      zeroRows: this.zero,
      meanTokens: this.total === 0 ? null : sum / this.total,
      minTokens: values[0] ?? null,
      maxTokens: values[values.length - 1] ?? null,
      cap: cap === null ? null : { fromTokens: cap.from, toTokens: cap.to, rows: cap.count },
      floor: floor === null ? null : { tokens: floor, rows: this.#countOf(floor) },
      atoms: atoms.slice(0, LISTED_ATOMS).map(({ value, count }) => ({ tokens: value, rows: count })),
      atomCount: atoms.length,
    };
  }

  #countOf(value: number): number {
    return value < DENSE ? this.#dense[value] : (this.#sparse.get(value) ?? 0);
  }

  /** The values that occur, rising. */
  #values(): number[] {
    const values: number[] = [];
    for (let value = 0; value < DENSE; value++) if (this.#dense[value] > 0) values.push(value);
    return [...values, ...[...this.#sparse.keys()].sort((a, b) => a - b)];
  }

  /** The top values when they hold more than CAP_SHARE of the rows: at most CAP_WIDTH values wide. */
  #capAt(values: readonly number[]): { from: number; to: number; count: number } | null {
    const to = values[values.length - 1];
    const top = values.filter((value) => value > to - CAP_WIDTH);
    const count = top.reduce((sum, value) => sum + this.#countOf(value), 0);
    return to > CAP_WIDTH && count / this.total > CAP_SHARE ? { from: top[0], to, count } : null;
  }

  /** The smallest value when it is above 1 and holds more than FLOOR_SHARE of the rows. */
  #floorAt(values: readonly number[]): number | null {
    const [smallest] = values;
    return smallest > 1 && this.#countOf(smallest) / this.total > FLOOR_SHARE ? smallest : null;
  }

  /** Values whose count exceeds what the window around them leads one to expect, strongest first. */
  #atoms(values: readonly number[]): { value: number; count: number }[] {
    const found: { value: number; count: number; z: number }[] = [];
    for (const value of values) {
      const count = this.#countOf(value);
      if (count / this.total < ATOM_SHARE) continue;
      const reach = Math.max(5, Math.round(value * ATOM_WINDOW));
      let around = 0;
      let places = 0;
      for (let near = value - reach; near <= value + reach; near++) {
        if (near === value || near < 0) continue;
        around += this.#countOf(near);
        places += 1;
      }
      const expected = Math.max(around / places, 1);
      const z = (count - expected) / Math.sqrt(expected);
      if (z > ATOM_Z && count > ATOM_RATIO * expected) found.push({ value, count, z });
    }
    return found.sort((a, b) => b.count - a.count);
  }
}

const MIN_ROWS = 500;
/** Values with a counter of their own. */
const DENSE = 1 << 18;
const LISTED_ATOMS = 20;
const CAP_SHARE = 0.005;
const CAP_WIDTH = 3;
const FLOOR_SHARE = 0.02;
/** Excess in standard deviations of a Poisson count. */
const ATOM_Z = 6;
const ATOM_RATIO = 3;
const ATOM_SHARE = 0.001;
const ATOM_WINDOW = 0.02;
const SHOWN_ATOMS = 5;

interface AtomRange {
  readonly from: number;
  readonly to: number;
  readonly values: number;
  readonly rows: number;
}

/** Neighbouring atoms as one, most frequent first: a template with a varying word or two. */
function atomRanges(atoms: LengthFacts['atoms']): AtomRange[] {
  const ranges: AtomRange[] = [];
  for (const { tokens, rows } of [...atoms].sort((a, b) => a.tokens - b.tokens)) {
    const last = ranges.at(-1);
    if (last !== undefined && last.to + 1 === tokens)
      ranges[ranges.length - 1] = {
        from: last.from,
        to: tokens,
        values: last.values + 1,
        rows: last.rows + rows,
      };
    else ranges.push({ from: tokens, to: tokens, values: 1, rows });
  }
  return ranges.sort((a, b) => b.rows - a.rows);
}

/** Sentences about the cap at the top, the floor at the bottom and the strongest atoms; `what` names the column. */
export function lengthNotes(what: string, facts: LengthFacts): string[] {
  const { cap, floor, atoms, knownRows } = facts;
  const notes: string[] = [];
  if (cap !== null) {
    const range = cap.fromTokens === cap.toTokens ? `${cap.toTokens}` : `${cap.fromTokens}–${cap.toTokens}`;
    notes.push(
      `${what}: ${formatRatio(cap.rows / knownRows)} of rows are at the very top (${range} tokens): a cap`,
    );
  }
  if (floor !== null) {
    const share = formatRatio(floor.rows / knownRows);
    notes.push(`${what}: ${share} of rows are exactly ${floor.tokens} tokens and none is shorter: a floor`);
  }
  if (atoms.length > 0) {
    const ranges = atomRanges(atoms);
    const shown = ranges.slice(0, SHOWN_ATOMS).map(({ from, to, rows }) => {
      const range = from === to ? `${from}` : `${from}–${to}`;
      const isTop = to === facts.maxTokens ? ', the largest: a cap' : '';
      return `${range} (${formatCount(rows)}${isTop})`;
    });
    const hidden =
      facts.atomCount - ranges.slice(0, SHOWN_ATOMS).reduce((sum, { values }) => sum + values, 0);
    const more = hidden > 0 ? ` and ${hidden} more` : '';
    notes.push(`${what}: values far more frequent than their neighbours: ${shown.join(', ')}${more}`);
  }
  return notes;
}
