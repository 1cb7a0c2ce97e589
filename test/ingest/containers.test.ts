/** Containers: byte-order marks, newlines, quotes, gzip members, truncation. Cases F52, F53 and their kind. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ingest } from '../../src/ingest/ingest.js';
import { readTraceRows } from '../../src/trace/read.js';
import { temporaryFolder } from '../trace/traces.js';
import { azureCsv, ingestFiles, ingestText } from './logs.js';

const BOM = '\ufeff';
const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';
const row = (i: number): string => `2023-11-16 18:17:${String(i).padStart(2, '0')}.0000000,${100 + i},${i}`;
const rowsText = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${row(from + i)}\n`).join('');

test('F52: a byte-order mark does not eat the first column', async (context) => {
  const contents = [
    `${BOM}${[HEADER, row(1), row(2), row(3)].join('\r\n')}`,
    `${BOM}${['"TIMESTAMP","ContextTokens","GeneratedTokens"', row(1), row(2), row(3)].join('\r\n')}`,
    `${BOM}${[HEADER, row(1), row(2), row(3), ''].join('\n')}`,
  ];
  for (const content of contents) {
    const { rows } = await ingestText(context, 'a.csv', content);
    assert.deepEqual(
      rows.map((found) => found.inputTokens),
      [101, 102, 103],
    );
  }
  const { rows } = await ingestText(
    context,
    'a.jsonl',
    `${BOM}{"timestamp":0,"input_length":3,"output_length":1}\r\n`,
  );
  assert.equal(rows.length, 1);
  for (const content of [
    Buffer.from(`${BOM}${HEADER}\n`, 'utf16le'),
    Buffer.from(`${HEADER}\n`, 'utf16le'),
  ]) {
    await assert.rejects(ingestText(context, 'utf16.csv', content), {
      code: 'FILE_UNREADABLE',
      message: /UTF-16/,
    });
  }
});

test('a Git LFS pointer in place of a data set is named as what it is', async (context) => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4'.repeat(64)}\nsize 144819209\n`;
  await assert.rejects(ingestText(context, 'BurstGPT_2.csv', pointer), {
    code: 'FILE_UNREADABLE',
    message: 'BurstGPT_2.csv is a Git LFS pointer: it names a file that was not fetched',
    hint: /git lfs pull/,
  });
});

test('F53: all members of a gzip file are read, whatever its name', async (context) => {
  const members = [`${HEADER}\n${rowsText(0, 10)}`, rowsText(10, 20), rowsText(20, 30)].map((text) =>
    gzipSync(text),
  );
  const whole = Buffer.concat(members);
  for (const [name, content] of [
    ['a.csv.gz', whole],
    ['no-suffix', whole],
    ['padded.gz', Buffer.concat([whole, Buffer.alloc(512)])],
    ['plain.csv.gz', Buffer.from(`${HEADER}\n${rowsText(0, 30)}`)],
  ] as const) {
    const { rows, result } = await ingestText(context, name, content);
    assert.deepEqual(
      rows.map((found) => found.inputTokens),
      Array.from({ length: 30 }, (_, i) => 100 + i),
      name,
    );
    assert.equal(result.meta.manifest.inputs[0].bytes, content.length);
  }
});

test('F53: of a truncated gzip file every complete row is written, with an error unless allowed', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'cut.csv.gz');
  const output = join(folder, 'out.parquet');
  const third = gzipSync(rowsText(20, 30));
  writeFileSync(
    path,
    Buffer.concat([
      gzipSync(`${HEADER}\n${rowsText(0, 10)}`),
      gzipSync(rowsText(10, 20)),
      third.subarray(0, third.length - 13),
    ]),
  );
  await assert.rejects(ingest({ inputs: [path], output }), {
    code: 'FILE_UNREADABLE',
    message:
      /cut\.csv\.gz is a truncated gzip file: .* after \d+ bytes; 2\d rows that came before are in .*out\.parquet/,
    hint: /--allow-truncated/,
  });
  const given = await readTraceRows(output);
  const strict = join(folder, 'strict.parquet');
  await assert.rejects(ingest({ inputs: [path], output: strict, strict: true }), {
    message: /2\d complete rows come before/,
  });
  assert.equal(existsSync(strict), false);
  const { rows, result } = await ingestFiles(context, [path], { allowTruncated: true });
  assert.ok(rows.length >= 20 && rows.length < 30, `${rows.length} rows`);
  assert.deepEqual(given, rows);
  rows.forEach((found, i) => {
    assert.equal(found.inputTokens, 100 + i);
    assert.equal(found.outputTokens, i);
  });
  assert.match(result.quality.notes.join('\n'), /truncated gzip file.*what came before was kept/);
  assert.ok(
    result.quality.rejects.every(
      ({ reason, rows: count }) => reason === 'cut off where the input ends' && count === 1,
    ),
  );
});

test('a damaged gzip file is refused', async (context) => {
  const bytes = gzipSync(`${HEADER}\n${rowsText(0, 50)}`);
  bytes.fill(0x55, 30, 60);
  await assert.rejects(ingestText(context, 'a.gz', bytes), {
    code: 'FILE_UNREADABLE',
    message: /damaged gzip/,
  });
});

test('a long gzip file is unpacked completely', async (context) => {
  const times = Array.from(
    { length: 120_000 },
    (_, i) =>
      `2023-11-16 18:${String(17 + Math.floor(i / 6_000)).padStart(2, '0')}:${String(Math.floor(i / 100) % 60).padStart(2, '0')}.${String(i % 100).padStart(2, '0')}`,
  );
  const csv = azureCsv(times);
  const plain = await ingestText(context, 'a.csv', csv);
  const packed = await ingestText(context, 'a.csv', gzipSync(csv));
  assert.equal(plain.result.rows, 120_000);
  assert.equal(packed.result.contentHash, plain.result.contentHash);
});

test('quoted newlines, separators and quotes belong to their cell', async (context) => {
  const csv = [
    'metadata,TIMESTAMP,ContextTokens,GeneratedTokens',
    '"{""a"": ""x,y"",\n""b"": 1}",2023-11-16 18:17:03,5,"7"',
    '"",2023-11-16 18:17:04,6,8',
    '"never closed,2023-11-16 18:17:05,6,8',
    'plain,2023-11-16 18:17:06,7,9',
    '"closed" badly,2023-11-16 18:17:07,7,9',
    '',
    'inch 5",2023-11-16 18:17:08,8,10',
  ].join('\r\n');
  const { rows, result } = await ingestText(context, 'a.csv', csv);
  assert.deepEqual(
    rows.map((found) => [found.inputTokens, found.outputTokens]),
    [
      [5, 7],
      [6, 8],
      [7, 9],
      [8, 10],
    ],
  );
  // A quote that closes where it should not costs its own line only: the next line is a row.
  assert.deepEqual(
    result.quality.rejects.map(({ reason, rows: count, firstLine }) => [reason, count, firstLine]),
    [['text after a closing quote', 2, 5]],
  );
  assert.equal(result.quality.rowsIn, 4 + 2);
});

test('a set with empty and cut files gives the rows of the others, and an error unless allowed', async (context) => {
  const folder = temporaryFolder(context);
  const output = join(folder, 'out.parquet');
  const inputs = Object.entries({
    'b.csv': '',
    'c.csv': 'TIMESTAMP,Conte',
    'd.csv.gz': gzipSync(rowsText(0, 9)).subarray(0, 12),
    'e.csv.gz': gzipSync(''),
    'a.csv': `${HEADER}\n${rowsText(0, 3)}`,
  }).map(([name, content]) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  });
  await assert.rejects(ingest({ inputs, output }), {
    code: 'FILE_UNREADABLE',
    message:
      /^b\.csv is empty \(0 bytes\), so it gave no row; d\.csv\.gz is a truncated gzip file: it ends inside a member, after 12 bytes.*; e\.csv\.gz is empty.*; c\.csv ends within its first record.*; 3 rows .* are in .*out\.parquet$/,
    hint: /fetch the files again.*--allow-truncated/,
  });
  const given = await readTraceRows(output);
  assert.equal(given.length, 3);
  const { rows, result } = await ingestFiles(context, inputs, { allowTruncated: true });
  assert.deepEqual(rows, given);
  const notes = result.quality.notes.join('\n');
  assert.match(notes, /b\.csv is empty \(0 bytes\), so it gave no row/);
  assert.match(notes, /c\.csv ends within its first record, so/);
  assert.match(notes, /d\.csv\.gz is a truncated gzip file/);
  assert.match(notes, /e\.csv\.gz is empty \(nothing but blanks\), so/);
  assert.equal(result.meta.manifest.inputs.find(({ name }) => name === 'd.csv.gz')?.bytes, 12);
  await assert.rejects(ingest({ inputs, output, strict: true }), {
    code: 'FILE_EMPTY',
    message:
      /^b\.csv is empty \(0 bytes\); d\.csv\.gz .* after 12 bytes; no complete row.*; e\.csv\.gz is empty/,
  });
  const cuts = Array.from({ length: 8 }, (_, i) => join(folder, `cut-${i}.csv.gz`));
  const packed = gzipSync(`${HEADER}\n${rowsText(0, 5_000)}`);
  for (const [i, path] of cuts.entries()) writeFileSync(path, packed.subarray(0, packed.length - 9 - i));
  await assert.rejects(ingest({ inputs: cuts, output }), {
    message: new RegExp(
      `^${[0, 1, 2, 3, 4].map((i) => `cut-${i}\\.csv\\.gz is a truncated gzip file: it ends inside a member, after ${packed.length - 9 - i} bytes; `).join('')}and 3 more; [\\d ,]+ rows`,
    ),
  });
  await assert.rejects(ingest({ inputs: inputs.slice(0, 1), output }), { code: 'FILE_EMPTY' });
});

test('comment lines above a CSV header are skipped, and said', async (context) => {
  const comments = '# exported on a Tuesday\n#\n# one "quote, and a comma\n';
  const { rows, result } = await ingestText(
    context,
    'a.csv',
    `${comments}${HEADER}\n${rowsText(0, 2)}no time,1,1\n`,
  );
  assert.equal(rows.length, 2);
  assert.match(result.format.reason, /3 comment lines above the header skipped/);
  assert.equal(result.quality.rejects[0].firstLine, 7);
});

test('lines of a text log that begin with a quote cost no other line', async (context) => {
  const request = (id: string, second: number): string =>
    `INFO 03-30 01:59:0${second} [logger.py:41] Received request ${id}: prompt: 'x', params: SamplingParams(n=1, max_tokens=8), prompt_token_ids: [1, 2], lora_request: None.\n`;
  const { rows } = await ingestText(
    context,
    'vllm.log',
    `"no end\n${request('cmpl-a', 1)}"a", then\n${request('cmpl-b', 2)}"\n${request('cmpl-c', 3)}`,
  );
  assert.equal(rows.length, 3);
});
