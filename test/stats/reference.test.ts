/**
 * Every number of the statistics reference has a test that reads it, or a reason why none does: the table below is held
 * against the file, so that a new key without a test fails. Numbers that no other test reads are reproduced here.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  gammaln,
  sampleCorrelation,
  sampleKurtosis,
  sampleSkewness,
  wilcoxonRankSum,
} from 'simple-statistics';
import { hmmLogLikelihood } from '../../src/stats/count-hmm.js';
import { countsPerWindow } from '../../src/stats/dispersion.js';
import { familyOf } from '../../src/stats/families.js';
import { ksTwoSample } from '../../src/stats/ks-two-sample.js';
import { meanOf, populationVarianceOf } from '../../src/stats/moments.js';
import { quantilesOf } from '../../src/stats/quantiles.js';
import { groupSample } from '../../src/stats/sample.js';
import { spearman } from '../../src/stats/spearman.js';
import { fitTail } from '../../src/stats/tail-fit.js';
import { wassersteinDistance } from '../../src/stats/wasserstein.js';
import type { FamilyName } from '../../src/types.js';
import { gapsOf, missingData, type PublicTraceName, readPublicTrace } from './public-traces.js';
import { assertClose, reference } from './reference.js';

const FULL = fileURLToPath(new URL('../../../../shared/statistics-reference.json', import.meta.url));
const skip = missingData() || (existsSync(FULL) ? false : `not found: ${FULL}`);

interface FullReference {
  readonly descriptives: readonly {
    readonly trace: PublicTraceName;
    readonly column: string;
    readonly n: number;
    readonly n_zero: number;
    readonly skew_g1: number;
    readonly kurt_excess_g2: number;
    readonly mean_ln?: number;
    readonly sd_ln_ddof0?: number;
  }[];
  readonly fits: readonly { readonly w1?: number | null }[];
  readonly gpd_tails: readonly {
    readonly trace: PublicTraceName;
    readonly column: 'input' | 'output';
    readonly q: number;
    readonly upper_end: number | null;
  }[];
  readonly arrivals: readonly {
    readonly trace: PublicTraceName;
    readonly T: number;
    readonly n: number;
    readonly idc: Readonly<Record<string, { readonly zero_frac: number }>>;
    readonly iat_lag1_pearson: number;
    readonly rescaled: Readonly<Record<string, { readonly Lambda_end: number }>>;
  }[];
  readonly point_process_likelihoods: readonly {
    readonly trace: PublicTraceName;
    readonly model: string;
    readonly dt?: number;
    readonly K?: number;
    readonly n_params?: number;
    readonly bic?: number;
    readonly loglik_counts?: number;
    readonly loglik_point_process?: number;
  }[];
  readonly dependence: readonly {
    readonly trace: PublicTraceName;
    readonly pearson: number;
    readonly pearson_ln: number;
  }[];
  readonly two_sample_halves: readonly {
    readonly trace: PublicTraceName;
    readonly column: 'input_tokens' | 'output_tokens';
    readonly mannwhitney_u: number;
  }[];
}

const full = (): FullReference => JSON.parse(readFileSync(FULL, 'utf8')) as FullReference;

/** Where numbers are read, by path; `*` stands for any key or place. Reasons begin with `no:`. */
const READ_IN: Readonly<Record<string, string>> = {
  'descriptives.*.(n|sum|mean|sd_ddof0|sd_ddof1|cv_ddof1|min|max|n_distinct|quantiles.*|top_atoms.*)':
    'stats/public-traces.test',
  'descriptives.*.(n_zero|skew_g1|kurt_excess_g2|mean_ln|sd_ln_ddof0)': 'stats/reference.test',
  'fits.*.(params.*|n|k|loglik|aic|bic|ks_D|ks_D_disc|ad_A2|disc_loglik)': 'stats/public-traces.test',
  'fits.*.w1': 'stats/reference.test',
  'fits.*.(scipy_fit_loglik_minus_ours|sigma_floor_hit|em_iters)':
    "no: how the reference's own optimiser fared, not a property of the data",
  'fits_discretised_mle.*': 'stats/public-traces.test',
  'gpd_tails.*.upper_end': 'stats/reference.test',
  'gpd_tails.*': 'stats/public-traces.test',
  'arrivals.*.(n|T|idc.*.value|idc.*.windows|idc.*.max|acf_1s.*|iat_lag1_spearman)':
    'stats/public-traces.test',
  'arrivals.*.(idc.*.zero_frac|iat_lag1_pearson|rescaled.*.Lambda_end)': 'stats/reference.test',
  'arrivals.*.rescaled.*': 'stats/public-traces.test',
  'point_process_likelihoods.*.(params.*|loglik|loglik_counts)': 'stats/public-traces.test',
  'point_process_likelihoods.*.(K|dt|bic|n_params|loglik_point_process)': 'stats/reference.test',
  'point_process_likelihoods.*.k': 'no: the number of exponentials, which the lists of parameters have',
  'dependence.*.spearman': 'stats/public-traces.test',
  'dependence.*.kendall_tau_b': 'stats/dependence.test',
  'dependence.*.(pearson|pearson_ln)': 'stats/reference.test',
  'two_sample_halves.*.anderson_k':
    'no: the k-sample Anderson–Darling statistic is in neither the fit report nor the battery',
  'two_sample_halves.*.mannwhitney_u': 'stats/reference.test',
  'two_sample_halves.*': 'stats/public-traces.test',
  'prefix.*': 'fit/sessions-public.test',
  'serving_simulator.*': 'engine/reference.test',
  'special_functions.*': 'stats/special-functions.test',
  'toy.(x.*|y.*|spearman|ks_2samp_D|wasserstein|quantiles_type7.*|skew_g1|kurt_g2)': 'stats/reference.test',
  'toy.kendall_tau_b': 'stats/dependence.test',
  'toy.fits.*': 'stats/distributions.test',
  'fidelity.data.*.*.(floor_p50|floor_p95|naive)': 'compare/floors.slow.test',
  'fidelity.data.*._passes.*': 'compare/floors.slow.test',
  'fidelity.data.*.*.(emp|gamma|recommended)':
    'no: medians of three other models of the page; ours are held to the floors instead',
};

const patternOf = (key: string): RegExp =>
  new RegExp(`^${key.replaceAll('.', '\\.').replaceAll('*', '.+')}(?:\\..+)?$`);

function* numbersOf(value: unknown, path: string): Generator<string> {
  if (typeof value === 'number') yield path;
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value))
      yield* numbersOf(item, path === '' ? key : `${path}.${key}`);
}

test('every number of the reference is read by a test that exists, or says why not', {
  skip,
}, () => {
  const rules = Object.entries(READ_IN).map(([key, where]) => ({ key, where, pattern: patternOf(key) }));
  const used = new Set<string>();
  const unread = new Set<string>();
  for (const path of numbersOf(full(), '')) {
    if (path.startsWith('meta.')) continue;
    const rule = rules.find(({ pattern }) => pattern.test(path));
    if (rule === undefined) unread.add(path.replace(/\.\d+(?=\.|$)/g, '.*'));
    else used.add(rule.key);
  }
  assert.deepEqual([...unread], []);
  assert.deepEqual(
    rules.filter(({ key }) => !used.has(key)).map(({ key }) => key),
    [],
    'rules for keys that are gone',
  );
  for (const { where } of rules) {
    if (where.startsWith('no: ')) continue;
    assert.ok(existsSync(new URL(`../../../test/${where}.ts`, import.meta.url)), where);
  }
});

/** Adjusted Fisher–Pearson coefficients (simple-statistics) → those of the population (SciPy’s bias=True). */
const skewness = (values: number[]): number => {
  const n = values.length;
  return (sampleSkewness(values) * (n - 2)) / Math.sqrt(n * (n - 1));
};
const excessKurtosis = (values: number[]): number => {
  const n = values.length;
  return ((sampleKurtosis(values) * (n - 2) * (n - 3)) / (n - 1) - 6) / (n + 1);
};

test('the 20-point set: quantiles, skewness, rank correlation and two-sample distances', () => {
  const { x, y, spearman: rho, ks_2samp_D, wasserstein, quantiles_type7, ...rest } = reference.toy;
  const more = rest as unknown as { readonly skew_g1: number; readonly kurt_g2: number };
  const probs = Object.keys(quantiles_type7).map(Number);
  quantilesOf(Float64Array.from(x), probs).forEach((value, i) => {
    assertClose(value, quantiles_type7[String(probs[i])], 1e-12, `quantile ${probs[i]}`);
  });
  assertClose(spearman(x, y), rho, 1e-12, 'Spearman');
  assertClose(ksTwoSample(groupSample(x), groupSample(y)).distance, ks_2samp_D, 1e-12, 'KS');
  assertClose(wassersteinDistance(groupSample(x), groupSample(y)), wasserstein, 1e-12, 'Wasserstein');
  assertClose(skewness(x), more.skew_g1, 1e-12, 'skewness');
  assertClose(excessKurtosis(x), more.kurt_g2, 1e-12, 'kurtosis');
});

function columnOf(trace: PublicTraceName, column: string): Float64Array {
  const { timesSec, inputTokens, outputTokens } = readPublicTrace(trace);
  if (column === 'iat_s') return gapsOf(timesSec);
  return Float64Array.from(column.startsWith('input') ? inputTokens : outputTokens);
}

test('shape and logarithms of every column', { skip }, () => {
  for (const expected of full().descriptives) {
    const values = columnOf(expected.trace, expected.column);
    const name = `${expected.trace} ${expected.column}`;
    assert.equal(values.filter((value) => value === 0).length, expected.n_zero, `${name} zeros`);
    assertClose(skewness([...values]), expected.skew_g1, 1e-9, `${name} skewness`);
    assertClose(excessKurtosis([...values]), expected.kurt_excess_g2, 1e-9, `${name} kurtosis`);
    if (expected.mean_ln === undefined) continue;
    const logs = values.map(Math.log);
    assertClose(meanOf(logs), expected.mean_ln, 1e-12, `${name} mean ln`);
    assertClose(Math.sqrt(populationVarianceOf(logs)!), expected.sd_ln_ddof0!, 1e-10, `${name} sd ln`);
  }
});

/** As the reference: the mean over this many places. */
const PLACES = 200_000;

test('Wasserstein distance of every family with a closed quantile function', { skip }, () => {
  full().fits.forEach(({ w1 }, k) => {
    const { trace, column, family: name, params } = reference.fits[k];
    const family = familyOf(name as FamilyName);
    if (typeof w1 !== 'number' || family.shares !== undefined || name === 'inverse_gaussian') return;
    if (column === 'iat_s_positive_only' || !Number.isFinite(family.mean(params))) return;
    const sorted = columnOf(trace as PublicTraceName, column!).sort();
    let sum = 0;
    for (let j = 0; j < PLACES; j++) {
      const u = (j + 0.5) / PLACES;
      sum += Math.abs(sorted[Math.ceil(u * sorted.length) - 1] - family.quantile(u, params));
    }
    assertClose(sum / PLACES, w1, 1e-6, `${trace} ${column} ${name}`);
  });
});

test('upper ends of bounded tails', { skip }, () => {
  for (const { trace, column, q, upper_end } of full().gpd_tails) {
    const { xi, sigma, threshold } = fitTail(groupSample(columnOf(trace, column)), q)!;
    if (upper_end === null) assert.ok(xi >= 0, `${trace} ${column} ${q}`);
    else assertClose(threshold - sigma / xi, upper_end, 1e-4, `${trace} ${column} ${q}`);
  }
});

test('empty windows, neighbouring gaps, and the integral of the smoothed rate', { skip }, () => {
  for (const { trace, n, T, idc, iat_lag1_pearson, rescaled } of full().arrivals) {
    const { timesSec } = readPublicTrace(trace);
    for (const [window, { zero_frac }] of Object.entries(idc)) {
      const counts = Array.from(countsPerWindow(timesSec, Number(window), T));
      const empty = counts.filter((count) => count === 0).length;
      assertClose(empty / counts.length, zero_frac, 1e-12, `${trace} empty ${window} s`, 1e-15);
    }
    const gaps = [...gapsOf(timesSec)];
    const pearson = sampleCorrelation(gaps.slice(0, -1), gaps.slice(1));
    assertClose(pearson, iat_lag1_pearson, 1e-8, `${trace} lag-1 Pearson`, 1e-12);
    for (const { Lambda_end } of Object.values(rescaled)) assertClose(Lambda_end, n, 1e-9, `${trace} Λ(T)`);
  }
});

test('load states as point processes: the likelihood of counts and of where in its bin each request lies', {
  skip,
}, () => {
  const chains = full().point_process_likelihoods.filter(({ K }) => K !== undefined);
  assert.equal(chains.length, reference.countHmm.length);
  chains.forEach((expected, k) => {
    const { params } = reference.countHmm[k];
    const { timesSec } = readPublicTrace(expected.trace);
    assert.equal(params.lam.length, expected.K);
    assert.equal(expected.dt, 1);
    const counts = new Int32Array(Math.ceil(timesSec.at(-1)!));
    for (const t of timesSec) counts[Math.min(counts.length - 1, Math.floor(t))] += 1;
    const hmm = {
      mean: params.lam,
      size: params.lam.map((_, i) => params.r?.[i] ?? null),
      transition: params.A,
    };
    const ofCounts = hmmLogLikelihood(hmm, counts, params.pi);
    // n! orders of requests that fall anywhere in a bin of 1 s.
    const orders = counts.reduce((sum, count) => sum + gammaln(count + 1), 0);
    const name = `${expected.trace} ${expected.model} ${expected.K}`;
    assertClose(ofCounts + orders, expected.loglik_point_process!, 1e-8, name);
    const states = params.lam.length;
    const parameters = states * states + (params.r === null ? states : 2 * states) - 1;
    assertClose(
      expected.n_params! * Math.log(counts.length) - 2 * expected.loglik_counts!,
      expected.bic!,
      1e-9,
      `${name} BIC`,
    );
    assert.ok(Math.abs(parameters - expected.n_params!) <= states, `${name} ${parameters} parameters`);
  });
});

test('linear correlations of input and output, and rank sums of both halves', { skip }, () => {
  for (const { trace, pearson, pearson_ln } of full().dependence) {
    const input = [...columnOf(trace, 'input')];
    const output = [...columnOf(trace, 'output')];
    assertClose(sampleCorrelation(input, output), pearson, 1e-9, `${trace} Pearson`, 1e-12);
    const logs = sampleCorrelation(input.map(Math.log), output.map(Math.log));
    assertClose(logs, pearson_ln, 1e-9, `${trace} Pearson of logarithms`, 1e-12);
  }
  for (const { trace, column, mannwhitney_u } of full().two_sample_halves) {
    const { timesSec } = readPublicTrace(trace);
    const values = [...columnOf(trace, column)];
    const half = timesSec.at(-1)! / 2;
    const first = values.filter((_, i) => timesSec[i] < half);
    const second = values.filter((_, i) => timesSec[i] >= half);
    const u = wilcoxonRankSum(first, second) - (first.length * (first.length + 1)) / 2;
    assertClose(u, mannwhitney_u, 1e-12, `${trace} ${column} U`);
  }
});
