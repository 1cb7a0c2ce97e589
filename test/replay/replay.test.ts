/** replayTrace and its command, with real sender processes against the scripted endpoint on loopback. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { get_encoding } from 'tiktoken';
import { main } from '../../src/cli/main.js';
import { ToolError } from '../../src/errors.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import {
  chatDone,
  chatRole,
  chatStop,
  chatToken,
  chatUsage,
  type Script,
  type ScriptedAnswer,
  type ScriptedRequest,
} from '../../src/replay/testing/script.js';
import {
  createScriptedEndpoint,
  type ScriptedEndpoint,
  type ScriptedEndpointOptions,
} from '../../src/replay/testing/scripted-endpoint.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { RunRecord, RunSummary, TraceRow } from '../../src/types.js';

const encoding = get_encoding('cl100k_base');
let root = '';
let runs = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'tokentide-replay-'));
});
after(() => rm(root, { recursive: true }));

interface Body {
  readonly model: string;
  readonly messages: readonly [{ readonly content: string }];
  readonly max_tokens: number;
  readonly ignore_eos?: boolean;
}

const bodyOf = (request: { readonly body: string }): Body => JSON.parse(request.body) as Body;
const promptOf = (request: { readonly body: string }): string => bodyOf(request).messages[0].content;
const lengthOf = (text: string): number => encoding.encode_ordinary(text).length;

/** An answer of `max_tokens` tokens whose usage counts the prompt. */
function answer(
  request: ScriptedRequest,
  options: { atMs?: number; usage?: boolean; extraPrompt?: number } = {},
): ScriptedAnswer {
  const { atMs = 0, usage = true, extraPrompt = 0 } = options;
  const { max_tokens: tokens } = bodyOf(request);
  return {
    steps: [
      { atMs, write: chatRole() + chatToken(' one').repeat(tokens) + chatStop('length') },
      ...(usage ? [{ atMs, write: chatUsage(lengthOf(promptOf(request)) + extraPrompt, tokens) }] : []),
      { atMs, write: chatDone() },
      { atMs, end: 'complete' },
    ],
  };
}

const rowsAt = (times: readonly number[], overrides: Partial<TraceRow> = {}): TraceRow[] =>
  times.map((ms, i) =>
    emptyRow({
      arrivalNs: BigInt(ms * 1e6),
      inputTokens: 12 + i,
      outputTokens: 3 + (i % 4),
      requestId: `r${i}`,
      operation: 'chat',
      ...overrides,
    }),
  );

const ROWS = rowsAt(Array.from({ length: 12 }, (_, i) => i * 15));

interface Replayed {
  readonly summary: RunSummary;
  readonly records: readonly RunRecord[];
  readonly endpoint: ScriptedEndpoint;
  readonly dir: string;
}

async function replay(
  script: Script,
  options: Partial<ReplayOptions> & {
    readonly pages?: ScriptedEndpointOptions['pages'];
    readonly rows?: readonly TraceRow[];
  } = {},
): Promise<Replayed> {
  const { pages, rows = ROWS, ...rest } = options;
  const endpoint = await createScriptedEndpoint({ script, pages });
  const dir = rest.outDir ?? join(root, `run-${++runs}`);
  try {
    const summary = await replayTrace({
      trace: { name: 'test', rows, blockSize: null },
      url: endpoint.url,
      outDir: dir,
      warmUpCode: false,
      trial: false,
      metricsUrl: 'none',
      ...rest,
    });
    return { summary, records: (await readRun(dir)).records, endpoint, dir };
  } finally {
    await endpoint.close();
  }
}

const thrown =
  (code: string, pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof ToolError && error.code === code && pattern.test(`${error.message} ${error.hint}`);

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

test('warm-up requests come before t0, are of the same kind with other text, and are in no result', async () => {
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
  const { summary, records } = await replay((request) => (request.index === 1 ? stuck : answer(request)), {
    rows: rowsAt([0, 10, 20]),
    drainSec: 0.2,
  });
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

test('an endpoint that is down, and one that refuses, stop the run before the load', async () => {
  await assert.rejects(
    replay(() => null, { url: 'http://127.0.0.1:9' }),
    thrown('ENDPOINT_UNREACHABLE', /127\.0\.0\.1:9 cannot be reached: connection refused/),
  );
  const refusal = (status: number, message: string): ScriptedAnswer => ({
    status,
    contentType: 'application/json',
    steps: [
      { atMs: 0, write: JSON.stringify({ error: { message } }) },
      { atMs: 0, end: 'complete' },
    ],
  });
  const refusals: [number, string, RegExp][] = [
    [
      401,
      'Incorrect API key provided: sk-abcdef-secret',
      /401: Incorrect API key provided: sk-\*\*\*.*TOKENTIDE_API_KEY/,
    ],
    [404, 'no such model', /404: no such model.*--model/],
    [400, 'unknown field', /400: unknown field/],
  ];
  for (const [status, message, pattern] of refusals) {
    const dir = join(root, `refused-${status}`);
    await assert.rejects(
      replay(() => refusal(status, message), { trial: true, outDir: dir }),
      thrown('ENDPOINT_UNREACHABLE', pattern),
    );
    await assert.rejects(stat(dir));
  }
  const busy = await replay((request) => (request.index === 0 ? refusal(503, 'loading') : answer(request)), {
    trial: true,
    rows: ROWS.slice(0, 2),
  });
  assert.deepEqual(busy.summary.counts.byStatus, { ok: 2 });
  assert.ok(
    busy.summary.notes.some((note) => /trial request was answered with http_503: loading/.test(note)),
  );
});

test('a server that refuses ignore_eos is asked without it, and that is said', async () => {
  const { endpoint, summary } = await replay(
    (request) =>
      bodyOf(request).ignore_eos === undefined
        ? answer(request)
        : {
            status: 400,
            contentType: 'application/json',
            steps: [
              {
                atMs: 0,
                write: '{"error":{"message":"Unrecognized request argument supplied: ignore_eos"}}',
              },
              { atMs: 0, end: 'complete' },
            ],
          },
    { trial: true, rows: ROWS.slice(0, 3) },
  );
  assert.deepEqual(summary.counts.byStatus, { ok: 3 });
  assert.equal(endpoint.requests.filter((request) => bodyOf(request).ignore_eos === true).length, 1);
  assert.ok(summary.notes.some((note) => /refuses ignore_eos/.test(note)));
});

test('the first listed model is used unless one is given; extra members of the body win', async () => {
  const pages = { '/v1/models': JSON.stringify({ data: [{ id: 'first' }, { id: 'second' }] }) };
  const listed = await replay((request) => answer(request), { pages, rows: ROWS.slice(0, 1) });
  assert.equal(bodyOf(listed.endpoint.requests[0]).model, 'first');
  assert.ok(listed.summary.notes.some((note) => /2 models; first was used/.test(note)));
  const given = await replay((request) => answer(request), {
    pages,
    rows: ROWS.slice(0, 1),
    model: 'mine',
    extraBody: { temperature: 0, max_tokens: 2 },
  });
  assert.deepEqual(
    { ...bodyOf(given.endpoint.requests[0]), messages: [] },
    {
      messages: [],
      model: 'mine',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 2,
      ignore_eos: true,
      temperature: 0,
    },
  );
});

test('a chat template’s tokens are learnt and taken off every prompt', async () => {
  const { summary, endpoint } = await replay((request) => answer(request, { extraPrompt: 9 }), {
    calibratePrompts: true,
    rows: ROWS.slice(0, 4),
  });
  assert.deepEqual(summary.promptTokens, { compared: 4, exact: 4, meanSignedError: 0 });
  assert.deepEqual(
    endpoint.requests.slice(0, 3).map((request) => lengthOf(promptOf(request))),
    [16, 64, 256],
  );
  assert.ok(summary.notes.some((note) => /adds 9 tokens/.test(note)));
  const without = await replay((request) => answer(request, { extraPrompt: 9 }), { rows: ROWS.slice(0, 4) });
  assert.equal(without.summary.promptTokens.meanSignedError, 9);
  assert.ok(without.summary.notes.some((note) => /9 tokens more than asked/.test(note)));
});

test('shared blocks are shared text within a run and other text in the next one, unless the salt is kept', async () => {
  const rows = rowsAt([0, 10], { inputTokens: 40, outputTokens: 1 }).map((row, i) => ({
    ...row,
    blockHashes: [1n, 2n, BigInt(3 + i)],
  }));
  const prompts = async (salt: string): Promise<string[]> => {
    const endpoint = await createScriptedEndpoint({ script: (request) => answer(request) });
    try {
      await replayTrace({
        trace: { name: 't', rows, blockSize: 16 },
        url: endpoint.url,
        outDir: join(root, `run-${++runs}`),
        warmUpCode: false,
        trial: false,
        metricsUrl: 'none',
        salt,
      });
      return endpoint.requests.map(promptOf);
    } finally {
      await endpoint.close();
    }
  };
  const first = await prompts('a');
  const words = first.map((text) => text.split(' '));
  assert.deepEqual(words[0].slice(0, 32), words[1].slice(0, 32));
  assert.notDeepEqual(words[0].slice(32), words[1].slice(32));
  assert.deepEqual(await prompts('a'), first);
  assert.notEqual((await prompts('random'))[0], first[0]);
});

test('the endpoint’s own metrics page is scraped when there is one', async () => {
  let scrapes = 0;
  const page = (): string => {
    scrapes += 1;
    return `vllm:num_requests_running ${scrapes}\nvllm:generation_tokens_total ${scrapes * 10}`;
  };
  const { summary } = await replay((request) => answer(request), {
    pages: { '/metrics': page },
    metricsUrl: undefined,
  });
  const gauges = new Map(summary.server!.gauges.map((gauge) => [gauge.name, gauge]));
  assert.ok(gauges.get('running')!.samples >= 2);
  assert.equal(gauges.get('generation_tokens')!.last, (gauges.get('running')!.samples - 1) * 10);
});

test('the command: exit status, JSON on stdout, and what is wrong in one line', async () => {
  const endpoint = await createScriptedEndpoint({ script: (request) => answer(request) });
  const printed: string[] = [];
  const original = process.stdout.write;
  const originalError = process.stderr.write;
  const run = async (...words: string[]): Promise<number> => {
    printed.length = 0;
    process.stdout.write = ((text: string) => printed.push(text) > 0) as typeof process.stdout.write;
    process.stderr.write = ((text: string) => printed.push(text) > 0) as typeof process.stderr.write;
    try {
      return await main(['replay', ...words]);
    } finally {
      process.stdout.write = original;
      process.stderr.write = originalError;
    }
  };
  try {
    const trace = join(root, 'trace.parquet');
    await writeTestTrace(trace, ROWS.slice(0, 3));
    const dir = join(root, 'command');
    const short = await run(trace, '--url', endpoint.url, '-o', dir, '--json', '--quiet', '--no-ignore-eos');
    assert.equal(short, 6, printed.join(''));
    const document = JSON.parse(printed.join('')) as RunSummary;
    assert.deepEqual([document.kind, document.schemaVersion, document.counts.offered], ['run', 1, 3]);
    assert.equal(bodyOf(endpoint.requests.at(-1)!).ignore_eos, undefined);
    assert.equal(await run(trace, '--url', endpoint.url, '-o', dir), 3);
    assert.match(printed.join(''), /already holds a run/);
    assert.equal(await run(trace, '--url', 'http://127.0.0.1:9', '-o', join(root, 'x')), 4);
    assert.equal(await run(trace, '--url', endpoint.url, '-o', join(root, 'x'), '--senders', 'many'), 2);
    assert.equal(await run(trace, '--url', endpoint.url, '-o', join(root, 'x'), '--concurrency', '0'), 2);
    assert.equal(await run(join(root, 'none.parquet'), '--url', endpoint.url, '-o', join(root, 'x')), 3);
  } finally {
    await endpoint.close();
  }
});

async function writeTestTrace(path: string, rows: readonly TraceRow[]): Promise<void> {
  const { writeTrace } = await import('../../src/trace/write.js');
  const { batchFromRows } = await import('../../src/trace/batch.js');
  const { createManifest } = await import('../../src/manifest.js');
  await writeTrace({
    path,
    batches: [batchFromRows(rows)],
    meta: {
      schemaVersion: 1,
      kind: 'trace',
      name: 'test',
      startUtc: null,
      timeResolutionNs: null,
      arrivalBasis: 'synthetic',
      blockSize: null,
      droppedRows: {},
      quality: null,
      manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
    },
  });
}
