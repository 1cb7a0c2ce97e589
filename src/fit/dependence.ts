/** Chooses how outputs depend on inputs by what predicts held-out pairs best; the scores stay in the model. */
import { randomOf } from '../random.js';
import { groupSample } from '../stats/sample.js';
import { spearman } from '../stats/spearman.js';
import type { ModelChoice } from '../types.js';
import { significant } from '../units.js';
import { type Grouping, type HeldOut, heldOutDistances } from './held-out.js';
import { type Dependence, INPUT_BINS, inputBins, LATENT_INPUT_BINS } from './lengths.js';
import { buildQuantileTable } from './quantile-table.js';

/** More pairs do not move the scores' third digit. */
const MOST_PAIRS = 100_000;
const BIN_CHOICES = [5, INPUT_BINS];
/** Standard errors from which a rank correlation counts. */
const TREND_SIGMA = 4;
const ABOUT = 'output given input';
const SCORE = 'total variation on a 20 × 20 grid, two-fold held out; low wins';

export interface PairColumns {
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
}

export interface DependenceChoice {
  readonly dependence: Dependence;
  readonly mostBins: number;
  readonly choice: ModelChoice;
}

/**
 * Independence against few and many bins of the input, for rows of one class. Where independence wins although the rank
 * correlation is not zero by chance, the best of the others is taken: the grid is coarse, the trend is real.
 */
export function chooseDependence(pairs: PairColumns, seed: string, classId: string): DependenceChoice {
  const sample = thinned(pairs);
  const { inputTokens, outputTokens } = sample;
  const candidates = [together(sample), ...BIN_CHOICES.map((bins) => byInput(sample, bins))];
  const rng = randomOf(seed, 'bootstrap', 'dependence', classId);
  const scores = heldOutDistances(inputTokens, outputTokens, candidates, rng);
  const rho = spearman(inputTokens, outputTokens) ?? 0;
  const [independent, ...binned] = scores;
  const best = lowest(binned);
  const isTrend = Math.abs(rho) * Math.sqrt(inputTokens.length) > TREND_SIGMA;
  const chosen = best.score < independent.score || isTrend ? best : independent;
  const other = chosen === best ? independent : best;
  const because =
    chosen.score < other.score || chosen === independent
      ? `held-out pairs are ${significant(chosen.score)} away from it, ${significant(other.score)} from ${other.name}`
      : `rank correlation ${rho.toFixed(3)} is ${significant(Math.abs(rho) * Math.sqrt(inputTokens.length))} standard errors from zero, although held-out pairs are no nearer (${significant(chosen.score)} against ${significant(other.score)})`;
  return {
    dependence: chosen === independent ? 'independent' : 'input_bins',
    mostBins: BIN_CHOICES[binned.indexOf(chosen)] ?? INPUT_BINS,
    choice: choiceOf(chosen, because, scores),
  };
}

/**
 * The same inside latent classes (`classOf` gives the class of each pair): independence or a few bins per class. The
 * scores of models without classes stand beside them.
 */
export function chooseLatentDependence(
  pairs: PairColumns,
  classOf: Int32Array,
  classes: number,
  seed: string,
): DependenceChoice {
  const sample = thinned({ ...pairs, classOf });
  const inClass: Grouping = { name: 'latent classes', groupOf: sample.classOf, groups: classes };
  const scores = heldOutDistances(
    sample.inputTokens,
    sample.outputTokens,
    [
      inClass,
      withinClasses(sample, classes),
      together(sample),
      ...BIN_CHOICES.map((bins) => byInput(sample, bins)),
    ],
    randomOf(seed, 'bootstrap', 'dependence', 'latent'),
  );
  const [plain, binned] = scores;
  const chosen = binned.score < plain.score ? binned : plain;
  const other = chosen === binned ? plain : binned;
  return {
    dependence: chosen === binned ? 'input_bins' : 'independent',
    mostBins: LATENT_INPUT_BINS,
    choice: choiceOf(
      chosen,
      `held-out pairs are ${significant(chosen.score)} away from it, ${significant(other.score)} from ${other.name}`,
      scores,
    ),
  };
}

function choiceOf(chosen: HeldOut, because: string, scores: readonly HeldOut[]): ModelChoice {
  return {
    about: ABOUT,
    chosen: chosen.name,
    because,
    score: SCORE,
    candidates: scores.map(({ name, score }) => ({ name, score: Number(score.toFixed(4)) })),
  };
}

function lowest(scores: readonly HeldOut[]): HeldOut {
  return scores.reduce((best, one) => (one.score < best.score ? one : best));
}

function together({ inputTokens }: PairColumns): Grouping {
  return { name: 'independent', groupOf: new Uint8Array(inputTokens.length), groups: 1 };
}

function byInput({ inputTokens }: PairColumns, mostBins: number): Grouping {
  const { atoms } = buildQuantileTable(groupSample(inputTokens));
  const bins = inputBins(inputTokens, atoms, mostBins);
  return {
    name: `${mostBins} input bins`,
    groupOf: bins.binOf,
    groups: bins.ranges.length + bins.atoms.length,
  };
}

function withinClasses(sample: PairColumns & { readonly classOf: Int32Array }, classes: number): Grouping {
  const groupOf = new Int32Array(sample.inputTokens.length);
  let groups = 0;
  for (let k = 0; k < classes; k++) {
    const members = indicesOf(sample.classOf, k);
    if (members.length === 0) continue;
    const input = Int32Array.from(members, (i) => sample.inputTokens[i]);
    const { atoms } = buildQuantileTable(groupSample(input));
    const bins = inputBins(input, atoms, LATENT_INPUT_BINS);
    members.forEach((i, m) => {
      groupOf[i] = groups + bins.binOf[m];
    });
    groups += bins.ranges.length + bins.atoms.length;
  }
  return { name: `latent classes, ${LATENT_INPUT_BINS} input bins each`, groupOf, groups };
}

function indicesOf(classOf: Int32Array, wanted: number): number[] {
  const indices: number[] = [];
  classOf.forEach((code, i) => {
    if (code === wanted) indices.push(i);
  });
  return indices;
}

/** Every k-th row of all columns. */
function thinned<T extends { readonly [name: string]: Int32Array } | PairColumns>(columns: T): T {
  const first = Object.values(columns)[0] as Int32Array;
  const step = Math.ceil(first.length / MOST_PAIRS);
  if (step <= 1) return columns;
  const picked = Object.entries(columns).map(([name, values]) => [
    name,
    (values as Int32Array).filter((_, i) => i % step === 0),
  ]);
  return Object.fromEntries(picked) as T;
}
