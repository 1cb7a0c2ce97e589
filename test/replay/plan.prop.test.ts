/** The plan: order, speed, windows, gaps, what is left out. Case F29. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ToolError } from '../../src/errors.js';
import { type PlanOptions, planReplay } from '../../src/replay/plan.js';
import { planSchedule } from '../../src/replay/schedule.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import type { TraceRow } from '../../src/types.js';
import { NS_PER_SEC } from '../../src/units.js';

const arrivals = fc.array(fc.nat(2_000_000_000), { minLength: 1, maxLength: 80 }).map((gaps) => {
  let atNs = 7e9;
  return gaps.map((gap) => {
    atNs += gap;
    return atNs;
  });
});

test('sorted in → sorted sends from 0, in whole ns', () => {
  fc.assert(
    fc.property(
      arrivals,
      fc.double({ min: 0.01, max: 1_000, noNaN: true }),
      fc.option(fc.double({ min: 0, max: 3, noNaN: true })),
      (arrivalNs, speed, maxGapSec) => {
        const { intendedNs, durationSec } = planSchedule(arrivalNs, { speed, maxGapSec });
        assert.equal(intendedNs[0], 0);
        for (let i = 1; i < intendedNs.length; i++) assert.ok(intendedNs[i] >= intendedNs[i - 1]);
        assert.ok(intendedNs.every(Number.isSafeInteger));
        assert.equal(durationSec, intendedNs.at(-1)! / NS_PER_SEC);
      },
    ),
    { seed: 1 },
  );
});

test('speed s divides every gap by s', () => {
  fc.assert(
    fc.property(arrivals, fc.double({ min: 0.1, max: 100, noNaN: true }), (arrivalNs, speed) => {
      const plain = planSchedule(arrivalNs, {}).intendedNs;
      const fast = planSchedule(arrivalNs, { speed }).intendedNs;
      for (let i = 0; i < plain.length; i++) {
        assert.equal(plain[i], arrivalNs[i] - arrivalNs[0]);
        assert.ok(Math.abs(fast[i] - plain[i] / speed) <= 0.5);
      }
    }),
    { seed: 2 },
  );
});

test('no gap is longer than the cap, and shorter ones stay', () => {
  fc.assert(
    fc.property(arrivals, fc.double({ min: 0.001, max: 2, noNaN: true }), (arrivalNs, maxGapSec) => {
      const plain = planSchedule(arrivalNs, {}).intendedNs;
      const { intendedNs, cappedGaps } = planSchedule(arrivalNs, { maxGapSec });
      let longer = 0;
      for (let i = 1; i < plain.length; i++) {
        const gapNs = plain[i] - plain[i - 1];
        if (gapNs > maxGapSec * NS_PER_SEC) longer += 1;
        const expected = Math.min(gapNs, maxGapSec * NS_PER_SEC);
        assert.ok(Math.abs(intendedNs[i] - intendedNs[i - 1] - expected) <= 1);
      }
      assert.equal(cappedGaps, longer);
    }),
    { seed: 3 },
  );
});

test('F29: scale first, then cap gaps in replay seconds', () => {
  const at = (seconds: number[], options: Parameters<typeof planSchedule>[1]): number[] =>
    [
      ...planSchedule(
        seconds.map((sec) => sec * NS_PER_SEC),
        options,
      ).intendedNs,
    ].map((ns) => ns / NS_PER_SEC);
  const rows = [1_000, 1_010, 2_010];
  assert.deepEqual(at(rows, { speed: 10, maxGapSec: 20 }), [0, 1, 21]);
  assert.deepEqual(at(rows, { speed: 10 }), [0, 1, 101]);
  assert.deepEqual(at(rows, { maxGapSec: 20 }), [0, 10, 30]);
});

test('an absolute rate is reached by scaling time; a factor scales by itself', () => {
  const arrivalNs = [0, 1, 2, 3, 10].map((sec) => sec * NS_PER_SEC);
  const absolute = planSchedule(arrivalNs, { rate: { kind: 'absolute', ratePerSec: 20 } });
  assert.ok(Math.abs(absolute.ratePerSec! - 20) < 1e-6);
  assert.equal(absolute.speed, 50);
  assert.equal(planSchedule(arrivalNs, { rate: { kind: 'factor', factor: 4 } }).durationSec, 2.5);
  assert.equal(planSchedule([5], {}).ratePerSec, null);
  assert.equal(planSchedule([5, 5], {}).ratePerSec, null);
});

test('speeds and rates that cannot be are refused', () => {
  const refused = (arrivalNs: number[], options: Parameters<typeof planSchedule>[1]): void =>
    assert.throws(
      () => planSchedule(arrivalNs, options),
      (error) => error instanceof ToolError && error.code === 'BAD_VALUE',
    );
  for (const speed of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) refused([0, 1], { speed });
  refused([0, 1], { speed: 2, rate: { kind: 'factor', factor: 2 } });
  refused([5, 5, 5], { rate: { kind: 'absolute', ratePerSec: 1 } });
  refused([5], { rate: { kind: 'absolute', ratePerSec: 1 } });
});

const row = (sec: number, overrides: Partial<TraceRow> = {}): TraceRow =>
  emptyRow({
    arrivalNs: BigInt(sec * NS_PER_SEC),
    inputTokens: 10,
    outputTokens: 5,
    operation: 'chat',
    ...overrides,
  });

const plan = (rows: readonly TraceRow[], options: Partial<PlanOptions> = {}) =>
  planReplay([batchFromRows(rows)], { stream: 'trace', blockSize: null, ...options });

test('the window is in the trace’s time from its first row, its end exclusive; the first row of it leaves at 0', async () => {
  const rows = [100, 110, 115, 120, 130].map((sec) => row(sec));
  const cut = await plan(rows, { window: { fromSec: 10, toSec: 20 } });
  assert.deepEqual([...cut.row], [1, 2]);
  assert.deepEqual([...cut.schedule.intendedNs], [0, 5 * NS_PER_SEC]);
  assert.deepEqual([...(await plan(rows, { window: { fromSec: 15, toSec: null } })).row], [2, 3, 4]);
  assert.deepEqual([...(await plan(rows, { requests: 2 })).row], [0, 1]);
  assert.deepEqual(
    [...(await plan(rows, { window: { fromSec: 10, toSec: null }, requests: 2 })).row],
    [1, 2],
  );
});

test('batches are read only as far as they matter', async () => {
  let read = 0;
  function* batches() {
    for (let i = 0; i < 10; i++) {
      read += 1;
      yield batchFromRows([row(i), row(i)]);
    }
  }
  assert.equal((await planReplay(batches(), { stream: 'trace', blockSize: null, requests: 3 })).count, 3);
  assert.equal(read, 2);
});

test('what is left out and what is changed is counted by reason', async () => {
  const planned = await plan(
    [
      row(0),
      row(1, { inputTokens: null }),
      row(2, { operation: 'embedding' }),
      row(3, { inputTokens: 0 }),
      row(4, { outputTokens: 0 }),
      row(5, { outputTokens: null }),
      row(6, { outputTokens: null, maxOutputTokens: 9 }),
      row(7, { outputTokens: 100 }),
      row(8, { operation: 'other' }),
      row(9, { operation: 'completion', stream: false }),
    ],
    { maxOutput: 50 },
  );
  assert.deepEqual(planned.leftOut, { 'no prompt length': 1, 'operation embedding': 1 });
  assert.deepEqual(planned.changed, {
    'prompt of 0 tokens sent as 1': 1,
    'output of 0 tokens asked as 1': 1,
    'no output length: --max-output asked for': 1,
    'output shortened to --max-output': 1,
  });
  assert.deepEqual([...planned.row], [0, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...planned.maxOutputTokens], [5, 5, 1, 50, 9, 50, 5, 5]);
  assert.deepEqual([...planned.stream], [1, 1, 1, 1, 1, 1, 1, 0]);
  assert.deepEqual([...(await plan([row(0, { outputTokens: null })])).maxOutputTokens], [-1]);
  assert.deepEqual([...(await plan([row(0)], { stream: 'never' })).stream], [0]);
  assert.deepEqual([...(await plan([row(0, { stream: false })], { stream: 'always' })).stream], [1]);
});

test('block hashes are kept exact; wrong numbers of them are refused with the row', async () => {
  const hashes = [12_345_678_901_234_567_891n, 12_345_678_901_234_567_890n];
  const planned = await plan([row(0), row(1, { inputTokens: 20, blockHashes: hashes })], { blockSize: 16 });
  assert.deepEqual([...planned.blockOffsets], [0, 0, 2]);
  assert.deepEqual([...planned.blockHashes], hashes);
  await assert.rejects(
    plan([row(0), row(1, { inputTokens: 40, blockHashes: hashes })], { blockSize: 16 }),
    (error) =>
      error instanceof ToolError &&
      error.code === 'BAD_TRACE' &&
      /row 1 has 2 block hashes for 40 tokens/.test(error.message),
  );
  const unshared = await plan([row(0, { inputTokens: 20, blockHashes: hashes })]);
  assert.deepEqual(unshared.changed, { 'block hashes without a block size: not shared': 1 });
});

test('nothing to send is refused, and says why', async () => {
  const refused = async (
    rows: readonly TraceRow[],
    options: Partial<PlanOptions>,
    why: RegExp,
  ): Promise<void> =>
    assert.rejects(
      plan(rows, options),
      (error) => error instanceof ToolError && error.code === 'NO_ROWS' && why.test(error.message),
    );
  await refused([], {}, /has no rows/);
  await refused([row(0)], { window: { fromSec: 5, toSec: 6 } }, /no row of the trace lies in the window/);
  await refused([row(0, { inputTokens: null })], {}, /1 with no prompt length/);
});
