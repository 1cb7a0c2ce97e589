/**
 * Percentiles of a mixture of length bands: each band's distribution as it was measured, weighted by another share.
 *
 * The mixture's distribution function is the weighted mean of the bands'; its quantiles are found by bisection. A band that
 * a level never saw stands in for by its nearest neighbour that it saw.
 */
import { probabilityAt, quantileAt } from '../stats/quantile-curve.js';
import type { LengthBand, LengthMix, QuantileCurve } from '../types.js';

export type BandMetric = 'ttft' | 'tpot' | 'e2e';

/** One component: its curve and its weight. */
export interface Component {
  readonly share: number;
  readonly curve: QuantileCurve;
}

/** The components of a metric under the mix; empty when no band has a sample. */
export function componentsOf(bands: readonly LengthBand[], mix: LengthMix, metric: BandMetric): Component[] {
  return mix.bands.flatMap(({ share, meanOutputTokens }, index) => {
    if (share === 0) return [];
    const band = nearestWith(bands, index, metric);
    if (band === null) return [];
    const curve = band[metric]!;
    return [
      { share, curve: metric === 'e2e' ? stretched(curve, answerStretch(band, meanOutputTokens)) : curve },
    ];
  });
}

/** The value that a share `p` of the mixture lies below, ms. At least one component. */
export function mixtureQuantile(components: readonly Component[], p: number): number {
  let low = Math.min(...components.map(({ curve }) => quantileAt(curve, 0)));
  let high = Math.max(...components.map(({ curve }) => quantileAt(curve, 1)));
  const total = components.reduce((sum, one) => sum + one.share, 0);
  for (let round = 0; round < ROUNDS && high > low; round++) {
    const middle = (low + high) / 2;
    const below = components.reduce((sum, one) => sum + one.share * probabilityAt(one.curve, middle), 0);
    if (below < p * total) low = middle;
    else high = middle;
  }
  return high;
}

/** Mean of the mixture, ms, from the components' quantiles. */
export function mixtureMean(components: readonly Component[]): number {
  const total = components.reduce((sum, one) => sum + one.share, 0);
  return components.reduce((sum, { share, curve }) => sum + (share / total) * curveMean(curve), 0);
}

/** Halvings until the interval is below any clock's grain. */
const ROUNDS = 48;
const MEAN_POINTS = 200;

function curveMean(curve: QuantileCurve): number {
  let sum = 0;
  for (let i = 0; i < MEAN_POINTS; i++) sum += quantileAt(curve, (i + 0.5) / MEAN_POINTS);
  return sum / MEAN_POINTS;
}

/** How much longer a whole answer takes when the band's answers have another length. */
function answerStretch(band: LengthBand, meanOutputTokens: number): number {
  if (band.ttft === null || band.tpot === null || band.meanOutputTokens < 1) return 1;
  const firstMs = quantileAt(band.ttft, 0.5);
  const perTokenMs = quantileAt(band.tpot, 0.5);
  const lengthMs = (tokens: number): number => firstMs + Math.max(0, tokens - 1) * perTokenMs;
  return lengthMs(meanOutputTokens) / lengthMs(band.meanOutputTokens);
}

const stretched = (curve: QuantileCurve, factor: number): QuantileCurve => ({
  ...curve,
  values: curve.values.map((value) => value * factor),
});

function nearestWith(bands: readonly LengthBand[], index: number, metric: BandMetric): LengthBand | null {
  let best: LengthBand | null = null;
  let distance = Number.POSITIVE_INFINITY;
  bands.forEach((band, i) => {
    if (band[metric] === null || Math.abs(i - index) >= distance) return;
    best = band;
    distance = Math.abs(i - index);
  });
  return best;
}
