/** The judgement of a comparison: each metric against its limit, and what to change about the model. */
import type { FidelityMetric, ServingCheck, TraceComparison } from '../types.js';
import { formatRatio } from '../units.js';
import { BATTERY, type SampleStatistics } from './battery.js';
import type { Floor } from './floor.js';

/** No difference below this is worth a failure. */
const LEAST_LIMIT = 0.02;

/** Every metric that can be said of these traces, with its limit; judged where the battery judges and a floor is known. */
export function judgedMetrics(
  a: SampleStatistics,
  b: SampleStatistics,
  floor: Floor | null,
  drift: readonly (number | null)[],
): FidelityMetric[] {
  return BATTERY.flatMap((definition, k) => {
    const measured = definition.measure(a, b);
    if (measured.a === null && measured.b === null && measured.value === null && drift[k] === null) return [];
    const { p50, p95 } = floor?.metrics[k] ?? { p50: null, p95: null };
    const limit = Math.max(LEAST_LIMIT, p95 ?? 0);
    const { id, group, label, kind, unit, judged } = definition;
    return [
      {
        id,
        group,
        label,
        kind,
        unit,
        ...measured,
        floorP50: p50,
        floorP95: p95,
        limit,
        pass: judged && floor !== null ? passes(measured, limit) : null,
        drift: drift[k],
      },
    ];
  });
}

/** A ratio with one side at zero has no value and is no match; what is unknown is not judged. */
function passes(
  { a, b, value }: { readonly a: number | null; readonly b: number | null; readonly value: number | null },
  limit: number,
): boolean | null {
  if (value !== null) return value <= limit;
  return a !== null && b !== null ? false : null;
}

/** What usually is wrong when a metric fails; the first rule that fits the worst metric is given. */
const ADVICE: readonly {
  readonly fits: (metric: FidelityMetric) => boolean;
  readonly text: string;
}[] = [
  {
    fits: ({ group }) => group === 'lengths',
    text: 'lengths come from another law: `tokentide fit` keeps quantile tables with atoms, a parametric family does not',
  },
  {
    fits: ({ id }) => id.startsWith('tokidc'),
    text: 'work clusters more than requests do: the mix of lengths moves with load, so fit more classes',
  },
  {
    fits: ({ group }) => group === 'arrivals',
    text: 'arrivals cluster differently: fit the slow rate and the bursts, with `tokentide fit --by client` where clients are known',
  },
  {
    fits: ({ id }) => id.startsWith('tie50'),
    text: 'the same prompt lengths do not come back as soon: the source repeats itself, the model draws afresh',
  },
  {
    fits: ({ group }) => group === 'joint',
    text: 'input and output go together differently: draw the output given the input, per class of request',
  },
  {
    fits: ({ group }) => group === 'prefix',
    text: 'prompts share differently: model sessions and shared heads, or keep the block hashes',
  },
];

/** Where only an engine tells the traces apart. */
const SERVING_ADVICE =
  'the pieces fit but not together, mix and load move together: fit more classes, or size with several seeds';

const NAMED = 4;

export function judgeFidelity(
  metrics: readonly FidelityMetric[],
  serving: ServingCheck | null,
): TraceComparison['verdict'] {
  const judged = metrics.filter((metric) => metric.pass !== null);
  const failing = judged.filter((metric) => metric.pass === false).sort((x, y) => excess(y) - excess(x));
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
  const [worst] = failing;
  const advice = worst === undefined ? undefined : ADVICE.find(({ fits }) => fits(worst));
  return {
    verdict: 'different',
    because:
      failing.length === 0
        ? `all ${judged.length} judged metrics are within the noise floor, but capacity is not within 5 %${capacityText}`
        : `${failing.length} of ${judged.length} judged metrics are beyond the noise floor: ${names.join(', ')}${more}${capacityText}`,
    recommendation: advice?.text ?? SERVING_ADVICE,
  };
}

/** How many times its limit a metric shows; a ratio without a value is beyond any. */
function excess({ value, limit }: FidelityMetric): number {
  return value === null ? Number.POSITIVE_INFINITY : value / limit;
}
