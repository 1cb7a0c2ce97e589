/** Comparing two runs: the numbers of the runs' own summaries, verdicts that follow from what was changed, pairing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRunComparison } from '../../src/compare/format-runs.js';
import { flowBlocks, ratioOf, runSides } from '../../src/compare/run-sides.js';
import { type CompareRunsOptions, compareRuns } from '../../src/compare/runs.js';
import { throughputOf } from '../../src/metrics.js';
import { parseSlo } from '../../src/slo.js';
import { stringifyStrict } from '../../src/trace/files.js';
import type { RunComparison, RunDifference, RunRecord } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';
import { type MadeOptions, madeRun } from './made-runs.js';

const BEFORE = madeRun({ trace: 't', noise: 'before' });

const against = (
  change: Partial<MadeOptions>,
  options: Partial<CompareRunsOptions> = {},
): Promise<RunComparison> =>
  compareRuns({
    a: BEFORE,
    b: madeRun({ trace: 't', noise: 'after', ...change }),
    seed: 1,
    resamples: 400,
    ...options,
  });

const find = (
  comparison: RunComparison,
  id: RunDifference['id'],
  statistic: string | null = null,
): RunDifference => comparison.differences.find((one) => one.id === id && one.statistic === statistic)!;

test('values are those of the runs’ own summaries', async () => {
  const b = madeRun({ trace: 't', noise: 'after', failures: 0.05 });
  const comparison = await compareRuns({ a: BEFORE, b, seed: 1, resamples: 200 });
  for (const id of ['ttft', 'tpot', 'e2e'] as const) {
    const { p50, p90, p99, n } = b.summary.metrics[id]!;
    assert.equal(find(comparison, id, 'p50').b, p50);
    assert.equal(find(comparison, id, 'p90').b, p90);
    assert.equal(find(comparison, id, 'p99').b, p99);
    assert.equal(find(comparison, id, 'p99').nB, n);
  }
  const failed = b.summary.counts.byStatus.http_error! / b.records.length;
  assert.equal(find(comparison, 'error_rate').b, failed);
  assert.equal(find(comparison, 'goodput').b, b.summary.goodput);
  const flow = throughputOf(b.records);
  assertClose(find(comparison, 'requests_per_sec').b, flow.okPerSec, 1e-12, 'requests/s');
  assertClose(find(comparison, 'output_tokens_per_sec').b, flow.okOutputTokensPerSec, 1e-12, 'tokens/s');
});

test('a run against itself: no difference at all, and none shown', async () => {
  const comparison = await compareRuns({ a: BEFORE, b: BEFORE, seed: 1, resamples: 200 });
  for (const one of comparison.differences) {
    assert.equal(one.difference, 0);
    assert.equal(one.low, 0);
    assert.equal(one.high, 0);
  }
  assert.equal(comparison.verdict.verdict, 'no_difference_shown');
});

test('the same server again: no difference shown, and the text says what would have been', async () => {
  const comparison = await against({});
  assert.equal(comparison.verdict.verdict, 'no_difference_shown');
  assert.match(comparison.verdict.because, /a change of p99 TTFT by \d+ % or more would have shown/);
});

test('a server 15 % slower is worse, 15 % faster better, in the latencies that it moves', async () => {
  const slower = await against({ speed: 0.87 });
  assert.equal(slower.verdict.verdict, 'worse');
  assert.equal(find(slower, 'tpot', 'p50').change, 'worse');
  assert.ok(find(slower, 'tpot', 'p50').low! > 0);
  const faster = await against({ speed: 1.15 });
  assert.equal(faster.verdict.verdict, 'better');
  assert.equal(find(faster, 'tpot', 'p50').change, 'better');
});

test('failures count: a tenth of requests failing is worse by errors, goodput and flow', async () => {
  const failing = await against({ failures: 0.1 });
  assert.equal(find(failing, 'error_rate').change, 'worse');
  assert.equal(find(failing, 'goodput').change, 'worse');
  assert.equal(find(failing, 'requests_per_sec').change, 'worse');
  assert.match(failing.notes.join(), /did not end ok: they have no latency/);
});

test('faster but failing is mixed', async () => {
  const mixed = await against({ speed: 1.3, failures: 0.1 });
  assert.equal(mixed.verdict.verdict, 'mixed');
  assert.match(mixed.verdict.because, /worse in .*error rate.*; better in .*tpot/);
});

test('the same rows are paired, which narrows intervals; another trace is not', async () => {
  const paired = await against({});
  assert.deepEqual([paired.bootstrap.paired, paired.bootstrap.pairedRows], [true, BEFORE.records.length]);
  const apart = await against({ trace: 'u' });
  assert.equal(apart.bootstrap.paired, false);
  assert.match(apart.notes.join(), /did not send the same rows/);
  assert.match(apart.notes.join(), /the loads differ \(trace t and u\)/);
  const width = ({ low, high }: RunDifference): number => high! - low!;
  for (const [id, statistic] of [
    ['ttft', 'p50'],
    ['e2e', 'p50'],
    ['e2e', 'p99'],
  ] as const)
    assert.ok(
      width(find(paired, id, statistic)) < 0.8 * width(find(apart, id, statistic)),
      `${id} ${statistic}`,
    );
});

test('a run cut off half-way is compared on the rows that both have', async () => {
  const whole = madeRun({ trace: 't', noise: 'after' });
  const records = whole.records.slice(0, Math.floor(whole.records.length * 0.6));
  const comparison = await compareRuns({ a: BEFORE, b: { ...whole, records }, seed: 1, resamples: 200 });
  assert.equal(comparison.bootstrap.pairedRows, records.length);
  assert.equal(find(comparison, 'ttft', 'p50').nA, records.length);
});

test('warm-up requests are not compared', async () => {
  const records = BEFORE.records.map((record, i) =>
    i < 100 ? { ...record, phase: 'warmup' as const } : record,
  );
  const comparison = await compareRuns({ a: BEFORE, b: { ...BEFORE, records }, seed: 1, resamples: 200 });
  assert.equal(find(comparison, 'ttft', 'p50').nB, records.length - 100);
});

test('an invalid run is no evidence', async () => {
  const { verdict } = await against({ valid: false, speed: 0.5 });
  assert.equal(verdict.verdict, 'not_comparable');
  assert.match(verdict.because, /run after is INVALID: sent too late/);
});

test('another rate is said, and flow is then not judged', async () => {
  const comparison = await against({ trace: 'u', ratePerSec: 3 });
  assert.equal(find(comparison, 'requests_per_sec').change, null);
  assert.ok(find(comparison, 'requests_per_sec').low !== null);
});

test('goodput needs one objective for both: given, or shared', async () => {
  const different = await against({ slo: 'p99(ttft) < 9s' });
  assert.equal(find(different, 'goodput'), undefined);
  assert.match(different.notes.join(), /different objectives/);
  const given = await against({ slo: 'p99(ttft) < 9s' }, { slo: parseSlo('p50(e2e) < 3s') });
  assert.equal(given.slo, 'p50(e2e) < 3s');
  const { a } = find(given, 'goodput');
  assert.ok(a! > 0 && a! < 1);
});

test('a p99 of a few requests has a value but no interval', async () => {
  const a = madeRun({ trace: 't', noise: 'a', durationSec: 60 });
  const b = madeRun({ trace: 't', noise: 'b', durationSec: 60 });
  assert.ok(a.records.length < 500);
  const comparison = await compareRuns({ a, b, seed: 1, resamples: 200 });
  const p99 = find(comparison, 'ttft', 'p99');
  assert.ok(p99.a !== null);
  assert.deepEqual([p99.low, p99.familyLow, p99.change], [null, null, null]);
  assert.ok(find(comparison, 'ttft', 'p50').low !== null);
});

test('a handful of requests is not comparable', async () => {
  const tiny = { ...BEFORE, records: BEFORE.records.slice(0, 1) };
  const { verdict } = await compareRuns({ a: tiny, b: tiny, seed: 1, resamples: 200 });
  assert.equal(verdict.verdict, 'not_comparable');
});

test('flow over blocks of ends is the run’s throughput, whatever the block', () => {
  const { records } = BEFORE;
  for (const blockSec of [1, 7, 1_000]) {
    const side = runSides(records, records, true).a;
    const flow = ratioOf(
      flowBlocks(side, blockSec, (record) => record.outputTokens ?? 0),
      null,
    );
    assertClose(flow, throughputOf(records).okOutputTokensPerSec, 1e-12, `blocks of ${blockSec} s`);
  }
});

test('flow of an interrupted run is over the time that it ran: what was never sent does not lengthen it', () => {
  const cut = BEFORE.records.map(
    (record, i): RunRecord =>
      i < BEFORE.records.length / 2
        ? record
        : { ...record, status: 'unsent', sentNs: null, endNs: null, outputTokens: null },
  );
  const ran = throughputOf(cut.filter((record) => record.status !== 'unsent'));
  const whole = throughputOf(BEFORE.records);
  assert.ok(ran.windowSec < 0.6 * whole.windowSec);
  const side = runSides(cut, cut, true).a;
  const flow = flowBlocks(side, 7, (record) => record.outputTokens ?? 0);
  assertClose(ratioOf(flow, null), ran.okOutputTokensPerSec, 1e-12, 'tokens/s');
});

test('equal input, equal result; numbers are finite; lines fit the screen', async () => {
  const strip = ({ manifest: _, ...rest }: RunComparison) => rest;
  const first = await against({ speed: 0.87, failures: 0.1 });
  assert.deepEqual(strip(await against({ speed: 0.87, failures: 0.1 })), strip(first));
  assert.ok(stringifyStrict(first).length < 100_000);
  const text = formatRunComparison(first);
  assert.match(text, /^ttft p99 /m);
  for (const line of text
    .split('\n')
    .filter((one) => /^(ttft|tpot|itl|e2e|response|error|goodput|ok|output)/.test(one)))
    assert.ok([...line].length <= 80, `${[...line].length}: ${line}`);
});
