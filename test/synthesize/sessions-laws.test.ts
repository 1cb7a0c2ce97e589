/**
 * Laws of sessions that depend on more than the turn: times behind long prompts, and gaps between visits by the time of
 * day. Drawn as written, found again by a fit, absent where nothing depends on them, and carried along by the verbs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitWorkload } from '../../src/fit/fit.js';
import { checkWorkloadModel } from '../../src/synthesize/check-model.js';
import { scaleLengths } from '../../src/synthesize/scale-lengths.js';
import { compress } from '../../src/synthesize/scale-model.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import type { SessionModel, WorkloadModel } from '../../src/types.js';
import { TEST_META } from '../fit/batches.js';
import { assertClose } from '../stats/reference.js';
import {
  BLOCK_SIZE,
  blocksOf,
  chatSessions,
  curve,
  documentSessions,
  prefixModel,
  rowsOf,
  sessionWorkload,
} from './sessions-models.js';

const LARGEST = 2_147_483_647;
const FACTORS = [
  { inputFrom: 0, inputTo: 399, afterFirst: 0.5, afterLater: 0.5 },
  { inputFrom: 400, inputTo: LARGEST, afterFirst: 2, afterLater: 2 },
];

function chatWith(byInput: SessionModel['think']['byInput']): WorkloadModel {
  const sessions = chatSessions();
  return sessionWorkload(
    { ...sessions, think: { ...sessions.think, ...(byInput && { byInput }) } },
    prefixModel(),
    3_000,
  );
}

function refit(model: WorkloadModel): SessionModel {
  const batches = [...synthesizeTrace({ model, seed: 1 })];
  return fitWorkload({ batches, meta: { ...TEST_META, blockSize: BLOCK_SIZE }, by: 'none' }).sessions!;
}

test('time to the next turn is stretched behind long prompts as the model says', () => {
  const plain = rowsOf({ model: chatWith(undefined), seed: 3 });
  const rows = rowsOf({ model: chatWith(FACTORS), seed: 3 });
  const before = new Map(rows.map((row) => [row.requestId, row]));
  const range = (wanted: (inputTokens: number) => boolean): [number, number] => {
    const thinkSec = rows
      .filter((row) => row.parentId !== null && wanted(before.get(row.parentId)!.inputTokens!))
      .map((row) => Number(row.thinkNs) / 1e9);
    return [Math.min(...thinkSec), Math.max(...thinkSec)];
  };
  const short = range((tokens) => tokens < 400);
  const long = range((tokens) => tokens >= 400);
  assert.ok(short[0] >= 5 && short[1] <= 15, `${short}`);
  assert.ok(long[0] >= 19.9 && long[1] <= 60, `${long}`);
  // First turns are drawn apart from what follows: the same ones.
  const firsts = (all: typeof rows): string[] =>
    all.filter((row) => row.parentId === null).map((row) => `${row.arrivalNs} ${row.inputTokens}`);
  assert.deepEqual(firsts(rows), firsts(plain));
});

test('a fit finds how much longer users wait behind long prompts, and nothing where they do not', () => {
  const { byInput } = refit(chatWith(FACTORS)).think;
  assert.ok(byInput !== undefined);
  const last = byInput.at(-1)!;
  assert.ok(byInput[0].inputTo < 400 && last.inputFrom > 400, 'bins apart from the step');
  assertClose(last.afterFirst / byInput[0].afterFirst, 4, 0.1, 'ratio after first turns');
  assertClose(last.afterLater / byInput[0].afterLater, 4, 0.1, 'ratio after later turns');
  assert.equal(refit(chatWith(undefined)).think.byInput, undefined);
});

/** Visits that come long after the last one in the first half of the window, and soon in the second. */
function poolWith(byTime: boolean): WorkloadModel {
  const sessions = documentSessions();
  const reuseGapByTime = [
    { fromSec: 0, curve: curve(80, 120) },
    { fromSec: 600, curve: curve(1, 5) },
  ];
  return sessionWorkload(
    { ...sessions, pool: { ...sessions.pool!, ...(byTime && { reuseGapByTime }) } },
    prefixModel(),
    1_200,
  );
}

/** Median time since the first block was last seen, of requests that begin like an earlier one. */
function medianGapSec(model: WorkloadModel, fromSec: number, toSec: number, durationSec?: number): number {
  const last = new Map<string, bigint>();
  const gaps: number[] = [];
  for (const row of rowsOf({ model, seed: 1, durationSec })) {
    const [first] = blocksOf(row);
    const seen = last.get(first);
    const atSec = Number(row.arrivalNs) / 1e9;
    if (seen !== undefined && atSec >= fromSec && atSec < toSec) gaps.push(atSec - Number(seen) / 1e9);
    last.set(first, row.arrivalNs);
  }
  return gaps.sort((a, b) => a - b)[gaps.length >> 1];
}

test('gaps between visits follow the time in the window, and repeat with it', () => {
  const model = poolWith(true);
  checkWorkloadModel(model);
  assertClose(medianGapSec(model, 200, 600), 100, 0.2, 'first half');
  assert.ok(medianGapSec(model, 600, 1_200) < 8, 'second half');
  assert.ok(medianGapSec(model, 1_400, 1_800, 2_400) > 60, 'again in the next period');
});

test('a fit tells early gaps from late ones, and takes one law where there is one', () => {
  assert.equal(refit(poolWith(false)).pool?.reuseGapByTime, undefined);
  const { pool } = refit(poolWith(true));
  const periods = pool?.reuseGapByTime;
  assert.ok(periods !== undefined && periods.length >= 2);
  const median = (place: number): number => {
    const { probs, values } = periods.at(place)!.curve;
    return values[probs.findIndex((p) => p >= 0.5)];
  };
  assert.ok(median(0) > 60 && median(-1) < 8, `${median(0)}, ${median(-1)}`);
});

test('compress and scale-length carry both laws along', () => {
  const faster = compress(poolWith(true), 4);
  checkWorkloadModel(faster);
  const { reuseGapByTime } = faster.sessions!.pool!;
  assert.deepEqual(
    reuseGapByTime!.map(({ fromSec, curve: { values } }) => [fromSec, ...values]),
    [
      [0, 20, 30],
      [150, 0.25, 1.25],
    ],
  );
  const longer = scaleLengths(chatWith(FACTORS), { input: 2, output: 1 });
  checkWorkloadModel(longer);
  assert.deepEqual(
    longer.sessions!.think.byInput!.map(({ inputFrom, inputTo }) => [inputFrom, inputTo]),
    [
      [0, 798],
      [799, LARGEST],
    ],
  );
  assert.deepEqual(longer.sessions!.continuation.byInput, chatSessions().continuation.byInput);
});

test('what a pool says about lengths of documents and times of visits is sped up and moved too', () => {
  const model = poolWith(false);
  const pool = {
    ...model.sessions!.pool!,
    visitsByInput: [
      { inputFrom: 0, inputTo: 500, visits: { stepSec: 30, ratePerSec: [0.4], bandwidthSec: null } },
      { inputFrom: 501, inputTo: LARGEST, visits: { stepSec: 30, ratePerSec: [0.6], bandwidthSec: null } },
    ],
  };
  const split = { ...model, sessions: { ...model.sessions!, pool } };
  const faster = compress(split, 2).sessions!.pool!;
  assert.deepEqual(
    faster.visitsByInput!.map(({ visits }) => visits.ratePerSec[0]),
    [0.8, 1.2],
  );
  const longer = scaleLengths(split, { input: 3, output: 1 }).sessions!.pool!;
  assert.equal(longer.visitsByInput![0].inputTo, 1_500);
});
