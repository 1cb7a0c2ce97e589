/**
 * Everything that a server and a network can do wrong, in one run: it ends at its deadline with a complete report, and
 * every request that was offered is accounted for exactly once.
 */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { randomOf } from '../../src/random.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import {
  chatDone,
  chatRole,
  chatStop,
  chatToken,
  type ScriptedAnswer,
} from '../../src/replay/testing/script.js';
import type { RunRecord, RunStatus, TraceRow } from '../../src/types.js';
import { answer, bodyOf, freshDir, replay, rowsAt } from './scripted-run.js';

interface Misdeed {
  readonly name: string;
  readonly answer: ScriptedAnswer | null;
  /** How the request must end. */
  readonly ends: readonly RunStatus[];
}

const some = chatRole() + chatToken('x');
const good: ScriptedAnswer['steps'] = [
  { atMs: 5, write: some + chatStop('length') + chatDone() },
  { atMs: 5, end: 'complete' },
];
const refusal = (status: number, headers: Record<string, string> = {}): ScriptedAnswer => ({
  status,
  headers,
  contentType: 'application/json',
  steps: [
    { atMs: 1, write: '{"error":{"message":"overloaded"}}' },
    { atMs: 1, end: 'complete' },
  ],
});
/** Bytes that are neither UTF-8 nor events. */
const NOISE = Buffer.from(Array.from({ length: 2_048 }, (_, i) => (i * 197 + 131) % 256));

const MISDEEDS: readonly Misdeed[] = [
  { name: 'none', answer: { steps: good }, ends: ['ok'] },
  { name: 'closed before the response', answer: null, ends: ['connection_error'] },
  {
    name: 'reset in the middle',
    answer: {
      steps: [
        { atMs: 5, write: some },
        { atMs: 60, end: 'reset' },
      ],
    },
    ends: ['connection_error', 'truncated'],
  },
  { name: 'stall after a token', answer: { steps: [{ atMs: 5, write: some }] }, ends: ['timeout_idle'] },
  {
    name: 'no head, ever',
    answer: { headAtMs: Number.POSITIVE_INFINITY, steps: [] },
    ends: ['timeout_first_byte'],
  },
  {
    name: 'half closed',
    answer: {
      steps: [
        { atMs: 5, write: some },
        { atMs: 20, end: 'close' },
      ],
    },
    ends: ['truncated'],
  },
  { name: '429', answer: refusal(429, { 'retry-after': '1' }), ends: ['http_error'] },
  { name: '503', answer: refusal(503), ends: ['http_error'] },
  {
    name: 'an event that is half JSON',
    answer: {
      steps: [
        { atMs: 5, write: `${some}data: {"choices":[{"del\n\n` },
        { atMs: 9, end: 'complete' },
      ],
    },
    ends: ['stream_error'],
  },
  {
    name: 'noise in place of events',
    answer: {
      steps: [
        { atMs: 5, write: NOISE },
        { atMs: 9, end: 'complete' },
      ],
    },
    ends: ['stream_error', 'truncated'],
  },
  {
    name: 'a page of a proxy',
    answer: {
      contentType: 'text/html',
      steps: [
        { atMs: 5, write: '<html><title>Bad Gateway</title></html>' },
        { atMs: 5, end: 'complete' },
      ],
    },
    ends: ['stream_error'],
  },
  {
    name: 'slow headers',
    answer: { headAtMs: 250, steps: good.map((step) => ({ ...step, atMs: 300 })) },
    ends: ['ok'],
  },
  {
    name: 'an answer without end',
    answer: { steps: Array.from({ length: 60 }, (_, i) => ({ atMs: 5 + i * 100, write: chatToken('y') })) },
    ends: ['timeout_total'],
  },
];

/** The misdeed's place is asked for as the output length. */
function chaoticRows(count: number, everyMs: number): TraceRow[] {
  const rng = randomOf('chaos', 'arrivals');
  return rowsAt(Array.from({ length: count }, (_, i) => i * everyMs)).map((row) => ({
    ...row,
    outputTokens: 1 + rng.int(MISDEEDS.length),
  }));
}

const LIMITS: Partial<ReplayOptions> = {
  timeoutConnectSec: 3,
  timeoutFirstByteSec: 2,
  timeoutIdleSec: 2,
  timeoutTotalSec: 4,
  drainSec: 6,
};

/** Every row once, with an ending that its misdeed allows. */
function assertAccounted(records: readonly RunRecord[], rows: readonly TraceRow[]): void {
  const measured = records.filter(({ phase }) => phase === 'measure');
  assert.deepEqual(
    measured.map(({ index }) => index).sort((a, b) => a - b),
    rows.map((_, i) => i),
  );
  for (const record of measured) {
    const misdeed = MISDEEDS[rows[record.index].outputTokens! - 1];
    assert.ok(misdeed.ends.includes(record.status), `${misdeed.name}: ${record.status} (${record.error})`);
    if (record.status !== 'ok') assert.notEqual(record.error, null, misdeed.name);
    assert.ok(record.endNs !== null && record.endNs >= record.sentNs!);
  }
}

for (const retries of [0, 1]) {
  test(`chaos with ${retries} retries: ends at its deadline, complete, everything accounted for once`, async () => {
    const rows = chaoticRows(400, 10);
    const startedMs = performance.now();
    const { summary, records, endpoint } = await replay(
      (request) => MISDEEDS[bodyOf(request).max_tokens - 1].answer,
      { ...LIMITS, rows, retries, senders: 2 },
    );
    const tookSec = (performance.now() - startedMs) / 1_000;
    // 4 s of sending, 4 s for the longest answer, at most 1 s before another attempt; the rest is starting and writing.
    assert.ok(tookSec < 4 + 4 * (retries + 1) + retries + 25, `${tookSec} s`);
    assertAccounted(records, rows);
    assert.equal(summary.counts.offered, 400);
    assert.equal(
      Object.values(summary.counts.byStatus).reduce((sum, n) => sum + n, 0),
      400,
    );
    assert.equal(summary.interrupted, false);
    const attempts = records.filter(({ attempt }) => attempt > 0).length;
    // A kept connection that breaks as a request leaves: sent once more, whether the server had read it or not.
    const resent = records.filter(({ note }) => note?.split(',').includes('resent')).length;
    const received = endpoint.requests.length;
    assert.ok(
      received >= attempts && received <= attempts + resent,
      `${received} received, ${attempts} attempts, ${resent} sent again`,
    );
    if (retries > 0) assert.equal(summary.counts.attempts, attempts);
    assert.ok(summary.notes.some((note) => /latency percentiles are over ok requests only/.test(note)));
  });
}

test('chaos in sessions: what follows a failure is skipped, nothing hangs, everything is accounted for once', async () => {
  const rows = chaoticRows(300, 10).map((row, i) => ({
    ...row,
    sessionId: `s${i % 60}`,
    turn: Math.floor(i / 60) + 1,
    inputTokens: 10 + 60 * Math.floor(i / 60),
    thinkNs: 20_000_000n,
  }));
  const { summary, records } = await replay((request) => MISDEEDS[bodyOf(request).max_tokens - 1].answer, {
    ...LIMITS,
    rows,
    sessions: 'closed',
    senders: 2,
  });
  const measured = records.filter(({ phase }) => phase === 'measure');
  assert.equal(new Set(measured.map(({ index }) => index)).size, 300);
  assert.equal(measured.length, 300);
  const byIndex = new Map(measured.map((record) => [record.index, record]));
  for (const record of measured) {
    const parent = record.parentIndex == null ? null : byIndex.get(record.parentIndex)!;
    const shouldSkip = parent !== null && parent.status !== 'ok';
    assert.equal(record.status === 'skipped', shouldSkip, `row ${record.index} after ${parent?.status}`);
    if (parent !== null && !shouldSkip) assert.ok(record.intendedNs >= parent.endNs! + 20e6 - 1);
  }
  assert.equal(summary.counts.byStatus.skipped, measured.filter(({ status }) => status === 'skipped').length);
});

test('a server that stops reading and answering is left at the drain limit', async () => {
  const startedMs = performance.now();
  const { summary } = await replay(() => ({ headAtMs: Number.POSITIVE_INFINITY, steps: [] }), {
    rows: rowsAt(Array.from({ length: 100 }, (_, i) => i * 5)),
    timeoutFirstByteSec: null,
    timeoutIdleSec: null,
    drainSec: 1,
  });
  assert.ok(performance.now() - startedMs < 30_000);
  assert.deepEqual(summary.counts, { offered: 100, byStatus: { cancelled: 100 } });
  assert.equal(summary.validity.verdict, 'invalid');
});

test('an event of 100 MB ends one request and no other', async () => {
  const huge = Buffer.concat([
    Buffer.from('data: {"x":"'),
    Buffer.alloc(100_000_000, 'x'),
    Buffer.from('"}\n\n'),
  ]);
  const { records } = await replay(
    (request) =>
      bodyOf(request).max_tokens === 7
        ? { steps: [{ atMs: 0, write: huge }] }
        : answer(request, { atMs: 20 }),
    {
      rows: rowsAt(Array.from({ length: 40 }, (_, i) => i * 25)).map((row, i) =>
        i === 10 ? { ...row, outputTokens: 7 } : row,
      ),
      timeoutTotalSec: 20,
    },
  );
  const ended = new Map(records.map(({ index, status, error }) => [index, [status, error] as const]));
  assert.equal(ended.get(10)![0], 'stream_error');
  assert.match(ended.get(10)![1]!, /event_too_large/);
  for (const [index, [status]] of ended) if (index !== 10) assert.equal(status, 'ok', `row ${index}`);
});

test('a peer that does not speak HTTP is a connection error, whatever it says', async () => {
  const replies = [
    NOISE,
    Buffer.from('HTTP/1.1 200 OK\r\nbroken'),
    Buffer.from('HTTP/1.1 999999 ?\r\n\r\n'),
    Buffer.alloc(0),
  ];
  let requests = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      const isPost = bytes.toString('latin1').startsWith('POST');
      if (isPost) socket.end(replies[requests++ % replies.length]);
      else socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const outDir = freshDir();
  try {
    const { port } = server.address() as { port: number };
    const summary = await replayTrace({
      ...LIMITS,
      trace: { name: 'noise', rows: rowsAt(Array.from({ length: 80 }, (_, i) => i * 10)), blockSize: null },
      url: `http://127.0.0.1:${port}`,
      outDir,
      model: 'm',
      trial: false,
      warmUpCode: false,
      metricsUrl: 'none',
    });
    assert.deepEqual(summary.counts, { offered: 80, byStatus: { connection_error: 80 } });
    const { records } = await readRun(outDir);
    assert.ok(records.every(({ error }) => error !== null && error.length <= 300));
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
