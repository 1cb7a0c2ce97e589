/** Figures of a plan's autoscaled fleet over the workload: its replicas and what they had to do. Pure. */
import type { AttainmentOverTime, BreachEpisode, CapacityPlan } from '../types.js';
import { formatCount } from '../units.js';
import { scalingFigures } from './fleet-figures.js';
import type { FigureOptions } from './parts.js';

/** The setting found, on the workload itself; empty where the plan has no samples of it. */
export function autoscaledOverTime(plan: CapacityPlan): FigureOptions[] {
  const { recommended } = plan.autoscaling ?? {};
  if (recommended?.timeline === undefined) return [];
  const { timeline, meanReplicas, attainment } = recommended;
  return scalingFigures(
    // Its attainment is drawn beside the fixed fleet's.
    { timeline, meanReplicas, breaches: missedWindows(attainment), goal: null, attainment: [] },
    {
      n: `${formatCount(plan.workload.requests)} requests`,
      key: 'plan',
      group: 'plan-time',
      spacing: 'a sample per scrape, in long workloads the fullest of each stretch',
      lines:
        plan.replicas === null
          ? []
          : [{ axis: 'y', value: plan.replicas, label: `fixed fleet: ${plan.replicas}`, colour: 'teal' }],
    },
  );
}

/** Windows that miss the SLO; those that follow on each other are one. */
function missedWindows({ windows, windowSec }: AttainmentOverTime): BreachEpisode[] {
  const missed: BreachEpisode[] = [];
  windows.forEach(({ fromSec, met, ratio }, i) => {
    if (met !== false) return;
    const before = i > 0 && windows[i - 1].met === false ? missed.pop() : undefined;
    missed.push({
      fromSec: before?.fromSec ?? fromSec,
      recoveredSec: fromSec + windowSec,
      worst: Math.min(before?.worst ?? 1, ratio ?? 1),
      scaledUpSec: null,
      readySec: null,
    });
  });
  return missed;
}
