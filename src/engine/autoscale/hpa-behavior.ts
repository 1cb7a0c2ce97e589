/**
 * What becomes of a HorizontalPodAutoscaler's wish: stabilization windows, scaling policies, minimum and maximum.
 *
 * Base part, pure apart from the history that it keeps. Source: Kubernetes, pkg/controller/podautoscaler/horizontal.go
 * as of 1.33 (stabilizeRecommendation, stabilizeRecommendationWithBehaviors, convertDesiredReplicasWithRules,
 * convertDesiredReplicasWithBehaviorRate, calculateScaleUpLimitWithScalingRules, storeScaleEvent). Without `behavior`
 * in the manifest the controller follows an older rule: doubling at most, or to four, per sync.
 */
import type { ScalingBehavior, ScalingPolicy, ScalingRules } from '../../types.js';

/** What Kubernetes fills in for a direction that a manifest leaves out. */
export const DEFAULT_SCALE_UP: ScalingRules = {
  stabilizationSec: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSec: 15 },
    { type: 'Percent', value: 100, periodSec: 15 },
  ],
  toleranceRatio: null,
};

/** The same for scaling down; the window is the controller's flag. */
export function defaultScaleDown(downscaleStabilizationSec: number): ScalingRules {
  return {
    stabilizationSec: downscaleStabilizationSec,
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSec: 15 }],
    toleranceRatio: null,
  };
}

export interface Limits {
  readonly currentReplicas: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

/** A wish after stabilization and after all limits, with what held it back. */
export interface NormalizedWish {
  readonly replicas: number;
  readonly heldBackBy: 'window' | 'policy' | 'minimum' | 'maximum' | null;
}

interface Recommendation {
  readonly atSec: number;
  readonly replicas: number;
}

interface ScaleChange {
  readonly atSec: number;
  readonly replicas: number;
  outdated: boolean;
}

/** The wishes and changes that the rules look back on. */
export class ScalingHistory {
  #recommendations: Recommendation[] = [];
  readonly #ups: ScaleChange[] = [];
  readonly #downs: ScaleChange[] = [];

  /** A controller that begins to watch a workload takes its present size for the first recommendation. */
  constructor(currentReplicas: number, nowSec: number) {
    this.#recommendations.push({ atSec: nowSec, replicas: currentReplicas });
  }

  /** Without `behavior`: the largest wish in the window, at most doubling (or four), within the bounds. */
  normalizeByFlags(nowSec: number, wish: number, windowSec: number, limits: Limits): NormalizedWish {
    const since = nowSec - windowSec;
    let stabilized = wish;
    for (const { atSec, replicas } of this.#recommendations)
      if (atSec >= since) stabilized = Math.max(stabilized, replicas);
    this.#remember(nowSec, wish, windowSec);
    const upLimit = Math.max(2 * limits.currentReplicas, 4);
    if (stabilized < limits.minReplicas) return { replicas: limits.minReplicas, heldBackBy: 'minimum' };
    if (stabilized > Math.min(limits.maxReplicas, upLimit)) {
      return limits.maxReplicas > upLimit
        ? { replicas: upLimit, heldBackBy: 'policy' }
        : { replicas: limits.maxReplicas, heldBackBy: 'maximum' };
    }
    return { replicas: stabilized, heldBackBy: stabilized === wish ? null : 'window' };
  }

  /** With `behavior`: between the smallest wish of the up window and the largest of the down window, then policies. */
  normalizeByBehavior(
    nowSec: number,
    wish: number,
    behavior: ScalingBehavior,
    limits: Limits,
  ): NormalizedWish {
    const upSince = nowSec - behavior.scaleUp.stabilizationSec;
    const downSince = nowSec - behavior.scaleDown.stabilizationSec;
    let lowest = wish;
    let highest = wish;
    for (const { atSec, replicas } of this.#recommendations) {
      if (atSec > upSince) lowest = Math.min(lowest, replicas);
      if (atSec > downSince) highest = Math.max(highest, replicas);
    }
    this.#remember(
      nowSec,
      wish,
      Math.max(behavior.scaleUp.stabilizationSec, behavior.scaleDown.stabilizationSec),
    );
    const stabilized = Math.min(Math.max(limits.currentReplicas, lowest), highest);
    const limited = this.#limitByPolicies(nowSec, stabilized, behavior, limits);
    return limited.heldBackBy === null && stabilized !== wish
      ? { replicas: stabilized, heldBackBy: 'window' }
      : limited;
  }

  /** Notes a change that was carried out, for the periods of the policies. */
  noteChange(nowSec: number, from: number, to: number, behavior: ScalingBehavior): void {
    const up = to > from;
    const changes = up ? this.#ups : this.#downs;
    const { policies } = up ? behavior.scaleUp : behavior.scaleDown;
    const longestSec = policies.reduce((longest, policy) => Math.max(longest, policy.periodSec), 0);
    let reusable = -1;
    for (const [i, change] of changes.entries()) {
      if (change.atSec < nowSec - longestSec) change.outdated = true;
      if (change.outdated) reusable = i;
    }
    // The controller overwrites one outdated entry; the others still count for longer periods of the other direction.
    const change = { atSec: nowSec, replicas: Math.abs(to - from), outdated: false };
    if (reusable >= 0) changes[reusable] = change;
    else changes.push(change);
  }

  #remember(nowSec: number, replicas: number, windowSec: number): void {
    const since = nowSec - windowSec;
    this.#recommendations = this.#recommendations.filter((recommendation) => recommendation.atSec >= since);
    this.#recommendations.push({ atSec: nowSec, replicas });
  }

  #limitByPolicies(nowSec: number, wish: number, behavior: ScalingBehavior, limits: Limits): NormalizedWish {
    const { currentReplicas, minReplicas, maxReplicas } = limits;
    if (wish > currentReplicas) {
      const upLimit = Math.max(this.#upLimit(nowSec, behavior.scaleUp, currentReplicas), currentReplicas);
      if (wish <= Math.min(maxReplicas, upLimit)) return { replicas: wish, heldBackBy: null };
      return maxReplicas > upLimit
        ? { replicas: upLimit, heldBackBy: 'policy' }
        : { replicas: maxReplicas, heldBackBy: 'maximum' };
    }
    if (wish < currentReplicas) {
      const downLimit = Math.min(
        this.#downLimit(nowSec, behavior.scaleDown, currentReplicas),
        currentReplicas,
      );
      if (wish >= Math.max(minReplicas, downLimit)) return { replicas: wish, heldBackBy: null };
      return minReplicas < downLimit
        ? { replicas: downLimit, heldBackBy: 'policy' }
        : { replicas: minReplicas, heldBackBy: 'minimum' };
    }
    return { replicas: wish, heldBackBy: null };
  }

  #upLimit(nowSec: number, rules: ScalingRules, currentReplicas: number): number {
    if (rules.selectPolicy === 'Disabled') return currentReplicas;
    const limits = rules.policies.map((policy) => {
      const start = this.#periodStart(nowSec, policy, currentReplicas);
      return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100));
    });
    return rules.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
  }

  #downLimit(nowSec: number, rules: ScalingRules, currentReplicas: number): number {
    if (rules.selectPolicy === 'Disabled') return currentReplicas;
    const limits = rules.policies.map((policy) => {
      const start = this.#periodStart(nowSec, policy, currentReplicas);
      return policy.type === 'Pods' ? start - policy.value : Math.trunc(start * (1 - policy.value / 100));
    });
    // `Min` is the smallest change, so the largest size.
    return rules.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
  }

  /** Replicas at the start of a policy's period. */
  #periodStart(nowSec: number, policy: ScalingPolicy, currentReplicas: number): number {
    const changed = (changes: readonly ScaleChange[]): number =>
      changes.reduce(
        (sum, change) => (change.atSec > nowSec - policy.periodSec ? sum + change.replicas : sum),
        0,
      );
    return currentReplicas - changed(this.#ups) + changed(this.#downs);
  }
}
