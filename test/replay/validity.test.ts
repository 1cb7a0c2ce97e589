/** The verdict of a run on itself, check by check. Cases F23, F25, F31. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  exitStatusOf,
  judgeValidity,
  ownLagMs,
  sendLagLimitMs,
  type ValidityInput,
} from '../../src/replay/validity.js';
import type { RunRecord, RunSummary } from '../../src/types.js';
import { health, MS, record, unsent } from './records.js';

/** 1000 requests, 5 ms apart. */
const steady = (lateMs: (i: number) => number = () => 0.05): RunRecord[] =>
  Array.from({ length: 1_000 }, (_, i) => {
    const sentNs = i * 5 * MS + lateMs(i) * MS;
    return record(i * 5, {
      sentNs,
      firstTokenNs: sentNs + 8 * MS,
      lastTokenNs: sentNs + 20 * MS,
      endNs: sentNs + 20 * MS,
    });
  });

const judge = (input: Partial<ValidityInput>): RunSummary['validity'] =>
  judgeValidity({
    records: steady(),
    measured: [...((input.records ?? steady()) as RunRecord[])].length,
    health: [health()],
    concurrency: null,
    interrupted: false,
    moreSenders: 0,
    ...input,
  });

const failed = (validity: RunSummary['validity']): string[] =>
  validity.checks.filter((check) => !check.pass).map((check) => check.check);

test('a run that kept its schedule is valid, and says what it was held to', () => {
  const validity = judge({});
  assert.equal(validity.verdict, 'valid');
  assert.match(validity.because, /send lag p99 50 µs \(limit 1 ms\)/);
  assert.deepEqual(
    validity.checks.map((check) => check.check),
    [
      'send_lag_p99',
      'send_lag_p50',
      'unsent',
      'recorded',
      'achieved_rate',
      'loop_delay_p99',
      'gc_pause_max',
      'cpu_share',
      'run_cpu_share',
      'cpu_wait',
      'certificate',
      'connection_reuse',
      'connect_p99',
      'prompts_as_asked',
      'server_counts',
      'duration',
      'completed',
    ],
  );
  assert.ok(validity.checks.every((check) => check.pass && check.advice !== '' && check.unit !== ''));
});

test('the limit on lateness follows the gaps, within 1 and 10 ms', () => {
  for (const [gapMs, limit] of [
    [null, 1],
    [1, 1],
    [20, 1],
    [100, 5],
    [1_000, 10],
  ] as const) {
    assert.equal(sendLagLimitMs(gapMs), limit);
  }
});

test('late sends make it invalid at p99, not at a single one', () => {
  assert.equal(judge({ records: steady((i) => (i === 500 ? 900 : 0.05)) }).verdict, 'valid');
  const late = judge({ records: steady((i) => (i % 20 === 0 ? 4 : 0.05)) });
  assert.deepEqual(failed(late), ['send_lag_p99']);
  assert.match(late.because, /left late: send lag p99 4 ms, limit 1 ms/);
  assert.match(late.recommendation, /--rate x0.5/);
  assert.match(
    judge({ records: steady((i) => (i % 20 === 0 ? 4 : 0)), moreSenders: 3 }).recommendation,
    /--senders by 3/,
  );
});

test('opening a connection and waiting behind the cap are not the client’s lateness', () => {
  assert.equal(ownLagMs(record(0, { sentNs: 120 * MS, connectNs: 119 * MS })), 1);
  assert.equal(ownLagMs(record(0, { sentNs: 120 * MS, releasedNs: 119.5 * MS })), 0.5);
  const capped = steady((i) => i).map((one, i) => ({ ...one, releasedNs: one.intendedNs + i * MS - 1_000 }));
  const validity = judge({ records: capped, concurrency: 4 });
  assert.equal(validity.verdict, 'valid');
  assert.ok(!validity.checks.some((check) => check.check === 'achieved_rate'));
});

test('F25: a stall of one second shows in the lag and not in the rate; drifting shows in the rate', () => {
  const stall = judge({ records: steady((i) => (i >= 400 && i < 600 ? 1_000 - (i - 400) * 5 : 0.05)) });
  assert.deepEqual(failed(stall), ['send_lag_p99']);
  const drift = judge({ records: steady((i) => i * 0.06) });
  assert.deepEqual(failed(drift), ['send_lag_p99', 'send_lag_p50', 'achieved_rate']);
  assert.match(drift.because, /reached 98\.8 % of the planned rate/);
});

test('requests never sent, an interrupted run, a short run, and a run without an answer are invalid', () => {
  const cut = judge({ records: [...steady(), unsent(5_000), unsent(5_005)] });
  assert.deepEqual(failed(cut), ['unsent']);
  assert.match(cut.because, /2 requests were never sent/);
  const interrupted = judge({ records: [...steady(), unsent(5_000)], interrupted: true });
  assert.match(interrupted.because, /^the run was interrupted; /);
  const short = judge({ records: steady().slice(0, 100) });
  assert.deepEqual(failed(short), ['duration']);
  const none = judge({ records: steady().map((one) => ({ ...one, status: 'http_error' as const })) });
  assert.deepEqual(failed(none), ['completed']);
  const killed = judge({ measured: 2_000 });
  assert.deepEqual(failed(killed), ['recorded']);
  assert.match(killed.because, /1 000 of 2 000 requests are on record/);
  assert.equal(judge({ records: [] }).verdict, 'invalid');
});

test('a starved or overloaded sender makes it invalid; the worst sender counts', () => {
  const cases: [Parameters<typeof health>[0], string][] = [
    [{ cpuWaitShare: 0.3 }, 'cpu_wait'],
    [{ cpuShare: 0.97 }, 'cpu_share'],
    [{ loopDelayP99Ms: 25 }, 'loop_delay_p99'],
    [{ gcMaxMs: 140 }, 'gc_pause_max'],
  ];
  for (const [bad, check] of cases)
    assert.deepEqual(failed(judge({ health: [health(), health(bad)] })), [check]);
});

test('the path to the server and its counts are told beside the client’s own: F17, F31', () => {
  const records = steady().map((one, i) => ({
    ...one,
    connectNs: i < 100 ? (i + 1) * MS : null,
    sentNs: one.sentNs! + (i < 100 ? (i + 1) * MS : 0),
    inputTokens: i < 250 ? 9 : 7,
    outputTokensSource: i < 500 ? ('usage' as const) : ('tokenizer' as const),
  }));
  const validity = judge({ records, connectLimitMs: 10_000, run: { cpuShare: 0.4, loopDelayP99Ms: 2 } });
  const value = (name: string): number | null => validity.checks.find(({ check }) => check === name)!.value;
  assert.equal(value('connection_reuse'), 0.9);
  assert.ok(Math.abs(value('connect_p99')! - 99.01) < 1e-9);
  assert.equal(value('prompts_as_asked'), 0.75);
  assert.equal(value('server_counts'), 0.5);
  assert.equal(value('run_cpu_share'), 0.4);
  assert.equal(validity.verdict, 'valid');
  assert.deepEqual(failed(judge({ run: { cpuShare: 1.1, loopDelayP99Ms: 50 } })), ['run_cpu_share']);
});

test('checks that only inform say so, and an unchecked certificate is one of them', () => {
  const certificate = (checked: boolean | null) => {
    const { verdict, checks } = judge({ certificateChecked: checked });
    assert.equal(verdict, 'valid');
    return checks.find(({ check }) => check === 'certificate')!;
  };
  assert.deepEqual(
    [true, false, null].map((checked) => certificate(checked).value),
    [1, 0, null],
  );
  assert.match(certificate(false).advice, /^for information: .*INSECURE.*--cacert/);
  const informing = judge({}).checks.filter(({ advice }) => advice.startsWith('for information: '));
  assert.deepEqual(
    informing.map(({ check }) => check),
    ['certificate', 'connection_reuse', 'prompts_as_asked', 'server_counts'],
  );
  // Whatever they measure, they cannot fail.
  assert.ok(informing.every(({ limit }) => limit === 0));
});

test('what could not be measured is null and does not fail', () => {
  const validity = judge({ health: [health({ cpuWaitShare: null, loopDelayP99Ms: null })] });
  assert.equal(validity.verdict, 'valid');
  assert.equal(validity.checks.find((check) => check.check === 'cpu_wait')?.value, null);
  assert.equal(judge({ health: [] }).checks.find((check) => check.check === 'cpu_share')?.value, null);
});

test('exit status: interrupted before invalid before a missed SLO', () => {
  const term = (met: boolean) => ({ term: 't', value: 1, limit: 1, unit: 'ms', met, n: 1 });
  const status = (interrupted: boolean, verdict: 'valid' | 'invalid', met: boolean[]): number =>
    exitStatusOf({
      interrupted,
      validity: { ...judge({}), verdict },
      slo: met.map(term),
    } as unknown as RunSummary);
  assert.equal(status(false, 'valid', []), 0);
  assert.equal(status(false, 'valid', [true, true]), 0);
  assert.equal(status(false, 'valid', [true, false]), 5);
  assert.equal(status(false, 'invalid', [true, false]), 6);
  assert.equal(status(true, 'invalid', [false]), 130);
});
