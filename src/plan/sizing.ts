/**
 * The smallest static fleet that meets an SLO in simulation, with the evidence.
 *
 * Upward by doubling from a bound by work, then halving between the last miss and the first hit; the answer is then
 * held against fresh draws of the workload, raised while one of them misses, and set beside what one replica fewer
 * does on the same draws. Should a larger fleet miss where a smaller one met, the answer moves above it.
 */
import { createFleet } from '../engine/fleet.js';
import { summarizeMetrics } from '../metrics.js';
import { goodputOf, judgeSlo, type Slo } from '../slo.js';
import type { EngineModel, EngineRequest, FleetTrial, ProgressListener, RouterPolicy } from '../types.js';
import { formatRatio } from '../units.js';
import { fitsEngine, unloadedMiss, workBound } from './bounds.js';
import { missText, replicasText, sizingEvidence } from './evidence.js';

/** Requests that no replica can hold may be this share, unless an SLO term counts errors. */
export const MAX_REFUSED_RATIO = 0.01;

/** Requests between two turns of the event loop. */
const REQUESTS_PER_BREATH = 8_192;

/** Requests of one trial. */
export type DrawRequests = (seed: string, fresh: boolean) => Promise<readonly EngineRequest[]>;

export interface SizingOptions {
  readonly engine: EngineModel;
  readonly router: RouterPolicy;
  readonly slo: Slo;
  readonly draw: DrawRequests;
  readonly seed: string;
  readonly maxReplicas: number;
  /** Fresh draws that the chosen size must meet. */
  readonly freshSeeds: number;
  readonly signal?: AbortSignal | null;
  readonly progress?: ProgressListener;
}

export interface Sizing {
  /** null = infeasible. */
  readonly replicas: number | null;
  readonly trials: readonly FleetTrial[];
  /** Sentence for people: the evidence, or why nothing is enough. */
  readonly because: string;
  readonly warnings: readonly string[];
}

/** Sizes a fleet; see the file's header. Cost: one simulation per trial, about log2(n) + 2·freshSeeds of them. */
export async function sizeFleet(options: SizingOptions): Promise<Sizing> {
  const { engine, slo, maxReplicas } = options;
  const trials: FleetTrial[] = [];
  const warnings: string[] = [];
  const requests = await options.draw(options.seed, false);
  const refused = requests.filter((request) => !fitsEngine(engine, request)).length;
  if (refused > 0) {
    const share = formatRatio(refused / requests.length);
    const because = `${refused} of ${requests.length} requests (${share}) do not fit the engine and are refused at any size`;
    if (!countsErrors(slo) && refused > MAX_REFUSED_RATIO * requests.length) {
      return { replicas: null, trials, because, warnings };
    }
    warnings.push(because);
  }
  const unloaded = unloadedMiss(engine, slo, requests, options.seed);
  if (unloaded !== null) return { replicas: null, trials, because: unloaded, warnings };

  const tried = new Map<number, FleetTrial>();
  const search = async (replicas: number): Promise<boolean> => {
    let trial = tried.get(replicas);
    if (trial === undefined) {
      trial = await runTrial(options, requests, replicas, options.seed, 'search');
      tried.set(replicas, trial);
      trials.push(trial);
    }
    return trial.met;
  };
  const found = await smallestFleet(search, workBound(engine, requests, maxReplicas), maxReplicas);
  if (found === null) {
    const largest = tried.get(maxReplicas)!;
    const because = `${replicasText(maxReplicas)}, the limit, still ${maxReplicas === 1 ? 'misses' : 'miss'}: ${missText(largest.slo)}`;
    return { replicas: null, trials, because, warnings };
  }
  let chosen = aboveContradictions(found, tried, warnings);

  const freshSeeds = freshSeedsOf(options);
  const fresh = await Promise.all(freshSeeds.map((seed) => options.draw(seed, true)));
  const triedFresh = new Map<number, readonly FleetTrial[]>();
  const onFresh = async (replicas: number): Promise<readonly FleetTrial[]> => {
    const known = triedFresh.get(replicas);
    if (known !== undefined) return known;
    const made: FleetTrial[] = [];
    for (const [i, seed] of freshSeeds.entries()) {
      made.push(await runTrial(options, fresh[i], replicas, seed, 'confirm'));
    }
    triedFresh.set(replicas, made);
    return made;
  };
  for (;;) {
    const missed = (await onFresh(chosen)).filter((trial) => !trial.met);
    if (missed.length === 0) break;
    warnings.push(
      `${replicasText(chosen)} met the SLO in the search but missed it on ${missed.length} of ${freshSeeds.length} fresh seeds (${missText(missed[0].slo)}): one more was taken`,
    );
    if (chosen === maxReplicas) {
      const because = `${replicasText(maxReplicas)}, the limit, ${maxReplicas === 1 ? 'misses' : 'miss'} on a fresh seed: ${missText(missed[0].slo)}`;
      return { replicas: null, trials: [...trials, ...[...triedFresh.values()].flat()], because, warnings };
    }
    chosen += 1;
    await search(chosen);
  }
  if (chosen > 1) {
    await search(chosen - 1);
    await onFresh(chosen - 1);
  }
  for (const [replicas, made] of triedFresh) {
    const role = replicas === chosen - 1 ? 'fewer' : 'confirm';
    trials.push(...made.map((trial) => ({ ...trial, role }) as const));
  }
  return { replicas: chosen, trials, because: sizingEvidence(chosen, trials, warnings), warnings };
}

/** Seeds of the fresh draws. */
export function freshSeedsOf({ seed, freshSeeds = 3 }: { seed: string; freshSeeds?: number }): string[] {
  return Array.from({ length: freshSeeds }, (_, i) => `${seed}/fresh-${i + 1}`);
}

/** Smallest size that meets, by doubling and halving; null when the limit misses. */
export async function smallestFleet(
  meets: (replicas: number) => Promise<boolean>,
  start: number,
  maxReplicas: number,
): Promise<number | null> {
  let missed = 0;
  let met = Math.min(start, maxReplicas);
  while (!(await meets(met))) {
    if (met === maxReplicas) return null;
    missed = met;
    met = Math.min(met * 2, maxReplicas);
  }
  // The start comes from a bound, not from a trial: what lies below it was not tried.
  if (missed === 0) {
    while (met > 1 && (await meets(met - 1))) met -= 1;
    return met;
  }
  while (met - missed > 1) {
    const middle = Math.floor((met + missed) / 2);
    if (await meets(middle)) met = middle;
    else missed = middle;
  }
  return met;
}

/** A larger fleet that missed is a reason to go above it. */
function aboveContradictions(
  found: number,
  tried: ReadonlyMap<number, FleetTrial>,
  warnings: string[],
): number {
  const above = [...tried.values()].filter((trial) => trial.replicas > found && !trial.met);
  if (above.length === 0) return found;
  const highest = Math.max(...above.map((trial) => trial.replicas));
  warnings.push(
    `not monotonic: ${replicasText(found)} met the SLO and ${highest} missed it; sized above both`,
  );
  return highest + 1;
}

async function runTrial(
  options: SizingOptions,
  requests: readonly EngineRequest[],
  replicas: number,
  seed: string,
  role: FleetTrial['role'],
): Promise<FleetTrial> {
  const { engine, router } = options;
  const fleet = createFleet({ engine, replicas, router, seed });
  const stage = `${replicasText(replicas)} (${role})`;
  for (let from = 0; from < requests.length; from += REQUESTS_PER_BREATH) {
    options.signal?.throwIfAborted();
    options.progress?.({ stage, done: from, total: requests.length, unit: 'requests' });
    for (const request of requests.slice(from, from + REQUESTS_PER_BREATH)) fleet.offer(request);
    // An interrupt or a timer is seen only when the event loop turns.
    await new Promise((resolve) => setImmediate(resolve));
  }
  options.signal?.throwIfAborted();
  const result = fleet.finish();
  const slo = judgeSlo(options.slo, result.requests);
  const refusedRatio = result.refused / Math.max(1, result.requests.length);
  return {
    replicas,
    seed,
    role,
    met: slo.every((term) => term.met) && (countsErrors(options.slo) || refusedRatio <= MAX_REFUSED_RATIO),
    slo,
    metrics: summarizeMetrics(result.requests),
    goodput: goodputOf(options.slo, result.requests) ?? 0,
    utilisation: result.utilisation,
    running: result.running,
    waiting: result.waiting,
    kvUsage: result.kvUsage,
    preemptions: result.preemptions,
  };
}

export const countsErrors = (slo: Slo): boolean => slo.terms.some((term) => term.kind !== 'latency');
