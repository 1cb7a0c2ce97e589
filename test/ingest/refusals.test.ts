/** What ingest refuses, with which words; what it counts and keeps. Cases F56, F59 and their kind. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { ingest } from '../../src/ingest/ingest.js';
import { temporaryFolder } from '../trace/traces.js';
import { azureCsv, ingestText } from './logs.js';

const mooncakeLine = (input: number, ids: readonly string[]): string =>
  `{"timestamp": 0, "input_length": ${input}, "output_length": 1, "hash_ids": [${ids.join(', ')}]}`;

test('F56: a wrong header is refused by the names that are missing and near', async (context) => {
  const csv = 'TIMESTAMP,Context_Token,Generated\n2023-11-16 18:17:03,1,2\n';
  await assert.rejects(ingestText(context, 'a.csv', csv), {
    code: 'HEADER_MISMATCH',
    message:
      'a.csv lacks ContextTokens, GeneratedTokens of format azure-llm; it has TIMESTAMP, Context_Token, Generated',
    hint: /ContextTokens may be 'Context_Token'; GeneratedTokens may be 'Generated'/,
  });
  const jsonl = '{"timestamp": 0, "input_len": 5, "output_length": 3}\n';
  await assert.rejects(ingestText(context, 'a.jsonl', jsonl), {
    code: 'HEADER_MISMATCH',
    message: /lacks input_length of format mooncake/,
    hint: /input_length may be 'input_len'/,
  });
  await assert.rejects(ingestText(context, 'a.csv', csv, { format: 'azure-llm' }), {
    code: 'HEADER_MISMATCH',
  });
  await assert.rejects(
    ingestText(context, 'a.csv', azureCsv(['2023-11-16 18:17:03']), { format: 'mooncake' }),
    {
      code: 'HEADER_MISMATCH',
      message: /mooncake is JSON Lines, a\.csv looks like CSV/,
    },
  );
  await assert.rejects(
    ingestText(
      context,
      'a.csv',
      'TIMESTAMP,ContextTokens,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,1,2\n',
    ),
    { code: 'HEADER_MISMATCH', message: /ContextTokens twice/ },
  );
});

test('F56: other order, case and blanks of the header are accepted', async (context) => {
  const csv = 'generated tokens,extra,Context_Tokens,Timestamp\n7,x,5,2023-11-16 18:17:03\n';
  const { rows, result } = await ingestText(context, 'a.csv', csv);
  assert.deepEqual([rows[0].inputTokens, rows[0].outputTokens], [5, 7]);
  assert.match(result.quality.notes.join('\n'), /columns not used: extra/);
});

test('an unknown format lists what was tried; an empty or missing file says so', async (context) => {
  await assert.rejects(ingestText(context, 'a.csv', 'alpha,beta\n1,2\n'), {
    code: 'FORMAT_UNKNOWN',
    message: /no known format fits a\.csv \(CSV with alpha, beta\); tried \d\d, nothing comes near/,
    hint: /--map/,
  });
  await assert.rejects(ingestText(context, 'a.json', '[{"timestamp": 0}]'), {
    code: 'FORMAT_UNKNOWN',
    message: /nearest: .*it lacks/,
  });
  await assert.rejects(ingestText(context, 'a', 'PAR1....'), {
    code: 'FILE_UNREADABLE',
    message: /truncated Parquet file: it ends after 8 bytes without its footer/,
  });
  await assert.rejects(ingestText(context, 'a.csv', azureCsv(['2023-11-16 18:17:03']), { format: 'azure' }), {
    code: 'FORMAT_UNKNOWN',
    hint: /--list-formats|azure-llm/,
  });
  await assert.rejects(ingestText(context, 'a.csv', ''), { code: 'FILE_EMPTY' });
  await assert.rejects(ingest({ inputs: ['/nowhere/a.csv'], output: '/nowhere/b' }), {
    code: 'FILE_NOT_FOUND',
  });
  await assert.rejects(ingest({ inputs: [], output: '/nowhere/b' }), { code: 'USAGE' });
});

test('no row is an error: header only, all rejected, all filtered', async (context) => {
  await assert.rejects(ingestText(context, 'a.csv', azureCsv([])), {
    code: 'NO_ROWS',
    message: 'a.csv has no rows',
  });
  await assert.rejects(ingestText(context, 'a.csv', azureCsv(['now', 'then'])), {
    code: 'NO_ROWS',
    message:
      /none of 2 rows of a\.csv could be read: 2 × TIMESTAMP is no date and time \(first: a\.csv, line 2\)/,
  });
  const map = {
    columns: { arrival: { from: 'TIMESTAMP', unit: 'iso' } },
    where: [{ column: 'ContextTokens', one_of: ['99'] }],
  };
  await assert.rejects(ingestText(context, 'a.csv', azureCsv(['2023-11-16 18:17:03']), { map }), {
    code: 'NO_ROWS',
    message: /filter left none of 1 row/,
  });
});

test('--strict makes the first bad row fatal and writes nothing', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'a.csv');
  writeFileSync(path, azureCsv(['2023-11-16 18:17:03', 'bad', '2023-11-16 18:17:04']));
  await assert.rejects(ingest({ inputs: [path], output: join(folder, 'o.parquet'), strict: true }), {
    code: 'BAD_ROWS',
    message: "a.csv, line 3: TIMESTAMP is no date and time ('bad')",
  });
  assert.deepEqual(readdirSync(folder), ['a.csv']);
  const { result } = await ingestText(
    context,
    'b.csv',
    azureCsv(['2023-11-16 18:17:03', '2023-11-16 18:17:04']),
    { strict: true },
  );
  assert.equal(result.rows, 2);
});

test('F59: the number of block ids must fit the prompt; ids stay exact beyond 2^53', async (context) => {
  const [a, b] = ['12345678901234567891', '12345678901234567890'];
  const lines = [
    mooncakeLine(756, [a, b]),
    mooncakeLine(513, [a]),
    mooncakeLine(10, [a, b]),
    mooncakeLine(0, []),
    mooncakeLine(512, [b]),
  ];
  const { rows, result } = await ingestText(context, 'a.jsonl', lines.join('\n'));
  assert.deepEqual(
    rows.map((row) => row.blockHashes).sort((x, y) => x!.length - y!.length),
    [[], [BigInt(b)], [BigInt(a), BigInt(b)]],
  );
  assert.deepEqual(
    result.quality.rejects.map(({ rows: count, firstLine }) => [count, firstLine]),
    [[2, 2]],
  );
  const map = {
    format: 'jsonl',
    block_size: 16,
    columns: {
      arrival: { from: 'timestamp', unit: 'ms' },
      input_tokens: 'input_length',
      block_hashes: 'hash_ids',
    },
  };
  const ids = Array.from({ length: 33 }, (_, i) => String(i));
  const small = await ingestText(context, 'b.jsonl', mooncakeLine(521, ids), { map });
  assert.equal(small.rows[0].blockHashes?.length, 33);
  for (const bad of ['18446744073709551616', '-1', '1.5', '"x"', 'null', '[1]']) {
    await assert.rejects(ingestText(context, 'c.jsonl', mooncakeLine(512, [bad])), {
      code: 'NO_ROWS',
      message: /hash_ids is no list/,
    });
  }
});

test('zero and unknown lengths are kept apart and counted', async (context) => {
  const csv =
    'TIMESTAMP,ContextTokens,GeneratedTokens\n' +
    ['5,0', ',3', '-,None', '0,N/A', '2147483647,1', '2147483648,1', '-4,1', '3.0,1.5', '1e3,1']
      .map((cells, i) => `2023-11-16 18:17:0${i},${cells}\n`)
      .join('');
  const { rows, result } = await ingestText(context, 'a.csv', csv);
  assert.deepEqual(
    rows.map((row) => [row.inputTokens, row.outputTokens]),
    [
      [5, 0],
      [null, 3],
      [null, null],
      [0, null],
      [2_147_483_647, 1],
    ],
  );
  const { quality } = result;
  assert.deepEqual(
    [
      quality.unknownInputRows,
      quality.unknownOutputRows,
      quality.zeroOutputRows,
      quality.rowsIn,
      quality.rowsOut,
    ],
    [2, 2, 1, 9, 5],
  );
  assert.deepEqual(Object.fromEntries(quality.rejects.map(({ reason, rows: count }) => [reason, count])), {
    'ContextTokens is too large': 1,
    'ContextTokens is negative': 1,
    'ContextTokens is no whole number': 1,
    'GeneratedTokens is no whole number': 1,
  });
});

test('identifiers become pseudonyms that join and cannot be read, unless they are to be kept', async (context) => {
  const csv =
    'time,id,parent,session,user\n2023-11-16 18:17:03,req-1,,conversation-9,ann@example.org\n2023-11-16 18:17:04,req-2,req-1,conversation-9,bob@example.org\n';
  const map = {
    columns: {
      arrival: { from: 'time', unit: 'iso' },
      request_id: 'id',
      parent_id: 'parent',
      session_id: 'session',
      client_id: 'user',
    },
  };
  const one = await ingestText(context, 'a.csv', csv, { map });
  const [first, second] = one.rows;
  assert.equal(second.parentId, first.requestId);
  assert.equal(second.sessionId, first.sessionId);
  assert.notEqual(second.clientId, first.clientId);
  assert.equal(first.parentId, null);
  const bytes = readFileSync(one.output).toString('latin1');
  for (const word of ['req-1', 'conversation-9', 'ann@', 'bob@'])
    assert.equal(bytes.includes(word), false, word);
  const other = await ingestText(context, 'a.csv', csv, { map });
  assert.notEqual(other.rows[0].clientId, first.clientId);
  const keyed = await ingestText(context, 'a.csv', csv, { map, pseudonymKey: 'k' });
  const again = await ingestText(context, 'a.csv', csv, { map, pseudonymKey: 'k' });
  assert.deepEqual(keyed.rows, again.rows);
  assert.equal(JSON.stringify(keyed.result.meta).includes('"k"'), false);
  const kept = await ingestText(context, 'a.csv', csv, { map, keepIds: true });
  assert.deepEqual(
    [kept.rows[1].requestId, kept.rows[1].parentId, kept.rows[1].clientId],
    ['req-2', 'req-1', 'bob@example.org'],
  );
});

test('a mapping is checked completely, all problems at once', async (context) => {
  const map = {
    format: 'xml',
    colums: {},
    columns: {
      arival: 'x',
      input_tokens: { from: 'a', constant: 1 },
      output_tokens: { from: 'b', unit: 'ms' },
      ttft: 'c',
      status: { from: 's', values: { a: 'fine' } },
      block_hashes: 'h',
    },
    where: { column: 'x' },
  };
  await assert.rejects(ingestText(context, 'a.csv', 'x\n', { map }), (error: ToolError) => {
    assert.equal(error.code, 'BAD_VALUE');
    for (const part of [
      "unknown key 'colums' in the mapping (did you mean columns?)",
      "unknown key 'arival' in columns (did you mean arrival?)",
      'columns.arrival is required',
      'format must be one of csv, jsonl',
      'columns.input_tokens needs either from or constant',
      'columns.output_tokens takes no unit',
      'columns.ttft.unit must be one of s, ms, us, ns, dotnet-ticks',
      'columns.status must be one of ok, http_error',
      'block_hashes needs block_size',
      'where must be a list',
    ]) {
      assert.ok(error.message.includes(part), `${part} in: ${error.message}`);
    }
    return true;
  });
  const folder = temporaryFolder(context);
  writeFileSync(join(folder, 'broken.yaml'), 'columns: [');
  await assert.rejects(ingestText(context, 'a.csv', 'x\n', { map: join(folder, 'broken.yaml') }), {
    code: 'BAD_VALUE',
    message: /is not YAML/,
  });
  await assert.rejects(ingestText(context, 'a.csv', 'x\n', { map: join(folder, 'missing.yaml') }), {
    code: 'FILE_NOT_FOUND',
  });
});

test('a mapping reads files without a header, by the names it gives', async (context) => {
  const map = {
    separator: '\t',
    header: ['t', 'in'],
    columns: { arrival: { from: 't', unit: 's' }, input_tokens: 'in' },
  };
  const { rows } = await ingestText(context, 'a.tsv', '0.5\t7\n1.25\t8\n', { map });
  assert.deepEqual(
    rows.map((row) => [row.arrivalNs, row.inputTokens]),
    [
      [0n, 7],
      [750_000_000n, 8],
    ],
  );
});

test('an interrupted ingest leaves nothing under the final name', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'a.csv');
  writeFileSync(path, azureCsv(Array.from({ length: 50_000 }, () => '2023-11-16 18:17:03')));
  for (const stage of ['read logs', 'write trace']) {
    const abort = new AbortController();
    const reason = new ToolError({ code: 'INTERRUPTED', message: 'interrupted', hint: 'again' });
    await assert.rejects(
      ingest({
        inputs: [path, path],
        output: join(folder, 'o.parquet'),
        signal: abort.signal,
        progress: (progress) => progress.stage === stage && abort.abort(reason),
      }),
      { code: 'INTERRUPTED' },
      stage,
    );
    assert.equal(existsSync(join(folder, 'o.parquet')), false);
    assert.deepEqual(readdirSync(folder), ['a.csv']);
  }
});

test('rows are sorted by arrival and counted; those of one instant come in an order of their own', async (context) => {
  const seconds = [5, 3, 3, 9, 3, 1, 9];
  const { rows, result } = await ingestText(
    context,
    'a.csv',
    azureCsv(seconds.map((s) => `2023-11-16 18:17:0${s}`)),
  );
  const outputs = rows.map((row) => row.outputTokens!);
  assert.deepEqual([outputs[0], outputs[4]], [5, 0]);
  assert.deepEqual(outputs.slice(1, 4).sort(), [1, 2, 4]);
  assert.deepEqual(outputs.slice(5).sort(), [3, 6]);
  assert.deepEqual(
    rows.map((row) => Number(row.arrivalNs) / 1e9),
    [0, 2, 2, 2, 4, 8, 8],
  );
  assert.equal(result.quality.outOfOrderRows, 4);
  assert.equal(result.meta.startUtc, '2023-11-16T18:17:01Z');
});

test('an end whose arrival would lie centuries ago is refused at its line, not when all lines are read', async (context) => {
  const end = (id: string, seconds: string): string =>
    `[2026-03-29 01:30:05] Finish: obj=GenerateReqInput(rid='${id}'), out={'meta_info': {'prompt_tokens': 40, 'completion_tokens': 7, 'e2e_latency': ${seconds}}}`;
  const log = `${[end('r-1', '1.25'), end('r-2', '1e12'), end('r-3', '2.5')].join('\n')}\n`;
  const { result, rows } = await ingestText(context, 'sglang.log', log);
  assert.deepEqual(
    rows.map(({ arrivalNs }) => arrivalNs),
    [0n, 1_250_000_000n],
  );
  assert.deepEqual(
    result.quality.rejects.map(({ reason, firstLine }) => [reason, firstLine]),
    [['the arrival is not within 292 years of 1970', 2]],
  );
});
