/** Formats whose records and requests are not one to one, read record by record: rows computed by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spellings } from '../../src/ingest/format.js';
import { MANY_ROWS_FORMATS } from '../../src/ingest/formats/index.js';
import { arrivalNs } from '../../src/ingest/formats/instants.js';
import type { ManyRowsFormat } from '../../src/ingest/formats/many-rows.js';
import { parseOpenAiUsage } from '../../src/ingest/formats/openai-usage.js';
import { pathTree } from '../../src/ingest/json-scan.js';
import { JsonLinesReader } from '../../src/ingest/jsonl.js';
import { Pseudonyms } from '../../src/ingest/pseudonyms.js';
import { RowReject, SourceRecord } from '../../src/ingest/record.js';
import { StagedRow } from '../../src/ingest/rows.js';
import { TimeReader } from '../../src/ingest/time.js';
import { parseZone } from '../../src/ingest/zone.js';

type Row = Readonly<Record<string, unknown>>;

interface Read {
  /** Known values of each row; arrivals and durations as text, ns since 1970 or the start. */
  readonly rows: readonly Row[];
  readonly rejects: readonly string[];
  readonly others: number;
  readonly blockSize: number | null;
}

function formatNamed(name: string): ManyRowsFormat {
  const format = MANY_ROWS_FORMATS.find((candidate) => candidate.name === name);
  assert.ok(format, name);
  return format;
}

function readLines(
  name: string,
  lines: readonly (object | string)[],
  countTokens: ((text: string) => number) | null = null,
): Read {
  const format = formatNamed(name);
  const reader = new JsonLinesReader(pathTree(format.columns.map(spellings)));
  const record = new SourceRecord(format.columns, [], new TimeReader(parseZone('UTC')));
  const row = new StagedRow();
  const handler = format.open({ pseudonyms: new Pseudonyms(null), countTokens });
  const rows: Row[] = [];
  const rejects: string[] = [];
  let others = 0;
  const emit = (): void => {
    const known = format.fills
      .filter((field) => row[field] !== null)
      .map((field): [string, unknown] => {
        const value = field === 'blockHashes' ? [...row.hashes.view()] : row[field];
        return [field, typeof value === 'bigint' ? String(value) : value];
      });
    rows.push({ at: String(arrivalNs(row)), ...Object.fromEntries(known) });
    row.clear();
  };
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  reader.feed(Buffer.from(text));
  reader.finish();
  for (let step = reader.next(record); step === 'row'; step = reader.next(record)) {
    row.clear();
    try {
      if (!handler.readAll(record, row, emit)) others += 1;
    } catch (error) {
      if (!(error instanceof RowReject)) throw error;
      rejects.push(error.reason);
    }
  }
  row.clear();
  handler.finish?.(row, emit);
  return { rows, rejects, others, blockSize: handler.blockSize ?? null };
}

const attribute = (key: string, value: object): object => ({ key, value });

test('OTLP: every model call of a line is a row; old and new names; exact times; failures', () => {
  const spans = [
    {
      spanId: 'b7ad6b7169203331',
      name: 'chat m',
      startTimeUnixNano: '1767225600000000001',
      endTimeUnixNano: '1767225601250000000',
      attributes: [
        attribute('gen_ai.operation.name', { stringValue: 'chat' }),
        attribute('gen_ai.request.model', { stringValue: 'm' }),
        attribute('gen_ai.response.model', { stringValue: 'm-2026' }),
        attribute('gen_ai.request.max_tokens', { intValue: '256' }),
        attribute('gen_ai.usage.input_tokens', { intValue: '120' }),
        attribute('gen_ai.usage.prompt_tokens', { intValue: '999' }),
        attribute('gen_ai.usage.cache_read.input_tokens', { intValue: '96' }),
        attribute('gen_ai.usage.output_tokens', { intValue: '33' }),
        attribute('gen_ai.conversation.id', { stringValue: 'conv-1' }),
      ],
      events: [{ name: 'gen_ai.first_token', timeUnixNano: '1767225600200000001' }],
      status: {},
    },
    {
      spanId: 'aa',
      name: 'execute_tool x',
      startTimeUnixNano: '1767225600000000001',
      endTimeUnixNano: '1767225600000000002',
      attributes: [attribute('gen_ai.operation.name', { stringValue: 'execute_tool' })],
    },
    {
      spanId: 'bb',
      name: 'chat m',
      startTimeUnixNano: '1767225602000000000',
      endTimeUnixNano: '1767225601000000000',
      attributes: [
        attribute('gen_ai.operation.name', { stringValue: 'chat' }),
        attribute('error.type', { stringValue: '429' }),
      ],
      status: { code: 'STATUS_CODE_ERROR' },
    },
  ];
  // vLLM's own spans: old names, no operation, seconds; this writer emits bare numbers above 2^53.
  const old =
    '{"resourceSpans":[{"instrumentationLibrarySpans":[{"spans":[{"spanId":"cc","name":"llm_request","startTimeUnixNano":1767225600123456789,"endTimeUnixNano":1767225600223456790,"attributes":[{"key":"gen_ai.request.id","value":{"stringValue":"cmpl-1"}},{"key":"gen_ai.usage.prompt_tokens","value":{"intValue":7}},{"key":"gen_ai.usage.completion_tokens","value":{"intValue":2}},{"key":"gen_ai.latency.time_to_first_token","value":{"doubleValue":0.0125}}],"status":{"code":2}}]}]}]}';
  const { rows, others } = readLines('otlp-genai', [
    { resourceSpans: [{ scopeSpans: [{ spans: spans.slice(0, 2) }, { spans: spans.slice(2) }] }] },
    old,
    { resourceSpans: [] },
  ]);
  assert.deepEqual(rows, [
    {
      at: '1767225600000000001',
      inputTokens: 120,
      outputTokens: 33,
      cachedTokens: 96,
      maxOutputTokens: 256,
      requestId: 'b7ad6b7169203331',
      sessionId: 'conv-1',
      model: 'm-2026',
      operation: 'chat',
      stream: true,
      status: 'ok',
      ttftNs: '200000000',
      durationNs: '1249999999',
    },
    { at: '1767225602000000000', requestId: 'bb', operation: 'chat', status: 'http_error', httpStatus: 429 },
    {
      at: '1767225600123456789',
      inputTokens: 7,
      outputTokens: 2,
      requestId: 'cmpl-1',
      stream: true,
      status: 'http_error',
      ttftNs: '12500000',
      durationNs: '100000001',
    },
  ]);
  assert.equal(others, 1);
});

const received = (rid: string, timestamp: string): object => ({
  timestamp,
  event: 'request.received',
  rid,
  obj: { text: null, stream: true, sampling_params: { max_new_tokens: 256 } },
});
const finished = (rid: string, timestamp: string, type: string): object => ({
  timestamp,
  event: 'request.finished',
  rid,
  obj: { stream: true },
  out: {
    meta_info: {
      id: rid,
      finish_reason: { type, length: 256 },
      prompt_tokens: 913,
      completion_tokens: 256,
      cached_tokens: 896,
      e2e_latency: 2.357,
    },
  },
});
const JOINED = {
  inputTokens: 913,
  outputTokens: 256,
  cachedTokens: 896,
  stream: true,
  durationNs: '2357000000',
};

test('SGLang: received and finished are one row, in any order; what stays open is kept', () => {
  const lines = [
    received('r-1', '2026-03-29T01:30:00.120345'),
    finished('r-1', '2026-03-29T01:30:02.480001', 'length'),
    received('r-2', '2026-03-29T01:30:01'),
    received('r-4', '2026-03-29T01:30:04'),
    finished('r-3', '2026-03-29T01:30:05.357', 'abort'),
    { timestamp: '2026-03-29T01:30:06', event: 'server.started', rid: 'x' },
  ];
  const expected = [
    {
      at: '1774747800120345000',
      ...JOINED,
      maxOutputTokens: 256,
      requestId: 'r-1',
      status: 'ok',
    },
    { at: '1774747801000000000', maxOutputTokens: 256, requestId: 'r-2', stream: true, status: 'unknown' },
    { at: '1774747803000000000', ...JOINED, requestId: 'r-3', status: 'cancelled' },
    { at: '1774747804000000000', maxOutputTokens: 256, requestId: 'r-4', stream: true, status: 'unknown' },
  ];
  const byTime = (read: Read): readonly Row[] =>
    read.rows.toSorted((a, b) => (String(a['at']) < String(b['at']) ? -1 : 1));
  assert.deepEqual(byTime(readLines('sglang', lines)), expected);
  assert.deepEqual(byTime(readLines('sglang', lines.toReversed())), expected);
  assert.equal(readLines('sglang', lines).others, 1);
});

test('Azure APIM: split rows are one request, joined with the gateway log, in any order', () => {
  const llm = (
    CorrelationId: string,
    SequenceNumber: number,
    counts: object,
    TimeGenerated: string,
  ): object => ({
    TimeGenerated,
    CorrelationId,
    SequenceNumber,
    DeploymentName: 'chat',
    OperationName: 'ChatCompletions_Create',
    IsStreamCompletion: true,
    ...counts,
  });
  const lines = [
    llm('c-1', 0, { PromptTokens: 0, CompletionTokens: 0 }, '2026-03-08T07:00:00.1000000Z'),
    llm('c-1', 1, { PromptTokens: 90, CompletionTokens: 12 }, '2026-03-08T07:00:00.1000001Z'),
    llm('c-2', 0, { PromptTokens: null, CompletionTokens: null }, '2026-03-08T07:00:01.0000000Z'),
    {
      time: '2026-03-08T07:00:00.0999999Z',
      correlationId: 'c-1',
      durationMs: 640,
      isRequestSuccess: true,
      properties: { responseCode: 200 },
    },
    {
      time: '2026-03-08T07:00:00.9000000Z',
      correlationId: 'c-2',
      durationMs: 7,
      isRequestSuccess: false,
      properties: { responseCode: '429' },
    },
    { time: '2026-03-08T07:00:02Z', correlationId: 'c-3', durationMs: 1, properties: { responseCode: 200 } },
  ];
  const common = { model: 'chat', operation: 'chat', stream: true };
  const expected = [
    {
      at: '1772953200099999900',
      ...common,
      inputTokens: 90,
      outputTokens: 12,
      requestId: 'c-1',
      status: 'ok',
      httpStatus: 200,
      durationNs: '640000000',
    },
    {
      at: '1772953200900000000',
      ...common,
      requestId: 'c-2',
      status: 'http_error',
      httpStatus: 429,
      durationNs: '7000000',
    },
  ];
  const byId = (read: Read): readonly Row[] =>
    read.rows.toSorted((a, b) => (String(a['requestId']) < String(b['requestId']) ? -1 : 1));
  assert.deepEqual(byId(readLines('azure-apim', lines)), expected);
  assert.deepEqual(byId(readLines('azure-apim', lines.toReversed())), expected);
});

/** A session whose subagent starts 10.5 s in, its calls at the given times. */
function wekaSession(id: string, nestedTimes: readonly number[], hashes: readonly number[] = [0, 1]): object {
  const call = (t: number, extra: object = {}): object => ({
    t,
    type: 's',
    model: 'm',
    in: 100,
    out: 5,
    hash_ids: hashes,
    api_time: 2.25,
    think_time: 0.1,
    ttft: 0.5,
    ...extra,
  });
  return {
    id,
    models: ['m'],
    block_size: 64,
    hash_id_scope: 'local',
    requests: [
      call(0, { think_time: null }),
      {
        t: 10.5,
        type: 'subagent',
        agent_id: 'agent_001',
        subagent_type: 'Explore',
        duration_ms: null,
        total_tokens: null,
        status: 'async_launched',
        models: ['m'],
        requests: nestedTimes.map((t) => call(t, { type: 'n', ttft: null })),
      },
      call(20.3, { hash_ids: [0], in: 100 }),
    ],
  };
}

test('Weka: both conventions of nested times give the same instants; ids of sessions do not meet', () => {
  const relative = readLines('weka', [wekaSession('trace-1', [0.2, 3])]);
  const absolute = readLines('weka', [wekaSession('trace-1', [10.7, 13.5])]);
  assert.deepEqual(
    relative.rows.map(({ at }) => at),
    ['0', '10700000000', '13500000000', '20300000000'],
  );
  assert.deepEqual(absolute.rows, relative.rows);
  assert.equal(relative.blockSize, 64);
  const { blockHashes, ...second } = relative.rows[1];
  assert.deepEqual(second, {
    at: '10700000000',
    inputTokens: 100,
    outputTokens: 5,
    requestId: 'trace-1/2',
    sessionId: 'trace-1/agent_001',
    parentId: 'trace-1/1',
    turn: 1,
    thinkNs: '100000000',
    model: 'm',
    operation: 'chat',
    stream: false,
    durationNs: '2250000000',
  });
  assert.deepEqual(blockHashes, relative.rows[0]['blockHashes']);
  assert.equal((blockHashes as readonly bigint[]).length, 2);
  assert.deepEqual(
    relative.rows.map(({ parentId, turn }) => [parentId, turn]),
    [
      [undefined, 1],
      ['trace-1/1', 1],
      ['trace-1/2', 2],
      ['trace-1/1', 2],
    ],
  );
  assert.equal(relative.rows[3]['blockHashes'], undefined, 'one id for two blocks says nothing');
  const other = readLines('weka', [wekaSession('trace-2', [0.2])]);
  assert.notDeepEqual(other.rows[0]['blockHashes'], relative.rows[0]['blockHashes']);
});

test('AIBrix: all requests of a line arrive together; unknown lengths stay unknown or are counted', () => {
  const lines = [
    { timestamp: 0, requests: [{ prompt: 'a b c', prompt_length: 7, output_length: null, session_id: 3 }] },
    {
      timestamp: 1500.5,
      requests: [
        { prompt: 'a b', output_length: 4 },
        { prompt_length: 9, output_length: 1 },
      ],
    },
    { timestamp: 2000, requests: [] },
    { timestamp: 2000, requests: null },
  ];
  const words = (text: string): number => text.split(' ').length;
  const { rows, rejects, others } = readLines('aibrix', lines, words);
  assert.deepEqual(rows, [
    { at: '0', inputTokens: 7, sessionId: '3' },
    { at: '1500500000', inputTokens: 2, outputTokens: 4 },
    { at: '1500500000', inputTokens: 9, outputTokens: 1 },
  ]);
  assert.deepEqual(rejects, ['requests is no list']);
  assert.equal(others, 1);
  assert.equal(readLines('aibrix', lines).rows[1]['inputTokens'], undefined);
});

test('ShareGPT: every answer is a request over all that was said before; leading answers are none', () => {
  const said = (from: string, value: string): object => ({ from, value });
  const { rows } = readLines(
    'sharegpt',
    [
      {
        id: 'g-1',
        conversations: [
          said('gpt', 'lead'),
          said('human', 'aa'),
          said('gpt', 'bbb'),
          said('human', ''),
          said('gpt', 'c'),
        ],
      },
      { id: 'g-2', conversations: [said('gpt', 'alone')] },
    ],
    (text) => text.length,
  );
  const shared = { at: '0', sessionId: 'g-1', operation: 'chat' };
  assert.deepEqual(rows, [
    { ...shared, inputTokens: 6, outputTokens: 3, requestId: 'g-1/1', turn: 1 },
    { ...shared, inputTokens: 9, outputTokens: 1, requestId: 'g-1/2', parentId: 'g-1/1', turn: 2 },
  ]);
});

test('vLLM custom data sets: prompts without times; characters never pass for tokens', () => {
  const lines = [{ prompt: 'four words of text', output_tokens: 12 }, { prompt: 'x' }, { prompt: null }];
  const { rows, rejects } = readLines('vllm-custom', lines);
  assert.deepEqual(rows, [{ at: '0', outputTokens: 12 }, { at: '0' }]);
  assert.deepEqual(rejects, ['prompt is missing']);
  assert.equal(readLines('vllm-custom', lines, () => 4).rows[0]['inputTokens'], 4);
});

test('OpenAI usage: buckets are added over their groups; an empty bucket is a rate of zero', () => {
  const result = (requests: number, input: number, cached: number, output: number): object => ({
    num_model_requests: requests,
    input_tokens: input,
    input_cached_tokens: cached,
    output_tokens: output,
    model: null,
  });
  const bucket = (start_time: number, results: readonly object[]): object => ({
    object: 'bucket',
    start_time,
    end_time: start_time + 60,
    results,
  });
  const pages = [
    {
      data: [bucket(1_775_034_060, []), bucket(1_775_034_000, [result(5, 700, 64, 40), result(2, 30, 0, 6)])],
    },
    { data: [bucket(1_775_034_000, [result(1, 10, 0, 1)])] },
  ];
  const common = { inputTokens: 0, cachedTokens: 0, outputTokens: 0 };
  assert.deepEqual(parseOpenAiUsage(pages, 'u.json'), [
    {
      startSec: 1_775_034_000,
      endSec: 1_775_034_060,
      requests: 8,
      inputTokens: 740,
      cachedTokens: 64,
      outputTokens: 47,
    },
    { startSec: 1_775_034_060, endSec: 1_775_034_120, requests: 0, ...common },
  ]);
  assert.throws(() => parseOpenAiUsage([{ data: 3 }], 'u.json'), { code: 'BAD_ROWS', message: /u\.json/ });
});

test('formats of many rows have unique names, titles, sources and explained columns', () => {
  assert.equal(new Set(MANY_ROWS_FORMATS.map(({ name }) => name)).size, MANY_ROWS_FORMATS.length);
  for (const { name, title, sourceUrl, columns } of MANY_ROWS_FORMATS) {
    assert.notEqual(title, '');
    assert.match(sourceUrl, /^https:\/\//, name);
    for (const column of columns) assert.notEqual(column.meaning, '', `${name}: ${column.name}`);
  }
});
