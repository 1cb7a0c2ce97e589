/**
 * A run against the served engine reconciles with the server's own log: token counts, order and endings of sessions,
 * retries and faults. And a killed run keeps what had ended. Counts are exact whatever the machine does.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { randomOf } from '../../src/random.js';
import { readRun } from '../../src/replay/run-folder.js';
import { createScriptedEndpoint } from '../../src/replay/testing/scripted-endpoint.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { RunRecord, RunSummary, ServedRequest, TraceRow } from '../../src/types.js';
import { freePort, resultOf, runCommand, startCommand, untilAnswering } from './processes.js';
import { answer, writeRows } from './scripted-run.js';

let dir = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tokentide-reconcile-'));
});
after(() => rm(dir, { recursive: true }));

const TURNS = 4;
const NEW_TOKENS = 25;

/** Chats of four turns: prompts grow by the answer and new text; one in three chats ends with two parallel children. */
function chats(count: number, everyMs: number): TraceRow[] {
  const rng = randomOf('reconcile', 'lengths');
  const rows: TraceRow[] = [];
  for (let chat = 0; chat < count; chat++) {
    let inputTokens = 30 + rng.int(60);
    let atMs = chat * everyMs;
    for (let turn = 1; turn <= TURNS; turn++) {
      const outputTokens = 2 + rng.int(12);
      const common = { inputTokens, outputTokens, sessionId: `s${chat}`, operation: 'chat' as const };
      const id = (n: string): string => `s${chat}-${n}`;
      const row = emptyRow({
        ...common,
        arrivalNs: BigInt(Math.round(atMs * 1e6)),
        requestId: id(`${turn}`),
        parentId: turn === 1 ? null : id(`${turn - 1}`),
        turn,
        thinkNs: turn === 1 ? null : BigInt(5 + rng.int(60)) * 1_000_000n,
      });
      rows.push(row);
      if (turn === TURNS && chat % 3 === 0)
        rows.push({ ...row, requestId: id('side'), turn: null, thinkNs: 0n });
      inputTokens += outputTokens + NEW_TOKENS;
      atMs += 90;
    }
  }
  return rows.sort((a, b) => Number(a.arrivalNs - b.arrivalNs));
}

interface Reconciled {
  readonly summary: RunSummary;
  readonly records: readonly RunRecord[];
  readonly served: readonly ServedRequest[];
  readonly status: number | null;
}

async function run(
  name: string,
  rows: readonly TraceRow[],
  words: readonly string[],
  faults: object | null = null,
): Promise<Reconciled> {
  const trace = join(dir, `${name}.parquet`);
  await writeRows(trace, rows, name);
  const port = await freePort();
  const record = join(dir, `${name}.jsonl`);
  const out = join(dir, name);
  const url = `http://127.0.0.1:${port}`;
  const server = startCommand([
    ...['serve', '--engine', 'tiny-demo', '--port', String(port), '--record', record, '--quiet'],
  ]);
  const ended = resultOf(server);
  try {
    await untilAnswering(`${url}/health`);
    if (faults !== null) {
      const reply = await fetch(`${url}/admin/faults`, { method: 'POST', body: JSON.stringify(faults) });
      assert.equal(reply.status, 200, await reply.text());
    }
    const { status } = await runCommand([
      ...['replay', trace, '--url', url, '-o', out, '--json', '--quiet', '--no-trial', ...words],
    ]);
    server.kill('SIGINT');
    await ended;
    const served = (await readFile(record, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ServedRequest);
    return { ...(await readRun(out)), served, status };
  } finally {
    server.kill('SIGKILL');
  }
}

const byIndex = (records: readonly RunRecord[]): Map<number, RunRecord> =>
  new Map(records.filter(({ phase }) => phase === 'measure').map((record) => [record.index, record]));

/** Every turn after its parent, think time later, and in the server's log after the parent's end. */
function assertTurns(
  records: readonly RunRecord[],
  rows: readonly TraceRow[],
  served: readonly ServedRequest[],
): void {
  const ofServer = new Map(served.map((one) => [one.responseId, one]));
  const measured = byIndex(records);
  for (const record of measured.values()) {
    if (record.parentIndex == null || record.sentNs === null) continue;
    const parent = measured.get(record.parentIndex)!;
    assert.equal(rows[record.index].parentId, rows[parent.index].requestId);
    assert.ok(record.intendedNs >= parent.endNs! + Number(rows[record.index].thinkNs ?? 0n) - 1);
    const [own, before] = [ofServer.get(record.responseId ?? ''), ofServer.get(parent.responseId ?? '')];
    if (own !== undefined && before !== undefined) assert.ok(own.headNs >= before.lastTokenNs!);
  }
}

for (const history of ['synthetic', 'real'] as const) {
  test(`closed sessions with ${history} answers: prompts exact, order kept, every count the server’s`, async () => {
    const rows = chats(60, 60);
    const { summary, records, served } = await run(`closed-${history}`, rows, [
      ...['--sessions', 'closed', '--history', history],
    ]);
    assert.deepEqual(summary.counts, { offered: rows.length, byStatus: { ok: rows.length } });
    assert.equal(served.length, rows.length);
    const ofServer = new Map(served.map((one) => [one.responseId, one]));
    for (const record of records) {
      const own = ofServer.get(record.responseId!)!;
      assert.equal(own.promptTokens, record.inputTokens);
      assert.equal(own.outputTokens, record.outputTokens);
      assert.equal(own.finishReason, record.finishReason);
      assert.equal(record.outputTokens, rows[record.index].outputTokens);
      // Synthetic conversations have the trace's length to the token; so does each part of a real one.
      if (history === 'synthetic') assert.equal(record.inputTokens, rows[record.index].inputTokens);
    }
    if (history === 'synthetic') assert.equal(summary.promptTokens.exact, rows.length);
    assertTurns(records, rows, served);
    assert.equal(summary.load.sessions!.withHistory, rows.filter(({ parentId }) => parentId !== null).length);
  });
}

test('faults: errors and cut streams end sessions; both sides count the same endings', async () => {
  const rows = chats(60, 40);
  const { summary, records, served } = await run(
    'faults',
    rows,
    ['--sessions', 'closed', '--history', 'synthetic'],
    { errorRatio: 0.1, cutRatio: 0.1 },
  );
  const {
    ok = 0,
    http_error = 0,
    skipped = 0,
    truncated = 0,
    connection_error = 0,
  } = summary.counts.byStatus;
  assert.equal(ok + http_error + skipped + truncated + connection_error, rows.length);
  assert.equal(http_error, served.filter(({ httpStatus }) => httpStatus >= 400).length);
  const ofServer = new Map(served.map((one) => [one.responseId, one]));
  for (const record of records) {
    const own = ofServer.get(record.responseId ?? '');
    if (own?.status === 'ok') assert.equal(record.status, 'ok');
    // Cut behind the last token: the answer was whole all the same.
    else if (record.status === 'ok') assert.equal(own?.outputTokens, record.maxOutputTokens);
  }
  assert.ok(http_error > 0 && truncated + connection_error > 0 && skipped > 0);
  // A request may leave on a connection that the fault of another one is just breaking: the server never sees it. Where
  // that shows at once it is sent again, and then the server has seen it once or twice.
  const resent = records.filter(({ note }) => note?.includes('resent')).length;
  const unseen = rows.length + resent - skipped - served.length;
  assert.ok(
    unseen >= 0 && unseen <= connection_error + resent,
    `${unseen} unseen, ${connection_error} connection errors, ${resent} sent again`,
  );
  const measured = byIndex(records);
  for (const record of measured.values()) {
    if (record.parentIndex == null) continue;
    assert.equal(record.status === 'skipped', measured.get(record.parentIndex)!.status !== 'ok');
  }
  assertTurns(records, rows, served);
});

test('retries against a server that refuses a fifth: every attempt is in both logs', async () => {
  const rows = chats(60, 40).map((row) => ({ ...row, sessionId: null, parentId: null }));
  const { summary, records, served } = await run('retries', rows, ['--retries', '3'], {
    errorRatio: 0.2,
    errorStatus: 503,
  });
  const attempts = records.filter(({ attempt }) => attempt > 0).length;
  assert.equal(served.length, attempts);
  assert.equal(summary.counts.attempts, attempts);
  assert.equal(summary.counts.offered, rows.length);
  assert.equal(
    served.filter(({ httpStatus }) => httpStatus === 503).length,
    records.filter(({ httpStatus }) => httpStatus === 503).length,
  );
  const again = records.filter(({ phase, attempt }) => phase === 'measure' && attempt > 1);
  assert.ok(again.length > 10);
  assert.ok(again.every(({ sentNs, lastSentNs }) => lastSentNs! - sentNs! >= 500e6));
});

test('a killed client keeps all but the last moments: how much of them is printed', async (context) => {
  const endedMs: number[] = [];
  const endpoint = await createScriptedEndpoint({
    script: (request) => {
      setTimeout(() => endedMs.push(performance.now()), 10);
      return answer(request, { atMs: 10 });
    },
  });
  const rows = Array.from({ length: 9_000 }, (_, i) =>
    emptyRow({ arrivalNs: BigInt(i) * 5_000_000n, inputTokens: 8, outputTokens: 3, operation: 'chat' }),
  );
  const trace = join(dir, 'killed.parquet');
  await writeRows(trace, rows, 'killed');
  const out = join(dir, 'killed');
  const client = startCommand([
    ...['replay', trace, '--url', endpoint.url, '-o', out, '--model', 'm', '--quiet', '--no-trial'],
    ...['--metrics-url', 'none'],
  ]);
  const ended = resultOf(client);
  try {
    while (endedMs.length < 600) await new Promise((resolve) => setTimeout(resolve, 20));
    client.kill('SIGKILL');
    const killedMs = performance.now();
    await ended;
    const { records, summary } = await readRun(out);
    const done = endedMs.filter((ms) => ms <= killedMs).sort((a, b) => a - b);
    const kept = records.filter(({ status }) => status === 'ok').length;
    const lostMs = kept >= done.length ? 0 : killedMs - done[kept];
    context.diagnostic(
      `${kept} of ${done.length} kept; the oldest lost one had ended ${lostMs.toFixed(0)} ms before`,
    );
    // 100 ms on a quiet machine; a loaded one may not give the client a core for as long.
    assert.ok(lostMs < 500, `${lostMs} ms`);
    assert.equal(summary.interrupted, true);
  } finally {
    client.kill('SIGKILL');
    await endpoint.close();
  }
});
