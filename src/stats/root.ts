/**
 * Root of a continuous function, on the positive axis or in a bracket: the one solver behind every likelihood equation.
 *
 * Source: the bracket grows by factors of two from a starting value, then R. P. Brent, Algorithms for Minimization
 * without Derivatives (1973), chapter 4. Cost: typically 8 to 12 evaluations.
 */

/** x > 0 with f(x) = 0 to relative accuracy 1e-14, or null when no sign change is found within 2^±60 of `start`. */
export function findPositiveRoot(f: (x: number) => number, start: number): number | null {
  let low = start;
  let high = start;
  let fLow = f(start);
  let fHigh = fLow;
  if (fLow === 0) return start;
  for (let i = 0; Math.sign(fLow) === Math.sign(fHigh); i++) {
    if (i >= 60) return null;
    const factor = i === 0 ? 1.25 : 2;
    low /= factor;
    high *= factor;
    fLow = f(low);
    if (Math.sign(fLow) !== Math.sign(fHigh)) break;
    fHigh = f(high);
  }
  return brent(f, low, fLow, high, fHigh);
}

/** The root of a function whose signs differ at `low` and `high`, to relative accuracy 1e-15; null when they do not. */
export function findRootBetween(f: (x: number) => number, low: number, high: number): number | null {
  const fLow = f(low);
  const fHigh = f(high);
  if (fLow === 0) return low;
  if (fHigh === 0) return high;
  return Math.sign(fLow) === Math.sign(fHigh) || Number.isNaN(fLow) || Number.isNaN(fHigh)
    ? null
    : brent(f, low, fLow, high, fHigh);
}

function brent(f: (x: number) => number, low: number, fLow: number, high: number, fHigh: number): number {
  // b is the best estimate, a the one before, c the other end of the bracket.
  let [a, fa, b, fb, c, fc] = [low, fLow, high, fHigh, low, fLow];
  let step = b - a;
  let stepBefore = step;
  for (let i = 0; i < 200; i++) {
    if (Math.sign(fb) === Math.sign(fc)) {
      [c, fc] = [a, fa];
      step = b - a;
      stepBefore = step;
    }
    if (Math.abs(fc) < Math.abs(fb)) [a, fa, b, fb, c, fc] = [b, fb, c, fc, b, fb];
    const half = 0.5 * (c - b);
    const tolerance = 1e-15 * Math.abs(b);
    if (Math.abs(half) <= tolerance || fb === 0) return b;
    const guess =
      Math.abs(stepBefore) >= tolerance && Math.abs(fa) > Math.abs(fb)
        ? interpolate(a, fa, b, fb, c, fc)
        : Number.NaN;
    const accepted =
      guess * half > 0 && 2 * Math.abs(guess) < Math.min(3 * Math.abs(half), Math.abs(stepBefore));
    stepBefore = accepted ? step : half;
    step = accepted ? guess : half;
    [a, fa] = [b, fb];
    b += Math.abs(step) > tolerance ? step : Math.sign(half) * tolerance;
    fb = f(b);
  }
  return b;
}

/** Step from b by inverse quadratic interpolation, or by the secant when only two points differ. */
function interpolate(a: number, fa: number, b: number, fb: number, c: number, fc: number): number {
  const s = fb / fa;
  if (a === c) return -((c - b) * s) / (1 - s);
  const q = fa / fc;
  const r = fb / fc;
  const p = s * ((c - b) * q * (q - r) - (b - a) * (r - 1));
  return -p / ((q - 1) * (r - 1) * (s - 1));
}
