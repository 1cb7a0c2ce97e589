/**
 * A profile made with one mix of lengths, corrected for another.
 *
 * Two things change with the mix. How much a request uses of what the server runs short of: an iteration lasts
 * base / (1 − λw), with w the token-proportional time of a mean request (prompt, sequence and context tokens; the base is
 * shared by all), so a level that offered λ of the old mix is as fast as λ · w_old / w_new of the new one, and moves there;
 * where places in the batch are clearly the scarcer (running ÷ max sequences against λw), answers' lengths count instead. And who is
 * asked: each level's percentiles are those of its length bands, mixed by the new shares. First order: at equal use the
 * batch has another composition, which is not seen. The times come from the fitted engine model, else from the levels.
 */
import { ToolError } from '../errors.js';
import { parseSlo, type Slo, type SloTerm } from '../slo.js';
import { quantileAt } from '../stats/quantile-curve.js';
import type { MetricSummary } from '../types/run-support.js';
import type { LatencyProfile, LengthBand, LengthMix, LoadLevel, SloResult, StepCost } from '../types.js';
import { msToSec, significant } from '../units.js';
import {
  type BandMetric,
  type Component,
  componentsOf,
  mixtureMean,
  mixtureQuantile,
} from './band-mixture.js';
import { capacityOf, kneeOf, profileVerdict } from './capacity.js';
import { bandOf } from './length-bands.js';
import { effectiveLevels } from './search.js';

/** The mix of some traffic in the profile's bands. Throws BAD_PROFILE when the profile has none, NO_ROWS without rows. */
export function lengthMixOf(
  requests: Iterable<{ readonly inputTokens: number | null; readonly outputTokens: number | null }>,
  profile: Pick<LatencyProfile, 'bandEdges'>,
): LengthMix {
  const edges = edgesOf(profile);
  const counts = new Array<number>(edges.length + 1).fill(0);
  const inputs = new Array<number>(edges.length + 1).fill(0);
  const outputs = new Array<number>(edges.length + 1).fill(0);
  let total = 0;
  for (const { inputTokens, outputTokens } of requests) {
    if (inputTokens === null || outputTokens === null) continue;
    const band = bandOf(inputTokens, edges);
    counts[band] += 1;
    inputs[band] += inputTokens;
    outputs[band] += outputTokens;
    total += 1;
  }
  if (total === 0) {
    throw new ToolError({
      code: 'NO_ROWS',
      message: 'a mix of lengths needs requests with both lengths, got none',
      hint: 'give a trace whose log holds token counts',
    });
  }
  return {
    bands: counts.map((count, i) => ({
      share: count / total,
      meanInputTokens: inputs[i] / Math.max(1, count),
      meanOutputTokens: outputs[i] / Math.max(1, count),
    })),
  };
}

/**
 * Requests/s of the new mix that load the server as one request/s of the profile's own mix does, near its capacity. Cheap:
 * for windows of a trace whose mix moves. Throws BAD_PROFILE when the profile has no bands.
 */
export function mixRateFactor(profile: LatencyProfile, mix: LengthMix): number {
  edgesOf(profile);
  return changeOf(profile, mix).rateFactor;
}

/** The profile as another mix of lengths would have given it. Throws BAD_PROFILE when the profile has no bands. */
export function correctProfileForMix(profile: LatencyProfile, mix: LengthMix): LatencyProfile {
  edgesOf(profile);
  const slo = parseSlo(profile.slo);
  const change = changeOf(profile, mix);
  const levels = bandedLevels(profile).map((level) => correctedLevel(profile, level, { mix, slo, change }));
  const capacity = capacityOf(levels, 'levels are corrected for another mix of lengths');
  const mean = (key: 'meanInputTokens' | 'meanOutputTokens'): number =>
    mix.bands.reduce((sum, band) => sum + band.share * band[key], 0);
  const { workload } = profile;
  return {
    ...profile,
    workload: {
      ...workload,
      meanInputTokens: mean('meanInputTokens'),
      meanOutputTokens: mean('meanOutputTokens'),
    },
    levels,
    capacity,
    knee: kneeOf(levels),
    verdict: profileVerdict(levels, capacity, profile.slo),
    warnings: [
      ...profile.warnings,
      `corrected for another mix of lengths: measured with ${significant(workload.meanInputTokens)} prompt and ` +
        `${significant(workload.meanOutputTokens)} answer tokens a request, now ${significant(mean('meanInputTokens'))} and ${significant(mean('meanOutputTokens'))}`,
    ],
  };
}

function edgesOf(profile: Pick<LatencyProfile, 'bandEdges'>): readonly number[] {
  if (profile.bandEdges !== undefined) return profile.bandEdges;
  throw new ToolError({
    code: 'BAD_PROFILE',
    message: 'the profile holds no latency by prompt length',
    hint: 'make it again with this version of `tokentide profile`',
  });
}

type BandedLevel = LoadLevel & { readonly bands: readonly LengthBand[] };

const bandedLevels = (profile: LatencyProfile): BandedLevel[] =>
  effectiveLevels(profile.levels).filter(
    (level): level is BandedLevel => level.bands !== undefined && level.valid,
  );

/** How the use of what the server runs short of changes with the mix. */
interface Change {
  /** Old use ÷ new use of a mean request. */
  readonly rateFactor: number;
  /** Factor of the wait for a place at equal use: proportional to how long a place is held. */
  readonly waitFactor: number;
}

/** Places count as the scarcer when their used share is so many times that of the time. */
const PLACES_SCARCER = 1.5;

/** Judged at the highest level within the capacity (else the lowest): what is scarce there decides for all levels. */
function changeOf(profile: LatencyProfile, mix: LengthMix): Change {
  const within = profile.capacity.ratePerSec ?? 0;
  const levels = bandedLevels(profile);
  const level = levels.filter((one) => one.ratePerSec <= within).at(-1) ?? levels[0];
  if (level === undefined) return { rateFactor: 1, waitFactor: 1 };
  const all = level.bands.reduce((sum, band) => sum + band.requests, 0);
  const old = level.bands.map((band) => ({ ...band, share: band.requests / Math.max(1, all) }));
  const mean = (parts: LengthMix['bands'], use: (inputTokens: number, outputTokens: number) => number) =>
    parts.reduce((sum, part) => sum + part.share * use(part.meanInputTokens, part.meanOutputTokens), 0);
  const step = profile.engine?.step ?? stepOfLevels(profile, runningIn(level));
  const workSec = (inputTokens: number, outputTokens: number): number =>
    inputTokens * step.perPrefillTokenSec +
    outputTokens * (step.perDecodeSeqSec + step.perKvTokenSec * (inputTokens + outputTokens / 2));
  const answer = (_: number, outputTokens: number): number => outputTokens;
  const maxSeqs = profile.engine?.limits.maxSeqs ?? Number.POSITIVE_INFINITY;
  const places = runningIn(level) / maxSeqs > PLACES_SCARCER * level.ratePerSec * mean(old, workSec);
  const use = places ? answer : workSec;
  const [before, after] = [mean(old, use), mean(mix.bands, use)];
  if (before <= 0 || after <= 0) return { rateFactor: 1, waitFactor: 1 };
  return { rateFactor: before / after, waitFactor: places ? after / before : 1 };
}

/** A level's bands with the part of the first token's time that is above the lowest level's median scaled. */
function withWait(
  bands: readonly LengthBand[],
  idle: readonly LengthBand[],
  waitFactor: number,
): readonly LengthBand[] {
  if (waitFactor === 1) return bands;
  return bands.map((band, i) => {
    const unloaded = idle[i]?.ttft ?? null;
    if (band.ttft === null || unloaded === null) return band;
    const idleMs = quantileAt(unloaded, 0.5);
    const values = band.ttft.values.map((ms) => (ms > idleMs ? idleMs + (ms - idleMs) * waitFactor : ms));
    return { ...band, ttft: { ...band.ttft, values } };
  });
}

const runningIn = (level: LoadLevel): number =>
  Math.max(1, level.gauges.find((one) => one.name === 'running')?.mean ?? level.inFlightMean ?? 1);

/** Without an engine model: the slope of the first token over prompt length, and the time per token of the lowest level. */
function stepOfLevels(profile: LatencyProfile, running: number): StepCost {
  const [lowest] = bandedLevels(profile);
  const points = (lowest?.bands ?? []).flatMap((band) =>
    band.ttft === null
      ? []
      : [{ x: band.meanInputTokens, y: msToSec(quantileAt(band.ttft, 0.5)), w: band.requests }],
  );
  const sum = (value: (point: (typeof points)[number]) => number): number =>
    points.reduce((total, point) => total + point.w * value(point), 0);
  const n = sum(() => 1);
  const [meanX, meanY] = [sum(({ x }) => x) / Math.max(1, n), sum(({ y }) => y) / Math.max(1, n)];
  const spread = sum(({ x }) => (x - meanX) ** 2);
  const slope = spread > 0 ? sum(({ x, y }) => (x - meanX) * (y - meanY)) / spread : 0;
  return {
    baseSec: 0,
    perPrefillTokenSec: Math.max(0, slope),
    perDecodeSeqSec: msToSec(lowest?.metrics.tpot?.p50 ?? 0) / running,
    perKvTokenSec: 0,
    noiseCv: 0,
  };
}

interface Correction {
  readonly mix: LengthMix;
  readonly slo: Slo;
  readonly change: Change;
}

function correctedLevel(
  profile: LatencyProfile,
  level: BandedLevel,
  { mix, slo, change }: Correction,
): LoadLevel {
  const factor = change.rateFactor;
  const bands = withWait(level.bands, bandedLevels(profile)[0].bands, change.waitFactor);
  const parts: Readonly<Record<BandMetric, readonly Component[]>> = {
    ttft: componentsOf(bands, mix, 'ttft'),
    tpot: componentsOf(bands, mix, 'tpot'),
    e2e: componentsOf(bands, mix, 'e2e'),
  };
  const metrics = { ...level.metrics };
  for (const id of ['ttft', 'tpot', 'e2e'] as const) {
    const old = metrics[id];
    if (old !== undefined && parts[id].length > 0) metrics[id] = mixedSummary(old, parts[id]);
  }
  const goodput = mixedRatio(level.bands, mix, (band) => band.goodput);
  const errorRatio =
    mixedRatio(level.bands, mix, (band) => (band.requests === 0 ? null : band.failed / band.requests)) ??
    level.errorRatio;
  const terms = level.slo.map((old) => {
    const term = slo.terms.find((one) => one.text === old.term);
    return term === undefined ? old : mixedTerm(old, term, parts, goodput, errorRatio);
  });
  const countsErrors = slo.terms.some((term) => term.kind !== 'latency');
  const tooManyErrors = !countsErrors && errorRatio > profile.load.maxErrorRatio;
  const missed = terms.filter((term) => !term.met);
  const ratePerSec = level.ratePerSec * factor;
  return {
    ...level,
    ratePerSec,
    achievedPerSec: level.achievedPerSec * factor,
    completedPerSec: level.completedPerSec * factor,
    throughput: scaledThroughput(level, mix, factor),
    metrics,
    goodput,
    errorRatio,
    slo: terms,
    sloMet: missed.length === 0 && level.steady && !tooManyErrors,
    because:
      missed.length > 0
        ? missed
            .map((term) => `${term.term} missed: ${significant(term.value ?? 0, 4)} ${term.unit}`)
            .join('; ')
        : level.steady
          ? 'every term met, backlog steady'
          : level.because,
    intervals: undefined,
  };
}

/** Requests and tokens per second of the level at its new rate, with the new mix's lengths. */
function scaledThroughput(level: BandedLevel, mix: LengthMix, factor: number): LoadLevel['throughput'] {
  const all = level.bands.reduce((sum, band) => sum + band.requests, 0);
  const lengthening = (key: 'meanInputTokens' | 'meanOutputTokens'): number => {
    const before = level.bands.reduce((sum, band) => sum + (band.requests / Math.max(1, all)) * band[key], 0);
    const after = mix.bands.reduce((sum, band) => sum + band.share * band[key], 0);
    return before > 0 ? after / before : 1;
  };
  const { throughput } = level;
  const [inputs, outputs] = [lengthening('meanInputTokens'), lengthening('meanOutputTokens')];
  return {
    windowSec: throughput.windowSec / factor,
    sentPerSec: throughput.sentPerSec * factor,
    okPerSec: throughput.okPerSec * factor,
    inputTokensPerSec: throughput.inputTokensPerSec * factor * inputs,
    okOutputTokensPerSec: throughput.okOutputTokensPerSec * factor * outputs,
    allOutputTokensPerSec: throughput.allOutputTokensPerSec * factor * outputs,
  };
}

function mixedSummary(old: MetricSummary, parts: readonly Component[]): MetricSummary {
  const at = (p: number): number => mixtureQuantile(parts, p);
  return {
    ...old,
    mean: mixtureMean(parts),
    sd: null,
    min: at(0),
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    p999: at(0.999),
    max: at(1),
  };
}

/** Terms that bands do not know (other metrics) keep what was measured. */
function mixedTerm(
  old: SloResult,
  term: SloTerm,
  parts: Readonly<Record<BandMetric, readonly Component[]>>,
  goodput: number | null,
  errorRatio: number,
): SloResult {
  const judged = (value: number | null, above: boolean): SloResult => {
    if (value === null) return old;
    const met = above
      ? value > old.limit || (!term.strict && value === old.limit)
      : value < old.limit || (!term.strict && value === old.limit);
    return { ...old, value, met };
  };
  if (term.kind === 'goodput') return judged(goodput, true);
  if (term.kind === 'error_rate') return judged(errorRatio, false);
  const metric = term.metric.replace('response.', '');
  if (metric !== 'ttft' && metric !== 'tpot' && metric !== 'e2e') return old;
  const own = parts[metric];
  if (own.length === 0) return old;
  const { statistic } = term;
  if (statistic.kind === 'mean') return judged(mixtureMean(own), false);
  return judged(mixtureQuantile(own, statistic.kind === 'max' ? 1 : statistic.p), false);
}

/** Mean of a band's ratio under the mix, over the bands that have one. */
function mixedRatio(
  bands: readonly LengthBand[],
  mix: LengthMix,
  ratio: (band: LengthBand) => number | null,
): number | null {
  let sum = 0;
  let weight = 0;
  bands.forEach((band, i) => {
    const value = ratio(band);
    if (value === null) return;
    sum += mix.bands[i].share * value;
    weight += mix.bands[i].share;
  });
  return weight === 0 ? null : sum / weight;
}
