/** The judgement of a comparison: which metrics are beyond the noise floor, and what to change about the model. */
import type { FidelityGroup, FidelityMetric, ServingCheck, TraceComparison } from '../types.js';
import { formatRatio } from '../units.js';

/** What usually is wrong when a group fails, most fundamental first. */
const ADVICE: readonly (readonly [FidelityGroup, string])[] = [
  [
    'lengths',
    'lengths come from another law: let `tokentide fit` keep quantile tables with atoms instead of a parametric family',
  ],
  [
    'arrivals',
    'arrivals cluster differently: fit the slow rate and bursts (`tokentide fit`, with --by client where clients are known)',
  ],
  ['joint', 'input and output go together differently: draw output given input, per class of request'],
  ['prefix', 'prompts share differently: model sessions and shared heads, or keep the block hashes'],
  [
    'serving',
    'the pieces fit but not together: mix and load move together in the real trace, so fit more classes',
  ],
];

const NAMED = 4;

export function judgeFidelity(
  metrics: readonly FidelityMetric[],
  serving: ServingCheck | null,
): TraceComparison['verdict'] {
  const judged = metrics.filter((metric) => metric.pass !== null);
  const failing = judged.filter((metric) => metric.pass === false);
  if (judged.length === 0) {
    return {
      verdict: 'not_judged',
      because: 'the first trace is too short for a noise floor',
      recommendation: 'compare against a longer real trace: half an hour or more',
    };
  }
  const capacity = serving?.capacity ?? null;
  const wrongCapacity = capacity?.pass === false;
  const capacityText =
    capacity === null || capacity.ratio === null
      ? ''
      : `; it needs ${formatRatio(capacity.ratio)} of the engine that the real trace needs`;
  if (failing.length === 0 && !wrongCapacity) {
    return {
      verdict: 'faithful',
      because: `all ${judged.length} judged metrics are within the noise floor of the real trace${capacityText}`,
      recommendation:
        'use it for windows like the real one; the drift column says how far the next window may be',
    };
  }
  const names = failing.slice(0, NAMED).map((metric) => metric.id);
  const more = failing.length > NAMED ? ` and ${failing.length - NAMED} more` : '';
  const advice = ADVICE.find(([group]) => failing.some((metric) => metric.group === group));
  return {
    verdict: 'different',
    because:
      failing.length === 0
        ? `all ${judged.length} judged metrics are within the noise floor, but capacity is not within 5 %${capacityText}`
        : `${failing.length} of ${judged.length} judged metrics are beyond the noise floor: ${names.join(', ')}${more}${capacityText}`,
    recommendation:
      advice?.[1] ?? 'size with the real trace, or with several seeds of the model and the worst of them',
  };
}
