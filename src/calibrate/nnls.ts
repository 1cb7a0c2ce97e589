/**
 * Non-negative least squares: minimise ‖A·x − b‖² with x ≥ 0. Needed because the cost of a token cannot be negative.
 *
 * Active-set method of C. L. Lawson and R. J. Hanson, "Solving Least Squares Problems" (1974), chapter 23, on the
 * normal equations AᵀA·x = Aᵀb, which rows are added to one at a time; columns are scaled to unit length before
 * solving. Exact in finitely many steps. Cost O(k²) per row and O(k⁴) for the solution, k = number of columns. The
 * normal equations square the condition number: with the four columns used here and double precision, coefficients
 * agree with a QR solution to about 1e-8 relative as long as the scaled columns are not parallel to 1e-6.
 */

/** Sums over rows from which the least-squares solution follows. */
export interface NormalEquations {
  /** AᵀA, row-major, k × k. */
  readonly gram: Float64Array;
  /** Aᵀb. */
  readonly moment: Float64Array;
  readonly columns: number;
  rows: number;
}

/** No rows yet. */
export function emptyNormalEquations(columns: number): NormalEquations {
  return {
    gram: new Float64Array(columns * columns),
    moment: new Float64Array(columns),
    columns,
    rows: 0,
  };
}

/** Adds one weighted row: `weight` multiplies both sides (not their squares). */
export function addRow(
  equations: NormalEquations,
  row: ArrayLike<number>,
  target: number,
  weight: number,
): void {
  const { gram, moment, columns } = equations;
  const w2 = weight * weight;
  for (let i = 0; i < columns; i++) {
    const left = w2 * row[i];
    if (left === 0) continue;
    for (let j = 0; j < columns; j++) gram[i * columns + j] += left * row[j];
    moment[i] += left * target;
  }
  equations.rows += 1;
}

/** The x ≥ 0 with the smallest squared error. Columns that are all zero, or repeat others, get 0. */
export function solveNonNegative(equations: NormalEquations): number[] {
  const { columns: k } = equations;
  const scale = Array.from({ length: k }, (_, i) => {
    const square = equations.gram[i * k + i];
    return square > 0 ? 1 / Math.sqrt(square) : 0;
  });
  const gram = Array.from({ length: k }, (_, i) =>
    Array.from({ length: k }, (_, j) => equations.gram[i * k + j] * scale[i] * scale[j]),
  );
  const moment = Array.from({ length: k }, (_, i) => equations.moment[i] * scale[i]);
  const tolerance = 1e-11 * Math.max(...moment.map(Math.abs), Number.MIN_VALUE);

  let x = new Array<number>(k).fill(0);
  const passive = new Set<number>();
  const refused = new Set<number>();
  for (;;) {
    const candidate = steepest();
    if (candidate === null) break;
    passive.add(candidate);
    let solution = solveOn(passive);
    if (solution === null || solution[candidate] <= 0) {
      // Parallel to the columns already in use, or noise of rounding: it cannot improve the fit.
      passive.delete(candidate);
      refused.add(candidate);
      continue;
    }
    while ([...passive].some((i) => solution![i] <= 0)) {
      let step = 1;
      for (const i of passive) {
        if (solution[i] <= 0) step = Math.min(step, x[i] / (x[i] - solution[i]));
      }
      x = x.map((value, i) => value + step * (solution![i] - value));
      for (const i of [...passive]) {
        if (solution[i] <= 0 && x[i] <= 1e-14) {
          passive.delete(i);
          x[i] = 0;
        }
      }
      solution = solveOn(passive);
      if (solution === null) break;
    }
    if (solution === null) break;
    x = solution;
    refused.clear();
  }
  return x.map((value, i) => value * scale[i]);

  /** The inactive column whose coefficient would reduce the error fastest; null when none would. */
  function steepest(): number | null {
    let best: number | null = null;
    let bestGradient = tolerance;
    for (let i = 0; i < k; i++) {
      if (passive.has(i) || refused.has(i) || scale[i] === 0) continue;
      let gradient = moment[i];
      for (let j = 0; j < k; j++) gradient -= gram[i][j] * x[j];
      if (gradient > bestGradient) {
        best = i;
        bestGradient = gradient;
      }
    }
    return best;
  }

  /** Unconstrained solution on the given columns, zero elsewhere; null when they are linearly dependent. */
  function solveOn(columnsInUse: ReadonlySet<number>): number[] | null {
    const indices = [...columnsInUse].sort((a, b) => a - b);
    const part = choleskySolve(
      indices.map((i) => indices.map((j) => gram[i][j])),
      indices.map((i) => moment[i]),
    );
    if (part === null) return null;
    const full = new Array<number>(k).fill(0);
    indices.forEach((column, position) => {
      full[column] = part[position];
    });
    return full;
  }
}

/** Solves a symmetric positive-definite system; null when a pivot is below 1e-12 of its diagonal. */
function choleskySolve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | null {
  const n = right.length;
  const lower: number[][] = [];
  for (let i = 0; i < n; i++) {
    lower.push([]);
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i][j];
      for (let m = 0; m < j; m++) sum -= lower[i][m] * lower[j][m];
      if (i === j) {
        if (sum <= 1e-12 * matrix[i][i]) return null;
        lower[i].push(Math.sqrt(sum));
      } else lower[i].push(sum / lower[j][j]);
    }
  }
  const y: number[] = [];
  for (let i = 0; i < n; i++) {
    let sum = right[i];
    for (let m = 0; m < i; m++) sum -= lower[i][m] * y[m];
    y.push(sum / lower[i][i]);
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = y[i];
    for (let m = i + 1; m < n; m++) sum -= lower[m][i] * x[m];
    x[i] = sum / lower[i][i];
  }
  return x;
}
