/** Records that are joined into requests: both sides of every join are accounted for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ingestText } from './logs.js';

const jsonl = (...records: readonly object[]): string =>
  records.map((record) => JSON.stringify(record)).join('\n');

const llm = (id: string): object => ({
  TimeGenerated: '2026-03-08T07:00:00.1250000Z',
  CorrelationId: id,
  PromptTokens: 812,
  CompletionTokens: 64,
  SequenceNumber: 0,
  OperationName: 'ChatCompletions_Create',
});
const gateway = (id: string): object => ({
  time: '2026-03-08T07:00:00.1200000Z',
  correlationId: id,
  isRequestSuccess: true,
  durationMs: 1843,
  properties: { responseCode: 200 },
});

test('azure-apim: requests on one side of the join only are counted and said', async (context) => {
  const { result, rows } = await ingestText(
    context,
    'apim.jsonl',
    jsonl(llm('both'), gateway('both'), llm('llm-1'), llm('llm-2'), gateway('gw-1')),
  );
  assert.equal(rows.length, 3);
  assert.equal(rows.filter(({ status }) => status === 'unknown').length, 2);
  const notes = result.quality.notes.join('\n');
  assert.match(
    notes,
    /2 requests have no row in GatewayLogs \(1 have both\): kept, with status and duration unknown/,
  );
  assert.match(notes, /1 requests of GatewayLogs have no row in ApiManagementGatewayLlmLog: left out/);
  const alone = await ingestText(context, 'llm.jsonl', jsonl(llm('a'), llm('b')));
  assert.match(alone.result.quality.notes.join('\n'), /2 requests have no row in GatewayLogs \(none has one/);
  const whole = await ingestText(context, 'whole.jsonl', jsonl(gateway('a'), llm('a')));
  assert.doesNotMatch(whole.result.quality.notes.join('\n'), /have no row/);
});

const HEAD = 'INFO 03-30 01:59:';

test('vllm-log: old engines end requests by name, new ones by their answers, some not at all', async (context) => {
  const log = [
    `${HEAD}01 async_llm_engine.py:208] Received request cmpl-a: prompt: 'one two', params: SamplingParams(max_tokens=9), prompt_token_ids: None, lora_request: None.`,
    `${HEAD}02 [logger.py:66] Received request chatcmpl-b: params: SamplingParams(max_tokens=9), lora_request: None.`,
    `${HEAD}03 [logger.py:90] Generated response chatcmpl-b: output: 'three four five', output_token_ids: None, finish_reason: stop`,
    `${HEAD}04 async_llm_engine.py:134] Finished request cmpl-a.`,
    `${HEAD}05 [logger.py:66] Received request chatcmpl-c: params: SamplingParams(max_tokens=9), lora_request: None.`,
    `${HEAD}06 [logger.py:66] Received request chatcmpl-c: params: SamplingParams(max_tokens=8), lora_request: None.`,
    `${HEAD}07 [logger.py:90] Generated response chatcmpl-c (streaming complete): output: '', output_token_ids: [], finish_reason: abort`,
    `${HEAD}08 [logger.py:66] Received request chatcmpl-d: params: SamplingParams(max_tokens=7), lora_request: None.`,
    '',
  ].join('\n');
  const { rows, result } = await ingestText(context, 'vllm.log', log, {
    tokenizer: 'cl100k_base',
    keepIds: true,
  });
  assert.deepEqual(
    rows.map(({ requestId, inputTokens, outputTokens, maxOutputTokens, status, durationNs }) => [
      requestId,
      inputTokens,
      outputTokens,
      maxOutputTokens,
      status,
      durationNs,
    ]),
    [
      ['cmpl-a', 2, null, 9, 'ok', 3_000_000_000n],
      ['chatcmpl-b', null, 3, 9, 'ok', 1_000_000_000n],
      ['chatcmpl-c', null, null, 9, 'unknown', null],
      ['chatcmpl-c', null, 0, 8, 'cancelled', 1_000_000_000n],
      ['chatcmpl-d', null, null, 7, 'unknown', null],
    ],
  );
  assert.equal(result.quality.estimatedRows, 2, 'lengths from text are marked as estimated');
  assert.match(result.quality.notes.join('\n'), /complete only after later ones, as records are joined/);
});

test('SGLang lines without a time of their own are placed by what the end says of the arrival', async (context) => {
  const end = (id: string, more: string): string =>
    `Finish: obj=GenerateReqInput(rid='${id}', text='an invented prompt', stream=True), out={'text': 'an answer', 'meta_info': {'id': '${id}', 'finish_reason': {'type': 'stop'}, 'prompt_tokens': 3, 'completion_tokens': 2${more}, 'e2e_latency': 1.5}}\n`;
  const { rows, result } = await ingestText(
    context,
    'target.log',
    [
      "Receive: obj=GenerateReqInput(rid='a', stream=True)\n",
      end('a', ", 'request_received_ts': 1774747800.25"),
      end('b', ", 'request_received_ts': 1774747801.5"),
      end('c', ''),
    ].join(''),
  );
  assert.deepEqual(
    rows.map(({ arrivalNs, durationNs }) => [arrivalNs, durationNs]),
    [
      [0n, 1_500_000_000n],
      [1_250_000_000n, 1_500_000_000n],
    ],
  );
  assert.match(result.quality.rejects[0].reason, /has no time, and request_received_ts is missing/);
});
