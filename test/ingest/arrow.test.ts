/** Arrow IPC files as logs: the rows of the same log as lines, exact integers and times, damage named. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  Bool,
  Int64,
  makeData,
  makeVector,
  Table,
  TimestampNanosecond,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow';
import { convertTrace } from '../../src/convert/convert.js';
import { emptyRow } from '../../src/trace/batch.js';
import { traceOf } from '../convert/conversions.js';
import { temporaryFolder } from '../trace/traces.js';
import { ingestFiles, ingestText } from './logs.js';

test('a Baseten trace as Arrow gives the rows of its JSON lines', async (context) => {
  const records = [
    { at: 1_777_766_399_871n, in: 12n, out: 3n, session: 's-1', gone: false },
    { at: 1_777_766_399_005n, in: 7n, out: 0n, session: null, gone: true },
  ];
  const table = new Table({
    timestamp_start_unix_ms: vectorFromArray(
      records.map(({ at }) => at),
      new Int64(),
    ),
    input_tokens: vectorFromArray(
      records.map((record) => record.in),
      new Int64(),
    ),
    output_tokens: vectorFromArray(
      records.map(({ out }) => out),
      new Int64(),
    ),
    provided_session_id: vectorFromArray(records.map(({ session }) => session)),
    request_canceled: vectorFromArray(
      records.map(({ gone }) => gone),
      new Bool(),
    ),
  });
  const path = join(temporaryFolder(context), 'baseten.arrow');
  writeFileSync(path, tableToIPC(table, 'file'));
  const lines = records
    .map(
      ({ at, in: input, out, session, gone }) =>
        `{"timestamp_start_unix_ms":${at},"input_tokens":${input},"output_tokens":${out},"provided_session_id":${JSON.stringify(session)},"request_canceled":${gone}}`,
    )
    .join('\n');
  const twin = await ingestText(context, 'baseten.jsonl', lines, { keepIds: true });
  const { rows, result } = await ingestFiles(context, [path], { keepIds: true });
  assert.equal(result.format.name, 'baseten');
  assert.deepEqual(rows, twin.rows);
  assert.equal(result.contentHash, twin.result.contentHash);
});

test('timestamps keep their nanoseconds', async (context) => {
  const first = 1_700_158_623_979_960_001n;
  const data = BigInt64Array.from([first, first + 400n]);
  const table = new Table({
    TIMESTAMP: makeVector(makeData({ type: new TimestampNanosecond(null), data })),
    ContextTokens: makeVector(Int32Array.from([10, 11])),
    GeneratedTokens: makeVector(Int32Array.from([0, 1])),
  });
  const path = join(temporaryFolder(context), 'azure.arrow');
  writeFileSync(path, tableToIPC(table, 'file'));
  const { rows, result } = await ingestFiles(context, [path]);
  assert.equal(result.format.name, 'azure-llm');
  assert.equal(result.meta.startUtc, '2023-11-16T18:17:03.979960001Z');
  assert.equal(rows[1].arrivalNs, 400n);
});

test('a trace converted to Arrow comes back whole, cut it is refused in one line', async (context) => {
  const rows = Array.from({ length: 300 }, (_, i) =>
    emptyRow({
      arrivalNs: BigInt(i) * 1_000_001n,
      inputTokens: 600,
      outputTokens: i % 7 === 0 ? null : i,
      requestId: `r-${i}`,
      blockHashes: [12345678901234567890n, BigInt(i)],
      operation: 'chat',
      status: i % 50 === 0 ? 'http_error' : 'ok',
      httpStatus: i % 50 === 0 ? 429 : 200,
    }),
  );
  const startUtc = '2026-03-29T00:59:59.999000000Z';
  const trace = await traceOf(context, rows, { startUtc, blockSize: 512 });
  const folder = temporaryFolder(context);
  const path = join(folder, 'trace.arrow');
  await convertTrace({ trace, to: 'arrow', output: path });
  const back = await ingestFiles(context, [path], { keepIds: true });
  assert.equal(back.result.format.name, 'tokentide-trace');
  assert.deepEqual(back.rows, rows);
  assert.equal(back.result.meta.startUtc, startUtc);
  assert.equal(back.result.meta.blockSize, 512);
  const whole = readFileSync(path);
  for (const length of [whole.length - 1, whole.length >> 1, 40]) {
    const cut = join(folder, 'cut.arrow');
    writeFileSync(cut, whole.subarray(0, length));
    await assert.rejects(ingestFiles(context, [cut]), { code: 'FILE_UNREADABLE' });
  }
});
