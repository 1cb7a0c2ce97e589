/** `--keep-text`: prompts and answers beside the trace on request only, keyed by its request ids, never in it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type IngestOptions, ingest } from '../../src/ingest/ingest.js';
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
