/**
 * Log-linear rates: counts with mean exposure · exp(Σ coefficient · column), by maximum likelihood.
 *
 * Why: daily and weekly harmonics of a request rate. Source: McCullagh & Nelder 1989, ch. 6; Newton steps are iteratively
 * reweighted least squares, and over-dispersed counts have the same estimates (quasi-likelihood). Cost: a few passes of
 * bins × columns². Columns must be centred about a level that the exposure carries; there is no intercept.
 */

const MOST_STEPS = 25;
const TOLERANCE = 1e-9;
/** Keeps the matrix regular where a column is constant over the bins; far below any information that counts carry. */
const RIDGE = 1e-9;
/** Steps of the linear predictor beyond this are cut: e³ is a twentyfold rate. */
const LONGEST_STEP = 3;

/** Coefficients of the columns; `columns[c][i]` is the value of column c in bin i. */
export function fitLogLinear(
  counts: ArrayLike<number>,
  exposure: ArrayLike<number>,
  columns: readonly Float64Array[],
): Float64Array {
  const n = counts.length;
  const coefficients = new Float64Array(columns.length);
  if (columns.length === 0) return coefficients;
  for (let step = 0; step < MOST_STEPS; step++) {
    const gradient = new Float64Array(columns.length);
    const matrix = columns.map(() => new Float64Array(columns.length));
    for (let i = 0; i < n; i++) {
      const mean = exposure[i] * Math.exp(predictorAt(columns, coefficients, i));
      for (let a = 0; a < columns.length; a++) {
        gradient[a] += columns[a][i] * (counts[i] - mean);
        const weighted = mean * columns[a][i];
        for (let b = 0; b <= a; b++) matrix[a][b] += weighted * columns[b][i];
      }
    }
    const change = solveSymmetric(matrix, gradient);
    const longest = change.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const factor = longest > LONGEST_STEP ? LONGEST_STEP / longest : 1;
    for (let a = 0; a < columns.length; a++) coefficients[a] += factor * change[a];
    if (longest < TOLERANCE) break;
  }
  return coefficients;
}

/** Σ coefficient · column in bin i. */
export function predictorAt(
  columns: readonly Float64Array[],
  coefficients: ArrayLike<number>,
  i: number,
): number {
  let sum = 0;
  for (let a = 0; a < columns.length; a++) sum += coefficients[a] * columns[a][i];
  return sum;
}

/** Solves a positive definite system of which the lower triangle is given (Cholesky, in place). */
function solveSymmetric(matrix: readonly Float64Array[], right: Float64Array): Float64Array {
  const p = right.length;
  const trace = matrix.reduce((sum, row, a) => sum + row[a], 0);
  for (let a = 0; a < p; a++) {
    matrix[a][a] += RIDGE * (trace / p + 1);
    for (let b = 0; b <= a; b++) {
      let sum = matrix[a][b];
      for (let k = 0; k < b; k++) sum -= matrix[a][k] * matrix[b][k];
      matrix[a][b] = a === b ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / matrix[b][b];
    }
  }
  const solution = right.slice();
  for (let a = 0; a < p; a++) {
    for (let k = 0; k < a; k++) solution[a] -= matrix[a][k] * solution[k];
    solution[a] /= matrix[a][a];
  }
  for (let a = p - 1; a >= 0; a--) {
    for (let k = a + 1; k < p; k++) solution[a] -= matrix[k][a] * solution[k];
    solution[a] /= matrix[a][a];
  }
  return solution;
}
