/**
 * A plan over engine choices: each engine is planned for, the cheapest one that meets the SLO becomes the plan, and all
 * of them the front. How one engine is planned for is the caller's: it needs other stages.
 */
import { ToolError } from '../errors.js';
import { parseSlo, type Slo } from '../slo.js';
import type { CapacityPlan, LatencyProfile, RouterPolicy } from '../types.js';
import { checkChoices, type EngineChoice } from './choices.js';
import type { ManifestTarget } from './manifests.js';
import { type ChoicePlan, cheapestChoice, paretoFront } from './pareto.js';
import type { PlanOptions } from './plan.js';
import type { FreshMethod } from './traffic.js';

export interface PlanCapacityOptions
  extends Pick<
    PlanOptions,
    | 'seed'
    | 'maxReplicas'
    | 'freshSeeds'
    | 'growth'
    | 'pricePerReplicaHour'
    | 'profileReplicas'
    | 'reaction'
    | 'autoscaler'
    | 'scalerTrials'
    | 'windowGoal'
    | 'attainmentWindowSec'
    | 'breakTests'
    | 'progress'
  > {
  /** Trace or workload model. */
  readonly workload: string;
  /** Folder to write; null = only return the plan. */
  readonly output: string | null;
  /** Default: the profile's. */
  readonly slo?: string | readonly string[];
  /** Engine model file or bundled name. Default: the one in the profile. */
  readonly engine?: string;
  /** Several engines with their prices instead: the plan is for the cheapest one that meets the SLO. */
  readonly choices?: readonly EngineChoice[];
  /** Measured profile. Default: one replica of the engine is profiled in virtual time. */
  readonly profile?: string;
  /** Correct a measured profile for the workload's mix of lengths, where that is another one. Default true. */
  readonly mixCorrection?: boolean;
  readonly router?: RouterPolicy;
  readonly fresh?: FreshMethod;
  /** Length of a synthesis; default: the model's window. Traces are planned for as a whole. */
  readonly durationSec?: number;
  readonly manifests?: Partial<ManifestTarget>;
  readonly signal?: AbortSignal;
}

/** A plan for one engine with the profile that its thresholds come from. */
export interface EnginePlan {
  readonly plan: CapacityPlan;
  readonly profile: LatencyProfile;
}

/** Plans for one engine; `options` are the choice's own where it has any. */
export type PlanEngine = (options: PlanCapacityOptions, slo: Slo) => Promise<EnginePlan>;

/** Throws USAGE without an SLO, for a measured profile beside several engines, and what `checkChoices` throws. */
export async function planChoices(
  options: PlanCapacityOptions,
  measured: LatencyProfile | null,
  planEngine: PlanEngine,
): Promise<EnginePlan> {
  const { choices = [] } = options;
  checkChoices(choices, options.pricePerReplicaHour ?? null);
  if (measured !== null && choices.length > 1) {
    throw new ToolError({
      code: 'USAGE',
      message: 'a measured profile belongs to one engine, but several were given',
      hint: 'leave out --profile, or plan for its engine alone',
    });
  }
  const sloText = options.slo ?? measured?.slo;
  if (sloText === undefined) {
    throw new ToolError({
      code: 'USAGE',
      message: 'a plan needs an SLO',
      hint: 'write --slo "p99(ttft) < 2s", or give --profile, which has one',
    });
  }
  const slo = parseSlo(sloText);
  const planned: (ChoicePlan & EnginePlan)[] = [];
  for (const choice of choices.length > 0 ? choices : [null]) {
    const own = choice === null ? options : optionsOf(options, choice);
    const made = await planEngine(own, slo);
    const pricePerReplicaHour = own.pricePerReplicaHour ?? null;
    planned.push({ ...made, label: choice?.label ?? made.plan.engine.name, pricePerReplicaHour });
  }
  const chosen = cheapestChoice(planned);
  const pareto = paretoFront(planned);
  return {
    profile: chosen.profile,
    plan: pareto.length === 0 ? chosen.plan : { ...chosen.plan, pareto },
  };
}

function optionsOf(options: PlanCapacityOptions, choice: EngineChoice): PlanCapacityOptions {
  return {
    ...options,
    engine: choice.engine,
    pricePerReplicaHour: choice.pricePerReplicaHour ?? options.pricePerReplicaHour,
    maxReplicas: choice.maxReplicas ?? options.maxReplicas,
    reaction:
      choice.coldStartSec === undefined
        ? options.reaction
        : { ...options.reaction, coldStartSec: choice.coldStartSec },
  };
}
