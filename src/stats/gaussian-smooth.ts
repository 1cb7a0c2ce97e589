/**
 * Gaussian smoothing of a series of counts: the slow rate of a stream of requests.
 *
 * Source: kernel of standard deviation σ bins, cut at 6σ, half-sample reflection at both edges so that no mass is
 * lost (`scipy.ndimage.gaussian_filter1d`, mode reflect, truncate 6, when evaluated at bin centres). Cost: 12σ
 * products per point evaluated. Equal to SciPy within 1e-12.
 */

/**
 * Smoothed series at `positions`, measured in bins from the start of bin 0 (the centre of bin j is j + 0.5).
 * `counts` must not be empty.
 */
export function gaussianSmooth(
  counts: ArrayLike<number>,
  sigmaBins: number,
  positions: ArrayLike<number>,
): Float64Array {
  const result = new Float64Array(positions.length);
  const radius = Math.floor(6 * sigmaBins + 0.5);
  for (let k = 0; k < positions.length; k++) {
    const centre = positions[k] - 0.5;
    const first = Math.ceil(centre - radius);
    const last = Math.floor(centre + radius);
    let sum = 0;
    let weightSum = 0;
    for (let j = first; j <= last; j++) {
      const z = (j - centre) / sigmaBins;
      const weight = Math.exp(-0.5 * z * z);
      weightSum += weight;
      sum += weight * counts[reflect(j, counts.length)];
    }
    result[k] = sum / weightSum;
  }
  return result;
}

/** Positions of all bin centres. */
export function binCentres(bins: number): Float64Array {
  return Float64Array.from({ length: bins }, (_, j) => j + 0.5);
}

/** Index after half-sample reflection: … b a | a b c | c b … */
function reflect(index: number, n: number): number {
  const period = 2 * n;
  const folded = ((index % period) + period) % period;
  return folded < n ? folded : period - 1 - folded;
}
