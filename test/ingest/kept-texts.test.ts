/** `--keep-text`: prompts and answers beside the trace on request only, keyed by its request ids, never in it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type IngestOptions, ingest } from '../../src/ingest/ingest.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { readTraceRows } from '../../src/trace/read.js';
import { temporaryFolder } from '../trace/traces.js';

interface KeptText {
  readonly request_id: string;
  readonly prompt?: unknown;
  readonly answer?: unknown;
}

async function keep(
  context: TestContext,
  name: string,
  content: string,
  options: Partial<IngestOptions> = {},
) {
  const folder = temporaryFolder(context);
  const input = join(temporaryFolder(context), name);
  const keepText = join(folder, 'texts.jsonl');
  const output = join(folder, 'out.parquet');
  writeFileSync(input, content);
  const result = await ingest({ inputs: [input], output, keepText, ...options });
  const texts = readFileSync(keepText, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as KeptText);
  return { result, texts, rows: await readTraceRows(output), folder, output, keepText };
}

test('a conversation: the text of each turn joins its row, the trace holds none of it', async (context) => {
  const secret = 'an invented secret of 1 person';
  const log = JSON.stringify([
    {
      id: 'c-1',
      conversations: [
        { from: 'human', value: secret },
        { from: 'gpt', value: 'first answer' },
        { from: 'human', value: 'more' },
        { from: 'gpt', value: 'second answer' },
      ],
    },
  ]);
  const { result, texts, rows, folder, output, keepText } = await keep(context, 'chat.json', log);
  assert.deepEqual(
    texts.map(({ answer }) => answer),
    ['first answer', 'second answer'],
  );
  assert.deepEqual(texts[1].prompt, [secret, 'first answer', 'more']);
  assert.deepEqual(
    texts.map(({ request_id: id }) => id).sort(),
    rows.map(({ requestId }) => requestId).sort(),
  );
  assert.ok(!readFileSync(output).toString('latin1').includes('secret'));
  assert.match(
    result.quality.notes.join('\n'),
    /TEXT KEPT: prompts and answers of 2 rows are in texts\.jsonl/,
  );
  assert.equal(statSync(keepText).mode & 0o077, 0, 'readable by its owner only');
  assert.deepEqual(readdirSync(folder).sort(), ['out.parquet', 'texts.jsonl']);
});

test('fields that a format does not read otherwise are kept as JSON or text', async (context) => {
  const line = (id: string, rest: object): string =>
    JSON.stringify({
      id,
      call_type: 'acompletion',
      status: 'success',
      startTime: 1_777_766_399.5,
      endTime: 1_777_766_400,
      prompt_tokens: 3,
      completion_tokens: 2,
      ...rest,
    });
  const messages = [{ role: 'user', content: 'say "hi"' }];
  const { texts, rows } = await keep(
    context,
    'litellm.jsonl',
    [line('a', { messages, response: 'hi\n' }), line('b', {}), line('c', { messages: 'plain' })].join('\n'),
    { keepIds: true },
  );
  assert.equal(rows.length, 3);
  assert.deepEqual(texts, [
    { request_id: 'a', prompt: messages, answer: 'hi\n' },
    { request_id: 'c', prompt: 'plain' },
  ]);
});

test('rows without an id get one to join by', async (context) => {
  const { texts, rows } = await keep(context, 'prompts.jsonl', '{"prompt":"one two"}\n{"prompt":"three"}\n', {
    tokenizer: 'cl100k_base',
  });
  assert.deepEqual(
    texts.map(({ request_id: id, prompt }) => [
      rows.find((row) => row.requestId === id)?.inputTokens,
      prompt,
    ]),
    [
      [2, 'one two'],
      [1, 'three'],
    ],
  );
});

test('a format without text refuses, and a failed ingest leaves no text behind', async (context) => {
  const csv = 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n';
  await assert.rejects(keep(context, 'azure.csv', csv), /azure-llm has no field of prompt or answer text/);
  const folder = temporaryFolder(context);
  const input = join(folder, 'prompts.jsonl');
  writeFileSync(input, '{"prompt":"one two"}\n{"prompt":null}\n');
  const keepText = join(folder, 'texts.jsonl');
  await assert.rejects(
    ingest({
      inputs: [input],
      output: join(folder, 'o.parquet'),
      keepText,
      strict: true,
      format: 'vllm-custom',
    }),
    /prompt is missing/,
  );
  assert.ok(!existsSync(keepText));
  assert.deepEqual(readdirSync(folder), ['prompts.jsonl']);
});

test('every format that carries text keeps that of its sample, and nothing of it comes into the trace', async (context) => {
  const question = /an invented (question|prompt)|it's rid=/;
  const kept: Record<string, readonly KeptText[]> = {};
  for (const name of [
    'azure-apim.jsonl',
    'envoy-access.jsonl',
    'helicone-exporter.csv',
    'helicone.jsonl',
    'kong-ai.jsonl',
    'otlp-genai.jsonl',
    'sglang-text.log',
    'vllm-log.log',
  ]) {
    const content = readFileSync(new URL(`traces/samples/${name}`, PACKAGE_ROOT), 'utf8');
    const { texts, rows, output } = await keep(context, name, content, { keepIds: true });
    const ids = new Set(rows.map(({ requestId }) => requestId));
    assert.ok(
      texts.every(({ request_id: id }) => ids.has(id)),
      name,
    );
    assert.ok(
      texts.some(({ prompt }) => question.test(JSON.stringify(prompt))),
      name,
    );
    assert.ok(!readFileSync(output).toString('latin1').includes('invented question'), name);
    kept[name] = texts;
  }
  const messages = [{ role: 'user', content: 'an invented question' }];
  assert.deepEqual(kept['azure-apim.jsonl'], [{ request_id: 'c-3', prompt: messages }]);
  assert.deepEqual(kept['kong-ai.jsonl'], [
    { request_id: 'k-8', prompt: { messages }, answer: 'an invented answer' },
  ]);
  assert.deepEqual(kept['helicone-exporter.csv'], [{ request_id: 'r-1', prompt: { messages } }]);
  assert.deepEqual(kept['otlp-genai.jsonl'], [
    {
      request_id: 'b7ad6b7169203334',
      prompt: [{ role: 'user', parts: [{ type: 'text', content: 'an invented question' }] }],
      answer: [{ role: 'assistant', parts: [{ type: 'text', content: 'an invented answer' }] }],
    },
  ]);
  const sglang = new Map(kept['sglang-text.log'].map((text) => [text.request_id, text]));
  assert.equal(sglang.get('r-001')?.answer, 'an invented answer');
  assert.equal(sglang.get('r-005')?.prompt, "it's rid='no', 'max_new_tokens': 1");
});

test('LiteLLM: the whole request stands for empty messages, empty objects are no text', async (context) => {
  const row = (id: string, rest: object): string =>
    JSON.stringify({
      request_id: id,
      call_type: 'acompletion',
      status: 'success',
      startTime: '2026-08-09T14:31:00+00:00',
      endTime: '2026-08-09T14:31:01+00:00',
      prompt_tokens: 3,
      completion_tokens: 2,
      ...rest,
    });
  const messages = [{ role: 'user', content: 'hi' }];
  const { texts } = await keep(
    context,
    'spend.jsonl',
    [
      row('a', { messages: {}, proxy_server_request: JSON.stringify({ messages }), response: '{}' }),
      row('b', { messages, proxy_server_request: {}, response: { choices: [] } }),
      row('c', { messages: {}, response: {} }),
    ].join('\n'),
    { keepIds: true },
  );
  assert.deepEqual(texts, [
    { request_id: 'a', prompt: { messages } },
    { request_id: 'b', prompt: messages, answer: { choices: [] } },
  ]);
});

test('OpenTelemetry: messages as typed lists and maps are kept as plain JSON', async (context) => {
  const string = (stringValue: string): object => ({ stringValue });
  const map = (values: Record<string, object>): object => ({
    kvlistValue: { values: Object.entries(values).map(([key, value]) => ({ key, value })) },
  });
  const list = (...values: object[]): object => ({ arrayValue: { values } });
  const messages = list(
    map({ role: string('user'), parts: list(map({ type: string('text'), content: string('hi') })) }),
  );
  const attributes = [
    { key: 'gen_ai.operation.name', value: string('chat') },
    { key: 'gen_ai.input.messages', value: messages },
  ];
  const span = { spanId: 'b7ad6b7169203339', startTimeUnixNano: '1767225602000000000', attributes };
  const { texts } = await keep(
    context,
    'spans.jsonl',
    JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    { keepIds: true },
  );
  assert.deepEqual(texts, [
    {
      request_id: 'b7ad6b7169203339',
      prompt: [{ role: 'user', parts: [{ type: 'text', content: 'hi' }] }],
    },
  ]);
});
