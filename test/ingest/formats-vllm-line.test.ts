/** vLLM's request lines: Python literals, words of the line inside prompts, years that turn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVllmLine, parseVllmRequestLine } from '../../src/ingest/formats/vllm-line.js';
import { ingestText } from './logs.js';

const HEAD = 'INFO 03-30 01:59:58 [logger.py:41] Received request';

test('a prompt is unescaped, whatever it quotes', () => {
  const promptOf = (literal: string): string | null | undefined =>
    parseVllmRequestLine(
      `${HEAD} cmpl-1: prompt: ${literal}, params: SamplingParams(max_tokens=5), lora_request: None.`,
    )?.prompt;
  assert.equal(promptOf(`'say "hi",\\nplease'`), 'say "hi",\nplease');
  assert.equal(promptOf(`"it's"`), "it's");
  assert.equal(promptOf(`'a\\'b\\\\n \\x41 \\u00e9 \\U0001f600'`), "a'b\\n A é 😀");
  assert.equal(
    promptOf(`'x, params: SamplingParams(max_tokens=9), y'`),
    'x, params: SamplingParams(max_tokens=9), y',
  );
  assert.equal(promptOf('None'), null);
});

test('other lines announce no request', () => {
  for (const line of [
    'INFO:     10.4.0.9:51832 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
    `${HEAD} cmpl-1: nothing of the kind`,
    'INFO 03-30 02:00:04 [loggers.py:248] Engine 000: Avg prompt throughput: 812.4 tokens/s',
    '',
  ]) {
    assert.equal(parseVllmRequestLine(line), null, line);
  }
});

test('dates without a year run on over its turn and over a leap day', async (context) => {
  const line = (date: string): string =>
    `INFO ${date} [logger.py:66] Received request chatcmpl-1: params: SamplingParams(max_tokens=5), lora_request: None.`;
  const daysOf = async (dates: readonly string[]): Promise<readonly number[]> => {
    const { rows } = await ingestText(context, 'vllm.log', dates.map(line).join('\n'));
    return rows.map((row) => Number(row.arrivalNs) / 86_400e9);
  };
  assert.deepEqual(await daysOf(['12-30 00:00:00', '01-02 00:00:00', '03-01 12:00:00']), [0, 3, 61.5]);
  assert.deepEqual(await daysOf(['02-28 00:00:00', '02-29 00:00:00', '03-01 00:00:00']), [0, 1, 2]);
  assert.deepEqual(await daysOf(['02-28 00:00:00', '03-01 00:00:00']), [0, 1]);
});

test('where the server announces nothing, what the engine adds are the requests, several answers of one once', async (context) => {
  const line = (second: number, text: string): string =>
    `INFO 03-30 01:59:0${second} [async_llm.py:270] ${text}\n`;
  const { result, rows } = await ingestText(
    context,
    'engine.log',
    [
      line(1, 'Added request chatcmpl-a.'),
      line(2, 'Added request 0_chatcmpl-b.'),
      line(3, 'Finished request chatcmpl-a.'),
      line(4, 'Added request cmpl-c-0.'),
    ].join(''),
    { keepIds: true },
  );
  assert.match(result.format.reason, /Added request/);
  assert.deepEqual(
    rows.map(({ requestId, operation, status }) => [requestId, operation, status]),
    [
      ['chatcmpl-a', 'chat', 'ok'],
      ['cmpl-c-0', 'completion', 'unknown'],
    ],
  );
});

test('the first form of all, and answers without token ids', () => {
  const first = parseVllmRequestLine(
    `INFO 03-30 01:59:58 async_llm_engine.py:371] Received request 7: prompt: 'hi', sampling params: SamplingParams(n=1, max_tokens=5), prompt token ids: [1, 15043].`,
  );
  assert.deepEqual([first?.prompt, first?.promptTokenIds, first?.maxTokens], ['hi', 2, 5]);
  const end = parseVllmLine(
    `INFO 03-30 01:59:58 [logger.py:90] Generated response chatcmpl-1: output: 'hi', finish_reason: stop`,
  );
  assert.ok(end?.kind === 'generated');
  assert.deepEqual([end.output, end.outputTokenIds, end.finishReason], ['hi', null, 'stop']);
});
