/**
 * A sample as sorted distinct values with counts: what likelihood fits and KS distances read. Token lengths repeat,
 * so ten million rows become a few thousand pairs; gaps rarely repeat and keep counts of one.
 *
 * Cost: O(n log n) once; fits and distances are then linear in the number of distinct values.
 */

export interface GroupedSample {
  /** Distinct values, rising. */
  readonly values: Float64Array;
  /** Occurrences of each value. */
  readonly counts: Float64Array;
  /** Sum of counts. */
  readonly n: number;
}

/** Largest integer that is counted in a table instead of being sorted. */
const TABLE_LIMIT = 1 << 22;

/** Groups any finite values. Token columns (Int32Array, from 0 to 4 million) are counted without sorting. */
export function groupSample(values: ArrayLike<number>): GroupedSample {
  if (values instanceof Int32Array) {
    const table = countTable(values);
    if (table !== null) return groupTable(table, values.length);
  }
  return groupSorted(Float64Array.from(values).sort());
}

/** Occurrences of 0, 1, 2, …; null when a value is negative or above 4 million. */
function countTable(values: Int32Array): Float64Array | null {
  let largest = 0;
  for (const value of values) {
    if (value < 0 || value > TABLE_LIMIT) return null;
    if (value > largest) largest = value;
  }
  const table = new Float64Array(largest + 1);
  for (const value of values) table[value] += 1;
  return table;
}

function groupTable(table: Float64Array, n: number): GroupedSample {
  let distinct = 0;
  for (const count of table) if (count > 0) distinct += 1;
  const values = new Float64Array(distinct);
  const counts = new Float64Array(distinct);
  let k = 0;
  for (let value = 0; value < table.length; value++) {
    if (table[value] === 0) continue;
    values[k] = value;
    counts[k++] = table[value];
  }
  return n === 0 ? { values: new Float64Array(0), counts: new Float64Array(0), n } : { values, counts, n };
}

/** Groups values that are sorted already. */
export function groupSorted(sorted: ArrayLike<number>): GroupedSample {
  const n = sorted.length;
  let distinct = 0;
  for (let i = 0; i < n; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) distinct += 1;
  const values = new Float64Array(distinct);
  const counts = new Float64Array(distinct);
  let k = -1;
  for (let i = 0; i < n; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) values[++k] = sorted[i];
    counts[k] += 1;
  }
  return { values, counts, n };
}

/** The part of a sample above zero, for families on (0, ∞), and how many values were not. */
export function positivePart(sample: GroupedSample): {
  readonly positive: GroupedSample;
  readonly leftOut: number;
} {
  let first = 0;
  let leftOut = 0;
  while (first < sample.values.length && sample.values[first] <= 0) leftOut += sample.counts[first++];
  if (first === 0) return { positive: sample, leftOut: 0 };
  return {
    positive: {
      values: sample.values.subarray(first),
      counts: sample.counts.subarray(first),
      n: sample.n - leftOut,
    },
    leftOut,
  };
}

/** Σ countᵢ·term(xᵢ), compensated (Neumaier 1974). */
export function weightedSum(sample: GroupedSample, term: (x: number) => number): number {
  let sum = 0;
  let correction = 0;
  for (let i = 0; i < sample.values.length; i++) {
    const value = sample.counts[i] * term(sample.values[i]);
    const next = sum + value;
    correction += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return sum + correction;
}
