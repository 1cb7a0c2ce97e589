/** A run in which most servers misbehave ends at its limits with a complete report: every request on record, once. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  chatDone,
  chatStop,
  chatToken,
  type ScriptedAnswer,
  sseEvent,
} from '../../../src/replay/testing/script.js';
import type { RunStatus, RunSummary } from '../../../src/types.js';
import { replay, rowsAt } from '../scripted-run.js';

const whole = (write: string | Uint8Array, more: Partial<ScriptedAnswer> = {}): ScriptedAnswer => ({
  steps: [
    { atMs: 5, write },
    { atMs: 5, end: 'complete' },
  ],
  ...more,
});
const json = { contentType: 'application/json' };
const token = { atMs: 5, write: chatToken('a') };
const GOOD = whole(chatToken('a') + chatToken('b') + chatStop() + chatDone());

const RESET = 'resets in the middle';

/** Each kind of misbehaviour with the ending that it must have. */
const KINDS: [name: string, answer: ScriptedAnswer | null, status: RunStatus][] = [
  ['good', GOOD, 'ok'],
  ['refuses the connection’s request', null, 'connection_error'],
  [RESET, { steps: [token, { atMs: 20, end: 'reset' }] }, 'connection_error'],
  ['closes in the middle', { steps: [token, { atMs: 20, end: 'close' }] }, 'truncated'],
  ['ends without an end mark', whole(chatToken('a')), 'truncated'],
  ['stalls before its head', { headAtMs: Number.POSITIVE_INFINITY, steps: [] }, 'timeout_first_byte'],
  ['stalls after its head', { headAtMs: 5, steps: [] }, 'timeout_idle'],
  ['stalls in the middle', { steps: [token] }, 'timeout_idle'],
  [
    'drips for ever',
    { steps: Array.from({ length: 400 }, (_, i) => ({ atMs: 5 + 50 * i, write: chatToken('x') })) },
    'timeout_total',
  ],
  [
    'is busy',
    whole('{"error":{"message":"busy"}}', { status: 429, ...json, headers: { 'retry-after': '1' } }),
    'http_error',
  ],
  ['is down', whole('<html></html>', { status: 503, contentType: 'text/html' }), 'http_error'],
  ['redirects', whole('', { status: 302, headers: { location: '/elsewhere' } }), 'http_error'],
  ['sends an error in a 200', whole('{"error":{"message":"no"}}', json), 'stream_error'],
  ['sends an error event', whole(chatToken('a') + sseEvent({ error: 'no' })), 'stream_error'],
  ['sends garbage', whole('data: {"choices":[\n\n'), 'stream_error'],
  ['sends bytes that are no text', whole(Buffer.from([0, 255, 254, 13, 10, 10, 128])), 'truncated'],
  ['sends HTML', whole('<html></html>', { contentType: 'text/html' }), 'stream_error'],
  [
    'compresses',
    whole(gzipSync(chatToken('a')), { headers: { 'content-encoding': 'gzip' } }),
    'stream_error',
  ],
  ['says nothing', whole(chatStop() + chatDone()), 'empty'],
];
const REPEATS = 3;

for (const concurrency of [null, 6]) {
  test(`F13, F37: ${KINDS.length} ways to misbehave ${concurrency === null ? 'at once' : 'behind a cap'}: all on record, each with its ending`, async () => {
    const count = KINDS.length * REPEATS;
    const { summary, records, dir } = await replay(
      ({ body }) => {
        const asked = (JSON.parse(body) as { max_tokens: number }).max_tokens;
        return KINDS[asked - 1][1];
      },
      {
        rows: rowsAt(Array.from({ length: count }, (_, i) => i * 5)).map((row, i) => ({
          ...row,
          // Says which kind it is.
          outputTokens: (i % KINDS.length) + 1,
        })),
        concurrency,
        timeoutFirstByteSec: 0.6,
        timeoutIdleSec: 0.6,
        timeoutTotalSec: 1.5,
        drainSec: 20,
      },
    );
    assert.equal(records.length, count);
    assert.deepEqual(new Set(records.map(({ index }) => index)).size, count);
    let resetAsEnd = 0;
    for (const record of records) {
      const [name, , status] = KINDS[record.index % KINDS.length];
      // A reset that comes with the last bytes is told as an end (libuv, on POLLHUP after a short read).
      if (name === RESET && record.status === 'truncated') resetAsEnd += 1;
      else assert.equal(record.status, status, `${name}: ${record.error}`);
      assert.ok(record.endNs! >= record.sentNs!, name);
      if (status !== 'ok' && status !== 'empty') assert.ok(record.error !== null, name);
    }
    const expected: Record<string, number> = {};
    for (const [, , status] of KINDS) expected[status] = (expected[status] ?? 0) + REPEATS;
    expected['connection_error'] -= resetAsEnd;
    expected['truncated'] += resetAsEnd;
    assert.deepEqual({ ...summary.counts.byStatus }, expected);
    const written = JSON.parse(readFileSync(join(dir, 'run.json'), 'utf8')) as RunSummary;
    assert.equal(written.counts.offered, count);
    assert.equal(written.metrics.ttft!.n, REPEATS, 'latency of those that were answered alone');
    const excluded = Object.values(written.metrics.ttft!.excluded).reduce((sum, n) => sum + n, 0);
    assert.equal(excluded, count - REPEATS);
  });
}

test('events of 72 MB end their requests, and the run goes on', async () => {
  const pieces = Array.from({ length: 9 }, (_, i) => ({ atMs: 6 + i, write: Buffer.alloc(8 << 20, 120) }));
  const huge = { steps: [{ atMs: 5, write: 'data: ' }, ...pieces] };
  const { summary, records } = await replay(({ index }) => (index % 2 === 0 ? huge : GOOD), {
    rows: rowsAt([0, 5, 10, 15]),
  });
  assert.deepEqual({ ...summary.counts.byStatus }, { ok: 2, stream_error: 2 });
  for (const { status, error } of records) if (status !== 'ok') assert.match(error!, /^event_too_large: /);
});

test('a run of nothing but stalls ends at its drain limit, with every request cancelled and on record', async () => {
  const { summary, records } = await replay(() => ({ headAtMs: Number.POSITIVE_INFINITY, steps: [] }), {
    rows: rowsAt([0, 5, 10, 15]),
    drainSec: 0.5,
  });
  assert.deepEqual({ ...summary.counts.byStatus }, { cancelled: 4 });
  assert.equal(records.length, 4);
  assert.equal(summary.metrics.ttft!.n, 0);
  assert.equal(summary.metrics.ttft!.p99, null);
  assert.ok(summary.notes.some((note) => /--drain/.test(note)));
});
