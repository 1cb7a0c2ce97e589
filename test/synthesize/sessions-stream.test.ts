/** Sessions drawn from hand-written models: order, ids, turns, times, hash chains, and parts that do not interfere. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { planSynthesis } from '../../src/synthesize/plan.js';
import { sessionBatches } from '../../src/synthesize/sessions/session-batches.js';
import type { FirstTurns } from '../../src/synthesize/sessions/session-stream.js';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import { rowsOfBatch } from '../../src/trace/batch.js';
import { openTrace, readTraceRows } from '../../src/trace/read.js';
import type { TraceRow } from '../../src/types.js';
import { assertClose } from '../stats/reference.js';
import {
  BLOCK_SIZE,
  blocksOf,
  bySession,
  chatSessions,
  curve,
  documentSessions,
  evenOutputs,
  prefixModel,
  rowsOf,
  sessionWorkload,
  sharedBlocks,
} from './sessions-models.js';

const seconds = (ns: bigint): number => Number(ns) / 1e9;

test('rows are sorted; turns count up; parents, clients and think times fit together', () => {
  const rows = rowsOf({ model: sessionWorkload(chatSessions()), seed: 1 });
  assert.ok(rows.length > 1_200);
  rows.forEach((row, i) => {
    assert.ok(i === 0 || row.arrivalNs >= rows[i - 1].arrivalNs);
    assert.equal(row.arrivalNs % 1_000n, 0n);
  });
  const ids = new Set(rows.map((row) => row.requestId));
  assert.equal(ids.size, rows.length);
  for (const turns of bySession(rows).values()) {
    turns.forEach((row, k) => {
      assert.equal(row.turn, k + 1);
      assert.equal(row.clientId, turns[0].clientId);
      if (k === 0) {
        assert.equal(row.parentId, null);
        assert.equal(row.thinkNs, null);
        return;
      }
      const before = turns[k - 1];
      assert.equal(row.parentId, before.requestId);
      const gap = seconds(row.arrivalNs - before.arrivalNs);
      assert.ok(gap >= 11 && gap <= 31, `${gap}`);
      // The answer takes one second.
      assertClose(seconds(row.thinkNs!), gap - 1, 0, 'think time', 2e-6);
      const growth = row.inputTokens! - before.inputTokens! - before.outputTokens!;
      assert.ok(growth >= 5 && growth <= 100, `${growth}`);
    });
  }
});

test('hazard, sizes of sessions and expected counts', () => {
  const model = sessionWorkload(chatSessions(), null, 20_000);
  const plan = planSynthesis({ model, seed: 1 });
  assertClose(plan.expectedRequests, 20_000 * 1.5 * 2.5, 1e-9, 'plan');
  const rows = rowsOf({ model, seed: 1 });
  // Sessions of mean 2.5 and variance 3.75: the count's standard deviation is √(30 000 · 10) = 550.
  assertClose(rows.length, plan.expectedRequests, 0.03, 'rows');
  const atTurn = (turn: number): number => rows.filter((row) => row.turn === turn).length;
  assertClose(atTurn(2) / atTurn(1), 0.6, 0, 'goes on after turn 1', 0.012);
  assertClose(atTurn(4) / atTurn(3), 0.6, 0, 'goes on after turn 3', 0.02);
  assert.ok(rows.every((row) => row.blockHashes === null));
});

test('odds by prompt length and by class, and prompts that are never continued', () => {
  const sessions = chatSessions({
    continuation: {
      byTurn: [{ turn: 1, requests: 1, followed: 1, hazard: 0.5, baseline: 0.5 }],
      leastInputTokens: 100,
      byInput: [
        { inputFrom: 0, inputTo: 399, afterFirst: 4, afterLater: 1 },
        { inputFrom: 400, inputTo: 2_147_483_647, afterFirst: 1, afterLater: 1 },
      ],
      byClass: { b: 0.25 },
    },
  });
  const all = [...bySession(rowsOf({ model: sessionWorkload(sessions, null, 20_000), seed: 3 })).values()];
  const goesOn = (client: string, from: number, to: number): number => {
    const some = all.filter(
      ([first]) => first.clientId === client && first.inputTokens! >= from && first.inputTokens! <= to,
    );
    return some.filter((turns) => turns.length > 1).length / some.length;
  };
  assert.equal(goesOn('a', 0, 99), 0);
  assertClose(goesOn('a', 100, 399), 0.8, 0, 'odds 4', 0.02);
  assertClose(goesOn('a', 400, 4_000), 0.5, 0, 'odds 1', 0.02);
  assertClose(goesOn('b', 100, 399), 0.5, 0, 'odds 4 × ¼', 0.03);
  assertClose(goesOn('b', 400, 4_000), 0.2, 0, 'odds ¼', 0.03);
});

test('hash chains: a turn holds all complete blocks of the turn before, and no other session does', () => {
  const rows = rowsOf({ model: sessionWorkload(chatSessions()), seed: 2 });
  const owner = new Map<string, string>();
  for (const row of rows) {
    assert.equal(row.blockHashes!.length, Math.ceil(row.inputTokens! / BLOCK_SIZE));
    assert.equal(new Set(blocksOf(row)).size, row.blockHashes!.length);
    for (const id of blocksOf(row)) {
      assert.equal(owner.get(id) ?? row.sessionId, row.sessionId);
      owner.set(id, row.sessionId!);
    }
  }
  for (const turns of bySession(rows).values()) {
    turns.slice(1).forEach((row, k) => {
      // The incomplete last block of the turn before is not found again.
      assert.equal(sharedBlocks(row, turns[k]), Math.floor(turns[k].inputTokens! / BLOCK_SIZE));
    });
  }
});

test('kept parts: a cut history shares what is kept and nothing after it', () => {
  const rows = rowsOf({
    model: sessionWorkload(
      chatSessions(),
      prefixModel({ kept: { wholeShare: 0.5, part: curve(0.25, 0.25) } }),
    ),
    seed: 2,
  });
  let whole = 0;
  let cut = 0;
  for (const turns of bySession(rows).values()) {
    turns.slice(1).forEach((row, k) => {
      const complete = Math.floor(turns[k].inputTokens! / BLOCK_SIZE);
      const shared = sharedBlocks(row, turns[k]);
      if (shared === complete) whole += 1;
      else {
        assert.equal(shared, Math.floor(complete / 4));
        cut += 1;
      }
    });
  }
  assertClose(cut / (cut + whole), 0.5, 0, 'share of cuts', 0.05);
});

test('heads: shares by class, one head extends another, copies and seeds have the same', () => {
  const prefixes = prefixModel({
    heads: [
      {
        name: 'head-1',
        blocks: 2,
        extends: null,
        sharedBlocks: 0,
        share: 0.5,
        shareByClass: { a: 0.75, b: 0 },
      },
      { name: 'head-2', blocks: 3, extends: 'head-1', sharedBlocks: 1, share: 0.25 },
    ],
  });
  const model = sessionWorkload(chatSessions(), prefixes, 3_000);
  const rows = rowsOf({ model, seed: 1 }).filter(
    (row) => row.turn === 1 && row.inputTokens! >= 3 * BLOCK_SIZE,
  );
  const beginnings = (client: string, blocks: number): Map<string, number> => {
    const counts = new Map<string, number>();
    const some = rows.filter((row) => row.clientId === client);
    for (const row of some) {
      const id = String(row.blockHashes![blocks - 1]);
      counts.set(id, (counts.get(id) ?? 0) + 1 / some.length);
    }
    return new Map([...counts].filter(([, share]) => share > 0.05));
  };
  // Class a: ¾ head-1 and ¼ head-2, which share their first block; class b: ¼ head-2 alone.
  assert.deepEqual(
    [...beginnings('a', 1).values()].map((share) => Math.round(4 * share)),
    [4],
  );
  assert.deepEqual([...beginnings('a', 2).values()].map((share) => Math.round(4 * share)).sort(), [1, 3]);
  assert.deepEqual(
    [...beginnings('b', 3).values()].map((share) => Math.round(4 * share)),
    [1],
  );
  assert.deepEqual([...beginnings('a', 1).keys()], [...beginnings('b', 1).keys()]);
  const other = rowsOf({ model, seed: 'other' });
  const [[head]] = beginnings('a', 1);
  assert.ok(other.some((row) => blocksOf(row)[0] === head));
});

test('branches: first turns begin like a prompt used about a reuse gap before, or repeat it', () => {
  const prefixes = prefixModel({
    branches: {
      byInput: [{ inputFrom: 0, inputTo: 2_147_483_647, share: 0.4, depth: null }],
      depth: curve(0.5, 0.5),
      repeatShare: 0.25,
      reuseGapSec: curve(50, 60),
    },
  });
  const model = sessionWorkload(chatSessions(), prefixes, 2_000);
  const rows = rowsOf({ model, seed: 5 });
  const lastUse = new Map<string, number>();
  const gaps: number[] = [];
  let repeats = 0;
  let firsts = 0;
  for (const row of rows) {
    const sec = seconds(row.arrivalNs);
    const ids = blocksOf(row);
    const hits = ids.findIndex((id) => !lastUse.has(id));
    const shared = hits < 0 ? ids.length : hits;
    if (row.turn === 1 && sec > 100) {
      firsts += 1;
      if (shared > 0) {
        gaps.push(sec - lastUse.get(ids[shared - 1])!);
        if (shared === ids.length) repeats += 1;
        else
          assert.ok(
            shared === Math.max(1, Math.round(Math.floor(row.inputTokens! / BLOCK_SIZE) / 2)),
            `${shared}`,
          );
      }
    }
    for (const id of ids) lastUse.set(id, sec);
  }
  assertClose(gaps.length / firsts, 0.4, 0, 'branches', 0.04);
  assertClose(repeats / gaps.length, 0.25, 0, 'repeats', 0.05);
  const median = gaps.sort((a, b) => a - b)[gaps.length >> 1];
  assert.ok(median > 45 && median < 65, `${median}`);
});

test('documents: visits read a document with another question, at the fitted rate, as sessions of their own', () => {
  const model = sessionWorkload(
    documentSessions(),
    prefixModel({ kept: { wholeShare: 1, part: null } }),
    2_000,
  );
  const rows = rowsOf({ model, seed: 4 });
  const visits = rows.filter((row) => row.sessionId!.startsWith('0-visit-'));
  assertClose(visits.length, 2_000, 0.08, 'visits');
  assertClose(planSynthesis({ model, seed: 4 }).expectedRequests, 3_000 + 2_000, 1e-9, 'plan');
  const documents = new Map<string, TraceRow>();
  let read = 0;
  for (const row of rows) {
    const isVisit = row.sessionId!.startsWith('0-visit-');
    assert.equal(row.turn, 1);
    assert.equal(row.parentId, null);
    assert.equal(row.thinkNs, null);
    if (row.inputTokens! < 2 * BLOCK_SIZE) continue;
    const first = documents.get(blocksOf(row)[0]);
    if (!isVisit) assert.equal(first, undefined);
    // Documents that began with less than two blocks are not followed here.
    if (!isVisit) documents.set(blocksOf(row)[0], row);
    else if (first !== undefined) {
      read += 1;
      assert.ok(Math.abs(row.inputTokens! - first.inputTokens!) <= 15);
      const complete = Math.min(first.inputTokens!, row.inputTokens!) / BLOCK_SIZE;
      assert.equal(sharedBlocks(row, first), Math.floor(complete));
    }
  }
  assert.ok(read > 1_500);
});

test('documents by session ids: turns of one session, and questions that are repeated', () => {
  const sessions = documentSessions({ linkedBy: 'session_id', pool: null });
  const prefixes = prefixModel({ kept: { wholeShare: 0, part: curve(0.5, 0.5) }, repeatByVisit: [0.5] });
  const rows = rowsOf({ model: sessionWorkload(sessions, prefixes, 4_000), seed: 4 });
  let repeats = 0;
  let pairs = 0;
  for (const turns of bySession(rows).values()) {
    if (turns.length < 2) continue;
    pairs += 1;
    const [first, second] = turns;
    if (sharedBlocks(first, second) === first.blockHashes!.length && first.inputTokens === second.inputTokens)
      repeats += 1;
    else {
      const document = Math.floor(Math.floor(first.inputTokens! / BLOCK_SIZE) / 2);
      assert.equal(
        sharedBlocks(first, second),
        Math.min(document, Math.floor(second.inputTokens! / BLOCK_SIZE)),
      );
    }
  }
  assertClose(repeats / pairs, 0.5, 0, 'repeats', 0.04);
});

test('windows: sessions end at the largest prompt, or go on with a cut history', () => {
  const small = { tokens: 2_000, policy: 'end_session' } as const;
  const continuation = {
    ...chatSessions().continuation,
    byTurn: [{ turn: 1, requests: 1, followed: 1, hazard: 0.9, baseline: 0.9 }],
  };
  const ended = rowsOf({ model: sessionWorkload(chatSessions({ window: small, continuation })), seed: 6 });
  const cutting = { ...small, policy: 'truncate_history' } as const;
  const cut = rowsOf({ model: sessionWorkload(chatSessions({ window: cutting, continuation })), seed: 6 });
  for (const row of [...ended, ...cut]) {
    if (row.turn! > 1) assert.ok(row.inputTokens! <= Math.max(2_000, 4_000));
  }
  const full = [...bySession(ended).values()].filter((turns) =>
    turns.some((row, k) => k < turns.length - 1 && row.inputTokens! + row.outputTokens! >= 2_000),
  );
  assert.deepEqual(full, []);
  const lost = [...bySession(cut).values()].filter((turns) =>
    turns.some((row, k) => k > 0 && row.inputTokens === 2_000 && sharedBlocks(row, turns[k - 1]) === 0),
  );
  assert.ok(lost.length > 20);
});

test('persistence ties the answers of a session together and leaves their law alone', () => {
  const model = (output: number): ReturnType<typeof sessionWorkload> =>
    sessionWorkload(chatSessions({ persistence: { think: 0, growth: 0, output } }), null, 20_000);
  const correlation = (rows: readonly TraceRow[]): number => {
    const pairs = [...bySession(rows).values()].flatMap((turns) =>
      turns.slice(2).map((row, k) => [turns[k + 1].outputTokens!, row.outputTokens!] as const),
    );
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
    const [mx, my] = [mean(pairs.map(([x]) => x)), mean(pairs.map(([, y]) => y))];
    const cov = mean(pairs.map(([x, y]) => (x - mx) * (y - my)));
    const vx = mean(pairs.map(([x]) => (x - mx) ** 2));
    const vy = mean(pairs.map(([, y]) => (y - my) ** 2));
    return cov / Math.sqrt(vx * vy);
  };
  const tied = rowsOf({ model: model(0.7), seed: 1 });
  const loose = rowsOf({ model: model(0), seed: 1 });
  // Uniform margins under a Gaussian copula of .7: Pearson = (6/π) asin(.35) = .683.
  assertClose(correlation(tied), 0.683, 0, 'tied', 0.03);
  assertClose(correlation(loose), 0, 0, 'loose', 0.03);
  const outputs = tied.filter((row) => row.turn! > 1).map((row) => row.outputTokens!);
  const mean = outputs.reduce((sum, tokens) => sum + tokens, 0) / outputs.length;
  assertClose(mean, 210, 0.02, 'mean of 20 … 400');
});

test('parts do not interfere: other think times keep lengths, other prefixes keep times and lengths', () => {
  const model = sessionWorkload(chatSessions());
  const base = rowsOf({ model, seed: 9 });
  const slow = chatSessions({
    think: { ...chatSessions().think, byTurn: [{ turnFrom: 1, curve: curve(1, 5) }] },
  });
  const faster = rowsOf({ model: sessionWorkload(slow), seed: 9 });
  const lengthsOf = (rows: readonly TraceRow[]): Map<string, string> =>
    new Map(rows.map((row) => [row.requestId!, `${row.inputTokens} ${row.outputTokens}`]));
  const before = lengthsOf(base);
  const after = lengthsOf(faster);
  for (const [id, lengths] of before) assert.equal(after.get(id), lengths);
  // Shorter think times let more turns into the window.
  assert.ok(after.size > before.size);

  const prefixes = prefixModel({
    heads: [{ name: 'head-1', blocks: 1, extends: null, sharedBlocks: 0, share: 1 }],
    kept: { wholeShare: 0.5, part: curve(0, 1) },
  });
  const withHeads = rowsOf({ model: sessionWorkload(chatSessions(), prefixes), seed: 9 });
  const without = rowsOf({ model: sessionWorkload(chatSessions(), null), seed: 9 });
  const facts = (row: TraceRow): string =>
    [row.requestId, row.arrivalNs, row.inputTokens, row.outputTokens, row.thinkNs].join(' ');
  assert.deepEqual(withHeads.map(facts), base.map(facts));
  assert.deepEqual(without.map(facts), base.map(facts));

  const longer = rowsOf({
    model: sessionWorkload(chatSessions({ outputGivenInput: evenOutputs(500, 900) })),
    seed: 9,
  });
  const times = (row: TraceRow): string => `${row.requestId} ${row.arrivalNs}`;
  assert.deepEqual(longer.map(times), base.map(times));
});

test('copies have content and ids of their own, and share heads', () => {
  const prefixes = prefixModel({
    heads: [{ name: 'head-1', blocks: 1, extends: null, sharedBlocks: 0, share: 1 }],
  });
  const model = sessionWorkload(chatSessions(), prefixes);
  const draw = (copy: number): TraceRow[] => {
    let at = 0;
    const firstTurns: FirstTurns = {
      get arrivalUs() {
        return at < 50 ? at * 1e6 : Number.POSITIVE_INFINITY;
      },
      classIndex: 0,
      input: 200,
      output: 50,
      advance() {
        at += 1;
      },
    };
    const labels = model.classes.map(() => ({ clientId: null, model: null, operation: 'chat' }));
    const batches = sessionBatches({
      model,
      seed: '1',
      firstTurns,
      labels,
      endUs: 1e9,
      requests: null,
      copy,
    });
    return [...batches].flatMap((batch) => [...rowsOfBatch(batch)]);
  };
  const [first, second, again] = [draw(0), draw(1), draw(0)];
  assert.deepEqual(again, first);
  assert.deepEqual(
    second.map((row) => [row.arrivalNs, row.inputTokens]),
    first.map((row) => [row.arrivalNs, row.inputTokens]),
  );
  const ids = new Set(first.flatMap((row) => blocksOf(row).slice(1)));
  assert.ok(
    second.every((row) =>
      blocksOf(row)
        .slice(1)
        .every((id) => !ids.has(id)),
    ),
  );
  assert.ok(second.every((row) => row.blockHashes![0] === first[0].blockHashes![0]));
  assert.ok(second.every((row) => !first.some((one) => one.requestId === row.requestId)));
});

test('limits by requests, factors, and notes on long traces', () => {
  const model = sessionWorkload(documentSessions());
  assert.equal(rowsOf({ model, seed: 1, requests: 777 }).length, 777);
  const twice = rowsOf({ model, seed: 1, rate: { kind: 'factor', factor: 2 } });
  assertClose(twice.length, 2 * 1_500, 0.1, 'twice the rate');
  const chat = sessionWorkload(chatSessions({ think: { ...chatSessions().think, basis: 'start_to_start' } }));
  const { notes } = planSynthesis({ model: chat, seed: 1, durationSec: 2_000 });
  assert.ok(notes.some((note) => note.includes('past it there are more later turns')));
  assert.ok(notes.some((note) => note.includes('assumed answer time of 1 s')));
  assert.deepEqual(planSynthesis({ model: sessionWorkload(chatSessions()), seed: 1 }).notes, []);
});

test('files: equal bytes for 1, 2 and 4 workers, read back with ids, turns and hashes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sessions-'));
  try {
    // Rates at which first turns are drawn by the pool of threads.
    const base = sessionWorkload(chatSessions());
    const model = {
      ...base,
      classes: base.classes.map((one) => ({
        ...one,
        arrivals: { ...one.arrivals, rate: { ...one.arrivals.rate, ratePerSec: [500] } },
      })),
    };
    const hashes: string[] = [];
    for (const workers of [1, 2, 4]) {
      const path = join(folder, `${workers}.parquet`);
      const { contentHash } = await synthesizeToFile({ model, seed: 7, requests: 20_000, workers, path });
      hashes.push(contentHash);
    }
    assert.equal(new Set(hashes).size, 1);
    const path = join(folder, '1.parquet');
    const reader = await openTrace(path);
    assert.equal(reader.meta.blockSize, BLOCK_SIZE);
    reader.close();
    const rows = await readTraceRows(path);
    assert.equal(rows.length, 20_000);
    const direct = rowsOf({ model, seed: 7, requests: 20_000 });
    assert.deepEqual(rows.slice(0, 300), direct.slice(0, 300));
    assert.deepEqual(rows.slice(-300), direct.slice(-300));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
