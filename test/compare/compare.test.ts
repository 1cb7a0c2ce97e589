/** Comparing two traces as a whole: the same result for the same input, the document, the notes, the refusals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComparableTrace } from '../../src/compare/columns.js';
import { type CompareTracesOptions, compareTraces } from '../../src/compare/compare.js';
import { formatTraceComparison } from '../../src/compare/format-traces.js';
import { parseServingObjective } from '../../src/compare/trace-files.js';
import { readEngineModel } from '../../src/engine/model.js';
import { ToolError } from '../../src/errors.js';
import { stringifyStrict } from '../../src/trace/files.js';
import type { EngineModel, TraceComparison } from '../../src/types.js';
import { toyBlocks, toyTraffic } from './toys.js';

const REAL = toyTraffic({ seed: 'real', durationSec: 900 });
const OTHER = toyTraffic({ seed: 'other', durationSec: 900, synthetic: true });

const compare = (options: Partial<CompareTracesOptions> = {}): Promise<TraceComparison> =>
  compareTraces({ a: REAL, b: OTHER, seed: 1, floor: { repeats: 8 }, resamples: 4, ...options });

/** Every request starts with one of ten heads and goes on alone. */
function withBlocks(trace: ComparableTrace, heads: number, blockSize = 16): ComparableTrace {
  const hashes = Array.from(trace.inputTokens, (tokens, row) => {
    const blocks = Math.max(1, Math.ceil(tokens / blockSize));
    return Array.from({ length: blocks }, (_, k) =>
      k < 8 ? (row % heads) * 100 + k : 1e6 + row * 1_000 + k,
    );
  });
  return { ...trace, blocks: toyBlocks(hashes, blockSize) };
}

test('equal traces, seed and options give an equal result; another seed another floor', async () => {
  const strip = ({ manifest: _, ...rest }: TraceComparison) => rest;
  const first = await compare();
  assert.deepEqual(strip(await compare()), strip(first));
  const other = await compare({ seed: 2 });
  assert.notDeepEqual(
    other.metrics.map((metric) => metric.floorP95),
    first.metrics.map((metric) => metric.floorP95),
  );
  assert.deepEqual(
    other.metrics.map((metric) => metric.value),
    first.metrics.map((metric) => metric.value),
  );
});

test('a trace against itself: every distance zero, capacity the same to the last bit, verdict faithful', async () => {
  const real = withBlocks(REAL, 10);
  const comparison = await compare({ a: real, b: real });
  for (const { id, value } of comparison.metrics) assert.ok(value === 0 || value === null, id);
  assert.equal(comparison.serving!.capacity.ratio, 1);
  assert.equal(comparison.serving!.capacity.pass, true);
  assert.equal(comparison.verdict.verdict, 'faithful');
  assert.equal(comparison.passed, comparison.judged);
});

test('limits are the floor’s 95 % points and never below 0.02; judged are those with a limit', async () => {
  const { metrics, judged, passed, floor } = await compare();
  assert.deepEqual(floor, { repeats: 8, blockSec: 30, blocksPerHalf: 14 });
  for (const metric of metrics) {
    assert.equal(metric.limit, Math.max(0.02, metric.floorP95 ?? 0));
    if (metric.floorP50 !== null) assert.ok(metric.floorP50 <= metric.floorP95!);
    if (metric.pass !== null) assert.equal(metric.pass, metric.value! <= metric.limit, metric.id);
  }
  assert.equal(judged, 29);
  assert.equal(passed, metrics.filter((metric) => metric.pass).length);
});

test('the document holds finite numbers only, and charts of a few hundred points', async () => {
  const comparison = await compare({ a: withBlocks(REAL, 10), b: withBlocks(OTHER, 30) });
  const text = stringifyStrict(comparison);
  assert.ok(text.length < 200_000, `${text.length} characters`);
  const { figures } = comparison;
  assert.deepEqual(
    figures.quantiles.map((pair) => pair.id),
    ['input_tokens', 'output_tokens', 'gap_sec', 'ttft_sec'],
  );
  for (const { probs, a, b } of figures.quantiles) {
    assert.equal(a.length, probs.length);
    assert.equal(b.length, probs.length);
    for (let k = 1; k < a.length; k++) assert.ok(a[k] >= a[k - 1] && b[k] >= b[k - 1]);
  }
  const series = [figures.countsOverTime, figures.dispersion, figures.autocorrelation, figures.lruHitRatio!];
  for (const { x, a, b } of series) {
    assert.ok(x.length > 0 && x.length <= 300);
    assert.equal(a.length, x.length);
    assert.equal(b.length, x.length);
  }
  const sum = (values: readonly (number | null)[]): number =>
    values.reduce<number>((s, v) => s + (v ?? 0), 0);
  assert.equal(sum(figures.countsOverTime.a), comparison.a.comparedRows);
  assert.equal(sum(figures.countsOverTime.b), comparison.b.comparedRows);
  const { heatMap } = figures;
  assert.equal(heatMap!.a.length, (heatMap!.inputEdges.length - 1) * (heatMap!.outputEdges.length - 1));
  assert.ok(Math.abs(sum(heatMap!.a) - 1) < 1e-9 && Math.abs(sum(heatMap!.b) - 1) < 1e-9);
});

test('prefix metrics come in when both traces have blocks, and tell ten heads from three hundred', async () => {
  const comparison = await compare({ a: withBlocks(REAL, 10), b: withBlocks(OTHER, 300), engine: null });
  const passOf = new Map(comparison.metrics.map((metric) => [metric.id, metric.pass]));
  assert.equal(passOf.get('inf_hit_diff'), false);
  assert.equal(passOf.get('ks_hit'), false);
  assert.equal(passOf.get('ks_in'), true);
  assert.ok(comparison.verdict.recommendation.includes('sessions'));
});

test('what only one trace has is not compared, and said', async () => {
  const one = await compare({ a: withBlocks(REAL, 10), engine: null });
  assert.ok(one.metrics.every((metric) => metric.group !== 'prefix'));
  assert.match(one.notes.join(), /only the first trace has block hashes/);
  const sizes = await compare({ a: withBlocks(REAL, 10), b: withBlocks(OTHER, 10, 32), engine: null });
  assert.match(sizes.notes.join(), /blocks of 16 tokens in the first trace, of 32 in the second/);
});

test('an engine with prefix caching feels the shared heads', async () => {
  const reference = await readEngineModel('reference');
  const caching: EngineModel = {
    ...reference,
    prefixCaching: true,
    limits: { ...reference.limits, blockSize: 16, kvBlocks: 20_000 },
  };
  const shared = await compare({ a: withBlocks(REAL, 10), b: withBlocks(OTHER, 10), engine: caching });
  const alone = await compare({ engine: caching });
  assert.ok(shared.serving!.capacity.speedA! < 0.97 * alone.serving!.capacity.speedA!);
});

test('without an engine there is no serving check; the rest stays', async () => {
  const comparison = await compare({ engine: null });
  assert.equal(comparison.serving, null);
  assert.equal(comparison.judged, 23);
  assert.ok(comparison.metrics.every((metric) => metric.group !== 'serving'));
});

test('requests that the engine refuses are counted and said; an objective out of reach is no check', async () => {
  const reference = await readEngineModel('reference');
  const small: EngineModel = { ...reference, limits: { ...reference.limits, maxModelLen: 1_500 } };
  const { serving, notes } = await compare({ engine: small });
  assert.ok(serving!.refusedA > 0 && serving!.refusedB > 0);
  assert.match(notes.join(), /the engine refuses \d+ requests of the first trace/);
  const nothing: EngineModel = { ...reference, limits: { ...reference.limits, maxModelLen: 2 } };
  const none = await compare({ engine: nothing });
  assert.equal(none.serving, null);
  assert.match(none.notes.join(), /no engine speed makes the first trace meet/);
});

test('a trace too short to be split is measured but not judged', async () => {
  const comparison = await compare({
    a: toyTraffic({ seed: 'real', durationSec: 40 }),
    b: toyTraffic({ seed: 'other', durationSec: 40, synthetic: true }),
    floor: { blockSec: 30, repeats: 8 },
    engine: null,
  });
  assert.equal(comparison.floor, null);
  assert.equal(comparison.judged, 0);
  assert.equal(comparison.verdict.verdict, 'not_judged');
  assert.ok(comparison.metrics.find((metric) => metric.id === 'ks_in')!.value !== null);
});

test('the screen text fits 80 columns but for sentences, and names every judged metric', async () => {
  const comparison = await compare({ a: withBlocks(REAL, 10), b: withBlocks(OTHER, 300) });
  const text = formatTraceComparison(comparison);
  for (const metric of comparison.metrics.filter((one) => one.pass !== null))
    assert.match(text, new RegExp(`^  ${metric.id} .*${metric.pass ? 'ok' : 'FAIL'}$`, 'm'));
  const table = text
    .split('\n')
    .filter((line) => /(ok|FAIL|drift)$/.test(line) && !line.includes('serving '));
  assert.ok(table.length > 30);
  for (const line of table) assert.ok([...line].length <= 80, line);
  assert.match(text, /synthetic one \d/);
});

test('wrong options are refused by name', async () => {
  const refused = (promise: Promise<unknown>, message: RegExp) =>
    assert.rejects(promise, (error: unknown) => error instanceof ToolError && message.test(error.message));
  await refused(compare({ floor: { repeats: 1 } }), /floor repeats: expected a whole number from 2, got 1/);
  await refused(compare({ floor: { repeats: 8, blockSec: 0 } }), /floor block/);
  await refused(compare({ resamples: 0.5 }), /resamples: expected a whole number from 0/);
  for (const [text, message] of [
    ['mean(ttft) < 1s', /one percentile of one latency/],
    ['p99(ttft) < 1s, p99(e2e) < 9s', /one percentile of one latency/],
    ['goodput > 0.9', /one percentile of one latency/],
    ['p99(send_lag) < 1s', /ttft, e2e or tpot/],
    ['p99(ttft) < 0s', /above zero/],
  ] as const)
    assert.throws(() => parseServingObjective(text), message, text);
  assert.deepEqual(parseServingObjective('p90(tpot) < 50ms'), {
    metric: 'tpot',
    percentile: 0.9,
    limitSec: 0.05,
    text: 'p90(tpot) < 50ms',
  });
});

test('an interrupt ends the comparison with its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  let steps = 0;
  await assert.rejects(
    compare({
      signal: controller.signal,
      progress: () => {
        steps += 1;
        if (steps === 5) controller.abort(reason);
      },
    }),
    reason,
  );
  assert.equal(steps, 5);
});
