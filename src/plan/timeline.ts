/** A fleet's samples over time, few enough for a plan's document. Pure. */
import type { FleetSample } from '../types.js';

/** Samples of an outcome at most; a day has 5 760. */
export const MOST_TIMELINE_SAMPLES = 500;

/**
 * The first and the last sample, and of equal stretches between them the fullest one: most replicas, then most waiting
 * requests. Thinning by position would lose the peaks that the plan is about.
 */
export function thinnedTimeline(samples: readonly FleetSample[]): readonly FleetSample[] {
  if (samples.length <= MOST_TIMELINE_SAMPLES) return samples;
  const inner = samples.slice(1, -1);
  const perStretch = Math.ceil(inner.length / (MOST_TIMELINE_SAMPLES - 2));
  const thinned = [samples[0]];
  for (let from = 0; from < inner.length; from += perStretch)
    thinned.push(inner.slice(from, from + perStretch).reduce(fuller));
  thinned.push(samples[samples.length - 1]);
  return thinned;
}

function fuller(a: FleetSample, b: FleetSample): FleetSample {
  const replicas = b.starting + b.ready - (a.starting + a.ready);
  if (replicas !== 0) return replicas > 0 ? b : a;
  return b.waiting + b.held > a.waiting + a.held ? b : a;
}
