/**
 * `--mode mlperf`: a level judged by the rules of MLPerf LoadGen's server scenario.
 *
 * A level is VALID when it lasted its minimum duration, held its minimum count, the client kept its schedule, and every
 * percentile term passes early stopping (early-stopping.ts). Latency counts from the schedule, not from the send, and a
 * failed query is one over the limit. Source: https://github.com/mlcommons/inference_policies, loadgen/results.cc.
 */
import { REQUEST_METRICS } from '../metrics.js';
import type { Slo, SloTerm } from '../slo.js';
import type { Check, MlperfResult, RequestInstants } from '../types.js';
import { queriesNeeded } from './early-stopping.js';

export interface MlperfOptions {
  /** Measured part of a level at least, seconds. */
  readonly minDurationSec: number;
  /** Measured queries of a level at least. */
  readonly minQueries: number;
}

/** LoadGen's own defaults for a server run are longer; these keep a search bearable and are printed with the verdict. */
export const MLPERF_DEFAULTS: MlperfOptions = { minDurationSec: 60, minQueries: 100 };

export interface MlperfInput extends MlperfOptions {
  readonly slo: Slo;
  readonly measured: readonly RequestInstants[];
  readonly durationSec: number;
  /** Whether the client kept its schedule; why not. */
  readonly clientValid: boolean;
}

type PercentileTerm = Extract<SloTerm, { kind: 'latency' }> & {
  readonly statistic: { readonly kind: 'percentile'; readonly p: number };
};

/** Judges the measured part of a level. */
export function judgeMlperf(input: MlperfInput): MlperfResult {
  const { measured } = input;
  const earlyStopping = input.slo.terms.filter(isPercentile).map((term) => {
    const over = measured.filter((request) => isOver(term, request)).length;
    const needed = queriesNeeded(term.statistic.p, over);
    return {
      term: term.text,
      queries: measured.length,
      over,
      queriesNeeded: needed,
      met: measured.length >= needed,
    };
  });
  const checks: Check[] = [
    check('min_duration', input.durationSec, input.minDurationSec, 's', '--min-duration'),
    check('min_queries', measured.length, input.minQueries, 'queries', '--min-requests'),
    {
      check: 'client_on_time',
      value: input.clientValid ? 1 : 0,
      limit: 1,
      unit: 'boolean',
      pass: input.clientValid,
      advice: 'give the client more CPU or another machine',
    },
    ...earlyStopping.map(({ term, queries, queriesNeeded: needed, met, over }) => ({
      check: `early_stopping ${term}`,
      value: queries,
      limit: needed,
      unit: 'queries',
      pass: met,
      advice: `${over} over the limit need ${needed} queries: run longer, or lower the rate`,
    })),
  ];
  return { verdict: checks.every((one) => one.pass) ? 'VALID' : 'INVALID', checks, earlyStopping };
}

/** Terms whose latency is a percentile; others cannot be stopped early. */
export function isPercentile(term: SloTerm): term is PercentileTerm {
  return term.kind === 'latency' && term.statistic.kind === 'percentile' && term.statistic.p < 1;
}

/** Whether a query is over the term's limit, from its scheduled instant; a failed one is. */
function isOver(term: PercentileTerm, request: RequestInstants): boolean {
  const fromSchedule = { ttft: 'response.ttft', e2e: 'response.e2e' } as const;
  const metric = term.metric === 'ttft' || term.metric === 'e2e' ? fromSchedule[term.metric] : term.metric;
  const value = REQUEST_METRICS[metric](request);
  if (typeof value !== 'number') return request.status !== 'ok';
  return term.strict ? value >= term.limitMs : value > term.limitMs;
}

function check(name: string, value: number, limit: number, unit: string, flag: string): Check {
  return {
    check: name,
    value,
    limit,
    unit,
    pass: value >= limit,
    advice: `lengthen the level: ${flag}`,
  };
}
