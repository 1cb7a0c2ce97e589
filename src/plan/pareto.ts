/**
 * The front over engine choices: which fleets are worth their money. A fleet is dominated by another one that costs no
 * more, lets no fewer requests meet the SLO and uses no more of the tightest limit, and is better in one of these.
 */
import type { CapacityPlan, FleetTrial, ParetoPoint, SloResult } from '../types.js';
import { replicasText, tightestTerm } from './evidence.js';

/** An engine choice with its plan. */
export interface ChoicePlan {
  readonly label: string;
  readonly plan: CapacityPlan;
  /** null = unknown. */
  readonly pricePerReplicaHour: number | null;
}

/** The cheapest choice that meets the SLO, fixed or autoscaled; the first one when none does. */
export function cheapestChoice<C extends ChoicePlan>(choices: readonly C[]): C {
  const feasible = choices.filter((choice) => choice.plan.replicas !== null);
  return feasible.reduce(
    (best, choice) => (bestFleet(choice.plan).costPerHour < bestFleet(best.plan).costPerHour ? choice : best),
    feasible[0] ?? choices[0],
  );
}

/** Every fleet of every choice that has a price, the cheapest first. */
export function paretoFront(choices: readonly ChoicePlan[]): ParetoPoint[] {
  const priced = choices.filter((choice) => choice.pricePerReplicaHour !== null);
  if (priced.length === 0) return [];
  const winner = cheapestChoice(priced);
  const { kind } = bestFleet(winner.plan);
  const points = priced
    .flatMap((choice) =>
      fleetsOf(choice).map((point) => ({
        ...point,
        chosen:
          choice === winner &&
          winner.plan.replicas !== null &&
          point.fleet === kind &&
          point.label ===
            (kind === 'static'
              ? replicasText(winner.plan.replicas)
              : winner.plan.autoscaling!.recommended.label),
      })),
    )
    .sort((a, b) => a.costPerHour - b.costPerHour || b.goodput - a.goodput);
  return points.map((point, i) => {
    const better = points.find((other, j) => dominates(other, point, j < i));
    return { ...point, dominatedBy: better === undefined ? null : `${better.choice}: ${better.label}` };
  });
}

interface BestFleet {
  readonly kind: ParetoPoint['fleet'];
  readonly costPerHour: number;
}

/** What a choice costs at best while the SLO holds; Infinity when it never does or has no price. */
function bestFleet(plan: CapacityPlan): BestFleet {
  const fixed = plan.replicas === null ? null : plan.cost.perHour;
  const scaled = plan.autoscaling?.recommended;
  const holds = scaled?.metOverTime === true && plan.autoscaling!.confirm.every((outcome) => outcome.met);
  const scaledCost = holds ? scaled.cost.perHour : null;
  return scaledCost !== null &&
    scaledCost !== undefined &&
    scaledCost < 0.995 * (fixed ?? Number.POSITIVE_INFINITY)
    ? { kind: 'autoscaled', costPerHour: scaledCost }
    : { kind: 'static', costPerHour: fixed ?? Number.POSITIVE_INFINITY };
}

type Fleet = Omit<ParetoPoint, 'dominatedBy' | 'chosen'>;

function fleetsOf({ label: choice, plan, pricePerReplicaHour }: ChoicePlan): Fleet[] {
  const price = pricePerReplicaHour!;
  const fixed = plan.trials
    .filter((trial) => trial.role === 'search')
    .map((trial): Fleet => fixedPoint(choice, trial, price));
  const study = plan.autoscaling;
  if (study === undefined) return fixed;
  const scaled =
    study.recipe.label === study.recommended.label ? [study.recommended] : [study.recipe, study.recommended];
  return [
    ...fixed,
    ...scaled.map(
      (outcome): Fleet => ({
        choice,
        fleet: 'autoscaled',
        label: outcome.label,
        costPerHour: outcome.cost.perHour ?? price * outcome.meanReplicas,
        goodput: outcome.goodput,
        tightest: tightestTerm(outcome.slo),
        met: outcome.metOverTime,
      }),
    ),
  ];
}

function fixedPoint(choice: string, trial: FleetTrial, price: number): Fleet {
  return {
    choice,
    fleet: 'static',
    label: replicasText(trial.replicas),
    costPerHour: price * trial.replicas,
    goodput: trial.goodput,
    tightest: tightestTerm(trial.slo),
    met: trial.met,
  };
}

/** `tie` = which of two equal points counts as the better one. */
function dominates(a: Fleet, b: Fleet, tie: boolean): boolean {
  if (a === b) return false;
  const [useA, useB] = [limitUse(a.tightest), limitUse(b.tightest)];
  if (a.costPerHour > b.costPerHour || a.goodput < b.goodput || useA > useB) return false;
  return a.costPerHour < b.costPerHour || a.goodput > b.goodput || useA < useB || tie;
}

/** Value ÷ limit; 0 where the SLO has no latency. */
function limitUse(term: SloResult | null): number {
  if (term === null || term.unit !== 'ms') return 0;
  return term.value === null ? Number.POSITIVE_INFINITY : term.value / term.limit;
}
