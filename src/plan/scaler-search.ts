/**
 * The cheapest autoscaler setting that keeps the SLO, by pattern search from the recipe. Pure but for the evaluation.
 *
 * Per signal: while a setting keeps the SLO, cheaper neighbours are tried (a higher target, a smaller minimum, a
 * shorter window before scaling down); while it misses, safer ones. Steps shrink when no neighbour is better. A second
 * signal begins where the first one ended. Attainment is not monotonic in any of these numbers, so the answer is the
 * best of what was tried, not a proven optimum; everything that was tried is in the plan.
 */
import type { Threshold } from '../types.js';

/** What the search may change. */
export interface ScalerSetting {
  readonly signal: Threshold['signal'];
  readonly target: number;
  readonly minReplicas: number;
  readonly scaleDownWindowSec: number;
}

export interface SettingScore {
  /** The SLO holds over the run and in enough windows. */
  readonly feasible: boolean;
  readonly replicaHours: number;
  /** How far an infeasible setting is from the SLO; any scale. */
  readonly violation: number;
}

export interface ScalerSearchOptions<S extends SettingScore> {
  /** Recipe settings, one per signal, the recommended signal first. */
  readonly starts: readonly ScalerSetting[];
  /** minReplicas goes up to this. */
  readonly mostMinReplicas: number;
  /** Replica-hours of one replica over the workload: a fleet never costs less than its minimum. */
  readonly hoursPerReplica: number;
  readonly evaluate: (setting: ScalerSetting) => Promise<S>;
  /** Evaluations at most; the first signal may use half of them. */
  readonly budget: number;
}

export interface ScoredSetting<S> {
  readonly setting: ScalerSetting;
  readonly score: S;
}

const FACTORS = [2, 1.4, 1.15] as const;
/** Below this a scale-down window invites flapping; the Kubernetes default is 300. */
const LEAST_DOWN_WINDOW_SEC = 60;
/** Largest target of a signal that is a share. */
const MOST_KV_TARGET = 0.95;

/** Everything that was evaluated, in order; the first one is the recipe. */
export async function searchScaler<S extends SettingScore>(
  options: ScalerSearchOptions<S>,
): Promise<readonly ScoredSetting<S>[]> {
  const { starts, evaluate, budget } = options;
  const tried = new Map<string, ScoredSetting<S>>();
  // A function writes it, which the compiler does not follow.
  let best = null as ScoredSetting<S> | null;
  const score = async (setting: ScalerSetting, limit: number): Promise<ScoredSetting<S> | null> => {
    const key = JSON.stringify(setting);
    const known = tried.get(key);
    if (known !== undefined) return known;
    if (tried.size >= limit) return null;
    const leastHours = setting.minReplicas * options.hoursPerReplica;
    if (best?.score.feasible && leastHours >= best.score.replicaHours) return null;
    const made = { setting, score: await evaluate(setting) };
    tried.set(key, made);
    if (best === null || isBetter(made.score, best.score)) best = made;
    return made;
  };
  for (const [i, start] of starts.entries()) {
    const first = Math.ceil(budget / 2);
    const limit = i === 0 && starts.length > 1 ? first : budgetAfter(i, starts.length, first, budget);
    const from = best?.score.feasible
      ? {
          ...start,
          minReplicas: best.setting.minReplicas,
          scaleDownWindowSec: best.setting.scaleDownWindowSec,
        }
      : start;
    let at = await score(rounded(from), limit);
    for (const factor of FACTORS) {
      // A kind of move that did not help is not tried again before the steps shrink.
      const useless = new Set<string>();
      while (at !== null) {
        const next = await improve(at, factor, useless, options.mostMinReplicas, (setting) =>
          score(setting, limit),
        );
        if (next === null) break;
        at = next;
      }
    }
  }
  return [...tried.values()];
}

function budgetAfter(i: number, signals: number, first: number, budget: number): number {
  return signals === 1 ? budget : first + Math.ceil((i * (budget - first)) / (signals - 1));
}

async function improve<S extends SettingScore>(
  at: ScoredSetting<S>,
  factor: number,
  useless: Set<string>,
  mostMinReplicas: number,
  score: (setting: ScalerSetting) => Promise<ScoredSetting<S> | null>,
): Promise<ScoredSetting<S> | null> {
  const moves = at.score.feasible ? cheaper(at.setting, factor) : safer(at.setting, factor);
  for (const [kind, move] of Object.entries(moves)) {
    if (useless.has(kind) || move.minReplicas < 1 || move.minReplicas > mostMinReplicas) continue;
    const next = await score(rounded(move));
    if (next !== null && isBetter(next.score, at.score)) return next;
    useless.add(kind);
  }
  return null;
}

type Moves = Readonly<Record<string, ScalerSetting>>;

function cheaper(at: ScalerSetting, factor: number): Moves {
  return {
    higher: { ...at, target: at.target * factor },
    fewer: { ...at, minReplicas: at.minReplicas - 1 },
    shorter: {
      ...at,
      scaleDownWindowSec: Math.max(LEAST_DOWN_WINDOW_SEC, Math.round(at.scaleDownWindowSec / 2)),
    },
    fewerAndLower: { ...at, minReplicas: at.minReplicas - 1, target: at.target / factor },
  };
}

function safer(at: ScalerSetting, factor: number): Moves {
  return {
    lower: { ...at, target: at.target / factor },
    more: { ...at, minReplicas: at.minReplicas + 1 },
    moreAndLower: { ...at, minReplicas: at.minReplicas + 1, target: at.target / factor },
  };
}

/** A person's number: three digits. */
function rounded(setting: ScalerSetting): ScalerSetting {
  const target = Number(setting.target.toPrecision(3));
  return {
    ...setting,
    target: Math.max(1e-3, setting.signal === 'kv_usage' ? Math.min(MOST_KV_TARGET, target) : target),
  };
}

/** Keeping the SLO first, then cost; without it, distance from the SLO. */
export function isBetter(a: SettingScore, b: SettingScore): boolean {
  if (a.feasible !== b.feasible) return a.feasible;
  return a.feasible ? a.replicaHours < 0.999 * b.replicaHours : a.violation < b.violation;
}
