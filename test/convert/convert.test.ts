/** Conversions: what each file looks like, what is said to be lost, what is refused, and that nothing half-written stays. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import { regroupBlocks } from '../../src/convert/blocks.js';
import { convertTrace } from '../../src/convert/convert.js';
import { CONVERT_TARGETS } from '../../src/convert/targets/index.js';
import { ToolError } from '../../src/errors.js';
import { KNOWN_FORMATS } from '../../src/ingest/detect.js';
import { ingest } from '../../src/ingest/ingest.js';
import { createTokenCounter } from '../../src/tokens/counter.js';
import { emptyRow } from '../../src/trace/batch.js';
import { openTrace } from '../../src/trace/read.js';
import type { TraceRow } from '../../src/types.js';
import { temporaryFolder } from '../trace/traces.js';
import { keysOf, roundTrip, traceOf } from './conversions.js';

const row = (ns: bigint, values: Partial<TraceRow> = {}): TraceRow =>
  emptyRow({ arrivalNs: ns, inputTokens: 600, outputTokens: 5, operation: 'chat', status: 'ok', ...values });

/** A tie, a failure, an unknown length, a zero, sessions, shared blocks of 512 tokens. */
const ROWS: readonly TraceRow[] = [
  row(0n, { requestId: 'r1', sessionId: 's,1', blockHashes: [7n, 12345678901234567890n], model: 'a "b"' }),
  row(1_500_400n, { requestId: 'r2', blockHashes: [7n, 9n] }),
  row(1_500_400n, { requestId: 'r3', status: 'http_error', httpStatus: 429, outputTokens: 0 }),
  row(2_000_000_001n, { requestId: 'r4', outputTokens: null }),
  row(3_000_000_000n, { requestId: 'r5', sessionId: 's,1', thinkNs: 1_250_000n, turn: 2, parentId: 'r1' }),
];
const META = { blockSize: 512, startUtc: '2026-03-29T00:59:59.9990000Z', timeResolutionNs: 100 } as const;

const EXPECTED: Readonly<Record<string, string>> = {
  mooncake: `{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [7, 12345678901234567890]}
{"timestamp": 1.5004, "input_length": 600, "output_length": 5, "hash_ids": [7, 9]}
{"timestamp": 1.5004, "input_length": 600, "output_length": 0}
{"timestamp": 3000, "input_length": 600, "output_length": 5}
`,
  'genai-perf': `{"timestamp": 0, "session_id": "s,1", "input_length": 600, "output_length": 5, "hash_ids": [7, 12345678901234567890]}
{"timestamp": 2, "input_length": 600, "output_length": 5, "hash_ids": [7, 9]}
{"timestamp": 2, "input_length": 600, "output_length": 0}
{"timestamp": 3000, "session_id": "s,1", "delay": 1, "input_length": 600, "output_length": 5}
`,
  'perf-analyzer-intervals': '0\n1500\n0\n1998500\n1000000\n',
  vidur: `arrived_at,num_prefill_tokens,num_decode_tokens
0,600,5
0.0015004,600,5
0.0015004,600,0
3,600,5
`,
  'splitwise-sim': `request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size
0,2,0,0,1,600,5
1,2,0,0.0015004,1,600,5
2,2,0,0.0015004,1,600,0
3,2,0,3,1,600,5
`,
  csv: `arrival_time,arrival_ns,input_tokens,output_tokens,request_id,session_id,parent_id,turn,think_ns,model,operation,block_hashes,block_size,status,http_status
2026-03-29T00:59:59.9990000Z,0,600,5,r1,"s,1",,,,"a ""b""",chat,"[7,12345678901234567890]",512,ok,
2026-03-29T01:00:00.0005004Z,1500400,600,5,r2,,,,,,chat,"[7,9]",512,ok,
2026-03-29T01:00:00.0005004Z,1500400,600,0,r3,,,,,,chat,,,http_error,429
2026-03-29T01:00:01.999000001Z,2000000001,600,,r4,,,,,,chat,,,ok,
2026-03-29T01:00:02.9990000Z,3000000000,600,5,r5,"s,1",r1,2,1250000,,chat,,,ok,
`,
};

for (const [name, text] of Object.entries(EXPECTED)) {
  test(`${name}: the file, byte for byte`, async (context) => {
    const trace = await traceOf(context, ROWS, META);
    const { file } = await roundTrip(context, trace, name);
    assert.equal(readFileSync(file, 'utf8'), text);
  });
}

for (const target of CONVERT_TARGETS) {
  test(`${target.name}: read back, the columns that it has are those of the trace`, async (context) => {
    const exact = ROWS.map((entry) => ({ ...entry, arrivalNs: (entry.arrivalNs / 1_000_000n) * 1_000_000n }));
    const own = target.kind === 'text' && typeof target.blockSize === 'number' ? target.blockSize : 512;
    const withBlocks = exact.map((entry) => ({
      ...entry,
      thinkNs: entry.thinkNs === null ? null : 2_000_000n,
      blockHashes:
        entry.blockHashes === null ? null : Array.from({ length: Math.ceil(600 / own) }, (_, i) => BigInt(i)),
    }));
    const known = withBlocks.filter((entry) => target.required.every((code) => entry[code] !== null));
    const trace = await traceOf(context, withBlocks, { ...META, blockSize: own });
    const { rows, result } = await roundTrip(context, trace, target.name);
    assert.deepEqual(keysOf(rows, target), keysOf(known, target));
    assert.equal(result.rows, known.length);
    assert.ok(KNOWN_FORMATS.some(({ name }) => name === result.readAs));
  });
}

test('every file is recognised by itself as what it is', async (context) => {
  const trace = await traceOf(context, ROWS, { ...META, blockSize: 512 });
  for (const target of CONVERT_TARGETS) {
    const folder = temporaryFolder(context);
    const file = join(folder, 'some-file');
    await convertTrace({ trace, to: target.name, output: file });
    const result = await ingest({ inputs: [file], output: join(folder, 'back.parquet') });
    assert.equal(result.format.name, target.readAs, target.name);
  }
});

test('what a target cannot hold is said: failures, columns, the start, rounding, unknown lengths', async (context) => {
  const trace = await traceOf(context, ROWS, META);
  const { result } = await roundTrip(context, trace, 'genai-perf');
  const notes = result.notes.join('\n');
  assert.match(notes, /no column for status: 1 failure is written as ordinary requests \(http_error 1\)/);
  assert.match(notes, /1 row left out: output_length is unknown, and genai-perf needs it/);
  assert.match(notes, /as genai-perf has no column for it: request_id \(5 rows\), parent_id \(1 row\), turn/);
  assert.match(notes, /the start \(2026-03-29T00:59:59\.9990000Z\) is not in the file/);
  assert.match(notes, /times rounded to 1 ms: 2 rows moved by at most half of that, 0 now share/);
  assert.match(notes, /1 row with 0 output tokens/);
  const exact = await roundTrip(context, trace, 'jsonl');
  assert.deepEqual(exact.result.notes, ['1 row with 0 output tokens: some readers refuse them']);
});

test('rounding that merges instants is counted, and keeps the order', async (context) => {
  const trace = await traceOf(context, [
    row(0n),
    row(400_000n),
    row(600_000n),
    row(1_400_000n),
    row(1_600_000n),
  ]);
  const { result, rows } = await roundTrip(context, trace, 'genai-perf');
  assert.deepEqual(
    rows.map(({ arrivalNs }) => arrivalNs / 1_000_000n),
    [0n, 0n, 1n, 1n, 2n],
  );
  assert.match(result.notes.join('\n'), /4 rows moved by at most half of that, 2 now share an instant/);
});

test('intervals do not drift: rounded instants, not rounded gaps', async (context) => {
  const rows = Array.from({ length: 1_000 }, (_, i) => row(BigInt(i) * 1_499n));
  const { rows: back } = await roundTrip(context, await traceOf(context, rows), 'perf-analyzer-intervals');
  assert.equal(back[999].arrivalNs, 1_498_000n, '999 × 1.499 µs, to the µs');
});

test('failures are kept, left out or refused', async (context) => {
  const trace = await traceOf(context, ROWS, META);
  const kept = await roundTrip(context, trace, 'vidur');
  assert.equal(kept.result.rows, 4);
  const dropped = await roundTrip(context, trace, 'vidur', { failures: 'drop' });
  assert.equal(dropped.result.rows, 3);
  assert.deepEqual(dropped.result.leftOut, {
    'failed (http_error)': 1,
    'num_decode_tokens is unknown, and vidur needs it': 1,
  });
  const parquet = await roundTrip(context, trace, 'parquet', { failures: 'drop' });
  assert.equal(parquet.rows.length, 4);
  const output = join(temporaryFolder(context), 'out');
  const refusal = (options: object, message: RegExp) =>
    assert.rejects(
      convertTrace({ trace, to: 'vidur', output, ...options }),
      (error) => error instanceof ToolError && message.test(error.message),
    );
  await refusal({ failures: 'refuse' }, /1 of 5 requests failed, and --failures is refuse/);
  await refusal({ unknown: 'refuse' }, /1 of 5 requests have no num_decode_tokens, which vidur needs/);
  await refusal({ to: 'mooncak' }, /no target is called 'mooncak'/);
  await refusal({ to: 'parquet', output: '-' }, /binary/);
  const log = join(temporaryFolder(context), 'log.csv');
  writeFileSync(log, 'TIMESTAMP,ContextTokens\n');
  await refusal({ trace: log }, /log\.csv is no trace: it is not Parquet/);
});

test('block ids for other sizes: larger ones exactly, smaller ones sharing what was shared', () => {
  // 40 tokens in blocks of 16: 3 ids; in blocks of 32: the last id of each pair, the last one partial.
  assert.deepEqual(regroupBlocks([1n, 2n, 3n], 40, 16, 32), [2n, 3n]);
  assert.deepEqual(regroupBlocks([1n, 2n], 32, 16, 32), [2n]);
  const split = (ids: readonly bigint[], tokens: number) => regroupBlocks(ids, tokens, 512, 16)!;
  const a = split([7n, 8n], 600);
  const b = split([7n, 9n], 530);
  assert.equal(a.length, Math.ceil(600 / 16));
  assert.equal(b.length, Math.ceil(530 / 16));
  assert.deepEqual(a.slice(0, 32), b.slice(0, 32), 'the shared 512 tokens');
  assert.ok(!a.slice(32).some((id) => b.includes(id)), 'and nothing else');
  assert.equal(regroupBlocks([1n], 600, 512, 16), null, 'a list that does not fit its length');
  const back = regroupBlocks(split([7n, 8n], 600), 600, 16, 512)!;
  assert.equal(back.length, 2);
});

test('block ids of another size are regrouped and said, or left out and said', async (context) => {
  const trace = await traceOf(context, ROWS, META);
  const split = await roundTrip(context, trace, 'vllm-timed-trace');
  assert.match(split.result.notes.join('\n'), /block ids split from 512 to 16 tokens/);
  assert.equal(split.rows[0].blockHashes!.length, Math.ceil(600 / 16));
  const output = join(temporaryFolder(context), 'own-size');
  const kept = await convertTrace({ trace, to: 'vllm-timed-trace', output, blockSize: 512 });
  assert.match(kept.notes.join('\n'), /--timed-trace-chunk-hash-size 512/);
  assert.match(readFileSync(output, 'utf8'), /"hash_ids": \[7, 12345678901234567890\]/);
  const odd = await roundTrip(context, await traceOf(context, ROWS, { ...META, blockSize: 300 }), 'mooncake');
  assert.match(odd.result.notes.join('\n'), /blocks of 300 tokens do not fit mooncake's/);
  assert.ok(odd.rows.every(({ blockHashes }) => blockHashes === null));
  await assert.rejects(
    roundTrip(context, trace, 'mooncake', { blockSize: 300 }),
    /block ids of 512 tokens cannot be written as blocks of 300/,
  );
});

test('prompts have exactly the tokens of the trace, and share what blocks share', async (context) => {
  const trace = await traceOf(context, ROWS, META);
  const { file } = await roundTrip(context, trace, 'vllm-custom');
  const prompts = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { prompt: string }).prompt);
  const counter = createTokenCounter('o200k_base');
  assert.deepEqual(
    prompts.map((prompt) => counter.count(prompt)),
    [600, 600, 600, 600, 600],
  );
  const shared = counter.tokenEnds(prompts[0])[511];
  assert.equal(prompts[0].slice(0, shared), prompts[1].slice(0, shared));
  assert.notEqual(prompts[0].slice(0, shared + 40), prompts[1].slice(0, shared + 40));
  const again = await roundTrip(context, trace, 'vllm-custom');
  assert.equal(readFileSync(again.file, 'utf8'), readFileSync(file, 'utf8'), 'the same seed, the same text');
  const other = await roundTrip(context, trace, 'vllm-custom', { seed: '1' });
  assert.notEqual(readFileSync(other.file, 'utf8'), readFileSync(file, 'utf8'));
});

test('Arrow: the columns of the trace, with its metadata', async (context) => {
  const trace = await traceOf(context, ROWS, META);
  const output = join(temporaryFolder(context), 'trace.arrow');
  const { rows } = await convertTrace({ trace, to: 'arrow', output });
  const table = tableFromIPC(readFileSync(output));
  assert.equal(rows, 5);
  assert.deepEqual(
    Array.from(table.getChild('arrival_ns')!),
    ROWS.map(({ arrivalNs }) => arrivalNs),
  );
  const meta = JSON.parse(table.schema.metadata.get('tokentide')!) as { manifest: { command: string } };
  assert.equal(meta.manifest.command, 'convert');
});

test('CSV and Parquet keep the start, the resolution and the block size', async (context) => {
  const rows = ROWS.map((entry) => ({ ...entry, arrivalNs: (entry.arrivalNs / 100n) * 100n }));
  const trace = await traceOf(context, rows, META);
  for (const to of ['csv', 'jsonl', 'parquet']) {
    const folder = temporaryFolder(context);
    const output = join(folder, 'back.parquet');
    const result = await convertTrace({ trace, to, output: join(folder, 'x') });
    await ingest({ inputs: [join(folder, 'x')], output, format: result.readAs });
    const reader = await openTrace(output);
    const { startUtc, blockSize } = reader.meta;
    reader.close();
    assert.equal(Date.parse(startUtc!), Date.parse(META.startUtc), to);
    assert.equal(blockSize, 512, to);
    if (to !== 'parquet') assert.equal(startUtc, META.startUtc, to);
  }
});

test('an abort or a failure leaves neither a file nor a temporary one', async (context) => {
  const trace = await traceOf(context, ROWS, META);
  const folder = temporaryFolder(context);
  const aborted = new AbortController();
  aborted.abort(new Error('stop'));
  await assert.rejects(
    convertTrace({ trace, to: 'csv', output: join(folder, 'a.csv'), signal: aborted.signal }),
    /stop/,
  );
  const noLengths = await traceOf(context, [row(0n, { inputTokens: null })]);
  await assert.rejects(
    convertTrace({ trace: noLengths, to: 'mooncake', output: join(folder, 'b') }),
    /no row is left to write: 1 × input_length is unknown/,
  );
  const empty = await traceOf(context, []);
  await assert.rejects(convertTrace({ trace: empty, to: 'csv', output: join(folder, 'c') }), /has no rows/);
  assert.deepEqual(readdirSync(folder), []);
  writeFileSync(join(folder, 'file'), '');
  await assert.rejects(
    convertTrace({ trace, to: 'csv', output: join(folder, 'file', 'x.csv') }),
    (error) => error instanceof ToolError && error.code === 'OUTPUT_UNWRITABLE',
  );
});
