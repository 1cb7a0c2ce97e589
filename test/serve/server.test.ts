/** The server over real HTTP on loopback: answers, usage, errors, metrics, disconnects, records, shutdown. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readEngineModel } from '../../src/engine/model.js';
import { ToolError } from '../../src/errors.js';
import { type EngineServer, type ServeOptions, serveEngine } from '../../src/serve/server.js';
import type { EngineModel, ServedRequest } from '../../src/types.js';
import { eventsOf, eventually, type Reply, raw, samplesOf, send, textOf, type Usage } from './client.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-serve-'));
after(() => rmSync(folder, { recursive: true }));

const tiny = await readEngineModel('tiny-demo');
/** The demo engine with iterations of 0.1 ms and one decode block per few tokens. */
const fast: EngineModel = {
  ...tiny,
  step: { baseSec: 1e-4, perPrefillTokenSec: 0, perDecodeSeqSec: 0, perKvTokenSec: 0, noiseCv: 0 },
};

async function serving(
  options: Partial<ServeOptions>,
  use: (server: EngineServer, served: ServedRequest[]) => Promise<void>,
): Promise<void> {
  const served: ServedRequest[] = [];
  const server = await serveEngine({
    engine: fast,
    port: 0,
    seed: 1,
    onRequest: (request) => served.push(request),
    ...options,
  });
  try {
    await use(server, served);
  } finally {
    await server.close();
  }
}

const user = (content: string): object => ({ role: 'user', content });
const chat = (server: EngineServer, body: object, headers?: Record<string, string>): Promise<Reply> =>
  send(`${server.url}/v1/chat/completions`, { body, headers });
const completion = (server: EngineServer, body: object): Promise<Reply> =>
  send(`${server.url}/v1/completions`, { body });

const WORDS = 'house garden tree water light stone river cloud field bread paper music';
const words = (count: number): string =>
  Array.from({ length: count }, (_, i) => WORDS.split(' ')[i % 12]).join(' ');

test('a chat stream: role chunk without text, one chunk per token, finish reason, usage with empty choices, DONE', () =>
  serving({}, async (server, served) => {
    const reply = await chat(server, {
      model: 'any-name',
      messages: [{ role: 'system', content: words(5) }, user(words(7))],
      max_tokens: 20,
      stream: true,
      stream_options: { include_usage: true },
    });
    assert.equal(reply.status, 200);
    assert.match(reply.headers['content-type']!, /^text\/event-stream/);
    const { chunks, done } = eventsOf(reply.text);
    assert.ok(done);
    assert.deepEqual(chunks[0].choices[0].delta, { role: 'assistant', content: '' });
    const tokens = chunks.slice(1, -1);
    assert.equal(tokens.length, 20);
    assert.ok(tokens.every((chunk, i) => (i === 0 ? /^[a-z]+$/ : /^ [a-z]+$/).test(textOf(chunk))));
    assert.deepEqual(
      tokens.map((chunk) => chunk.choices[0].finish_reason),
      [...new Array<null>(19).fill(null), 'length'],
    );
    const last = chunks.at(-1)!;
    assert.deepEqual(last.choices, []);
    assert.deepEqual(last.usage, {
      prompt_tokens: 12,
      completion_tokens: 20,
      total_tokens: 32,
      prompt_tokens_details: { cached_tokens: 0 },
    });
    assert.ok(chunks.every((chunk) => chunk.id === served[0].responseId && chunk.model === 'any-name'));
    assert.equal(served[0].outputTokens, 20);
    assert.equal(served[0].promptTokens, 12);
  }));

test('without include_usage no chunk carries usage; with continuous_usage_stats every chunk does', () =>
  serving({}, async (server) => {
    const body = { messages: [user(words(3))], max_tokens: 4, stream: true };
    const plain = eventsOf((await chat(server, body)).text);
    assert.ok(plain.chunks.every((chunk) => chunk.usage === undefined));
    const options = { include_usage: true, continuous_usage_stats: true };
    const counted = eventsOf((await chat(server, { ...body, stream_options: options })).text);
    assert.deepEqual(
      counted.chunks.map((chunk) => chunk.usage!.completion_tokens),
      [0, 1, 2, 3, 4, 4],
    );
  }));

test('an answer that is not streamed has the same text, in one body', () =>
  serving({}, async (server) => {
    const body = { messages: [user(words(9))], max_completion_tokens: 6 };
    const whole = JSON.parse((await chat(server, body)).text) as {
      object: string;
      choices: { message: { role: string; content: string }; finish_reason: string }[];
      usage: Usage;
    };
    const stream = eventsOf((await chat(server, { ...body, stream: true })).text);
    assert.equal(whole.object, 'chat.completion');
    assert.equal(whole.choices[0].message.content, stream.chunks.map(textOf).join(''));
    assert.equal(whole.choices[0].finish_reason, 'length');
    assert.equal(whole.usage.completion_tokens, 6);
  }));

test('completions: text, token ids, 16 tokens by default, the context with ignore_eos', () =>
  serving({ engine: { ...fast, limits: { ...fast.limits, maxModelLen: 50 } } }, async (server) => {
    const usageOf = async (body: object): Promise<Usage> =>
      (JSON.parse((await completion(server, body)).text) as { usage: Usage }).usage;
    assert.equal((await usageOf({ prompt: words(10) })).completion_tokens, 16);
    assert.equal((await usageOf({ prompt: [words(10)] })).prompt_tokens, 10);
    assert.equal((await usageOf({ prompt: [5, 6, 7] })).prompt_tokens, 3);
    assert.equal((await usageOf({ prompt: words(10), ignore_eos: true })).completion_tokens, 40);
    const { chunks } = eventsOf((await completion(server, { prompt: words(3), stream: true })).text);
    assert.ok(chunks.every((chunk) => chunk.object === 'text_completion' && /^ [a-z]+$/.test(textOf(chunk))));
  }));

test('text outside the word pool is counted by the tokenizer', () =>
  serving({}, async (server) => {
    const text = 'Hello, wörld! 42 ≠ 43';
    const reply = await chat(server, { messages: [user(text)], max_tokens: 1 });
    const { get_encoding } = createRequire(import.meta.url)('tiktoken') as typeof import('tiktoken');
    const expected = get_encoding('cl100k_base').encode_ordinary(text).length;
    assert.equal((JSON.parse(reply.text) as { usage: Usage }).usage.prompt_tokens, expected);
  }));

test('a drawn length is seeded by server and prompt, ends with stop, and respects min_tokens', async () => {
  const run = async (seed: number): Promise<(readonly [number, string])[]> => {
    const results: (readonly [number, string])[] = [];
    await serving({ seed }, async (server) => {
      for (const extra of [{}, { min_tokens: 400 }, { seed: 5 }]) {
        const reply = await chat(server, { messages: [user(words(4))], ...extra });
        const { usage, choices } = JSON.parse(reply.text) as {
          usage: Usage;
          choices: { finish_reason: string }[];
        };
        results.push([usage.completion_tokens, choices[0].finish_reason]);
      }
    });
    return results;
  };
  const first = await run(1);
  assert.deepEqual(await run(1), first);
  assert.notDeepEqual(await run(2), first);
  assert.ok(first.every(([, reason]) => reason === 'stop'));
  assert.ok(first[1][0] >= 400);
  assert.notEqual(first[0][0], first[2][0]);
});

test('a stop text ends the answer before it', () =>
  serving({}, async (server) => {
    const body = { messages: [user(words(4))], max_tokens: 30 };
    const contentOf = (reply: Reply) =>
      (JSON.parse(reply.text) as { choices: { message: { content: string }; finish_reason: string }[] })
        .choices[0];
    const full = contentOf(await chat(server, body));
    const tenth = full.message.content.split(' ')[10];
    const cut = contentOf(await chat(server, { ...body, stop: [`${tenth}`] }));
    assert.equal(cut.finish_reason, 'stop');
    assert.ok(full.message.content.startsWith(cut.message.content));
    assert.ok(!cut.message.content.includes(tenth));
  }));

test('faults of the request are OpenAI error objects with the field', () =>
  serving({ modelName: 'mine' }, async (server, served) => {
    const messages = [user(words(3))];
    const cases: readonly (readonly [object | string, number, string | null])[] = [
      ['{not json', 400, null],
      ['[]', 400, null],
      [{ messages: [] }, 400, 'messages'],
      [{ messages: [{ role: 'robot', content: 'x' }] }, 400, 'messages[0].role'],
      [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 400, 'messages[0].content'],
      [{ messages: [user('')] }, 400, 'messages'],
      [{ messages, n: 2 }, 400, 'n'],
      [{ messages, max_tokens: 0 }, 400, 'max_tokens'],
      [{ messages, max_tokens: 1.5 }, 400, 'max_tokens'],
      [{ messages, max_tokens: 5, min_tokens: 6 }, 400, 'min_tokens'],
      [{ messages, temperature: 3 }, 400, 'temperature'],
      [{ messages, stream: 'yes' }, 400, 'stream'],
      [{ messages, stream_options: { include_usage: true } }, 400, 'stream_options'],
      [{ messages, logprobs: true }, 400, 'logprobs'],
      [{ messages, stop: [''] }, 400, 'stop'],
      [{ messages, tool_choice: 'required' }, 400, 'tool_choice'],
      [{ messages, response_format: { type: 'json_object' } }, 400, 'response_format'],
      [{ messages, max_tokens: 1_000_000 }, 400, 'max_tokens'],
      [{ messages, model: 'other' }, 404, 'model'],
    ];
    for (const [body, status, param] of cases) {
      const reply = await send(`${server.url}/v1/chat/completions`, { body });
      const { error } = JSON.parse(reply.text) as { error: Record<string, unknown> };
      assert.equal(reply.status, status, JSON.stringify(body));
      assert.equal(error['param'], param, JSON.stringify(body));
      assert.equal(error['type'], 'invalid_request_error');
      assert.ok(typeof error['message'] === 'string' && error['message'].length > 5);
    }
    assert.equal(served.length, cases.length);
    assert.ok(served.every((request) => request.status === 'refused' && request.error !== null));
    const overflow = await chat(server, { messages, max_tokens: 1_000_000 });
    assert.match(overflow.text, /"code":"context_length_exceeded"/);
    for (const body of [{ prompt: ['a', 'b'] }, { prompt: '' }, { prompt: 5 }, { prompt: 'a', echo: true }])
      assert.equal((await completion(server, body)).status, 400);
    assert.equal((await send(`${server.url}/v1/chat/completions`)).status, 405);
    assert.equal((await send(`${server.url}/v1/embeddings`, { body: {} })).status, 404);
    assert.equal((await chat(server, { messages, model: 'mine', max_tokens: 1 })).status, 200);
  }));

test('models, health and the request id', () =>
  serving({ modelName: 'my "model" ✓' }, async (server) => {
    assert.deepEqual((await send(`${server.url}/health`)).status, 200);
    const models = JSON.parse((await send(`${server.url}/v1/models`)).text) as { data: { id: string }[] };
    assert.equal(models.data[0].id, 'my "model" ✓');
    const body = { messages: [user(words(2))], max_tokens: 1, stream: true };
    const given = await chat(server, body, { 'x-request-id': 'req-7' });
    assert.equal(given.headers['x-request-id'], 'req-7');
    const { chunks } = eventsOf(given.text);
    assert.equal(chunks[0].model, 'my "model" ✓');
    const other = await chat(server, body, { 'x-request-id': 'req-7' });
    assert.notEqual(eventsOf(other.text).chunks[0].id, chunks[0].id, 'response ids are unique');
    samplesOf((await send(`${server.url}/metrics`)).text);
  }));

test('metrics: the page parses and its numbers equal what was served', () =>
  serving({ replicas: 2, router: 'round-robin' }, async (server) => {
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => chat(server, { messages: [user(words(20 + i))], max_tokens: 5 })),
    );
    const samples = samplesOf((await send(`${server.url}/metrics`)).text);
    const sum = (name: string, more = ''): number => {
      const values = [0, 1].map((engine) =>
        samples.get(`${name}{model_name="tiny-demo",engine="${engine}"${more}}`),
      );
      assert.ok(
        values.every((value) => value !== undefined),
        name,
      );
      return values[0]! + values[1]!;
    };
    assert.equal(sum('vllm:prompt_tokens_total'), 245);
    assert.equal(sum('vllm:generation_tokens_total'), 50);
    assert.equal(sum('vllm:request_success_total', ',finished_reason="length"'), 10);
    assert.equal(sum('vllm:request_success_total', ',finished_reason="abort"'), 0);
    for (const name of [
      'num_requests_running',
      'num_requests_waiting',
      'kv_cache_usage_perc',
      'gpu_cache_usage_perc',
    ])
      assert.equal(sum(`vllm:${name}`), 0);
    for (const [name, count] of [
      ['time_to_first_token_seconds', 10],
      ['inter_token_latency_seconds', 40],
      ['time_per_output_token_seconds', 40],
      ['e2e_request_latency_seconds', 10],
      ['request_queue_time_seconds', 10],
    ] as const) {
      assert.equal(sum(`vllm:${name}_count`), count);
      assert.equal(sum(`vllm:${name}_bucket`, ',le="+Inf"'), count);
      assert.ok(sum(`vllm:${name}_sum`) >= 0);
    }
    assert.ok(sum('vllm:e2e_request_latency_seconds_sum') >= sum('vllm:time_to_first_token_seconds_sum'));
    assert.equal(samples.get('vllm:num_preemptions_total{model_name="tiny-demo",engine="0"}'), 0);
    assert.ok([...samples.keys()].some((key) => key.startsWith('vllm:cache_config_info{block_size="16"')));
  }));

test('the prefix cache is hit by the same prompt and by the next turn of a conversation', () =>
  serving({}, async (server) => {
    const ask = async (messages: readonly object[]): Promise<{ usage: Usage; content: string }> => {
      const reply = JSON.parse((await chat(server, { messages, max_tokens: 40 })).text) as {
        usage: Usage;
        choices: { message: { content: string } }[];
      };
      return { usage: reply.usage, content: reply.choices[0].message.content };
    };
    const system = { role: 'system', content: words(64) };
    const first = await ask([system, user(words(30))]);
    assert.equal(first.usage.prompt_tokens_details.cached_tokens, 0);
    const again = await ask([system, user(words(30))]);
    assert.equal(
      again.usage.prompt_tokens_details.cached_tokens,
      80,
      'whole blocks of 94 tokens, the last computed',
    );
    const next = await ask([
      system,
      user(words(30)),
      { role: 'assistant', content: first.content },
      user(words(10)),
    ]);
    assert.equal(next.usage.prompt_tokens, 64 + 30 + 40 + 10);
    // 133 tokens are in KV after the first answer: its last token was never fed back.
    assert.equal(next.usage.prompt_tokens_details.cached_tokens, 128);
    const roles = await ask([{ role: 'user', content: words(64) }, user(words(30))]);
    assert.equal(roles.usage.prompt_tokens_details.cached_tokens, 0, 'another role is another prefix');
  }));

test('a client that hangs up frees its blocks, streamed or not', () =>
  serving({ engine: { ...fast, step: { ...fast.step, baseSec: 0.002 } } }, async (server, served) => {
    const body = { messages: [user(words(50))], max_tokens: 10_000 };
    await send(`${server.url}/v1/chat/completions`, {
      body: { ...body, stream: true },
      hangUpWhen: (text) => text.split('\n\n').length > 5,
    });
    const gauge = async (name: string): Promise<number> =>
      samplesOf((await send(`${server.url}/metrics`)).text).get(
        `vllm:${name}{model_name="tiny-demo",engine="0"}`,
      )!;
    await eventually(
      () => gauge('num_requests_running'),
      (running) => running === 0,
    );
    assert.equal(await gauge('kv_cache_usage_perc'), 0);
    assert.equal(served[0].status, 'cancelled');
    assert.ok(served[0].outputTokens >= 3 && served[0].outputTokens < 10_000);
    const controller = new AbortController();
    const whole = fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: controller.signal,
    });
    await eventually(
      () => gauge('num_requests_running'),
      (running) => running === 1,
    );
    controller.abort();
    await assert.rejects(whole);
    await eventually(
      () => gauge('num_requests_running'),
      (running) => running === 0,
    );
    const page = samplesOf((await send(`${server.url}/metrics`)).text);
    assert.equal(
      page.get('vllm:request_success_total{model_name="tiny-demo",engine="0",finished_reason="abort"}'),
      2,
    );
  }));

test('a lone request keeps the planned schedule exactly: iterations end at absolute instants', () =>
  serving({ engine: tiny }, async (server, served) => {
    await chat(server, { messages: [user(words(100))], max_tokens: 50, stream: true });
    const { admittedNs, firstTokenPlannedNs, lastTokenPlannedNs, firstTokenNs, lastTokenNs } = served[0];
    const prefillNs = (0.002 + 8e-6 * 100) * 1e9;
    // Decode k = 1 … 49 holds 100 + k tokens.
    const decodeNs = 49 * (0.002 + 0.00015) * 1e9 + 1e-9 * (49 * 100 + (49 * 50) / 2) * 1e9;
    // Doubles of absolute ns are exact to a fraction of a µs; 50 sums of them stay below that.
    assert.ok(Math.abs(firstTokenPlannedNs! - admittedNs! - prefillNs) < 100);
    assert.ok(Math.abs(lastTokenPlannedNs! - firstTokenPlannedNs! - decodeNs) < 1_000);
    assert.ok(firstTokenNs! >= firstTokenPlannedNs! && lastTokenNs! >= lastTokenPlannedNs!, 'never early');
    const [{ steps, maxMs }] = server.lateness();
    assert.equal(steps, 50);
    assert.ok(maxMs! > 0);
  }));

test('the record file holds one line per request, in order of ending, joined by the response id', async () => {
  const recordPath = join(folder, 'sub', 'record.jsonl');
  let seen: readonly string[] = [];
  await serving({ recordPath, replicas: 2 }, async (server) => {
    const replies = await Promise.all(
      [1, 2, 3].map((k) => chat(server, { messages: [user(words(k))], max_tokens: k, stream: true })),
    );
    seen = replies.map((reply) => eventsOf(reply.text).chunks[0].id);
    await chat(server, { messages: [] });
  });
  const lines = readFileSync(recordPath, 'utf8').trimEnd().split('\n');
  const records = lines.map((line) => JSON.parse(line) as ServedRequest);
  assert.equal(records.length, 4);
  for (const [i, id] of seen.entries()) {
    const record = records.find((candidate) => candidate.responseId === id)!;
    assert.deepEqual([record.status, record.outputTokens, record.promptTokens], ['ok', i + 1, i + 1]);
    const instants = [
      record.headNs,
      record.readNs!,
      record.queuedNs!,
      record.admittedNs!,
      record.firstTokenNs!,
      record.lastTokenNs!,
      record.endNs,
    ];
    // Admission may lie before queueing by the lateness of a running iteration: the schedule is absolute.
    assert.deepEqual(
      instants.slice(3),
      [...instants.slice(3)].sort((a, b) => a - b),
    );
    assert.ok(record.headNs <= record.readNs! && record.readNs! <= record.queuedNs!);
  }
  assert.equal(records[3].httpStatus, 400);
});

test('raw HTTP: kept-alive, pipelined, and HTTP/1.0 answers are well formed', () =>
  serving({}, async (server) => {
    const body = JSON.stringify({ prompt: words(3), max_tokens: 3, stream: true });
    const post = (version: string, more: string): string =>
      `POST /v1/completions HTTP/${version}\r\nHost: x\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
    const pipelined = await raw(server.port, post('1.1', '') + post('1.1', 'Connection: close\r\n'));
    const answers = pipelined.split('HTTP/1.1 200 OK\r\n').slice(1);
    assert.equal(answers.length, 2);
    for (const answer of answers) {
      const [head, ...rest] = answer.split('\r\n\r\n');
      assert.match(head, /transfer-encoding: chunked/i);
      const { chunks, done } = eventsOf(dechunk(rest.join('\r\n\r\n')));
      assert.equal(chunks.length, 3);
      assert.ok(done);
    }
    const old = await raw(server.port, post('1.0', ''));
    assert.ok(!/chunked/i.test(old));
    assert.ok(eventsOf(old.slice(old.indexOf('\r\n\r\n') + 4)).done);
  }));

/** Decodes chunked framing; fails when it is not exact. */
function dechunk(text: string): string {
  let out = '';
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    assert.ok(Number.isSafeInteger(size), `chunk size at ${at}`);
    if (size === 0) {
      assert.equal(text.slice(end), '\r\n\r\n');
      return out;
    }
    out += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
    assert.equal(text.slice(at - 2, at), '\r\n');
  }
}

test('300 requests at once are all in the engine before any of them ends', () =>
  serving({ engine: { ...fast, step: { ...fast.step, baseSec: 30 } } }, async (server, served) => {
    const replies = Array.from({ length: 300 }, () =>
      chat(server, { messages: [user(words(3))], max_tokens: 1, stream: true }).catch(() => null),
    );
    const gauge = (samples: Map<string, number>, name: string): number =>
      samples.get(`vllm:${name}{model_name="tiny-demo",engine="0"}`)!;
    const page = await eventually(
      async () => samplesOf((await send(`${server.url}/metrics`)).text),
      (samples) => gauge(samples, 'num_requests_running') + gauge(samples, 'num_requests_waiting') === 300,
    );
    assert.ok(gauge(page, 'num_requests_running') <= 32);
    assert.equal(served.length, 0);
    await server.close();
    await Promise.all(replies);
    assert.equal(served.length, 300);
    assert.ok(served.every((request) => request.status === 'cancelled'));
  }));

test('a taken port is refused by name; closing drains what is in flight, or cuts it off', async () => {
  const served: ServedRequest[] = [];
  const engine = { ...fast, step: { ...fast.step, baseSec: 0.005 } };
  const start = (port: number): Promise<EngineServer> =>
    serveEngine({ engine, port, seed: 1, onRequest: (request) => served.push(request) });
  const server = await start(0);
  await assert.rejects(
    start(server.port),
    (error) => error instanceof ToolError && error.code === 'PORT_IN_USE' && /--port/.test(error.hint),
  );
  const running = async (at: EngineServer): Promise<unknown> =>
    eventually(
      async () => (await send(`${at.url}/metrics`)).text,
      (page) => page.includes('num_requests_running{model_name="tiny-demo",engine="0"} 1'),
    );
  const body = { messages: [user(words(3))], max_tokens: 20, stream: true };
  const finishing = chat(server, body);
  await running(server);
  await server.close({ drainSec: 60 });
  assert.ok(eventsOf((await finishing).text).done);
  assert.equal(served.at(-1)!.status, 'ok');
  await assert.rejects(send(`${server.url}/health`), 'nothing listens any more');

  const other = await start(0);
  const cut = chat(other, { ...body, max_tokens: 10_000 });
  cut.catch(() => undefined);
  await running(other);
  await other.close();
  assert.equal(served.at(-1)!.status, 'cancelled');
  await cut.catch(() => undefined);
});

test('bad options are refused before anything listens', async () => {
  for (const options of [{ replicas: 0 }, { speed: 0 }, { port: 70_000 }])
    await assert.rejects(
      serveEngine({ engine: fast, port: 0, seed: 1, ...options }),
      (error) => error instanceof ToolError && error.code === 'BAD_VALUE',
    );
});
