/** Non-negative least squares against brute force over all supports, and against exact data. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addRow, emptyNormalEquations, solveNonNegative } from '../../src/calibrate/nnls.js';

type Row = readonly number[];

function solve(rows: readonly Row[], targets: readonly number[]): number[] {
  const equations = emptyNormalEquations(rows[0].length);
  rows.forEach((row, i) => {
    addRow(equations, row, targets[i], 1);
  });
  return solveNonNegative(equations);
}

function squaredError(rows: readonly Row[], targets: readonly number[], x: readonly number[]): number {
  return rows.reduce((sum, row, i) => {
    const miss = row.reduce((total, value, j) => total + value * x[j], -targets[i]);
    return sum + miss * miss;
  }, 0);
}

/** Unconstrained least squares on some columns by Gaussian elimination with pivoting; null when singular. */
function leastSquares(rows: readonly Row[], targets: readonly number[], columns: readonly number[]) {
  const n = columns.length;
  const m = columns.map((a) => [
    ...columns.map((b) => rows.reduce((sum, row) => sum + row[a] * row[b], 0)),
    rows.reduce((sum, row, i) => sum + row[a] * targets[i], 0),
  ]);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(m[r][c]) > Math.abs(m[pivot][c])) pivot = r;
    [m[c], m[pivot]] = [m[pivot], m[c]];
    if (Math.abs(m[c][c]) < 1e-9) return null;
    for (let r = 0; r < n; r++) {
      if (r === c) continue;
      const factor = m[r][c] / m[c][c];
      for (let k = c; k <= n; k++) m[r][k] -= factor * m[c][k];
    }
  }
  return m.map((row, i) => row[n] / row[i]);
}

/** The best of all 2^k supports whose unconstrained solution is non-negative: the definition, not the method. */
function bruteForceError(rows: readonly Row[], targets: readonly number[]): number {
  const k = rows[0].length;
  let best = squaredError(rows, targets, new Array<number>(k).fill(0));
  for (let mask = 1; mask < 1 << k; mask++) {
    const columns = Array.from({ length: k }, (_, i) => i).filter((i) => mask & (1 << i));
    const part = leastSquares(rows, targets, columns);
    if (part === null || part.some((value) => value < 0)) continue;
    const x = new Array<number>(k).fill(0);
    columns.forEach((column, i) => {
      x[column] = part[i];
    });
    best = Math.min(best, squaredError(rows, targets, x));
  }
  return best;
}

test('no non-negative vector has a smaller error than the solution', () => {
  const value = fc.integer({ min: -9, max: 9 });
  const problem = fc.integer({ min: 1, max: 4 }).chain((k) =>
    fc.array(fc.tuple(fc.array(value, { minLength: k, maxLength: k }), value), {
      minLength: k + 2,
      maxLength: 14,
    }),
  );
  fc.assert(
    fc.property(problem, (cases) => {
      const rows = cases.map(([row]) => row);
      const targets = cases.map(([, target]) => target);
      const x = solve(rows, targets);
      assert.ok(x.every((coefficient) => coefficient >= 0));
      const error = squaredError(rows, targets, x);
      assert.ok(error <= bruteForceError(rows, targets) + 1e-7, `error ${error}`);
    }),
    { numRuns: 500 },
  );
});

test('coefficients of very different size come back from exact data', () => {
  const truth = [0.015, 6e-5, 1e-4, 5e-8];
  const rows: number[][] = [];
  for (let i = 0; i < 200; i++) {
    rows.push([1, (i * 37) % 2048, 1 + ((i * 13) % 200), 900 * (1 + ((i * 7) % 150))]);
  }
  const targets = rows.map((row) => row.reduce((sum, value, j) => sum + value * truth[j], 0));
  const x = solve(rows, targets);
  x.forEach((value, j) => {
    assert.ok(Math.abs(value / truth[j] - 1) < 1e-8, `${j}: ${value} against ${truth[j]}`);
  });
});

test('a negative coefficient is held at zero, and an empty or repeated column gets zero', () => {
  const rows = [
    [1, 1, 0, 1],
    [1, 2, 0, 2],
    [1, 3, 0, 3],
    [1, 4, 0, 4],
  ];
  const x = solve(rows, [10, 8, 6, 4]);
  assert.deepEqual(x.slice(1), [0, 0, 0]);
  assert.ok(Math.abs(x[0] - 7) < 1e-12);
});
