/** The formats as a set: detection over all samples, declarations kept, units and counts of the named cases. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chooseFormat, takeSample } from '../../src/ingest/detect.js';
import { LOG_FORMATS } from '../../src/ingest/formats/index.js';
import { parseRustDurationNs } from '../../src/ingest/formats/instants.js';
import { operationOfPath } from '../../src/ingest/formats/operations.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { ingestText } from './logs.js';

const SAMPLES = fileURLToPath(new URL('traces/samples/', PACKAGE_ROOT));

interface Expected {
  readonly format: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

const logs = readdirSync(SAMPLES).filter((file) => !/\.(expected\.json|map\.yaml)$/.test(file));
const samples = logs.map((file) => {
  const name = file.slice(0, file.indexOf('.'));
  const expected = JSON.parse(readFileSync(join(SAMPLES, `${name}.expected.json`), 'utf8')) as Expected;
  return { file, expected };
});

for (const { file, expected } of samples.filter(({ file: name }) => !name.startsWith('mapped-'))) {
  test(`detection chooses ${expected.format} for ${file}, by a clear margin`, () => {
    const { format, reason, second } = chooseFormat(takeSample(file, readFileSync(join(SAMPLES, file))));
    assert.equal(format.name, expected.format);
    assert.notEqual(reason, '');
    assert.ok(second === null || second.detection.score <= 0.9, `${second?.format.name} fits as well`);
  });
}

test('formats have unique names, a title, a source and one explanation per column', () => {
  assert.equal(new Set(LOG_FORMATS.map(({ name }) => name)).size, LOG_FORMATS.length);
  for (const { name, title, sourceUrl, columns } of LOG_FORMATS) {
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.notEqual(title, '');
    assert.match(sourceUrl, /^https:\/\//, name);
    assert.ok(
      columns.some((column) => column.required),
      `${name} requires nothing`,
    );
    for (const column of columns) assert.notEqual(column.meaning, '', `${name}: ${column.name}`);
    const names = columns.flatMap((column) => [column.name, ...(column.aliases ?? [])]);
    assert.equal(new Set(names).size, names.length, `${name} names a column twice`);
  }
});

test('what a format says that it fills, its samples show', () => {
  for (const { name, fills } of LOG_FORMATS) {
    const rows = samples
      .filter(({ expected }) => expected.format === name)
      .flatMap(({ expected }) => expected.rows);
    const shown = new Set(rows.flatMap((row) => Object.keys(row)));
    const missing = fills.filter((field) => !shown.has(field));
    assert.deepEqual(missing, [], name);
    const undeclared = [...shown].filter((field) => field !== 'arrivalNs' && !fills.includes(field as never));
    assert.deepEqual(undeclared, [], name);
  }
});

test('F49: the same stamps are ms in a Mooncake trace and s in a Bailian trace', async (context) => {
  const lines = [0, 3052, 6100].map((timestamp, chat_id) =>
    JSON.stringify({ timestamp, input_length: 10, output_length: 1, chat_id }),
  );
  const arrivals = async (format: string): Promise<readonly bigint[]> => {
    const { rows } = await ingestText(context, 'a.jsonl', `${lines.join('\n')}\n`, { format });
    return rows.map((row) => row.arrivalNs);
  };
  assert.deepEqual(await arrivals('mooncake'), [0n, 3_052_000_000n, 6_100_000_000n]);
  assert.deepEqual(await arrivals('qwen-bailian'), [0n, 3_052_000_000_000n, 6_100_000_000_000n]);
});

test('F50: equal stamps of a LiteLLM failure are no duration, of a stream no time to first token', async (context) => {
  const rowOf = (id: string, status: string, end: string, first: string): string =>
    `${id},acompletion,5,1,2026-05-02 10:00:00.000,2026-05-02 10:00:0${end},2026-05-02 10:00:0${first},${status}`;
  const csv = [
    'request_id,call_type,prompt_tokens,completion_tokens,startTime,endTime,completionStartTime,status',
    rowOf('a', 'success', '3.500', '0.250'),
    rowOf('b', 'failure', '0.000', '0.000'),
    rowOf('c', 'success', '2.000', '2.000'),
  ].join('\n');
  const { rows } = await ingestText(context, 'a.csv', csv);
  assert.deepEqual(rows.map((row) => [row.durationNs, row.ttftNs].join(' ')).sort(), [
    ' ',
    '2000000000 ',
    '3500000000 250000000',
  ]);
});

test('F47: zone-less LiteLLM times are UTC, or of the zone that was given', async (context) => {
  const csv =
    'request_id,call_type,prompt_tokens,completion_tokens,startTime,endTime\na,acompletion,5,1,2026-05-02 23:59:59.871,2026-05-03 00:00:00\n';
  const startOf = async (tz?: string): Promise<string | null> =>
    (await ingestText(context, 'a.csv', csv, { tz })).result.meta.startUtc;
  assert.equal(await startOf(), '2026-05-02T23:59:59.871Z');
  assert.equal(await startOf('Asia/Tokyo'), '2026-05-02T14:59:59.871Z');
});

test('X8: BurstGPT rows without response stay as arrivals and are counted', async (context) => {
  const csv =
    'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n1,m,5,0,5,API log\n2,m,5,7,12,API log\n';
  const { rows, result } = await ingestText(context, 'a.csv', csv);
  assert.deepEqual(
    rows.map(({ arrivalNs, outputTokens, status }) => [arrivalNs, outputTokens, status]),
    [
      [0n, 0, 'http_error'],
      [1_000_000_000n, 7, 'ok'],
    ],
  );
  assert.equal(result.quality.zeroOutputRows, 1);
  assert.deepEqual(result.quality.statusCounts, { http_error: 1, ok: 1 });
});

test('identifiers and text of the samples do not survive an ingest', async (context) => {
  for (const file of [
    'litellm-spend.csv',
    'helicone.jsonl',
    'langfuse.jsonl',
    'bedrock.jsonl',
    'ollama.jsonl',
  ]) {
    const { rows } = await ingestText(context, file, readFileSync(join(SAMPLES, file)));
    const written = JSON.stringify(rows, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    assert.doesNotMatch(written, /ann|s-77|h-1|o-1|q-1|role\/app|say|assistant|example\.org/, file);
  }
});

test('Rust durations, whatever their unit and micro sign', () => {
  const cases: readonly (readonly [string, bigint | null])[] = [
    ['142.250300114s', 142_250_300_114n],
    ['4.871207ms', 4_871_207n],
    ['633.018\u00b5s', 633_018n],
    ['633.018\u03bcs', 633_018n],
    ['633.018\u00c2\u00b5s', 633_018n],
    ['950ns', 950n],
    ['0ns', 0n],
    ['1m2s', null],
    ['-1s', null],
    ['s', null],
    ['', null],
  ];
  for (const [text, expected] of cases) assert.equal(parseRustDurationNs(text), expected, text);
});

test('paths of model calls, and others', () => {
  const cases = {
    '/v1/chat/completions': 'chat',
    'POST /openai/deployments/d/chat/completions?api-version=1 HTTP/1.1': 'chat',
    '/v1/messages': 'chat',
    '/v1/responses': 'chat',
    '/v1beta/models/m:streamGenerateContent?alt=sse': 'chat',
    '/model/m/converse-stream': 'chat',
    '/v1/completions': 'completion',
    '/generate_stream': 'completion',
    '/v1/embeddings': 'embedding',
    '/v2/rerank': 'rerank',
    '/health': null,
    '/metrics': null,
    '/v1/models': null,
    '/': null,
  };
  for (const [path, operation] of Object.entries(cases)) assert.equal(operationOfPath(path), operation, path);
});
