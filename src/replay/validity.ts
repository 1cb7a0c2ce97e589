/**
 * Was this a measurement of the server, or of the client? Named checks with their limits, and one verdict.
 *
 * A run that cannot send on time, or whose process waits for a core, reports its own troubles as the server's latency.
 * Such a run is invalid: its numbers are kept, and marked.
 */
import { EXIT } from '../errors.js';
import { percentilesOf, type Samples, SamplesInMemory } from '../metrics.js';
import type { Check, RunRecord, RunSummary } from '../types.js';
import { formatCount, formatMs, formatRatio, nsToMs, nsToSec, significant } from '../units.js';
import type { SenderHealth } from './messages.js';

export interface ValidityInput {
  /** The measured requests, every one that was offered; or what was gathered from them. */
  readonly records: Iterable<RunRecord> | ValidityTally;
  /** Requests that the plan measures: each must be on record, however it ended. */
  readonly measured: number;
  readonly health: readonly SenderHealth[];
  readonly concurrency: number | null;
  readonly interrupted: boolean;
  /** Senders that could be added on this machine. */
  readonly moreSenders: number;
  /** The run's own process, beside its senders; null or absent = not measured. */
  readonly run?: RunHealth | null;
  /** Longest time to open a connection, ms; null or absent = no limit. */
  readonly connectLimitMs?: number | null;
  /** Whether the server's certificate was checked; null or absent = there was none. */
  readonly certificateChecked?: boolean | null;
}

/** What the process that plans, builds prompts and records did to itself. */
export interface RunHealth {
  readonly cpuShare: number;
  readonly loopDelayP99Ms: number | null;
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
/** It may be busy, but must still feed the senders; their look-ahead carries 1 s. */
const MAX_RUN_CPU_SHARE = 0.98;
const MAX_GC_PAUSE_MS = 100;
/** Beyond this the system itself gives up. */
const NO_CONNECT_LIMIT_MS = 600_000;
const MAX_CPU_WAIT_SHARE = 0.1;

/** Judges a run. */
export function judgeValidity(input: ValidityInput): RunSummary['validity'] {
  const { records } = input;
  const tally = records instanceof ValidityTally ? records : ValidityTally.of(records);
  const checks = checksOf(input, tally);
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
    // Whatever else an interrupted run shows, it has to come to its end first.
    recommendation: (failed.find(({ check }) => input.interrupted && check === 'unsent') ?? failed[0]).advice,
    checks,
  };
}

/** Exit status of a finished run: interrupted, then invalid, then a missed SLO, else ok. */
export function exitStatusOf(summary: RunSummary): number {
  if (summary.interrupted) return EXIT.interrupted;
  if (summary.validity.verdict === 'invalid') return EXIT.runInvalid;
  return summary.slo.every((term) => term.met) ? EXIT.ok : EXIT.sloMissed;
}

/** Gathers what the checks need, record by record. */
export class ValidityTally {
  /** Lateness of the client's own, ms, of the requests that left. */
  readonly lagMs: Samples;
  /** Time to open a connection, ms, of the requests that opened one. */
  readonly connectMs: Samples;
  records = 0;
  unsent = 0;
  ok = 0;
  okCounted = 0;
  promptsCompared = 0;
  promptsExact = 0;
  readonly #intended = new Extent();
  readonly #sentIntended = new Extent();
  readonly #sent = new Extent();
  readonly #end = new Extent();

  constructor(makeSamples: () => Samples = () => new SamplesInMemory()) {
    this.lagMs = makeSamples();
    this.connectMs = makeSamples();
  }

  static of(records: Iterable<RunRecord>): ValidityTally {
    const tally = new ValidityTally();
    for (const record of records) tally.add(record);
    return tally;
  }

  add(record: RunRecord): void {
    this.records += 1;
    this.#intended.add(record.intendedNs);
    if (record.endNs !== null) this.#end.add(record.endNs);
    if (record.status === 'unsent') this.unsent += 1;
    if (record.status === 'ok') {
      this.ok += 1;
      if (record.outputTokensSource === 'usage') this.okCounted += 1;
    }
    if (record.inputTokens !== null && record.inputTokensAsked !== null) {
      this.promptsCompared += 1;
      if (record.inputTokens === record.inputTokensAsked) this.promptsExact += 1;
    }
    if (record.sentNs === null) return;
    this.lagMs.push(ownLagMs(record));
    if (record.connectNs !== null) this.connectMs.push(nsToMs(record.connectNs));
    this.#sentIntended.add(record.intendedNs);
    this.#sent.add(record.sentNs);
  }

  /** Requests that left on a connection that was open ÷ requests that left; null = none left. */
  get reuseRatio(): number | null {
    const { length } = this.lagMs;
    return length === 0 ? null : 1 - this.connectMs.length / length;
  }

  /** Mean gap between intended instants; null for fewer than two. */
  get meanGapMs(): number | null {
    return this.records < 2 ? null : nsToMs(this.#intended.span) / (this.records - 1);
  }

  /** Planned span ÷ real span of the sends: 1 = the offered rate is the planned one. */
  get rateRatio(): number | null {
    if (this.lagMs.length < 2 || this.#sentIntended.span === 0 || this.#sent.span === 0) return null;
    return this.#sentIntended.span / this.#sent.span;
  }

  get durationSec(): number {
    return Math.max(0, nsToSec(this.#end.last - this.#intended.first));
  }
}

class Extent {
  first = Number.POSITIVE_INFINITY;
  last = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.first = Math.min(this.first, value);
    this.last = Math.max(this.last, value);
  }

  get span(): number {
    return this.last - this.first;
  }
}

function checksOf(input: ValidityInput, tally: ValidityTally): Check[] {
  const { health, concurrency, moreSenders, run } = input;
  const overload =
    moreSenders > 0
      ? `raise --senders by ${moreSenders}, lower the rate (--rate x0.5), or move the client to a machine of its own`
      : 'lower the rate (--rate x0.5), or move the client to a machine of its own';
  const [lagP50Ms, lagP99Ms] = percentilesOf(tally.lagMs, [0.5, 0.99]);
  const [connectP99Ms] = percentilesOf(tally.connectMs, [0.99]);
  const limitMs = sendLagLimitMs(tally.meanGapMs);
  const most = (value: (one: SenderHealth) => number | null): number | null => {
    const values = health.map(value).filter((one) => one !== null);
    return values.length === 0 ? null : Math.max(...values);
  };
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  const unsentAdvice = input.interrupted
    ? 'let the run come to its end, or shorten it with --window or --requests'
    : concurrency === null
      ? overload
      : 'raise --concurrency or --drain: requests still waited behind the cap when the run ended';
  return [
    atMost('send_lag_p99', lagP99Ms, limitMs, 'ms', overload),
    atMost('send_lag_p50', lagP50Ms, limitMs, 'ms', overload),
    atMost('unsent', tally.unsent, 0, 'requests', unsentAdvice),
    atLeast(
      'recorded',
      tally.records,
      input.measured,
      'requests',
      'the run was killed before it ended: run it again and let it end, or stop it with Ctrl-C',
    ),
    ...(concurrency === null
      ? [atLeast('achieved_rate', tally.rateRatio, MIN_RATE_RATIO, 'ratio', overload)]
      : []),
    atMost(
      'loop_delay_p99',
      most((one) => one.loopDelayP99Ms),
      MAX_LOOP_DELAY_MS,
      'ms',
      overload,
    ),
    atMost(
      'gc_pause_max',
      most((one) => one.gcMaxMs),
      MAX_GC_PAUSE_MS,
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
      'run_cpu_share',
      run?.cpuShare ?? null,
      MAX_RUN_CPU_SHARE,
      'ratio',
      'the process that builds prompts and records has no room: lower the rate (--rate x0.5), or write --keep-chunks no',
    ),
    atMost(
      'cpu_wait',
      most((one) => one.cpuWaitShare),
      MAX_CPU_WAIT_SHARE,
      'ratio',
      'other processes took the cores that the client needed: stop them, or move the client to a machine of its own',
    ),
    // The next five describe the server's side and the path to it. They inform; only a connection time can spoil a run.
    atLeast(
      'certificate',
      input.certificateChecked == null ? null : Number(input.certificateChecked),
      0,
      'checked',
      'for information: 0 = INSECURE, anybody could have answered in the server’s place (--insecure); name its authority with --cacert',
    ),
    atLeast(
      'connection_reuse',
      tally.reuseRatio,
      0,
      'ratio',
      'for information: open connections before the load with --preconnect; a server that closes after each answer costs a handshake each',
    ),
    atMost(
      'connect_p99',
      connectP99Ms,
      input.connectLimitMs ?? NO_CONNECT_LIMIT_MS,
      'ms',
      'look-up, TCP and TLS are no part of TTFT: open connections before the load with --preconnect',
    ),
    atLeast(
      'prompts_as_asked',
      share(tally.promptsExact, tally.promptsCompared),
      0,
      'ratio',
      'for information: the server counts other prompt lengths than asked where this is below 1; --calibrate-prompts takes its chat template off',
    ),
    atLeast(
      'server_counts',
      share(tally.okCounted, tally.ok),
      0,
      'ratio',
      'for information: the server tells no token counts where this is below 1; ask it for usage in streams, or name its vocabulary with --encoding',
    ),
    atLeast(
      'duration',
      tally.durationSec,
      MIN_DURATION_SEC,
      's',
      'measure longer: a wider --window, more --requests, or a lower --speed',
    ),
    atLeast(
      'completed',
      tally.ok,
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
    case 'gc_pause_max':
      return `a collection of garbage stopped a sender for ${value}, limit ${show(check.limit)}`;
    case 'run_cpu_share':
      return `the run’s own process used ${value} of a core, limit ${show(check.limit)}`;
    case 'cpu_wait':
      return `a sender waited for a core ${value} of the time, limit ${show(check.limit)}`;
    case 'duration':
      return `the run lasted ${value}, at least ${show(check.limit)} are needed`;
    default:
      return `${check.check} is ${value}, limit ${show(check.limit)}`;
  }
}
