/** The same rows in every layout that logs come in: one trace. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ingest } from '../../src/ingest/ingest.js';
import { openDuckdb, sqlText } from '../../src/trace/duckdb.js';
import { temporaryFolder } from '../trace/traces.js';
import { type Ingested, ingestFiles, ingestText } from './logs.js';

const RECORDS = Array.from({ length: 6 }, (_, i) => ({
  timestamp: 1_000 * i + i * i,
  input_length: 600 + i,
  output_length: i,
  hash_ids: [0, `BIG${i}`],
  note: 'a "quoted" } ] text\nwith breaks {',
}));
/** Block ids beyond 2^53, as numbers. */
const json = (record: object, indent?: number): string =>
  JSON.stringify(record, null, indent).replace(/"BIG(\d)"/g, (_, i) =>
    String(12345678901234567890n + BigInt(i)),
  );
const LINES = RECORDS.map((record) => json(record));
const PLAIN = `${LINES.join('\n')}\n`;

/** The first and the last three lines, a Zstandard frame each (zstd 1.5). */
const ZSTD_FRAMES =
  'KLUv/WS5AJ0EAALIGx9gRZwDYVg1WeB/q70RvbF5pYaBWwVeGxHsQDIJPgYwSqlDVe3uqm4gSuhR0biBuOsHAFkHcD959GQLd/Mwkr3lV3I3MJ8SNRQIyOAQqH3Sw1fG5SkuNtdPo8hXuk5AXij9OPDlk36lw7SOzLxOKA0AAKcAz4GEAToNJAY8Asm9GE2GYiSsBeYma3PeGAbzCZUvy3EotS/9ZLwApQQAgsgcHWCJddCrJlwY+NfW2LEdoMOw7W+YkBauWWKQVwUGzMzHMmMMMZYBJpU+De4lCIcdFVLpxesvn65K8/qJEKrc6Zu+fqReLWsTQQBhtg7jagdvOpvIwOlgR49erUXeFHZBvgPTESSjXiW7600hx/V8TmyVAgwAAKcAz4GEAToNJAY8ApILNKGLkbAWnZuWbR6zDCwojNA=';

async function assertSameRows(context: TestContext, found: Ingested, what: string): Promise<void> {
  const plain = await ingestText(context, 'plain.jsonl', PLAIN);
  assert.deepEqual(found.rows, plain.rows, what);
  assert.equal(found.result.contentHash, plain.result.contentHash, what);
  assert.deepEqual(found.result.quality.rejects, [], what);
}

function cri(line: string): string {
  const half = line.length >> 1;
  const head = '2026-01-01T00:00:00.000000000Z stdout';
  return `${head} P ${line.slice(0, half)}\n${head} F ${line.slice(half)}\n`;
}

function docker(line: string): string {
  const half = line.length >> 1;
  const part = (log: string): string =>
    `${JSON.stringify({ log, stream: 'stdout', time: '2026-01-01T00:00:00.1Z' })}\n`;
  return part(line.slice(0, half)) + part(`${line.slice(half)}\n`);
}

/** Records with a line each in a field, as stores of logs export them. */
const asEvents = (more: (index: number) => object): object[] =>
  LINES.map((line, index) => ({ timestamp: 1_775_000_000_000 + index, message: line, ...more(index) }));
const filtered = asEvents((index) => ({ logStreamName: 'i', ingestionTime: 1, eventId: `3${index}` }));
const subscribed = asEvents((index) => ({ id: `3${index}` }));
const payload = (logEvents: object[]): object => ({
  messageType: 'DATA_MESSAGE',
  owner: '1',
  logGroup: '/llm',
  subscriptionFilters: ['all'],
  logEvents,
});
const eachLine = (record: (line: string, index: number) => object): string =>
  LINES.map((line, index) => `${JSON.stringify(record(line, index))}\n`).join('');

const LAYOUTS: Readonly<Record<string, string>> = {
  'array.json': `[${LINES.join(',')}]`,
  'pretty-array.json': json(RECORDS, 2),
  'records.json': `{"records":[${LINES.join(',')}]}`,
  'data.json': json({ object: 'list', has: [1, [2]], data: RECORDS, more: { data: false } }, 1),
  'value.json': `{"@odata.context": "x", "value": ${json(RECORDS, 4)}}`,
  'event-hub.jsonl': `{"records":[${LINES.slice(0, 2)}]}\n{"records":[${LINES.slice(2, 5)}]}\n{"records":[${LINES[5]}]}\n`,
  'pretty.json': RECORDS.map((record) => json(record, 2)).join('\n'),
  'one-line.json': LINES.join(''),
  'array-per-line.jsonl': `[${LINES.slice(0, 3)}]\n[${LINES.slice(3)}]\n`,
  'crlf.jsonl': LINES.join('\r\n'),
  'cri.log': LINES.map(cri).join(''),
  'docker.log': LINES.map(docker).join(''),
  'cloudwatch-filter.json': json({ events: filtered, searchedLogStreams: [] }, 4),
  'cloudwatch-filter-line.json': json({ events: filtered, nextToken: 'x' }),
  'cloudwatch-get.json': json({ events: asEvents(() => ({ ingestionTime: 2 })), nextForwardToken: 'f/1' }, 4),
  'cloudwatch-events.jsonl': filtered.map((event) => `${JSON.stringify(event)}\n`).join(''),
  'cloudwatch-firehose.json': json(payload(subscribed.slice(0, 2))) + json(payload(subscribed.slice(2))),
  'cloudwatch-s3.log': LINES.map((line) => `2026-01-01T00:00:00.123Z ${line}\n`).join(''),
  'cloudwatch-tail.log': LINES.map((line) => `2026-01-01T00:00:00.123000+00:00 my/stream ${line}\n`).join(''),
  'cloudwatch-insights.json': json(
    LINES.map((line) => ({ '@timestamp': '2026-01-01 00:00:00.000', '@message': line, '@ptr': 'C' })),
    2,
  ),
  'cloudwatch-pretty-message.json': json(
    { events: RECORDS.map((record) => ({ ingestionTime: 1, message: `${json(record, 2)}\n` })) },
    1,
  ),
  'container-insights.json': json({
    events: LINES.map((line) => ({
      eventId: '1',
      message: JSON.stringify({ log: `${line}\n`, stream: 'stdout', kubernetes: { pod_name: 'p' } }),
    })),
  }),
  'journal.jsonl': eachLine((line) => ({
    __CURSOR: 's=1',
    __REALTIME_TIMESTAMP: '1775000000000000',
    _HOSTNAME: 'h',
    MESSAGE: line,
  })),
  'journal-bytes.jsonl': eachLine((line) => ({ _HOSTNAME: 'h', MESSAGE: [...Buffer.from(line)] })),
  'fluent-bit.jsonl': eachLine((line, index) => ({
    date: 1_775_000_000.5 + index,
    stream: 'stdout',
    logtag: 'F',
    log: line,
  })),
  'fluent-bit-parts.jsonl': LINES.flatMap((line) => [
    { date: 1, stream: 'stdout', logtag: 'P', log: line.slice(0, 9) },
    { date: 1, stream: 'stdout', logtag: 'F', log: line.slice(9) },
  ])
    .map((record) => `${JSON.stringify(record)}\n`)
    .join(''),
  'filebeat.jsonl': eachLine((line) => ({
    '@timestamp': '2026-01-01T00:00:00.000Z',
    message: line,
    agent: { type: 'filebeat' },
    ecs: { version: '8.0.0' },
  })),
  'vector.jsonl': eachLine((line) => ({
    message: line,
    source_type: 'file',
    timestamp: '2026-01-01T00:00:00Z',
  })),
  'logcli.jsonl': eachLine((line) => ({ labels: { app: 'llm' }, line, timestamp: '2026-01-01T00:00:00Z' })),
  'logcli.log': LINES.map((line) => `2026-01-01T00:00:00Z {app="llm", pod="a"} ${line}\n`).join(''),
  'grafana.json': json(
    LINES.map((line) => ({ line, timestamp: '1775000000000000000', fields: { a: 'b' } })),
    2,
  ),
  'splunk.jsonl': eachLine((line) => ({ preview: false, offset: 1, result: { _raw: line, _time: 'x' } })),
  'gcp-text.json': json(
    LINES.map((line) => ({ insertId: 'a', textPayload: line, timestamp: 'x' })),
    2,
  ),
  'gcp-json.jsonl': LINES.map((line) => `{"insertId":"a","jsonPayload":${line},"logName":"l"}\n`).join(''),
  'splunk.csv': `"_raw","_time"\n${LINES.map((line) => `"${line.replaceAll('"', '""')}",x\n`).join('')}`,
  'cloudwatch-console.csv': `timestamp,message\n${LINES.map((line) => `1,"${line.replaceAll('"', '""')}\n"\n`).join('')}`,
  'splunk-hec.jsonl': LINES.map((line) => `{"time":1,"sourcetype":"_json","event":${line}}\n`).join(''),
  'datadog.json': json({ data: LINES.map((message) => ({ id: 'a', type: 'log', attributes: { message } })) }),
  'datadog-parsed.json': `{"data":[${LINES.map((line) => `{"type":"log","attributes":{"message":"x","attributes":${line}}}`)}]}`,
  'syslog.log': LINES.map((line) => `<190>Mar 29 03:00:00 host nginx: ${line}\n`).join(''),
  'syslog-5424.log': LINES.map((line) => `<134>1 2026-03-29T03:00:00Z host app 7 - - ${line}\n`).join(''),
  'rsyslog.log': LINES.map((line) => `2026-03-29T03:00:00.123456+00:00 host app[7]: ${line}\n`).join(''),
  'compose.log': LINES.map((line) => `vllm-1  | ${line}\n`).join(''),
  'kubectl-prefix.log': LINES.map((line) => `[pod/vllm-0/vllm] ${line}\n`).join(''),
  'elasticsearch.jsonl': LINES.map((line) => `{"_index":"i","_id":"1","_source":${line}}\n`).join(''),
  'kubectl.log': LINES.map((line) => `2026-01-01T00:00:00.123456789Z ${line}\n`).join(''),
};

for (const [name, content] of Object.entries(LAYOUTS)) {
  test(`layout ${name}`, async (context) => {
    await assertSameRows(context, await ingestText(context, name, content), name);
  });
}

test('X2: all frames of a Zstandard file are read, whatever its name; a truncated one gives what came before', async (context) => {
  const bytes = Buffer.from(ZSTD_FRAMES, 'base64');
  await assertSameRows(context, await ingestText(context, 'a.log', bytes), 'two frames');
  const cut = bytes.subarray(0, bytes.length - 20);
  await assert.rejects(ingestText(context, 'cut.zst', cut), {
    code: 'FILE_UNREADABLE',
    message: /truncated zstd file: it ends inside a frame, .* 3 rows that came before are in/,
    hint: /--allow-truncated/,
  });
  const { rows } = await ingestText(context, 'cut.zst', cut, { allowTruncated: true });
  assert.equal(rows.length, 3);
  const damaged = Buffer.from(bytes);
  damaged.fill(0xff, 30, 60);
  await assert.rejects(ingestText(context, 'bad.zst', damaged), { code: 'FILE_UNREADABLE' });
});

test('a compressed log that is cut within its first bytes is a truncated file, not an unknown format', async (context) => {
  const gzip = gzipSync(
    'TIMESTAMP,ContextTokens,GeneratedTokens\n2026-01-01 00:00:00.0000000,5,7\n'.repeat(3),
  );
  const zstd = Buffer.from(ZSTD_FRAMES, 'base64');
  for (const [kind, bytes] of [
    ['gzip', gzip],
    ['zstd', zstd],
  ] as const) {
    for (const end of [4, 9, 15, 30]) {
      for (const allowTruncated of [false, true]) {
        await assert.rejects(ingestText(context, 'cut.log', bytes.subarray(0, end), { allowTruncated }), {
          code: 'FILE_UNREADABLE',
          message: `cut.log is a truncated ${kind} file: it ends inside a ${kind === 'gzip' ? 'member' : 'frame'}, after ${end} bytes; no complete row comes before`,
        });
      }
    }
  }
});

/** A tar archive of regular files. */
function tar(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        0', 148);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1_024)]);
}

test('archives and folders of shards, packed or not, in any order', async (context) => {
  const shards = {
    'logs/b.jsonl.gz': gzipSync(LINES.slice(0, 2).join('\n')),
    'logs/a.jsonl': Buffer.from(`${LINES.slice(2, 3).join('\n')}\n`),
    'logs/date=2026/c.jsonl': Buffer.from(LINES.slice(3).join('\n')),
  };
  const archive = tar(shards);
  await assertSameRows(context, await ingestText(context, 'a.tar', archive), 'tar');
  await assertSameRows(context, await ingestText(context, 'a.tgz', gzipSync(archive)), 'tar.gz');
  await assert.rejects(ingestText(context, 'a.tar', archive.subarray(0, 1_100)), {
    code: 'FILE_UNREADABLE',
    message: /truncated tar archive/,
  });
  const folder = temporaryFolder(context);
  for (const [name, content] of Object.entries({ ...shards, 'logs/.hidden': Buffer.from('no log') })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const whole = await ingestFiles(context, [join(folder, 'logs')]);
  await assertSameRows(context, whole, 'folder');
  assert.equal(whole.result.quality.outOfOrderRows, 0);
  assert.deepEqual(
    whole.result.files.map(({ name }) => name),
    ['b.jsonl.gz', 'a.jsonl', 'c.jsonl'],
  );
  await assertSameRows(context, await ingestFiles(context, [join(folder, 'logs/**/*.jsonl*')]), 'pattern');
  const some = await ingestFiles(context, [join(folder, 'logs/*.jsonl')]);
  assert.equal(some.rows.length, 1);
  await assert.rejects(ingestFiles(context, [join(folder, 'logs/*.csv')]), { code: 'FILE_NOT_FOUND' });
});

test('Parquet rows are read like lines, by JSON formats and by CSV formats, and traces like logs', async (context) => {
  const folder = temporaryFolder(context);
  const duckdb = await openDuckdb();
  const rows = RECORDS.map(
    ({ timestamp, input_length, output_length }, i) =>
      `(${timestamp}, ${input_length}, ${output_length}, [0, ${12345678901234567890n + BigInt(i)}]::UBIGINT[])`,
  );
  const path = join(folder, 'log.parquet');
  await duckdb.connection.run(
    `COPY (SELECT * FROM (VALUES ${rows.join(',')}) t(timestamp, input_length, output_length, hash_ids)) TO ${sqlText(path)} (FORMAT parquet)`,
  );
  const azure = join(folder, 'azure.parquet');
  await duckdb.connection.run(
    `COPY (SELECT make_timestamp_ns(1700158623979960001 + i * 400) AS "TIMESTAMP", (10 + i)::INTEGER AS "ContextTokens", i::BIGINT AS "GeneratedTokens" FROM range(3) r(i)) TO ${sqlText(azure)} (FORMAT parquet)`,
  );
  duckdb.close();
  const found = await ingestFiles(context, [path]);
  await assertSameRows(context, found, 'parquet');
  const times = await ingestFiles(context, [azure]);
  assert.equal(times.result.format.name, 'azure-llm');
  assert.equal(times.result.meta.startUtc, '2023-11-16T18:17:03.979960001Z');
  assert.deepEqual(
    times.rows.map(({ arrivalNs, inputTokens, outputTokens }) => [arrivalNs, inputTokens, outputTokens]),
    [
      [0n, 10, 0],
      [400n, 11, 1],
      [800n, 12, 2],
    ],
  );
  const again = await ingestFiles(context, [times.output]);
  assert.equal(again.result.format.name, 'tokentide-trace');
  assert.equal(again.result.contentHash, times.result.contentHash);
  assert.equal(again.result.meta.startUtc, times.result.meta.startUtc);
  const blocks = await ingestFiles(context, [found.output]);
  assert.deepEqual(blocks.rows, found.rows);
  assert.equal(blocks.result.meta.blockSize, 512);
  const mapped = await ingestFiles(context, [path], {
    map: {
      format: 'jsonl',
      columns: { arrival: { from: 'timestamp', unit: 'ms' }, input_tokens: 'input_length' },
    },
  });
  assert.deepEqual(
    mapped.rows.map((row) => row.inputTokens),
    RECORDS.map((record) => record.input_length),
  );
});

test('a damaged array gives every good row before the damage, and says where it is', async (context) => {
  const content = `[\n${LINES.slice(0, 3).join(',\n')},\n{"timestamp": 9, "input_length": oops},\n${LINES.slice(3).join(',\n')}`;
  const { rows, result } = await ingestText(context, 'a.json', content);
  assert.equal(rows.length, 6);
  assert.deepEqual(
    result.quality.rejects.map(({ reason, rows: count, firstLine }) => [reason, count, firstLine]),
    [['broken JSON', 1, 5]],
  );
  const cut = await ingestText(context, 'b.json', content.slice(0, -10));
  assert.equal(cut.rows.length, 5);
  assert.deepEqual(cut.result.quality.rejects.map(({ reason }) => reason).sort(), [
    'broken JSON',
    'the file ends inside a JSON object',
  ]);
  const pretty = `${json(RECORDS[0], 2).slice(0, -1)}\n${json(RECORDS[1], 2)}\n`;
  const resumed = await ingestText(context, 'c.json', `${json(RECORDS[2], 2)}\n${pretty}`);
  assert.deepEqual(resumed.rows.map((row) => row.inputTokens).sort(), [601, 602]);
});

test('a usage export is refused as a trace and named what it is', async (context) => {
  const page = {
    object: 'page',
    data: [
      {
        object: 'bucket',
        start_time: 1_730_419_200,
        end_time: 1_730_419_260,
        results: [{ input_tokens: 10, output_tokens: 4, num_model_requests: 2 }],
      },
    ],
  };
  for (const content of [JSON.stringify(page), JSON.stringify(page, null, 2)]) {
    await assert.rejects(ingestText(context, 'usage.json', content), {
      code: 'FORMAT_UNKNOWN',
      message: /usage export: requests per bucket/,
      hint: /--rate-curve/,
    });
  }
});

test('known CSV formats are read with other separators too, and say so; files that differ in it do not mix', async (context) => {
  const rows = [
    ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'],
    ['2026-01-01 00:00:00.0000001', '5', '7'],
    ['"2026-01-01 00:00:01"', '6', '"8"'],
  ];
  const csv = (separator: string): string => rows.map((row) => `${row.join(separator)}\n`).join('');
  const plain = await ingestText(context, 'log.csv', csv(','), { name: 'log' });
  for (const [separator, text] of [
    [';', "';'"],
    ['\t', 'tabs'],
    ['|', "'|'"],
  ]) {
    for (const format of ['auto', 'azure-llm']) {
      const { result } = await ingestText(context, 'log.csv', csv(separator), { name: 'log', format });
      assert.equal(result.contentHash, plain.result.contentHash);
      assert.ok(result.format.reason.endsWith(`, separated by ${text}`), result.format.reason);
    }
  }
  const folder = temporaryFolder(context);
  for (const [name, separator] of [
    ['a', ','],
    ['b', ';'],
  ])
    writeFileSync(join(folder, `${name}.csv`), csv(separator));
  await assert.rejects(ingest({ inputs: [folder], output: join(folder, 'o.parquet') }), {
    code: 'FORMAT_UNKNOWN',
    message: "the inputs differ: a.csv separates its columns by ',', b.csv by ';'",
  });
});

test('JSON lines below lines that a server prints at its start: those are counted as no records of JSON', async (context) => {
  const line = (i: number): string => `{"timestamp":${i},"input_length":5,"output_length":3}`;
  const log = ['starting up, version 1.2', '', 'listening on 0.0.0.0:80', ...[0, 1, 2, 3].map(line), 'bye'];
  const { result, rows } = await ingestText(context, 'server.log', `${log.join('\n')}\n`);
  assert.equal(result.format.name, 'mooncake');
  assert.equal(rows.length, 4);
  assert.deepEqual(
    result.quality.rejects.map(({ reason, rows: count, firstLine }) => [reason, count, firstLine]),
    [['not a JSON object', 3, 1]],
  );
});

test('a page on one line is read by what is in its list, whatever stands before it', async (context) => {
  const row = (id: string): object => ({
    request_id: id,
    request_created_at: '2026-03-01T08:00:00.125Z',
    response_status: 200,
    prompt_tokens: 9,
    completion_tokens: 4,
  });
  for (const page of [
    { data: [row('a'), row('b')] },
    { success: true, result: [row('a'), row('b')] },
    { total: 2, records: [row('a'), row('b')] },
  ]) {
    const { rows, result } = await ingestText(context, 'page.json', JSON.stringify(page));
    assert.equal(result.format.name, 'helicone');
    assert.equal(rows.length, 2, Object.keys(page).join());
  }
});

test('wrapped lines: Docker with blanks, kubectl before text logs', async (context) => {
  const request = (id: string): string =>
    `INFO 03-30 01:59:58 [logger.py:66] Received request ${id}: params: SamplingParams(max_tokens=5), lora_request: None.`;
  const finish = (id: string): string =>
    `[2026-03-29 01:30:00] Receive: obj=GenerateReqInput(rid='${id}', stream=True)`;
  const stamped = (line: string): string => `2026-01-01T00:00:00.123456789Z ${line}\n`;
  const docker = (line: string): string =>
    `{"log": ${JSON.stringify(`${line}\n`)}, "stream": "stdout", "time": "2026-01-01T00:00:00Z"}\n`;
  for (const [content, format] of [
    [`${docker(request('a'))}${docker(request('b'))}`, 'vllm-log'],
    [`${stamped(request('a'))}${stamped(request('b'))}`, 'vllm-log'],
    [`${stamped(finish('a'))}${stamped(finish('b'))}`, 'sglang-text'],
  ]) {
    const { rows, result } = await ingestText(context, 'pod.log', content);
    assert.equal(result.format.name, format);
    assert.equal(rows.length, 2);
  }
});

test('an empty list and binary data are named for what they are', async (context) => {
  await assert.rejects(ingestText(context, 'none.json', ' []\n'), {
    code: 'FILE_EMPTY',
    message: 'none.json is empty (a list without records)',
  });
  await assert.rejects(ingestText(context, 'dump.pkl', Buffer.from([0x80, 4, 0, 0, 44, 10, 65])), {
    code: 'FORMAT_UNKNOWN',
    message: /dump\.pkl \(binary data\)/,
    hint: /pickle/,
  });
});
