/** Sessions on small traces made by hand: link rule, threads, documents, ids, heads, branches, think times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitWorkload } from '../../src/fit/fit.js';
import { inferBlockSize, SessionCollector } from '../../src/fit/sessions/columns.js';
import { chooseKind } from '../../src/fit/sessions/growth.js';
import { findHeads } from '../../src/fit/sessions/heads.js';
import { parentsByDocument, parentsById, parentsByPrefix, turnTable } from '../../src/fit/sessions/links.js';
import { ASSUMED_ANSWER, answerEnds } from '../../src/fit/sessions/think.js';
import { continuationRows, groupByTurn, threadsOf } from '../../src/fit/sessions/threads.js';
import { randomOf } from '../../src/random.js';
import { blockForest } from '../../src/stats/block-forest.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import type { TraceRow } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';
import { TEST_META } from './batches.js';
import { traceOf } from './sessions-mooncake.js';

const BLOCK = 10;

interface ToyRow {
  readonly sec: number;
  readonly input: number;
  readonly output?: number;
  /** One letter per block. */
  readonly blocks: string;
}

/** Equal beginnings of `blocks` have equal ids. */
function trace(rows: readonly ToyRow[]): ReturnType<typeof traceOf> {
  const numberOf = new Map<string, bigint>();
  const idsOf = (blocks: string): bigint[] =>
    [...blocks].map((_, k) => {
      const prefix = blocks.slice(0, k + 1);
      if (!numberOf.has(prefix)) numberOf.set(prefix, BigInt(numberOf.size) + (1n << 40n));
      return numberOf.get(prefix)!;
    });
  const batch = batchFromRows(
    rows.map(({ sec, input, output = 5, blocks }) =>
      emptyRow({
        arrivalNs: BigInt(Math.round(sec * 1e9)),
        inputTokens: input,
        outputTokens: output,
        blockHashes: idsOf(blocks),
        status: 'ok',
      }),
    ),
  );
  return traceOf(batch, BLOCK);
}

test('link rule: complete blocks only, two at least, longer prompt, longest first, latest first', () => {
  const { lists, columns } = trace([
    { sec: 0, input: 25, blocks: 'abx' },
    { sec: 1, input: 36, blocks: 'abcy' }, // follows 0: its two complete blocks are a prefix
    { sec: 2, input: 45, blocks: 'abcdz' }, // follows 1: three blocks win over two
    { sec: 3, input: 28, blocks: 'abw' }, // 0's blocks again and longer: follows 0
    { sec: 4, input: 25, blocks: 'abv' }, // no longer than 0 and 3: a new one
    { sec: 5, input: 29, blocks: 'abu' }, // follows 4, the latest of the shorter ones
    { sec: 6, input: 15, blocks: 'as' }, // one complete block
    { sec: 7, input: 26, blocks: 'atr' }, // so nobody follows 6
  ]);
  assert.deepEqual([...parentsByPrefix(lists, columns.inputTokens)], [-1, 0, 1, 0, -1, 4, -1, -1]);
});

test('threads: the first successor continues, later ones begin threads of their own', () => {
  const parents = Int32Array.of(-1, 0, 0, 1, 2, -1);
  const threads = threadsOf(parents);
  assert.deepEqual([...threads.turn], [1, 2, 1, 3, 2, 1]);
  assert.deepEqual([...threads.next], [1, 3, 4, -1, -1, -1]);
  assert.deepEqual([...threads.first], [0, 0, 2, 0, 2, 5]);
  assert.deepEqual([...continuationRows(threads)], [1, 3, 4]);
  assert.deepEqual(turnTable(parents), { links: 4, requests: [2, 2, 2], followed: [1, 2, 0] });
});

test('turns are grouped until each group has rows enough', () => {
  const turns = [
    ...new Array<number>(200).fill(1),
    ...new Array<number>(100).fill(2),
    ...new Array<number>(160).fill(3),
  ];
  const groups = groupByTurn(Uint32Array.from(turns.keys()), (row) => turns[row]);
  assert.deepEqual(
    groups.map(({ turnFrom, rows }) => [turnFrom, rows.length]),
    [
      [1, 200],
      [2, 260],
    ],
  );
  assert.deepEqual(
    groupByTurn(new Uint32Array(0), () => 1),
    [],
  );
});

test('documents: readers of one document follow each other, whatever they share with older questions', () => {
  const { reuse } = trace([
    { sec: 0, input: 35, blocks: 'habx' },
    { sec: 1, input: 34, blocks: 'hcdy' },
    { sec: 2, input: 36, blocks: 'habz' },
    { sec: 3, input: 35, blocks: 'habx' }, // the first question again: after the last reader
    { sec: 4, input: 15, blocks: 'hq' }, // shares the head only
  ]);
  assert.deepEqual([...parentsByDocument(reuse, Int32Array.of(1, 1, 1, 1, 1))], [-1, -1, 0, 2, -1]);
});

test('ids: a named parent wins, else the row before in the session; parents outside of the trace are none', () => {
  const rows: Partial<TraceRow>[] = [
    { requestId: 'r0', sessionId: 's' },
    { requestId: 'r1', sessionId: 's' },
    { requestId: 'r2', sessionId: 's', parentId: 'r0' },
    { requestId: 'r3', parentId: 'gone' },
    { requestId: 'r4', parentId: 'r3' },
    { requestId: 'r5', parentId: 'r9' },
    { requestId: 'r9' },
  ];
  const collector = new SessionCollector();
  // Two batches, each with dictionaries of its own.
  for (const part of [rows.slice(0, 3), rows.slice(3)]) {
    collector.add(batchFromRows(part.map((row) => emptyRow(row))));
  }
  const columns = collector.finish();
  assert.equal(columns.blocks, null);
  assert.deepEqual([...columns.parent!], [-1, -1, 0, -1, 3, -1, -1]);
  assert.deepEqual([...columns.session!], [0, 0, 0, -1, -1, -1, -1]);
  assert.deepEqual([...parentsById(columns.session, columns.parent)], [-1, 0, 0, -1, 3, -1, -1]);
});

test('the collector pads batches without a column, and keeps 64-bit ids apart', () => {
  const collector = new SessionCollector();
  collector.add(batchFromRows([emptyRow(), emptyRow()]));
  collector.add(
    batchFromRows([
      emptyRow({ durationNs: 2_500_000_000n, blockHashes: [1n, (1n << 32n) + 1n] }),
      emptyRow({ blockHashes: [1n] }),
    ]),
  );
  const columns = collector.finish();
  assert.deepEqual([...columns.durationSec!], [Number.NaN, Number.NaN, 2.5, Number.NaN]);
  assert.equal(columns.thinkSec, null);
  assert.equal(columns.session, null);
  assert.equal(columns.parent, null);
  assert.deepEqual([...columns.blocks!.offsets], [0, 0, 0, 2, 3]);
  assert.deepEqual([...columns.blocks!.numbers], [0, 1, 0]);
});

test('block sizes are found from the lengths of lists', () => {
  const offsets = Uint32Array.of(0, 2, 5, 6);
  assert.equal(inferBlockSize(offsets, [1_000, 1_100, 512]), 512);
  assert.equal(inferBlockSize(offsets, [1_000, 5_000, 512]), null);
});

test('heads: a tree of shared beginnings becomes named heads with shares', () => {
  const rows: ToyRow[] = [];
  // 60 prompts under "h", 30 of them under "hst", 20 under "hu"; ten of no head.
  for (let i = 0; i < 10; i++)
    rows.push({ sec: rows.length, input: 25, blocks: `h${String.fromCharCode(200 + i)}x` });
  for (let i = 0; i < 30; i++)
    rows.push({ sec: rows.length, input: 35, blocks: `hst${String.fromCharCode(300 + i)}` });
  for (let i = 0; i < 20; i++)
    rows.push({ sec: rows.length, input: 25, blocks: `hu${String.fromCharCode(400 + i)}` });
  for (let i = 0; i < 10; i++)
    rows.push({ sec: rows.length, input: 15, blocks: `${String.fromCharCode(500 + i)}x` });
  const { lists } = trace(rows);
  const n = rows.length;
  const { heads, headBlocks } = findHeads(lists, blockForest(lists), {
    turn: new Int32Array(n).fill(1),
    classOf: Int32Array.from({ length: n }, (_, i) => (i < 40 ? 0 : 1)),
    classIds: ['a', 'b'],
  });
  assert.deepEqual(
    heads.map(({ name, blocks, extends: base, sharedBlocks }) => ({ name, blocks, base, sharedBlocks })),
    [
      { name: 'head-1', blocks: 3, base: null, sharedBlocks: 0 },
      { name: 'head-2', blocks: 2, base: 'head-1', sharedBlocks: 1 },
      { name: 'head-3', blocks: 1, base: 'head-1', sharedBlocks: 1 },
    ],
  );
  const shares = heads.map(({ share }) => share);
  [30 / 70, 20 / 70, 10 / 70].forEach((share, k) => {
    assertClose(shares[k], share, 1e-4, `share ${k}`);
  });
  assert.deepEqual(
    heads.map(({ shareByClass }) => shareByClass!['a']),
    [0.75, 0, 0.25],
  );
  assert.deepEqual([...new Set(headBlocks)].sort(), [0, 1, 2, 3]);
});

test('the kind follows from how prompts grow', () => {
  const evidence = { medianTokens: 28, negativeShare: 0.1, answerSpearman: 0.5, promptSpearman: 0.9 };
  assert.equal(chooseKind(evidence), 'chat');
  assert.equal(chooseKind({ ...evidence, medianTokens: -1 }), 'documents');
  assert.equal(chooseKind({ ...evidence, answerSpearman: 0.2 }), 'documents');
  assert.equal(chooseKind({ ...evidence, answerSpearman: null, promptSpearman: 0.1 }), 'independent');
});

test('think times: from the answer where durations or think times are logged, else from arrival to arrival', () => {
  const outputTokens = Int32Array.from({ length: 100 }, (_, i) => i);
  const durationSec = Float64Array.from(outputTokens, (tokens) => 2 + 0.05 * tokens);
  const arrivalSec = Float64Array.from(outputTokens, (_, i) => 10 * i);
  const pairs = Array.from({ length: 99 }, (_, i) => ({ before: i, row: i + 1 }));
  const known = answerEnds({ arrivalSec, outputTokens, durationSec, thinkSec: null }, pairs);
  assert.equal(known.basis, 'after_answer');
  assertClose(known.answer.baseSec, 2, 1e-6, 'base');
  assertClose(known.answer.secPerOutputToken, 0.05, 1e-6, 'per token');
  assertClose(known.answerSecOf({ before: 10, row: 11 }, 9), 2.5, 1e-9, 'logged duration');
  const missing = durationSec.map((sec, i) => (i === 10 ? Number.NaN : sec));
  const filled = answerEnds({ arrivalSec, outputTokens, durationSec: missing, thinkSec: null }, pairs);
  assertClose(filled.answerSecOf({ before: 10, row: -1 }, 9), 2.5, 1e-4, 'duration from the line');
  const thinkSec = new Float64Array(100).fill(4);
  const logged = answerEnds({ arrivalSec, outputTokens, durationSec, thinkSec }, pairs);
  assert.equal(logged.answerSecOf({ before: 10, row: 11 }, 9), 5);
  const told = answerEnds(
    {
      arrivalSec,
      outputTokens,
      durationSec: null,
      thinkSec: durationSec.map((_, i) => 10 - (2 + 0.05 * (i - 1))),
    },
    pairs,
  );
  assert.equal(told.basis, 'after_answer');
  assertClose(told.answer.baseSec, 2, 1e-4, 'base from think times');
  assertClose(told.answer.secPerOutputToken, 0.05, 1e-4, 'per token from think times');
  const none = answerEnds({ arrivalSec, outputTokens, durationSec: null, thinkSec: null }, pairs);
  assert.equal(none.basis, 'start_to_start');
  assert.deepEqual(none.answer, ASSUMED_ANSWER);
  assert.equal(none.answerSecOf({ before: 10, row: 11 }, 9), 0);
});

/** A gateway log with session ids and durations: chat turns, no hashes. */
function gatewayLog(): TraceRow[] {
  const rng = randomOf('gateway', 'sessions');
  const rows: TraceRow[] = [];
  for (let session = 0; session < 1_200; session++) {
    let sec = 3_000 * rng.uniform();
    let input = 200 + rng.int(200);
    while (sec < 3_600) {
      const output = 50 + rng.int(300);
      rows.push(
        emptyRow({
          arrivalNs: BigInt(Math.round(sec * 1e9)),
          sessionId: `s${session}`,
          inputTokens: input,
          outputTokens: output,
          durationNs: BigInt(Math.round((0.4 + 0.02 * output) * 1e9)),
          clientId: session % 4 === 0 ? 'batch' : 'app',
          status: 'ok',
          operation: 'chat',
        }),
      );
      if (rng.uniform() > (session % 4 === 0 ? 0.2 : 0.6)) break;
      sec += 0.4 + 0.02 * output + 30 * rng.exponential();
      input += output + 20 + rng.int(20);
    }
  }
  return rows.sort((a, b) => (a.arrivalNs < b.arrivalNs ? -1 : 1));
}

test('a gateway log with session ids: chat, think times after the answer, hazards by client, no prefixes', () => {
  const model = fitWorkload({ batches: [batchFromRows(gatewayLog())], meta: TEST_META, by: 'client' });
  const { sessions, prefixes } = model;
  assert.equal(sessions?.linkedBy, 'session_id');
  assert.equal(sessions.kind, 'chat');
  assert.equal(prefixes, null);
  assert.equal(sessions.think.basis, 'after_answer');
  assertClose(sessions.think.answer.baseSec, 0.4, 1e-3, 'base');
  assertClose(sessions.think.answer.secPerOutputToken, 0.02, 1e-3, 'per token');
  const [{ curve }] = sessions.think.byTurn;
  // Exponential with mean 30 s: median 20.8.
  assertClose(curve.values[curve.probs.indexOf(0.5)], 30 * Math.LN2, 0.2, 'median think time');
  assert.equal(sessions.continuation.leastInputTokens, 0);
  const { app, batch } = sessions.continuation.byClass!;
  // Odds .6/.4 against .2/.8: a ratio of 6.
  assertClose(app / batch, 6, 0.35, 'odds of the clients');
  assert.ok(sessions.growth.medianTokens >= 20 && sessions.growth.medianTokens < 40);
  assert.equal(sessions.growth.negativeShare, 0);
  assert.ok(model.warnings.every((warning) => !warning.includes('no durations')));
});

test('requests without ids, hashes or repetition have no sessions', () => {
  const rows = gatewayLog().map((row) => ({ ...row, sessionId: null }));
  const model = fitWorkload({ batches: [batchFromRows(rows)], meta: TEST_META, by: 'none' });
  assert.equal(model.sessions ?? null, null);
  assert.equal(model.prefixes ?? null, null);
  const each = gatewayLog().map((row, i) => ({ ...row, sessionId: `only-${i}` }));
  const single = fitWorkload({ batches: [batchFromRows(each)], meta: TEST_META, by: 'none' });
  assert.equal(single.sessions ?? null, null);
});

test('hashes without links still tell of a shared system prompt', () => {
  const rows = Array.from({ length: 200 }, (_, i) =>
    emptyRow({
      arrivalNs: BigInt(i) * 1_000_000_000n,
      inputTokens: 40 + (i % 50),
      outputTokens: 10 + (i % 7),
      blockHashes: [1n, BigInt(1_000 + i), BigInt(5_000 + i)],
      status: 'ok',
    }),
  );
  const model = fitWorkload({
    batches: [batchFromRows(rows)],
    meta: { ...TEST_META, blockSize: 32 },
    by: 'none',
  });
  assert.equal(model.sessions?.continuations, 0);
  assert.deepEqual(
    model.prefixes?.heads.map(({ blocks, share }) => [blocks, share]),
    [[1, 1]],
  );
});
