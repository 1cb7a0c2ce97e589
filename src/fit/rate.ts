/**
 * The slow rate of a stream: counts smoothed with a Gaussian kernel, stored as a few knots.
 *
 * The bandwidth is the planning horizon, not an estimate: likelihood prefers 0.3 s on bursty data, which is memory of
 * single bursts (STATISTICS §2.4). 60 s, or 300 s for traces above 6 h; knots every half bandwidth, linear between,
 * scaled so that the curve's integral over the window is the number of requests.
 */
import { gaussianSmooth } from '../stats/gaussian-smooth.js';
import { CumulativeRate } from '../stats/rate-curve.js';
import type { RateCurve } from '../types.js';
import { SEC_PER_HOUR } from '../units.js';

const SHORT_BANDWIDTH_SEC = 60;
const LONG_BANDWIDTH_SEC = 300;
const LONG_TRACE_SEC = 6 * SEC_PER_HOUR;

/** Standard deviation of the kernel when none is asked for. */
export function defaultBandwidthSec(durationSec: number): number {
  return durationSec > LONG_TRACE_SEC ? LONG_BANDWIDTH_SEC : SHORT_BANDWIDTH_SEC;
}

/** Rate curve of arrivals on [0, durationSec]. */
export function fitRateCurve(arrivalSec: Float64Array, durationSec: number, bandwidthSec: number): RateCurve {
  // 60 bins per bandwidth are plenty, and 1-s bins, or ten per bandwidth, are enough for narrow kernels.
  const binSec = Math.max(bandwidthSec / 60, Math.min(1, bandwidthSec / 10));
  const bins = Math.max(1, Math.ceil(durationSec / binSec));
  const counts = new Float64Array(bins);
  for (const t of arrivalSec) counts[Math.min(bins - 1, Math.floor(t / binSec))] += 1;
  const stepSec = bandwidthSec / 2;
  const knots = Math.max(2, Math.ceil(durationSec / stepSec) + 1);
  const positions = Float64Array.from({ length: knots }, (_, k) => Math.min((k * stepSec) / binSec, bins));
  const smooth = gaussianSmooth(counts, bandwidthSec / binSec, positions);
  const shape = { stepSec, ratePerSec: Array.from(smooth), bandwidthSec };
  const factor = arrivalSec.length / new CumulativeRate(shape, durationSec).perPeriod;
  // Seven digits are far below the noise of any count and keep the file readable.
  return { ...shape, ratePerSec: shape.ratePerSec.map((rate) => Number((rate * factor).toPrecision(7))) };
}
