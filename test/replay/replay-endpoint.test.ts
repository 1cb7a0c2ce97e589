/** What a replay asks of its endpoint, what it sends, and the command around it. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { main } from '../../src/cli/main.js';
import { runLines } from '../../src/inspect/result-lines.js';
import { replayTrace } from '../../src/replay/replay.js';
import type { ScriptedAnswer } from '../../src/replay/testing/script.js';
import { createScriptedEndpoint } from '../../src/replay/testing/scripted-endpoint.js';
import type { RunSummary } from '../../src/types.js';
import {
  answer,
  bodyOf,
  freshDir,
  lengthOf,
  promptOf,
  ROOT,
  ROWS,
  replay,
  rowsAt,
  thrown,
  writeRows,
} from './scripted-run.js';

test('an endpoint that is down, and one that refuses, stop the run before the load', async () => {
  await assert.rejects(
    replay(() => null, { url: 'http://127.0.0.1:9' }),
    thrown('ENDPOINT_UNREACHABLE', /127\.0\.0\.1:9 cannot be reached: connection refused/),
  );
  const plain = await createScriptedEndpoint({ script: () => null });
  try {
    const url = plain.url.replace('http:', 'https:');
    await assert.rejects(
      replay(() => null, { url }),
      thrown('ENDPOINT_UNREACHABLE', /cannot be reached: tls: .*does not speak TLS/s),
    );
  } finally {
    await plain.close();
  }
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
    const dir = join(ROOT, `refused-${status}`);
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
        outDir: freshDir(),
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

test('the server’s limits are asked for before the load and kept in run.json, also of a killed run', async () => {
  const config =
    'vllm:cache_config_info{block_size="32",engine="0",num_gpu_blocks="7936"} 1.0\nvllm:num_requests_running 1';
  const models = JSON.stringify({ data: [{ id: 'm', max_model_len: 4096 }] });
  const pages = { '/metrics': config, '/v1/models': models };
  const limits = { kvBlocks: 7_936, blockSize: 32, maxModelLen: 4_096 };
  const own = await replay((request) => answer(request), { pages, metricsUrl: undefined });
  assert.deepEqual(own.summary.serverLimits, limits);
  // Metrics elsewhere: there is the page, here the rest.
  const metrics = await createScriptedEndpoint({ script: () => null, pages: { '/page': config } });
  try {
    const elsewhere = await replay((request) => answer(request), {
      pages: { '/v1/models': models },
      metricsUrl: `${metrics.url}/page`,
    });
    assert.deepEqual(elsewhere.summary.serverLimits, limits);
  } finally {
    await metrics.close();
  }
  const unasked = await replay((request) => answer(request), { pages, metricsUrl: 'none' });
  assert.equal(unasked.summary.serverLimits, undefined);
  const silent = await replay((request) => answer(request), { metricsUrl: undefined });
  assert.deepEqual([silent.summary.serverLimits, silent.summary.server], [undefined, null]);
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
    const trace = join(ROOT, 'trace.parquet');
    await writeRows(trace, ROWS.slice(0, 3));
    const dir = join(ROOT, 'command');
    const short = await run(trace, '--url', endpoint.url, '-o', dir, '--json', '--quiet', '--no-ignore-eos');
    assert.equal(short, 6, printed.join(''));
    const document = JSON.parse(printed.join('')) as RunSummary;
    assert.deepEqual([document.kind, document.schemaVersion, document.counts.offered], ['run', 1, 3]);
    assert.equal(bodyOf(endpoint.requests.at(-1)!).ignore_eos, undefined);
    assert.equal(await run(trace, '--url', endpoint.url, '-o', dir), 3);
    assert.match(printed.join(''), /already holds a run/);
    assert.equal(await run(trace, '--url', 'http://127.0.0.1:9', '-o', join(ROOT, 'x')), 4);
    assert.equal(await run(trace, '--url', endpoint.url, '-o', join(ROOT, 'x'), '--senders', 'many'), 2);
    assert.equal(await run(trace, '--url', endpoint.url, '-o', join(ROOT, 'x'), '--concurrency', '0'), 2);
    assert.equal(await run(join(ROOT, 'none.parquet'), '--url', endpoint.url, '-o', join(ROOT, 'x')), 3);
  } finally {
    await endpoint.close();
  }
});

test('several addresses: each record says which one served it, and each has its own figures', async () => {
  const slow = await createScriptedEndpoint({
    script: (request) =>
      request.index === 2 ? { status: 500, steps: [{ atMs: 0, end: 'complete' }] } : answer(request),
  });
  try {
    const { summary, records, endpoint } = await replay((request) => answer(request), {
      otherUrls: [`${slow.url}/v1/chat/completions?key=secret`],
    });
    const [a, b] = [`${endpoint.url}/v1/chat/completions`, `${slow.url}/v1/chat/completions`];
    assert.deepEqual(summary.target.endpoints, [a, b]);
    assert.deepEqual(
      records.map((one) => one.endpoint),
      ROWS.map((_, i) => [a, b][i % 2]),
    );
    assert.deepEqual([endpoint.requests.length, slow.requests.length], [6, 6]);
    assert.deepEqual(
      summary.endpoints?.map(({ endpoint: name, offered, byStatus }) => [name, offered, byStatus]),
      [
        [a, 6, { ok: 6 }],
        [b, 6, { ok: 5, http_error: 1 }],
      ],
    );
    const [first, second] = summary.endpoints!;
    assert.deepEqual(
      [first.metrics.ttft?.n, second.metrics.ttft?.n, second.metrics.e2e?.excluded],
      [6, 5, { http_error: 1 }],
    );
    const table = runLines(summary).join('\n');
    assert.match(table, /address +n +not ok/);
    assert.match(table, new RegExp(`${new URL(b).host} +6 +1 `));
  } finally {
    await slow.close();
  }
});

test('several addresses: each is asked for its limits, and a fleet of unequal ones is named', async () => {
  const pagesOf = (slots: number, told: string[]): Record<string, () => string> => ({
    '/props': () => {
      told.push('/props');
      return JSON.stringify({ total_slots: slots, default_generation_settings: { n_ctx: 4_096 } });
    },
  });
  const asked: string[][] = [[], [], []];
  const others = await Promise.all([
    createScriptedEndpoint({ script: (request) => answer(request), pages: pagesOf(4, asked[1]) }),
    createScriptedEndpoint({ script: (request) => answer(request) }),
  ]);
  try {
    const { summary, endpoint } = await replay((request) => answer(request), {
      otherUrls: others.map(({ url }) => url),
      metricsUrl: null,
      pages: pagesOf(8, asked[0]),
    });
    const limits = (slots: number) => ({
      maxSeqs: slots,
      maxModelLen: 4_096,
      kvBlocks: slots * 256,
      blockSize: 16,
    });
    assert.deepEqual(
      asked.map((pages) => pages.length),
      [1, 1, 0],
    );
    assert.deepEqual(
      summary.endpoints?.map(({ serverLimits }) => serverLimits),
      [limits(8), limits(4), undefined],
    );
    assert.deepEqual(summary.serverLimits, limits(8), 'the first one’s');
    const [a, b] = [endpoint, others[0]].map(({ url }) => new URL(url).host);
    const said = `maxSeqs 8 (${a}), 4 (${b}); kvBlocks 2048 (${a}), 1024 (${b})`;
    assert.ok(
      summary.notes.some((note) => note.includes(`unequal limits: ${said};`)),
      summary.notes.join('\n'),
    );
  } finally {
    await Promise.all(others.map((one) => one.close()));
  }
});

test('the look-up of a name is told apart from the connection that it is a part of; one address has no column', async () => {
  const rows = ROWS.slice(0, 3);
  for (const host of ['127.0.0.1', 'localhost']) {
    const server = await createScriptedEndpoint({ script: (request) => answer(request) });
    try {
      const url = server.url.replace('127.0.0.1', host);
      const { summary, records } = await replay(() => null, { url, rows });
      assert.ok(records.every((one) => one.endpoint === null));
      assert.deepEqual([summary.endpoints, summary.target.endpoints], [undefined, undefined]);
      const opened = records.filter((one) => one.connectNs !== null);
      assert.ok(opened.length > 0);
      for (const { dnsNs, connectNs } of opened) {
        if (host === 'localhost') assert.ok(dnsNs! > 0 && dnsNs! <= connectNs!, `${dnsNs} of ${connectNs}`);
        else assert.equal(dnsNs, null);
      }
      assert.ok(records.every((one) => one.connectNs !== null || one.dnsNs === null));
    } finally {
      await server.close();
    }
  }
});
