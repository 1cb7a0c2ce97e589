/**
 * Groups of points by k-means: requests that look alike, where no client or model name says which belong together.
 *
 * Source: seeds by k-means++ (Arthur & Vassilvitskii, SODA 2007), then Lloyd's iterations (1982) until no point changes
 * its group; the best of several starts by inertia. Points lie one after another in one array. Cost: points × centres ×
 * dimensions per iteration, usually 20 to 60 iterations.
 */
import type { Rng } from '../random.js';

export interface KMeansOptions {
  /** `dimensions` values per point. */
  readonly points: Float64Array;
  readonly dimensions: number;
  readonly groups: number;
  readonly starts: number;
  readonly rng: Rng;
}

export interface KMeans {
  /** `dimensions` values per centre. */
  readonly centres: Float64Array;
  /** Sum of squared distances to the nearest centre. */
  readonly inertia: number;
}

const MOST_ITERATIONS = 300;

/** At most `groups` centres: fewer when there are fewer distinct points. At least one point. */
export function kMeans(options: KMeansOptions): KMeans {
  let best: KMeans | null = null;
  for (let start = 0; start < options.starts; start++) {
    const found = lloyd(options, seedCentres(options));
    if (best === null || found.inertia < best.inertia) best = found;
  }
  return best!;
}

/** Number of the nearest centre; the first of equally near ones. */
export function nearestCentre(
  centres: Float64Array,
  points: Float64Array,
  point: number,
  dimensions: number,
): number {
  let nearest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let c = 0; c < centres.length / dimensions; c++) {
    const distance = squaredDistance(centres, c, points, point, dimensions);
    if (distance < least) {
      least = distance;
      nearest = c;
    }
  }
  return nearest;
}

function squaredDistance(a: Float64Array, i: number, b: Float64Array, j: number, dimensions: number): number {
  let sum = 0;
  for (let d = 0; d < dimensions; d++) {
    const difference = a[i * dimensions + d] - b[j * dimensions + d];
    sum += difference * difference;
  }
  return sum;
}

/** Each further centre is a point drawn with probability proportional to its squared distance from those there are. */
function seedCentres({ points, dimensions, groups, rng }: KMeansOptions): Float64Array {
  const n = points.length / dimensions;
  const centres: number[] = [];
  const least = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  let next = rng.int(n);
  while (centres.length < groups * dimensions) {
    const centre = points.slice(next * dimensions, (next + 1) * dimensions);
    centres.push(...centre);
    let total = 0;
    for (let i = 0; i < n; i++) {
      least[i] = Math.min(least[i], squaredDistance(centre, 0, points, i, dimensions));
      total += least[i];
    }
    if (!(total > 0)) break;
    let left = rng.uniform() * total;
    next = 0;
    for (let i = 0; i < n; i++) {
      if (least[i] > 0) next = i;
      left -= least[i];
      if (left < 0) break;
    }
  }
  return Float64Array.from(centres);
}

function lloyd({ points, dimensions }: KMeansOptions, start: Float64Array): KMeans {
  const centres = start;
  const groups = centres.length / dimensions;
  const n = points.length / dimensions;
  const groupOf = new Int32Array(n).fill(-1);
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    let changed = false;
    for (let i = 0; i < n; i++) {
      const nearest = nearestCentre(centres, points, i, dimensions);
      if (nearest !== groupOf[i]) changed = true;
      groupOf[i] = nearest;
    }
    if (!changed) break;
    const sums = new Float64Array(centres.length);
    const sizes = new Float64Array(groups);
    for (let i = 0; i < n; i++) {
      sizes[groupOf[i]] += 1;
      for (let d = 0; d < dimensions; d++) sums[groupOf[i] * dimensions + d] += points[i * dimensions + d];
    }
    for (let c = 0; c < groups; c++) {
      // A centre that lost its points stays where it is.
      if (sizes[c] === 0) continue;
      for (let d = 0; d < dimensions; d++) centres[c * dimensions + d] = sums[c * dimensions + d] / sizes[c];
    }
  }
  let inertia = 0;
  for (let i = 0; i < n; i++) {
    inertia += squaredDistance(centres, nearestCentre(centres, points, i, dimensions), points, i, dimensions);
  }
  return { centres, inertia };
}
