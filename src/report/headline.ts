/** The first sentence of each report: what the document says, why, and what to type next. Pure. */
import type { CapacityPlan, LatencyProfile, RunSummary, SloResult } from '../types.js';
import { formatCount, formatRatio } from '../units.js';
import type { Headline } from './page.js';
import { textInUnit } from './values.js';

/** Validity comes first: an invalid run has no other message. */
export function runHeadline(summary: RunSummary): Headline {
  const { validity, slo, counts, load } = summary;
  const stopped = summary.interrupted ? ' The run was interrupted: it covers only a part of the trace.' : '';
  if (validity.verdict === 'invalid') {
    return {
      tone: 'bad',
      verdict: 'Invalid run: do not use its latencies',
      because: `${validity.because}${stopped}`,
      next: validity.recommendation,
    };
  }
  const missed = slo.filter((term) => !term.met);
  const ok = counts.byStatus.ok ?? 0;
  const failures = counts.offered - ok;
  const failed =
    failures > 0
      ? ` ${formatCount(failures)} of ${formatCount(counts.offered)} requests did not end ok and are not in the latencies.`
      : '';
  if (slo.length === 0) {
    return {
      tone: failures > counts.offered * 0.01 || summary.interrupted ? 'warn' : 'good',
      verdict: 'Valid run; no objective was set',
      because: `${validity.because}${failed}${stopped}`,
      next: 'Say what is good enough, for example `--slo "p99(ttft) < 500ms"`, and the report judges it and counts goodput.',
    };
  }
  if (missed.length > 0) {
    return {
      tone: 'bad',
      verdict:
        missed.length === slo.length && slo.length > 1
          ? 'Valid run; every objective was missed'
          : `Valid run; ${missed.length === 1 && slo.length === 1 ? 'the objective was missed' : `${missed.length} of ${slo.length} objectives missed`}`,
      because: `${missed.map(termText).join('; ')}.${failed}${stopped}`,
      next: `Find the highest rate that meets them: \`tokentide profile ${load.traceName} --url ${summary.target.url} --rates auto --slo "${slo.map((term) => term.term).join(', ')}"\`.`,
    };
  }
  return {
    tone: summary.interrupted ? 'warn' : 'good',
    verdict: slo.length === 1 ? 'Valid run; the objective was met' : 'Valid run; every objective was met',
    because: `${slo.map(termText).join('; ')}.${failed}${stopped}`,
    next: 'See how much room is left: replay again with `--rate x1.5`, or let `tokentide profile` find the capacity.',
  };
}

export function profileHeadline(profile: LatencyProfile): Headline {
  const { verdict } = profile;
  const found = verdict.verdict === 'capacity found';
  const rate = profile.capacity.ratePerSec;
  return {
    tone: found ? 'good' : verdict.verdict === 'never saturated' ? 'warn' : 'bad',
    verdict:
      found && rate !== null
        ? `Capacity: ${textInUnit(rate, 'requests/s')} at ${profile.slo}`
        : {
            'capacity found': 'Capacity found',
            'slo never met': 'No load level met the objective',
            'never saturated':
              rate === null
                ? 'No valid load level missed the objective'
                : `Capacity: at least ${textInUnit(rate, 'requests/s')} at ${profile.slo}; no valid level missed it`,
            invalid: 'Invalid profile: do not use its capacity',
          }[verdict.verdict],
    because: verdict.because,
    next: verdict.recommendation,
  };
}

export function planHeadline(plan: CapacityPlan): Headline {
  const { verdict, replicas } = plan;
  return {
    tone: verdict.verdict === 'feasible' ? 'good' : 'bad',
    verdict:
      replicas === null
        ? 'No fleet within the limit meets the objective'
        : `${formatCount(replicas)} ${replicas === 1 ? 'replica meets' : 'replicas meet'} ${plan.slo}`,
    because: verdict.because,
    next: verdict.recommendation,
  };
}

function termText(result: SloResult): string {
  const value = result.value === null ? 'had no value' : `was ${textInUnit(result.value, result.unit)}`;
  const limit = result.unit === 'ratio' ? formatRatio(result.limit) : textInUnit(result.limit, result.unit);
  const name = result.term.replace(/\s*(<=|>=|<|>).*$/, '');
  return `${name} ${value}, limit ${limit} (n = ${formatCount(result.n)})`;
}
