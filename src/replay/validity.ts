/**
 * Was this a measurement of the server, or of the client? Named checks with their limits, and one verdict.
 *
 * A run that cannot send on time, or whose process waits for a core, reports its own troubles as the server's latency.
 * Such a run is invalid: its numbers are kept, and marked.
 */
import { EXIT } from '../errors.js';
import { percentileSorted } from '../metrics.js';
import type { Check, RunRecord, RunSummary } from '../types.js';
import { formatCount, formatMs, formatRatio, nsToMs, nsToSec, significant } from '../units.js';
import type { SenderHealth } from './messages.js';

export interface ValidityInput {
  /** The measured requests, every one that was offered. */
  readonly records: readonly RunRecord[];
  /** Requests that the plan measures: each must be on record, however it ended. */
  readonly measured: number;
  readonly health: readonly SenderHealth[];
  readonly concurrency: number | null;
  readonly interrupted: boolean;
  /** Senders that could be added on this machine. */
  readonly moreSenders: number;
}

/**
 * Longest lateness that is accepted at p99: a twentieth of the mean gap between sends, so that arrivals keep the planned
 * pattern, but not less than 1 ms (timers, collections of garbage and bursts of answers need that much: an idle machine
 * of two cores that also runs the server reaches 0.3–1 ms, one whose cores are taken 1.6–4 ms) nor more than 10 ms.
 */
export function sendLagLimitMs(meanGapMs: number | null): number {
  return Math.min(10, Math.max(1, (meanGapMs ?? 0) / 20));
}

const MIN_DURATION_SEC = 1;
const MIN_RATE_RATIO = 0.99;
const MAX_LOOP_DELAY_MS = 5;
const MAX_CPU_SHARE = 0.9;
const MAX_CPU_WAIT_SHARE = 0.1;

/** Judges a run. */
export function judgeValidity(input: ValidityInput): RunSummary['validity'] {
  const checks = checksOf(input);
  const failed = checks.filter((check) => !check.pass);
  const lag = checks[0];
  if (failed.length === 0) {
    return {
      verdict: 'valid',
      because: `the client kept the schedule: send lag p99 ${formatMs(lag.value)} (limit ${formatMs(lag.limit)}), nothing unsent`,
      recommendation: 'none: the numbers are the server’s',
      checks,
    };
  }
  return {
    verdict: 'invalid',
    because: (input.interrupted ? ['the run was interrupted'] : [])
      .concat(failed.map(describeFailure))
      .join('; '),
    recommendation: failed[0].advice,
    checks,
  };
}

/** Exit status of a finished run: interrupted, then invalid, then a missed SLO, else ok. */
export function exitStatusOf(summary: RunSummary): number {
  if (summary.interrupted) return EXIT.interrupted;
  if (summary.validity.verdict === 'invalid') return EXIT.runInvalid;
  return summary.slo.every((term) => term.met) ? EXIT.ok : EXIT.sloMissed;
}

function checksOf(input: ValidityInput): Check[] {
  const { records, health, concurrency, moreSenders } = input;
  const overload =
    moreSenders > 0
      ? `raise --senders by ${moreSenders}, lower the rate (--rate x0.5), or move the client to a machine of its own`
      : 'lower the rate (--rate x0.5), or move the client to a machine of its own';
  const sent = records.filter((record) => record.sentNs !== null);
  const lags = Float64Array.from(sent, ownLagMs).sort();
  const gapMs = meanGapMs(records);
  const unsent = records.filter((record) => record.status === 'unsent').length;
  const most = (value: (one: SenderHealth) => number | null): number | null => {
    const values = health.map(value).filter((one) => one !== null);
    return values.length === 0 ? null : Math.max(...values);
  };
  return [
    atMost('send_lag_p99', percentileSorted(lags, 0.99), sendLagLimitMs(gapMs), 'ms', overload),
    atMost(
      'unsent',
      unsent,
      0,
      'requests',
      input.interrupted
        ? 'let the run come to its end, or shorten it with --window or --requests'
        : concurrency === null
          ? overload
          : 'raise --concurrency or --drain: requests still waited behind the cap when the run ended',
    ),
    atLeast(
      'recorded',
      records.length,
      input.measured,
      'requests',
      'the run was killed before it ended: run it again and let it end, or stop it with Ctrl-C',
    ),
    ...(concurrency === null
      ? [atLeast('achieved_rate', rateRatio(sent), MIN_RATE_RATIO, 'ratio', overload)]
      : []),
    atMost(
      'loop_delay_p99',
      most((one) => one.loopDelayP99Ms),
      MAX_LOOP_DELAY_MS,
      'ms',
      overload,
    ),
    atMost(
      'cpu_share',
      most((one) => one.cpuShare),
      MAX_CPU_SHARE,
      'ratio',
      overload,
    ),
    atMost(
      'cpu_wait',
      most((one) => one.cpuWaitShare),
      MAX_CPU_WAIT_SHARE,
      'ratio',
      'other processes took the cores that the client needed: stop them, or move the client to a machine of its own',
    ),
    atLeast(
      'duration',
      durationSec(records),
      MIN_DURATION_SEC,
      's',
      'measure longer: a wider --window, more --requests, or a lower --speed',
    ),
    atLeast(
      'completed',
      records.filter((record) => record.status === 'ok').length,
      1,
      'requests',
      'no request was answered: look at the errors, and at the server’s log',
    ),
  ];
}

/** Lateness that is the client's own: without the wait behind the cap and without opening a connection. */
export function ownLagMs(record: RunRecord): number {
  const releasedNs = record.releasedNs ?? record.intendedNs;
  return nsToMs(Math.max(0, record.sentNs! - releasedNs - (record.connectNs ?? 0)));
}

/** Mean gap between intended instants; null for fewer than two. */
function meanGapMs(records: readonly RunRecord[]): number | null {
  if (records.length < 2) return null;
  const { first, last } = extent(records, (record) => record.intendedNs);
  return nsToMs(last - first) / (records.length - 1);
}

/** Planned span ÷ real span of the sends: 1 = the offered rate is the planned one. */
function rateRatio(sent: readonly RunRecord[]): number | null {
  if (sent.length < 2) return null;
  const planned = extent(sent, (record) => record.intendedNs);
  const real = extent(sent, (record) => record.sentNs!);
  if (planned.last === planned.first) return null;
  return real.last > real.first ? (planned.last - planned.first) / (real.last - real.first) : null;
}

function durationSec(records: readonly RunRecord[]): number {
  if (records.length === 0) return 0;
  const { first } = extent(records, (record) => record.intendedNs);
  const { last } = extent(records, (record) => record.endNs ?? record.intendedNs);
  return nsToSec(last - first);
}

function extent(
  records: readonly RunRecord[],
  instantOf: (record: RunRecord) => number,
): { readonly first: number; readonly last: number } {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const record of records) {
    const value = instantOf(record);
    first = Math.min(first, value);
    last = Math.max(last, value);
  }
  return { first, last };
}

function atMost(check: string, value: number | null, limit: number, unit: string, advice: string): Check {
  return { check, value, limit, unit, pass: value === null || value <= limit, advice };
}

function atLeast(check: string, value: number | null, limit: number, unit: string, advice: string): Check {
  return { check, value, limit, unit, pass: value === null || value >= limit, advice };
}

function describeFailure(check: Check): string {
  const show = (value: number | null): string => {
    if (value === null) return 'unknown';
    if (check.unit === 'ms') return formatMs(value);
    if (check.unit === 'ratio') return formatRatio(value);
    return `${significant(value)} ${check.unit}`;
  };
  const value = show(check.value);
  switch (check.check) {
    case 'send_lag_p99':
      return `requests left late: send lag p99 ${value}, limit ${show(check.limit)}`;
    case 'unsent':
      return `${significant(check.value ?? 0)} requests were never sent`;
    case 'recorded':
      return `${formatCount(check.value ?? 0)} of ${formatCount(check.limit)} requests are on record`;
    case 'achieved_rate':
      return `the client reached ${value} of the planned rate`;
    case 'loop_delay_p99':
      return `the client’s event loop was late: p99 ${value}, limit ${show(check.limit)}`;
    case 'cpu_share':
      return `a sender used ${value} of a core, limit ${show(check.limit)}`;
    case 'cpu_wait':
      return `a sender waited for a core ${value} of the time, limit ${show(check.limit)}`;
    case 'duration':
      return `the run lasted ${value}, at least ${show(check.limit)} are needed`;
    default:
      return `${check.check} is ${value}, limit ${show(check.limit)}`;
  }
}
