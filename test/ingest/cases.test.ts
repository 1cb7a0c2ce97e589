/** Public faults of tools in this field, by their number: token conventions, Parquet types, cells with newlines, big integers. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDuckdb, sqlText } from '../../src/trace/duckdb.js';
import { temporaryFolder } from '../trace/traces.js';
import { ingestFiles, ingestText } from './logs.js';

const jsonl = (...records: readonly object[]): string =>
  records.map((record) => JSON.stringify(record)).join('\n');

test('F19: cached tokens outside the count are added, inside they are not, more than the prompt is refused', async (context) => {
  const outside = jsonl({
    schemaType: 'ModelInvocationLog',
    timestamp: '2026-03-14T05:12:44Z',
    requestId: 'q-1',
    operation: 'InvokeModel',
    modelId: 'anthropic.x',
    input: { inputTokenCount: 17, cacheReadInputTokenCount: 20_480, cacheWriteInputTokenCount: 3_072 },
    output: { outputTokenCount: 164 },
  });
  const bedrock = await ingestText(context, 'bedrock.jsonl', outside);
  const [row] = bedrock.rows;
  assert.deepEqual([row.inputTokens, row.cachedTokens, row.outputTokens], [23_569, 20_480, 164]);
  assert.equal(row.inputTokens! - row.cachedTokens!, 3_089, 'uncached');
  const call = (id: string, prompt: number, cached: number): object => ({
    id,
    call_type: 'acompletion',
    status: 'success',
    startTime: 1_777_766_399.5,
    endTime: 1_777_766_400,
    prompt_tokens: prompt,
    completion_tokens: 2,
    metadata: { usage_object: { prompt_tokens_details: { cached_tokens: cached } } },
  });
  const inside = await ingestText(
    context,
    'payload.jsonl',
    jsonl(call('a', 1_834, 1_792), call('b', 1_834, 2_000)),
  );
  assert.deepEqual(
    inside.rows.map(({ inputTokens, cachedTokens }) => [inputTokens, cachedTokens]),
    [[1_834, 1_792]],
  );
  assert.deepEqual(
    inside.result.quality.rejects.map(({ reason, example }) => [reason, example]),
    [['more cached tokens than prompt tokens', '2000 of 1834']],
  );
});

test('F20: an absent prompt count is unknown, not zero, and counted', async (context) => {
  const answer = (second: number, counts: object): object => ({
    model: 'm',
    created_at: `2026-01-21T08:14:5${second}.310020417Z`,
    done: true,
    done_reason: 'stop',
    total_duration: 812_345_678,
    eval_count: 41,
    eval_duration: 640_000_000,
    ...counts,
  });
  const { rows, result } = await ingestText(
    context,
    'ollama.jsonl',
    jsonl(answer(1, {}), answer(2, { prompt_eval_count: 0 }), answer(3, { prompt_eval_count: 11 })),
  );
  const known = rows.map(({ inputTokens }) => inputTokens);
  assert.equal(known[0], null);
  assert.equal(known[2], 11);
  assert.ok(known[1] === null || known[1] === 0);
  const unknown = known.filter((tokens) => tokens === null).length;
  assert.equal(result.quality.unknownInputRows, unknown);
  assert.equal(result.quality.inputLengths!.knownRows, 3 - unknown);
});

/** Written by pyarrow 26: times 400 µs apart, int64 counts, one of them null. */
const INT96_SNAPPY =
  'UEFSMRUEFUgVQEwVBhUAEgAAJDjAdvHW3TsAAGmKJQBAkfcVDCwAQCPY3TsAAGmKJQAVABUUFRgsFQYVEBUGFQYcAAAACiQCAAAABgECAyQAFQQVMBUuTBUGFQASAAAYBAoACQE8FAAAAAAAAAAeAAAAAAAAABUAFRQVGCwVBhUQFQYVBhwAAAAKJAIAAAAGAQIDJAAVBBUgFSRMFQQVABIAABA8AQAAAAAAAAADAAAAAAAAABUAFRIVFiwVBhUQFQYVBhwAAAAJIAIAAAADBQEDAhUEGUw1ABgGc2NoZW1hFQYAFQYlAhgJVElNRVNUQU1QABUEJQIYDUNvbnRleHRUb2tlbnMAFQQlAhgPR2VuZXJhdGVkVG9rZW5zABYGGRwZPCYAHBUGGTUABhAZGAlUSU1FU1RBTVAVAhYGFp4BFpoBJmQmCCksFQQVABUCABUAFRAVAgA8KQYZJgAGAAAAJgAcFQQZNQAGEBkYDUNvbnRleHRUb2tlbnMVAhYGFoYBFogBJuwBJqIBKSwVBBUAFQIAFQAVEBUCADwpBhkmAAYAAAAmABwVBBk1AAYQGRgPR2VuZXJhdGVkVG9rZW5zFQIWBhZ0Fnwm6gImqgIpLBUEFQAVAgAVABUQFQIAPCkGGSYCBAAAABaYAxYGJggWngMAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRk8HAAAHAAAHAAAAFABAABQQVIx';
const DELTA_GZIP_PAGES_V2 =
  'UEFSMRUGFZgCFVpcFQYVABUGFQoVBBUAERwAAAAGAR+LCAAAAAAAAgNrYGJh/vDswNsFk1rZFrDxM4DAFFWGAQAAtSYd9ooAAAAVBhUYFRhcFQYVABUGFQoVBBUAEhwAAAAGAYACBAMUFAAAAAAVBhUYFRhcFQYVAhUGFQoVBBUAEhwAAAADBYACBAICBAAAAAAVBBlMNQAYBnNjaGVtYRUGABUEJQIYCVRJTUVTVEFNUCUUTIwSHCwAAAAAABUEJQIYDUNvbnRleHRUb2tlbnMAFQQlAhgPR2VuZXJhdGVkVG9rZW5zABYGGRwZPCYAHBUEGSUGChkYCVRJTUVTVEFNUBUEFgYWygIWjAEmCEkcFQAVChUCADwpBhkmAAYAAAAmABwVBBklBgoZGA1Db250ZXh0VG9rZW5zFQQWBhZIFkgmlAFJHBUAFQoVAgA8KQYZJgAGAAAAJgAcFQQZJQYKGRgPR2VuZXJhdGVkVG9rZW5zFQQWBhZIFkgm3AFJHBUAFQoVAgA8KQYZJgIEAAAAFtoDFgYmCBacAgAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjYuMC4xGTwcAAAcAAAcAAAAOQEAAFBBUjE=';

async function sameAsCsv(context: TestContext, path: string, what: string): Promise<void> {
  const csv =
    'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.979960,10,1\n2023-11-16 18:17:03.980360,20,\n2023-11-16 18:17:04,30,3\n';
  const twin = await ingestText(context, 'twin.csv', csv);
  const { rows, result } = await ingestFiles(context, [path]);
  assert.deepEqual(rows, twin.rows, what);
  assert.equal(rows[1].arrivalNs, 400_000n, what);
  assert.equal(result.contentHash, twin.result.contentHash, what);
}

test('F58: Parquet of other writers: INT96 times, DELTA encodings, page versions', async (context) => {
  const { writeFileSync } = await import('node:fs');
  for (const [name, base64] of [
    ['int96', INT96_SNAPPY],
    ['delta', DELTA_GZIP_PAGES_V2],
  ] as const) {
    const path = join(temporaryFolder(context), `${name}.parquet`);
    writeFileSync(path, Buffer.from(base64, 'base64'));
    await sameAsCsv(context, path, name);
  }
});

test('F58: Parquet of DuckDB: times in ms, µs and ns, any codec, nullable columns', async (context) => {
  const folder = temporaryFolder(context);
  const duckdb = await openDuckdb();
  const rows =
    "VALUES ('2023-11-16 18:17:03.979960', 10, 1), ('2023-11-16 18:17:03.980360', 20, NULL), ('2023-11-16 18:17:04', 30, 3)";
  for (const codec of ['snappy', 'zstd', 'gzip', 'uncompressed']) {
    for (const type of ['TIMESTAMP', 'TIMESTAMP_NS', 'TIMESTAMPTZ']) {
      const path = join(folder, `${codec}-${type}.parquet`);
      await duckdb.connection.run(
        `SET TimeZone = 'UTC'; COPY (SELECT t::${type} AS "TIMESTAMP", i::BIGINT AS "ContextTokens", o::BIGINT AS "GeneratedTokens" FROM (${rows}) v(t, i, o)) TO ${sqlText(path)} (FORMAT parquet, COMPRESSION ${codec})`,
      );
      await sameAsCsv(context, path, `${codec} ${type}`);
    }
  }
  duckdb.close();
});

test('X1: newlines and doubled quotes inside JSON cells: rows are records, not lines', async (context) => {
  const metadata = (text: string): string => `"{""note"": ""${text}"", ""usage_object"": {}}"`;
  const head =
    'request_id,call_type,prompt_tokens,completion_tokens,startTime,endTime,completionStartTime,model,cache_hit,session_id,status,metadata';
  const line = (i: number, cell: string): string =>
    `r-${i},acompletion,10,${i},2026-05-02 23:59:5${i}.871,2026-05-03 00:00:03.402,,m,None,s,success,${cell}`;
  const csv = [
    head,
    line(1, metadata('one')),
    line(2, metadata('two\nlines, and """"quotes""""')),
    line(3, metadata('three\r\n\r\nlines')),
    line(4, '{}'),
  ].join('\n');
  const { rows, result } = await ingestText(context, 'spend.csv', csv);
  assert.equal(result.format.name, 'litellm-spend');
  assert.deepEqual(
    rows.map(({ outputTokens }) => outputTokens),
    [1, 2, 3, 4],
  );
  assert.deepEqual(result.quality.rejects, []);
});

test('X3: .NET ticks, nanosecond strings and ids above 2^53 stay exact', async (context) => {
  const columns = { arrival: { from: 'at', unit: 'ns' }, input_tokens: 'in', request_id: 'id' };
  const lines = [
    '{"at":"1767225600123456789","in":1,"id":123456789012345678901}',
    '{"at":1767225600123456790,"in":2,"id":123456789012345678902}',
  ].join('\n');
  const ns = await ingestText(context, 'ns.jsonl', lines, {
    map: { format: 'jsonl', columns },
    keepIds: true,
  });
  assert.equal(ns.result.meta.startUtc, '2026-01-01T00:00:00.123456789Z');
  assert.equal(ns.rows[1].arrivalNs, 1n);
  assert.deepEqual(
    ns.rows.map(({ requestId }) => requestId),
    ['123456789012345678901', '123456789012345678902'],
  );
  const ticks = await ingestText(
    context,
    'ticks.csv',
    'at,in\n639085499998712345,1\n639085500017149564,2\n',
    {
      map: { format: 'csv', columns: { arrival: { from: 'at', unit: 'dotnet-ticks' }, input_tokens: 'in' } },
    },
  );
  assert.equal(ticks.result.meta.startUtc, '2026-03-08T06:59:59.8712345Z');
  assert.equal(ticks.rows[1].arrivalNs, 1_843_721_900n, '18 437 219 ticks');
});

test('X5: prompts that already hold the turns before are counted once, those that hold what is new with the turns before', async (context) => {
  const user = { role: 'user', content: 'Why is the sky blue?' };
  const answer = { role: 'assistant', content: 'It scatters short waves most' };
  const next = { role: 'user', content: 'And red at night?' };
  const turn = (delay: number, messages: readonly object[], mode?: string): string =>
    JSON.stringify({
      session_id: 'a',
      delay,
      messages,
      output_length: 6,
      ...(mode && { message_mode: mode }),
    });
  const lengthsOf = async (...lines: readonly string[]): Promise<readonly (number | null)[]> => {
    const { rows } = await ingestText(context, 'a.jsonl', `${lines.join('\n')}\n`, {
      tokenizer: 'o200k_base',
    });
    return rows.map(({ inputTokens }) => inputTokens);
  };
  const [first, whole] = await lengthsOf(turn(0, [user]), turn(9, [user, answer, next]));
  const [, added] = await lengthsOf(turn(0, [user], 'delta'), turn(9, [next], 'delta'));
  const [alone] = await lengthsOf(turn(0, [next]));
  const [answered] = await lengthsOf(turn(0, [answer]));
  assert.deepEqual([first, alone, answered], [6, 5, 6]);
  assert.equal(whole, first! + answered! + alone!);
  assert.equal(added, whole);
});
