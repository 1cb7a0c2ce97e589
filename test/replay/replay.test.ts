/** replayTrace with real sender processes against the scripted endpoint: records, endings, phases, folders. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { readRun } from '../../src/replay/run-folder.js';
import { chatDone, chatRole, chatToken, type ScriptedAnswer } from '../../src/replay/testing/script.js';
import {
  answer,
  bodyOf,
  freshDir,
  lengthOf,
  promptOf,
  ROWS,
  replay,
  rowsAt,
  thrown,
} from './scripted-run.js';

test('a run: every row is sent as planned, counted by the server as asked, and on disk', async () => {
  const { summary, records, endpoint, dir } = await replay((request) => answer(request), {
    apiKey: 'sk-very-secret-key',
  });
  assert.deepEqual(summary.counts, { offered: 12, byStatus: { ok: 12 } });
  assert.deepEqual(summary.promptTokens, { compared: 12, exact: 12, meanSignedError: 0 });
  for (const [i, one] of records.entries()) {
    assert.deepEqual(
      [
        one.index,
        one.requestId,
        one.phase,
        one.status,
        one.inputTokensAsked,
        one.outputTokens,
        one.maxOutputTokens,
        one.chunks,
      ],
      [i, `r${i}`, 'measure', 'ok', 12 + i, 3 + (i % 4), 3 + (i % 4), 3 + (i % 4)],
    );
    assert.equal(one.intendedNs, i * 15e6);
    assert.ok(one.sentNs! >= one.intendedNs && one.chunkNs!.length === one.chunks);
    assert.equal(one.responseId, 'chatcmpl-1');
  }
  assert.deepEqual((await readdir(dir)).sort(), ['requests.parquet', 'run.json']);
  assert.equal(new Set(endpoint.requests.map(promptOf)).size, 12);
  assert.ok(
    endpoint.requests.every((request) => request.headers['authorization'] === 'Bearer sk-very-secret-key'),
  );
  assert.deepEqual(
    [summary.target.protocol, summary.load.rows, summary.interrupted, summary.server],
    ['openai-chat', 12, false, null],
  );
  assert.equal(summary.notes.filter((note) => /salted with/.test(note)).length, 1);
  for (const name of await readdir(dir)) {
    assert.ok(!(await readFile(join(dir, name), 'latin1')).includes('very-secret'), `${name} holds the key`);
  }
});

test('a folder that holds a run is not touched without force, and not before the endpoint has answered', async () => {
  const { dir } = await replay((request) => answer(request), { rows: ROWS.slice(0, 2) });
  const before = await readFile(join(dir, 'run.json'));
  await assert.rejects(
    replay((request) => answer(request), { outDir: dir }),
    thrown('OUTPUT_UNWRITABLE', /already holds a run.*--force/),
  );
  await assert.rejects(
    replay(() => null, { outDir: dir, force: true, url: 'http://127.0.0.1:9' }),
    thrown('ENDPOINT_UNREACHABLE', /refused/),
  );
  assert.deepEqual(await readFile(join(dir, 'run.json')), before);
  await writeFile(join(dir, 'mine.txt'), 'kept');
  const again = await replay((request) => answer(request), {
    outDir: dir,
    force: true,
    rows: ROWS.slice(0, 3),
  });
  assert.equal(again.summary.counts.offered, 3);
  assert.ok((await stat(join(dir, 'mine.txt'))).isFile());
});

test('F22: seven answers and three empty ones; ten of ten empty still end with a report, invalid', async () => {
  const rows = ROWS.slice(0, 10);
  const empty: ScriptedAnswer = {
    steps: [
      { atMs: 0, write: chatRole() + chatDone() },
      { atMs: 0, end: 'complete' },
    ],
  };
  const some = await replay((request) => (request.index % 3 === 2 ? empty : answer(request)), { rows });
  assert.deepEqual(some.summary.counts.byStatus, { ok: 7, empty: 3 });
  assert.equal(some.summary.metrics.e2e?.n, 7);
  const none = await replay(() => empty, { rows });
  assert.deepEqual(none.summary.counts.byStatus, { empty: 10 });
  assert.equal(none.summary.validity.verdict, 'invalid');
  assert.equal(none.summary.metrics.ttft?.p99, null);
});

test('every ending comes back from the sender process with its reason', async () => {
  const token = { atMs: 0, write: chatToken('Hello') };
  const endings: (ScriptedAnswer | null)[] = [
    { steps: [token, { atMs: 20, end: 'close' }] },
    { steps: [token, { atMs: 20, end: 'reset' }] },
    {
      status: 429,
      contentType: 'application/json',
      steps: [
        { atMs: 0, write: '{"error":{"message":"slow down"}}' },
        { atMs: 0, end: 'complete' },
      ],
    },
    { steps: [token, { atMs: 10, write: 'data: {"error":{"message":"boom"}}\n\n' }] },
    null,
    { headAtMs: Number.POSITIVE_INFINITY, steps: [] },
    { steps: [token] },
  ];
  const { records, endpoint } = await replay(({ index }) => endings[index], {
    rows: rowsAt(endings.map((_, i) => i * 30)),
    timeoutFirstByteSec: 0.3,
    timeoutIdleSec: 0.4,
  });
  assert.deepEqual(
    records.map((one) => [one.status, one.error]),
    [
      ['truncated', 'no_finish_reason_and_no_end_mark'],
      ['connection_error', 'connection_reset'],
      ['http_error', 'http_429: slow down'],
      ['stream_error', 'boom'],
      ['connection_error', 'closed_before_response'],
      ['timeout_first_byte', 'limit 0.3 s'],
      ['timeout_idle', 'limit 0.4 s'],
    ],
  );
  // F32: nobody asked for retries, so there are none.
  assert.equal(endpoint.requests.length, endings.length);
  assert.ok(records.every((one) => one.attempt === 1));
  // No usage came, so the text of what was cut off is counted.
  assert.deepEqual([records[0].outputTokens, records[0].outputTokensSource], [1, 'tokenizer']);
});

test('answers without usage are counted with the tokenizer, and that is said', async () => {
  const { records, summary } = await replay((request) => answer(request, { usage: false }), {
    rows: ROWS.slice(0, 3),
  });
  for (const one of records) {
    assert.deepEqual(
      [one.outputTokens, one.outputTokensSource, one.tokensInFirstChunk, one.inputTokens],
      [one.maxOutputTokens, 'tokenizer', 1, null],
    );
  }
  assert.ok(summary.notes.some((note) => /3 answers came without usage/.test(note)));
  assert.deepEqual(summary.promptTokens, { compared: 0, exact: 0, meanSignedError: null });
});

test('X7: warm-up requests come before t0, are of the same kind with other text, and are in no result', async () => {
  const { summary, records, endpoint } = await replay((request) => answer(request), {
    rows: ROWS,
    warmup: 5,
  });
  assert.equal(endpoint.requests.length, 17);
  const warm = records.filter((one) => one.phase === 'warmup');
  assert.equal(warm.length, 5);
  assert.ok(warm.every((one) => one.endNs! < 0 && one.status === 'ok'));
  assert.equal(summary.counts.offered, 12);
  assert.equal(summary.metrics.ttft?.n, 12);
  assert.equal(new Set(endpoint.requests.map(promptOf)).size, 17);
  assert.deepEqual(
    endpoint.requests.slice(0, 5).map((request) => lengthOf(promptOf(request))),
    [12, 13, 14, 15, 16],
  );
});

test('requests of the schedule that are not measured are sent on time and marked', async () => {
  const { summary, records } = await replay((request) => answer(request), {
    unmeasured: 4,
    plannedRatePerSec: 10,
  });
  assert.deepEqual(
    records.map((one) => one.phase),
    [...Array(4).fill('warmup'), ...Array(8).fill('measure')],
  );
  assert.deepEqual(
    [summary.counts.offered, summary.load.warmupRequests, summary.load.plannedRatePerSec],
    [8, 4, 10],
  );
});

test('the cap holds at the server, and waiting for a place is its own figure', async () => {
  const { summary, records, endpoint } = await replay((request) => answer(request, { atMs: 60 }), {
    rows: rowsAt(Array(8).fill(0)),
    concurrency: 2,
    senders: 1,
  });
  assert.ok(endpoint.maxOpen <= 2, `${endpoint.maxOpen} at once`);
  assert.equal(summary.metrics.queue_wait?.n, 8);
  assert.ok(summary.metrics.queue_wait!.max! >= 170);
  assert.ok(records.every((one) => one.releasedNs !== null && one.sentNs! >= one.releasedNs));
});

test('two senders share the work', async () => {
  const { records, summary } = await replay((request) => answer(request), { senders: 2 });
  assert.deepEqual(
    records.map((one) => one.sender),
    Array.from({ length: 12 }, (_, i) => i % 2),
  );
  assert.equal(summary.client.senders, 2);
  assert.deepEqual(summary.counts.byStatus, { ok: 12 });
});

test('Ctrl-C: nothing more is sent, the rest is unsent, what is in flight may end, and files are written', async () => {
  const controller = new AbortController();
  const { summary, records, endpoint } = await replay(
    (request) => {
      if (request.index === 2)
        controller.abort(new ToolError({ code: 'INTERRUPTED', message: 'x', hint: 'y' }));
      return answer(request, { atMs: 150 });
    },
    {
      rows: rowsAt([0, 20, 40, 5_000, 6_000, 60_000, 3_600_000]),
      signal: controller.signal,
      slo: ['p99(ttft) < 1s'],
    },
  );
  assert.deepEqual(
    records.map((one) => one.status),
    ['ok', 'ok', 'ok', 'unsent', 'unsent', 'unsent', 'unsent'],
  );
  assert.deepEqual([summary.interrupted, summary.counts.offered, endpoint.requests.length], [true, 7, 3]);
  assert.equal(summary.goodput, 3 / 7);
  assert.match(summary.validity.because, /interrupted; .*4 requests were never sent/);
});

test('what has not ended when the drain limit passes is cancelled, with what came', async () => {
  const stuck: ScriptedAnswer = { steps: [{ atMs: 0, write: chatToken('Hello') }] };
  const { summary, records } = await replay(
    (request) => (bodyOf(request).max_tokens === 4 ? stuck : answer(request)),
    {
      rows: rowsAt([0, 10, 20]),
      drainSec: 0.2,
    },
  );
  assert.deepEqual(
    records.map((one) => [one.status, one.chunks]),
    [
      ['ok', 3],
      ['cancelled', 1],
      ['ok', 5],
    ],
  );
  assert.ok(summary.notes.some((note) => /cancelled \(--drain\)/.test(note)));
});

test('a sender that is killed from outside ends the run as invalid, and what had ended can be recovered', async () => {
  const dir = freshDir();
  const killOne = (): void => {
    const own = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, ppid, ...args]) => ppid === String(process.pid) && /sender-process/.test(args.join(' ')));
    assert.ok(own.length > 0);
    process.kill(Number(own[0][0]), 'SIGKILL');
  };
  await assert.rejects(
    replay(
      (request) => {
        if (request.index === 8) killOne();
        return request.index < 6 ? answer(request) : null;
      },
      { outDir: dir, rows: rowsAt(Array.from({ length: 12 }, (_, i) => i * 50)) },
    ),
    thrown('RUN_INVALID', /ended from outside \(SIGKILL\).*tokentide recover/),
  );
  const { summary, records } = await readRun(dir);
  // Senders tell of ends some times a second: the last ones may have been lost with it.
  const { ok = 0 } = summary.counts.byStatus;
  assert.ok(ok > 0 && ok <= 6 && records.length >= ok, `${ok} of ${records.length}`);
  assert.equal(summary.interrupted, true);
});
