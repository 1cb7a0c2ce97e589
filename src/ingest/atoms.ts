/**
 * Lengths that occur far more often than their neighbours: caps of the context or of max_tokens, templates, system
 * prompts. Found by comparing each value's count with the counts around it; shown in the data-quality report so that
 * nobody fits a smooth curve through them unawares.
 */
import type { Int32Column, TraceBatch } from '../types.js';
import { formatCount, formatRatio } from '../units.js';

/** Counts of one length column, by value. */
export class LengthCounts {
  readonly #counts = new Map<number, number>();
  total = 0;
  unknown = 0;
  zero = 0;

  add(column: Int32Column | undefined, rowCount: number): void {
    if (column === undefined) {
      this.unknown += rowCount;
      return;
    }
    for (let row = 0; row < rowCount; row++) {
      if (column.valid !== null && column.valid[row] === 0) {
        this.unknown += 1;
        continue;
      }
      const value = column.values[row];
      this.total += 1;
      if (value === 0) this.zero += 1;
      this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    }
  }

  /** Sentences about the cap at the top, the floor at the bottom and the strongest atoms; `what` names the column. */
  notes(what: string): string[] {
    if (this.total < MIN_ROWS) return [];
    const values = [...this.#counts.keys()].sort((a, b) => a - b);
    const cap = this.#capAt(values);
    const floor = this.#floorAt(values);
    const atoms = this.#atoms(values).filter(
      ({ value }) => value !== floor && (cap === null || value < cap.from * 0.99),
    );
    const notes: string[] = [];
    if (cap !== null) {
      const range = cap.from === cap.to ? `${cap.to}` : `${cap.from}–${cap.to}`;
      notes.push(
        `${what}: ${formatRatio(cap.count / this.total)} of rows are at the very top (${range} tokens): a cap`,
      );
    }
    if (floor !== null) {
      const share = formatRatio(this.#counts.get(floor)! / this.total);
      notes.push(`${what}: ${share} of rows are exactly ${floor} tokens and none is shorter: a floor`);
    }
    if (atoms.length > 0) {
      const shown = atoms.slice(0, SHOWN_ATOMS).map(({ value, count }) => `${value} (${formatCount(count)})`);
      const more = atoms.length > SHOWN_ATOMS ? ` and ${atoms.length - SHOWN_ATOMS} more` : '';
      notes.push(`${what}: values far more frequent than their neighbours: ${shown.join(', ')}${more}`);
    }
    return notes;
  }

  /** The top values when they hold more than CAP_SHARE of the rows: at most CAP_WIDTH values wide. */
  #capAt(values: readonly number[]): { from: number; to: number; count: number } | null {
    const to = values[values.length - 1];
    const top = values.filter((value) => value > to - CAP_WIDTH);
    const count = top.reduce((sum, value) => sum + (this.#counts.get(value) ?? 0), 0);
    return to > CAP_WIDTH && count / this.total > CAP_SHARE ? { from: top[0], to, count } : null;
  }

  /** The smallest value when it is above 1 and holds more than FLOOR_SHARE of the rows. */
  #floorAt(values: readonly number[]): number | null {
    const [smallest] = values;
    return smallest > 1 && this.#counts.get(smallest)! / this.total > FLOOR_SHARE ? smallest : null;
  }

  /** Values whose count exceeds what the window around them leads one to expect, strongest first. */
  #atoms(values: readonly number[]): { value: number; count: number }[] {
    const found: { value: number; count: number; z: number }[] = [];
    for (const value of values) {
      const count = this.#counts.get(value)!;
      if (count / this.total < ATOM_SHARE) continue;
      const reach = Math.max(5, Math.round(value * ATOM_WINDOW));
      let around = 0;
      let places = 0;
      for (let near = value - reach; near <= value + reach; near++) {
        if (near === value || near < 0) continue;
        around += this.#counts.get(near) ?? 0;
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
const CAP_SHARE = 0.005;
const CAP_WIDTH = 3;
const FLOOR_SHARE = 0.02;
/** Excess in standard deviations of a Poisson count. */
const ATOM_Z = 6;
const ATOM_RATIO = 3;
const ATOM_SHARE = 0.001;
const ATOM_WINDOW = 0.02;
const SHOWN_ATOMS = 5;

/** Counts both length columns of a trace's batches. */
export function countLengths(batches: Iterable<TraceBatch>): { input: LengthCounts; output: LengthCounts } {
  const input = new LengthCounts();
  const output = new LengthCounts();
  for (const batch of batches) {
    input.add(batch.inputTokens, batch.rowCount);
    output.add(batch.outputTokens, batch.rowCount);
  }
  return { input, output };
}
