/** Points of two variables: percentile bands over x, and a thinned cloud that keeps every column's extremes. */
import { percentileSorted } from '../../metrics.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Percentiles of y among the points whose x lies in [from, to]. */
export interface Band {
  readonly from: number;
  readonly to: number;
  /** Median x: where the band is drawn. */
  readonly middle: number;
  readonly n: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/**
 * At most `bands` groups of about equal size, by x; equal x stay together, so that no value is in two bands.
 * Type-7 percentiles. O(n log n).
 */
export function bandsByX(points: readonly Point[], bands: number): Band[] {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  const result: Band[] = [];
  let start = 0;
  for (let band = 0; band < bands && start < sorted.length; band++) {
    const left = sorted.length - start;
    let end = start + Math.max(1, Math.ceil(left / (bands - band)));
    while (end < sorted.length && sorted[end].x === sorted[end - 1].x) end += 1;
    const group = sorted.slice(start, end);
    const ys = Float64Array.from(group, (point) => point.y).sort();
    const xs = group.map((point) => point.x);
    result.push({
      from: xs[0],
      to: xs[xs.length - 1],
      middle: percentileSorted(xs, 0.5)!,
      n: group.length,
      p50: percentileSorted(ys, 0.5)!,
      p90: percentileSorted(ys, 0.9)!,
      p99: percentileSorted(ys, 0.99)!,
    });
    start = end;
  }
  return result;
}

/**
 * At most about `limit` points, sorted by x. Columns of equal point count keep their lowest and highest y; the room
 * that is left goes to evenly spaced points, so that density shows. No randomness: the same run, the same cloud.
 */
export function thinPoints(points: readonly Point[], limit: number): Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  if (sorted.length <= limit) return sorted;
  const keep = new Uint8Array(sorted.length);
  const columns = Math.max(1, Math.floor(limit / 4));
  for (let column = 0; column < columns; column++) {
    const from = Math.floor((column * sorted.length) / columns);
    const to = Math.floor(((column + 1) * sorted.length) / columns);
    let low = from;
    let high = from;
    for (let i = from; i < to; i++) {
      if (sorted[i].y < sorted[low].y) low = i;
      if (sorted[i].y > sorted[high].y) high = i;
    }
    keep[low] = 1;
    keep[high] = 1;
  }
  const room = Math.floor(limit / 2);
  for (let i = 0; i < room; i++) keep[Math.floor((i * sorted.length) / room)] = 1;
  keep[0] = 1;
  keep[sorted.length - 1] = 1;
  return sorted.filter((_, i) => keep[i] === 1);
}
