/**
 * The advised autoscaler put to the test: the recipe's setting and its neighbours simulated on the workload beside the
 * smallest fixed fleet, the cheapest one that keeps the SLO over time confirmed on fresh draws, and the advice changed
 * to it. The fleet starts with what the first minute needs: a log begins in the middle of traffic.
 */
import type {
  AutoscalerAdvice,
  AutoscalerCandidate,
  AutoscalingStudy,
  EngineRequest,
  FleetOutcome,
  Threshold,
} from '../types.js';
import { formatRatio, significant } from '../units.js';
import { type FleetConditions, type FleetRun, fixedFleet, meanText, simulateOutcome } from './outcome.js';
import { type ScalerSetting, type ScoredSetting, type SettingScore, searchScaler } from './scaler-search.js';
import { type ScalerKind, scalerLabel, scalerSpec, scalesOn } from './scaler-spec.js';

export interface StudyOptions {
  readonly conditions: Omit<FleetConditions, 'windowGoal'>;
  readonly kind: ScalerKind;
  readonly advice: AutoscalerAdvice;
  readonly staticReplicas: number;
  readonly requests: readonly EngineRequest[];
  readonly seed: string;
  /** Fresh draws of the workload on which the fixed fleet keeps the SLO. */
  readonly fresh: readonly FreshDraw[];
  /** A harder draw, which counts only where the fixed fleet survives it; null = there is none. */
  readonly burst: FreshDraw | null;
  /** Share of windows that must meet the SLO; what the fixed fleet reaches where that is less. */
  readonly windowGoal: number;
  /** Settings that are tried at most. */
  readonly trials: number;
}

export interface FreshDraw {
  readonly seed: string;
  readonly requests: readonly EngineRequest[];
}

export interface StudyResult {
  readonly study: AutoscalingStudy;
  /** The advice with the setting found. */
  readonly advice: AutoscalerAdvice;
  /** The autoscaler of `study.recommended`, ready to run on other traffic. */
  readonly runOf: (
    requests: readonly EngineRequest[],
  ) => Pick<FleetRun, 'label' | 'autoscaler' | 'initialReplicas'>;
  readonly conditions: FleetConditions;
  readonly warnings: readonly string[];
}

/** Candidates that are held against fresh draws at most. */
const MOST_CONFIRMED = 6;

interface Score extends SettingScore {
  readonly outcome: FleetOutcome;
}

/** Runs the study; null when this kind of autoscaler has no signal. Cost: about `trials` + 12 simulations. */
export async function studyAutoscaler(options: StudyOptions): Promise<StudyResult | null> {
  const { advice, kind, requests, seed, staticReplicas } = options;
  const thresholds = [advice.recommended, ...advice.alternatives].filter((threshold) =>
    scalesOn(kind, threshold.signal),
  );
  if (thresholds.length === 0) return null;
  const base = { ...advice, recommended: thresholds[0], alternatives: thresholds.slice(1) };
  const fixed = await simulateOutcome(
    { ...options.conditions, windowGoal: options.windowGoal },
    { ...fixedFleet(staticReplicas), requests, seed },
  );
  const windowGoal = Math.min(options.windowGoal, fixed.attainment.metRatio ?? 0);
  const conditions = { ...options.conditions, windowGoal };
  const runOf = (changed: AutoscalerAdvice, traffic: readonly EngineRequest[]) => ({
    label: scalerLabel(changed),
    autoscaler: scalerSpec(changed, kind),
    initialReplicas: initialReplicas(changed, traffic),
  });
  const tried = await searchScaler<Score>({
    starts: thresholds.map((threshold) => ({
      signal: threshold.signal,
      target: threshold.target,
      minReplicas: Math.min(advice.minReplicas, staticReplicas),
      scaleDownWindowSec: advice.scaleDownWindowSec,
    })),
    mostMinReplicas: staticReplicas,
    hoursPerReplica: fixed.replicaHours / staticReplicas,
    budget: options.trials,
    evaluate: async (setting) => {
      const run = runOf(withSetting(base, setting), requests);
      return scoreOf(await simulateOutcome(conditions, { ...run, requests, seed }), windowGoal);
    },
  });
  const { burst } = options;
  const draws = [...options.fresh];
  if (
    burst !== null &&
    (await simulateOutcome(conditions, { ...fixedFleet(staticReplicas), ...burst })).met
  ) {
    // The hardest first: it tells most about a setting.
    draws.unshift(burst);
  }
  const { chosen, confirm, warnings } = await confirmed(tried, async (setting, untilMiss) => {
    const outcomes: FleetOutcome[] = [];
    for (const draw of draws) {
      const run = runOf(withSetting(base, setting), draw.requests);
      const outcome = await simulateOutcome(conditions, { ...run, ...draw });
      outcomes.push(outcome);
      if (untilMiss && !outcome.met) break;
    }
    return outcomes;
  });
  const recipe = tried[0];
  const found = explained(withSetting(base, chosen.setting), advice, recipe, chosen);
  const { outcome } = chosen.score;
  return {
    advice: found,
    runOf: (traffic) => runOf(found, traffic),
    conditions,
    warnings,
    study: {
      kind,
      windowGoal,
      scrapeSec: conditions.scrapeSec,
      coldStartSec: advice.reactionParts.coldStartSec,
      static: { ...fixed, metOverTime: fixed.met && (fixed.attainment.metRatio ?? 0) >= windowGoal },
      recipe: recipe.score.outcome,
      recommended: outcome,
      confirm,
      candidates: tried.map(candidateOf),
      savingRatio: fixed.replicaHours > 0 ? 1 - outcome.replicaHours / fixed.replicaHours : 0,
      because: becauseOf(fixed, recipe.score.outcome, outcome, confirm, tried.length),
    },
  };
}

/** The cheapest setting that keeps the SLO on the workload and on every fresh draw; else the closest to it. */
async function confirmed(
  tried: readonly ScoredSetting<Score>[],
  confirm: (setting: ScalerSetting, untilMiss: boolean) => Promise<readonly FleetOutcome[]>,
): Promise<{
  readonly chosen: ScoredSetting<Score>;
  readonly confirm: readonly FleetOutcome[];
  readonly warnings: readonly string[];
}> {
  const keeping = tried
    .filter((one) => one.score.feasible)
    .sort((a, b) => a.score.replicaHours - b.score.replicaHours);
  const warnings: string[] = [];
  let furthest: { readonly chosen: ScoredSetting<Score>; readonly held: number } | null = null;
  for (const chosen of keeping.slice(0, MOST_CONFIRMED)) {
    const outcomes = await confirm(chosen.setting, true);
    const held = outcomes.filter((outcome) => outcome.met).length;
    if (held === outcomes.length) return { chosen, confirm: outcomes, warnings };
    if (furthest === null || held >= furthest.held) furthest = { chosen, held };
  }
  if (furthest !== null) {
    const { chosen } = furthest;
    const outcomes = await confirm(chosen.setting, false);
    const misses = outcomes.filter((outcome) => !outcome.met).length;
    warnings.push(
      `the autoscaler keeps the SLO on the workload but misses it on ${misses} of ${outcomes.length} fresh draws: prefer the fixed fleet, or raise minReplicas`,
    );
    return { chosen, confirm: outcomes, warnings };
  }
  const chosen = tried.reduce((closest, one) =>
    one.score.violation < closest.score.violation ? one : closest,
  );
  warnings.push(
    `no autoscaler setting out of ${tried.length} keeps the SLO in simulation; the closest one is in the manifests, prefer the fixed fleet`,
  );
  return { chosen, confirm: await confirm(chosen.setting, false), warnings };
}

function scoreOf(outcome: FleetOutcome, windowGoal: number): Score {
  const missedWindows = Math.max(0, windowGoal - (outcome.attainment.metRatio ?? 0));
  return {
    feasible: outcome.metOverTime,
    replicaHours: outcome.replicaHours,
    violation: 1 - outcome.goodput + missedWindows + (outcome.met ? 0 : 1e-3),
    outcome,
  };
}

/** Replicas for the rate of the workload's first minute. */
function initialReplicas(advice: AutoscalerAdvice, requests: readonly EngineRequest[]): number {
  const startSec = requests[0].arrivalSec;
  let inFirstMinute = 0;
  while (inFirstMinute < requests.length && requests[inFirstMinute].arrivalSec < startSec + 60)
    inFirstMinute += 1;
  const needed = Math.ceil(inFirstMinute / 60 / advice.sizedPerReplicaPerSec);
  return Math.min(advice.maxReplicas, Math.max(advice.minReplicas, needed));
}

/** The advice with another recommended threshold, minimum and window. */
export function withSetting(advice: AutoscalerAdvice, setting: ScalerSetting): AutoscalerAdvice {
  const all = [advice.recommended, ...advice.alternatives];
  const recommended = all.find((threshold) => threshold.signal === setting.signal)!;
  return {
    ...advice,
    recommended: { ...recommended, target: setting.target },
    alternatives: all.filter((threshold) => threshold !== recommended),
    minReplicas: setting.minReplicas,
    maxReplicas: Math.max(advice.maxReplicas, setting.minReplicas),
    scaleDownWindowSec: setting.scaleDownWindowSec,
  };
}

/** Sentences that say where the numbers come from now. */
function explained(
  advice: AutoscalerAdvice,
  recipe: AutoscalerAdvice,
  recipeTried: ScoredSetting<Score>,
  chosen: ScoredSetting<Score>,
): AutoscalerAdvice {
  const { setting } = chosen;
  const { recommended } = advice;
  const own = [recipe.recommended, ...recipe.alternatives].find((one) => one.signal === setting.signal)!;
  const same = Math.abs(own.target / setting.target - 1) < 0.01;
  const evidence = recipe.evidence.map((sentence) => {
    if (sentence.startsWith('minReplicas') && setting.minReplicas !== recipe.minReplicas)
      return `minReplicas ${setting.minReplicas}: found by simulation; the recipe says ${sentence.slice('minReplicas '.length)}`;
    if (sentence.startsWith('scale down') && setting.scaleDownWindowSec !== recipe.scaleDownWindowSec)
      return `scale down after ${setting.scaleDownWindowSec} s: found by simulation; the recipe says ${recipe.scaleDownWindowSec} s`;
    return sentence;
  });
  const because: Threshold['because'] = same
    ? `${chosen === recipeTried ? 'the recipe, confirmed by simulation' : 'confirmed by simulation'}: ${own.because}`
    : `found by simulation; the recipe says ${significant(own.target)}: ${own.because}`;
  return { ...advice, recommended: { ...recommended, because }, evidence };
}

function candidateOf({ setting, score }: ScoredSetting<Score>): AutoscalerCandidate {
  const { outcome } = score;
  return {
    ...setting,
    met: outcome.met,
    metOverTime: outcome.metOverTime,
    goodput: outcome.goodput,
    windowsMetRatio: outcome.attainment.metRatio,
    replicaHours: outcome.replicaHours,
    costPerHour: outcome.cost.perHour,
  };
}

function becauseOf(
  fixed: FleetOutcome,
  recipe: FleetOutcome,
  found: FleetOutcome,
  confirm: readonly FleetOutcome[],
  tried: number,
): string {
  const words = (outcome: FleetOutcome): string =>
    `${meanText(outcome)}, ${formatRatio(outcome.goodput)} of requests and ${formatRatio(outcome.attainment.metRatio ?? 0)} of windows within the SLO`;
  const saved = 1 - found.replicaHours / fixed.replicaHours;
  const against =
    saved > 0.005
      ? `${formatRatio(saved)} fewer replica-hours than ${fixed.label}`
      : `no saving over ${fixed.label}`;
  const met = confirm.filter((outcome) => outcome.met).length;
  const recipeText =
    recipe === found ? 'the recipe itself' : `the recipe (${recipe.label}): ${words(recipe)}`;
  const choice =
    met === confirm.length && found.metOverTime
      ? 'the cheapest that holds on fresh draws too'
      : 'none holds on every fresh draw; the closest';
  return `${tried === 1 ? 'of one setting' : `of ${tried} settings`} ${choice}: ${found.label}: ${words(found)}, ${against}; SLO met on ${met} of ${confirm.length} fresh draws; ${recipeText}`;
}
