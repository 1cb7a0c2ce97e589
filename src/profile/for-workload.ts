/**
 * A measured profile as the basis of a plan for some workload: judged by the plan's SLO where that is another one, and
 * corrected for the workload's mix of lengths where that is another one. Says in words what was changed, or could not be.
 *
 * With a fitted engine model the workload's own mix is profiled on that model: it sees whole batches, where the correction
 * by length bands is first order and too kind when the mix turns from answers to prompts. Simulating is the caller's.
 */
import type { Slo } from '../slo.js';
import type { EngineModel, GaugeSummary, LatencyProfile, LengthMix } from '../types.js';
import { formatCount, significant } from '../units.js';
import { correctProfileForMix, lengthMixOf } from './mix.js';
import { profileAtSlo } from './other-slo.js';

export interface WorkloadMatch {
  readonly requests: Iterable<{ readonly inputTokens: number; readonly outputTokens: number }>;
  /** Of the workload's content. */
  readonly hash: string;
  readonly slo: Slo;
  /** false: the profile's own mix of lengths stays. Default true. */
  readonly correctMix?: boolean;
  /** Profiles the workload on an engine model in virtual time; null = correct by length bands. */
  readonly simulate: ((engine: EngineModel) => Promise<LatencyProfile>) | null;
}

export interface MatchedProfile {
  readonly profile: LatencyProfile;
  /** For people: what was changed, or why it could not be. */
  readonly notes: readonly string[];
}

/** Lengths and shares of bands that differ less are one mix: levels' samples differ so much among themselves. */
const SAME_MIX = 0.05;
/** Prompts of a band longer than the measured ones by this factor: their latency is a guess. */
const FAR = 1.5;

/**
 * Never throws for a profile that lacks what it takes: a note says so. Throws NO_ROWS without requests, and what
 * `simulate` throws.
 */
export async function profileForWorkload(
  measured: LatencyProfile,
  match: WorkloadMatch,
): Promise<MatchedProfile> {
  const notes: string[] = [];
  const atSlo = profileAtSlo(measured, match.slo);
  if (atSlo === null) {
    notes.push(
      `the profile's levels cannot be judged by "${match.slo.text}": capacity and thresholds are those at "${measured.slo}"`,
    );
  } else if (atSlo !== measured) {
    notes.push(
      `profile judged by "${match.slo.text}" instead of "${measured.slo}": capacity ${change(measured, atSlo)}`,
    );
  }
  const own = atSlo ?? measured;
  if (match.hash === own.workload.hash) return { profile: own, notes };
  if (own.bandEdges === undefined) {
    notes.push(
      'the profile holds no latency by prompt length: it is not corrected for the mix of lengths of this workload; make it again with `tokentide profile`',
    );
    return { profile: own, notes };
  }
  const mix = lengthMixOf(match.requests, own);
  const before = ownMix(own);
  if (before === null || isSame(before, mix)) return { profile: own, notes };
  if (match.correctMix === false) {
    notes.push(
      `the profile was made with another mix of lengths (${mixText(before)}; here ${mixText(mix)}) and is taken as it is`,
    );
    return { profile: own, notes };
  }
  const mixes = `profile corrected from a mix of ${mixText(before)} to ${mixText(mix)}`;
  if (own.engine !== null && match.simulate !== null) {
    const profile = withMetricNames(await match.simulate(own.engine), own);
    notes.push(`${mixes}, simulated on its engine model: capacity ${change(own, profile)}`);
    return { profile, notes };
  }
  const profile = correctProfileForMix(own, mix);
  notes.push(`${mixes}, by length bands (first order): capacity ${change(own, profile)}`);
  const [last, wanted] = [before.bands.at(-1), mix.bands.at(-1)];
  if (wanted !== undefined && last !== undefined && wanted.meanInputTokens > FAR * last.meanInputTokens) {
    notes.push(
      `its longest prompts are beyond what the profile measured (mean ${tokens(wanted.meanInputTokens)}, measured ${tokens(last.meanInputTokens)} tokens): their first tokens take longer than the profile knows`,
    );
  }
  return { profile, notes };
}

/** Simulated levels under the names that the measured server's metrics have: autoscalers ask for these. */
function withMetricNames(simulated: LatencyProfile, measured: LatencyProfile): LatencyProfile {
  const names = new Map<string, string>();
  for (const { gauges } of measured.levels) {
    for (const { name, source } of gauges) if (source !== undefined) names.set(name, source);
  }
  const named = (gauge: GaugeSummary): GaugeSummary => ({
    ...gauge,
    source: names.get(gauge.name) ?? gauge.source,
  });
  return {
    ...simulated,
    levels: simulated.levels.map((level) => ({ ...level, gauges: level.gauges.map(named) })),
  };
}

/** The mix of all valid levels together; null when none has a request. */
function ownMix(profile: LatencyProfile): LengthMix | null {
  const bands = (profile.bandEdges ?? []).concat(Number.POSITIVE_INFINITY).map((_, index) => {
    let requests = 0;
    let inputs = 0;
    let outputs = 0;
    for (const level of profile.levels) {
      const band = level.valid ? level.bands?.[index] : undefined;
      if (band === undefined) continue;
      requests += band.requests;
      inputs += band.requests * band.meanInputTokens;
      outputs += band.requests * band.meanOutputTokens;
    }
    const per = Math.max(1, requests);
    return { requests, meanInputTokens: inputs / per, meanOutputTokens: outputs / per };
  });
  const total = bands.reduce((sum, band) => sum + band.requests, 0);
  if (total === 0) return null;
  return { bands: bands.map(({ requests, ...means }) => ({ share: requests / total, ...means })) };
}

function isSame(a: LengthMix, b: LengthMix): boolean {
  const near = (x: number, y: number): boolean => Math.abs(x - y) <= SAME_MIX * Math.max(x, y);
  return (
    near(meanOf(a, 'meanInputTokens'), meanOf(b, 'meanInputTokens')) &&
    near(meanOf(a, 'meanOutputTokens'), meanOf(b, 'meanOutputTokens')) &&
    a.bands.every((band, i) => Math.abs(band.share - b.bands[i].share) <= SAME_MIX)
  );
}

const meanOf = (mix: LengthMix, key: 'meanInputTokens' | 'meanOutputTokens'): number =>
  mix.bands.reduce((sum, band) => sum + band.share * band[key], 0);

const tokens = (mean: number): string => formatCount(Math.round(mean));

const mixText = (mix: LengthMix): string =>
  `${tokens(meanOf(mix, 'meanInputTokens'))} prompt and ${tokens(meanOf(mix, 'meanOutputTokens'))} answer tokens a request`;

function change({ capacity: before }: LatencyProfile, { capacity: after }: LatencyProfile): string {
  const rate = (value: number | null): string => (value === null ? 'none' : `${significant(value)}`);
  const [from, to] = [before.ratePerSec, after.ratePerSec];
  const factor = from === null || to === null ? '' : ` (×${significant(to / from)})`;
  return `${rate(from)} → ${rate(to)} requests/s${factor}`;
}
