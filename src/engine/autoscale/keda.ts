/**
 * A KEDA ScaledObject: KEDA itself switches between none and some replicas, its HPA does the rest.
 *
 * Base part. Source: KEDA 2.18, pkg/scaling/executor/scale_scaledobjects.go (RequestScale, scaleToZeroOrIdle,
 * scaleFromZeroOrIdle) and pkg/fallback. The polling interval paces only the switching; the HPA asks for the triggers'
 * values at its own syncs, and never has less than one replica.
 */
import type { HpaSpec, KedaSpec } from '../../types.js';
import { HpaController, type HpaDecision } from './hpa.js';
import type { PodView } from './hpa-metrics.js';

/** The triggers' values; null = the trigger's source could not be asked. */
export type TriggerValues = readonly (number | null)[];

export interface KedaDecision {
  readonly replicas: number;
  readonly because: string;
}

export interface KedaSync {
  readonly nowSec: number;
  readonly specReplicas: number;
  readonly pods: readonly PodView[];
  readonly values: TriggerValues;
}

export class KedaController {
  readonly #spec: KedaSpec;
  readonly #hpa: HpaController;
  /** Failed readings in a row, by trigger. */
  readonly #failures: number[];
  #lastActiveSec: number | null = null;

  constructor(spec: KedaSpec, initialReplicas: number, nowSec: number) {
    this.#spec = spec;
    this.#hpa = new HpaController(hpaOf(spec), initialReplicas, nowSec);
    this.#failures = spec.triggers.map(() => 0);
  }

  /** One poll: activates, or deactivates after the cool-down. */
  poll(nowSec: number, specReplicas: number, values: TriggerValues): KedaDecision {
    const { minReplicas, idleReplicas, triggers, cooldownSec } = this.#spec;
    const stay = { replicas: specReplicas, because: '' };
    const active = triggers.find((trigger, i) => (values[i] ?? 0) > trigger.activationThreshold);
    if (active !== undefined) {
      const failed = values.includes(null);
      if (specReplicas === 0 || (idleReplicas !== null && specReplicas < minReplicas)) {
        this.#lastActiveSec = nowSec;
        return { replicas: Math.max(1, minReplicas), because: `${active.metric.name} is active` };
      }
      if (!failed) this.#lastActiveSec = nowSec;
      return stay;
    }
    // Without an answer nothing is switched off; the HPA follows the fallback where there is one.
    if (values.includes(null)) return stay;
    const asleep = idleReplicas ?? 0;
    if (specReplicas > asleep && (idleReplicas !== null || minReplicas === 0)) {
      const cooled = this.#lastActiveSec === null || nowSec - this.#lastActiveSec > cooldownSec;
      return cooled ? { replicas: asleep, because: `no trigger active for ${cooldownSec} s` } : stay;
    }
    if (idleReplicas === null && specReplicas < minReplicas)
      return { replicas: minReplicas, because: 'below minReplicaCount' };
    return stay;
  }

  /** One sync of the HPA behind the ScaledObject. */
  sync({ nowSec, specReplicas, pods, values }: KedaSync): HpaDecision {
    const readings = this.#spec.triggers.map((_, i) => ({
      kind: 'external' as const,
      value: this.#valueOrFallback(i, values[i]),
    }));
    return this.#hpa.sync({ nowSec, specReplicas, pods, readings });
  }

  #valueOrFallback(trigger: number, value: number | null): number | null {
    if (value !== null) {
      this.#failures[trigger] = 0;
      return value;
    }
    this.#failures[trigger] += 1;
    const { fallback, triggers } = this.#spec;
    const { target } = triggers[trigger].metric;
    if (fallback === null || target.kind !== 'average-value') return null;
    if (this.#failures[trigger] <= fallback.failureThreshold) return null;
    return target.value * fallback.replicas;
  }
}

/** The HorizontalPodAutoscaler that KEDA creates. */
function hpaOf(spec: KedaSpec): HpaSpec {
  const { maxReplicas, behavior, toleranceRatio, syncSec, downscaleStabilizationSec } = spec;
  return {
    kind: 'hpa',
    minReplicas: Math.max(1, spec.minReplicas),
    maxReplicas,
    metrics: spec.triggers.map((trigger) => trigger.metric),
    behavior,
    toleranceRatio,
    syncSec,
    downscaleStabilizationSec,
  };
}
