/**
 * Latent classes: requests grouped by how long their prompts and answers are, where no client or model names them.
 *
 * Why: the mix of request kinds moves with time and load (azure_conv: correlation of rate and mean output −0.90 per
 * minute), which one table of lengths cannot show; twelve classes with rates of their own bring the needed capacity
 * from −10 % to −4 % (STATISTICS §2.4.1). Source: k-means++ on standardised ln(input), ln(output); classes below 30
 * rows join their nearest neighbour. At most 40 000 rows decide the centres; every row is then assigned.
 */
import { randomOf } from '../random.js';
import { kMeans, nearestCentre } from '../stats/k-means.js';
import type { FitColumns } from './columns.js';
import type { UsableRows } from './prepare.js';

export const DEFAULT_LATENT_CLASSES = 12;
export const MOST_LATENT_CLASSES = 64;
const STARTS = 4;
const LEAST_CLASS_ROWS = 30;
const MOST_POINTS = 40_000;

/**
 * Rows of each class in trace order, largest class first. Rows whose lengths are unknown belong to the class of the
 * last known row before them.
 */
export function latentClasses(
  columns: FitColumns,
  usable: UsableRows,
  settings: { readonly classes: number; readonly seed: string },
): Uint32Array[] {
  const scale = standardScale(columns, usable.rows);
  const points = pointsOf(columns, strided(usable.rows, MOST_POINTS), scale);
  const rng = randomOf(settings.seed, 'classes', 'k-means');
  const { centres } = kMeans({ points, dimensions: 2, groups: settings.classes, starts: STARTS, rng });
  return membersOf(assign(columns, usable, scale, withoutSmallGroups(points, centres)));
}

/** Lengths of zero have no logarithm; half a token keeps them apart from one. */
const logTokens = (tokens: number): number => Math.log(Math.max(0.5, tokens));

interface Scale {
  readonly inputMean: number;
  readonly inputSd: number;
  readonly outputMean: number;
  readonly outputSd: number;
}

function standardScale({ inputTokens, outputTokens }: FitColumns, rows: Uint32Array): Scale {
  const momentsOf = (values: Int32Array): readonly [number, number] => {
    let mean = 0;
    let squares = 0;
    rows.forEach((row, i) => {
      const value = logTokens(values[row]);
      const difference = value - mean;
      mean += difference / (i + 1);
      squares += difference * (value - mean);
    });
    return [mean, Math.sqrt(squares / rows.length) || 1];
  };
  const [inputMean, inputSd] = momentsOf(inputTokens);
  const [outputMean, outputSd] = momentsOf(outputTokens);
  return { inputMean, inputSd, outputMean, outputSd };
}

function place(columns: FitColumns, row: number, scale: Scale, points: Float64Array, i: number): void {
  points[2 * i] = (logTokens(columns.inputTokens[row]) - scale.inputMean) / scale.inputSd;
  points[2 * i + 1] = (logTokens(columns.outputTokens[row]) - scale.outputMean) / scale.outputSd;
}

function pointsOf(columns: FitColumns, rows: Uint32Array, scale: Scale): Float64Array {
  const points = new Float64Array(2 * rows.length);
  rows.forEach((row, i) => {
    place(columns, row, scale, points, i);
  });
  return points;
}

/** At most `most` rows, evenly over the trace. */
export function strided(rows: Uint32Array, most: number): Uint32Array {
  if (rows.length <= most) return rows;
  return Uint32Array.from({ length: most }, (_, k) => rows[Math.floor((k * rows.length) / most)]);
}

/** Takes the smallest class away until every class has enough rows. */
function withoutSmallGroups(points: Float64Array, centres: Float64Array): Float64Array {
  let kept = centres;
  for (;;) {
    const sizes = new Float64Array(kept.length / 2);
    for (let i = 0; i < points.length / 2; i++) sizes[nearestCentre(kept, points, i, 2)] += 1;
    const smallest = sizes.indexOf(Math.min(...sizes));
    if (sizes.length === 1 || sizes[smallest] >= LEAST_CLASS_ROWS) return kept;
    kept = kept.filter((_, i) => i >> 1 !== smallest);
  }
}

function assign(columns: FitColumns, usable: UsableRows, scale: Scale, centres: Float64Array): Int32Array {
  const classOf = new Int32Array(columns.rowCount);
  const point = new Float64Array(2);
  let last = -1;
  let unknownBefore = 0;
  for (let row = 0; row < columns.rowCount; row++) {
    if (usable.isUsable[row] === 1) {
      place(columns, row, scale, point, 0);
      const nearest = nearestCentre(centres, point, 0, 2);
      if (last < 0) classOf.fill(nearest, 0, unknownBefore);
      last = nearest;
    } else if (last < 0) unknownBefore += 1;
    classOf[row] = Math.max(0, last);
  }
  return classOf;
}

function membersOf(classOf: Int32Array): Uint32Array[] {
  const sizes: number[] = [];
  for (const code of classOf) sizes[code] = (sizes[code] ?? 0) + 1;
  const members = Array.from(sizes, (size) => new Uint32Array(size ?? 0));
  const filled = new Uint32Array(members.length);
  classOf.forEach((code, row) => {
    members[code][filled[code]++] = row;
  });
  return members.filter((rows) => rows.length > 0).sort((a, b) => b.length - a.length || a[0] - b[0]);
}
