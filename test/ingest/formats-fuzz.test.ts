/** Damaged logs of every format: each record gives a row whose values fit their columns, or a RowReject; nothing else. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CsvReader } from '../../src/ingest/csv.js';
import { takeSample } from '../../src/ingest/detect.js';
import { findColumn, type LogFormat, spellings } from '../../src/ingest/format.js';
import { LOG_FORMATS } from '../../src/ingest/formats/index.js';
import { pathTree } from '../../src/ingest/json-scan.js';
import { JsonLinesReader } from '../../src/ingest/jsonl.js';
import { Pseudonyms } from '../../src/ingest/pseudonyms.js';
import { RowReject, SourceRecord } from '../../src/ingest/record.js';
import type { RecordReader } from '../../src/ingest/record-reader.js';
import { StagedRow } from '../../src/ingest/rows.js';
import { TimeReader } from '../../src/ingest/time.js';
import { parseZone } from '../../src/ingest/zone.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { type Rng, randomOf } from '../../src/random.js';

const SAMPLES = fileURLToPath(new URL('traces/samples/', PACKAGE_ROOT));
const MUTANTS_PER_FORMAT = 400;
const SPICE = [
  '"',
  '\\',
  '{',
  '[',
  ']',
  '}',
  ',',
  ':',
  '-',
  '9'.repeat(19),

  'null',
  '\u0000',
  '\n',

  '""',
  '�',
  'true',
];
const INT64_LIMIT = 1n << 63n;

function readerOf(format: LogFormat, sample: Buffer): RecordReader {
  if (format.shape === 'jsonl') return new JsonLinesReader(pathTree(format.columns.map(spellings)));
  const names = format.headerNames ?? takeSample('x', sample, format.separator).names;
  const reader = new CsvReader(format.separator);
  reader.bind(
    format.columns.map((column) => findColumn(column, names)),
    names.length,
  );
  if (format.headerNames === undefined) reader.skipHeader();
  return reader;
}

function mutate(log: Buffer, random: Rng): Buffer {
  let text = log.toString('utf8');
  for (let edits = 1 + random.int(4); edits > 0; edits--) {
    const at = random.int(text.length);
    const cut = random.int(6);
    const spice = SPICE[random.int(SPICE.length)];
    text = text.slice(0, at) + spice + text.slice(at + cut);
  }
  return Buffer.from(text);
}

function checkValues(format: LogFormat, row: StagedRow): void {
  assert.ok(
    Number.isInteger(row.sec) && Math.abs(row.sec) <= 9_223_372_037,
    `${format.name}: sec ${row.sec}`,
  );
  assert.ok(
    Number.isInteger(row.nanos) && row.nanos >= 0 && row.nanos < 1e9,
    `${format.name}: nanos ${row.nanos}`,
  );
  assert.ok(row.places >= 0 && row.places <= 9, `${format.name}: places ${row.places}`);
  for (const field of format.fills) {
    const value = row[field];
    if (typeof value === 'number') {
      assert.ok(
        Number.isInteger(value) && value >= 0 && value < 2 ** 31,
        `${format.name}: ${field} ${value}`,
      );
    }
    if (typeof value === 'bigint')
      assert.ok(value >= 0n && value < INT64_LIMIT, `${format.name}: ${field} ${value}`);
  }
}

for (const format of LOG_FORMATS) {
  test(`damaged ${format.name} logs give rows that fit, or rejects`, () => {
    const file = readdirSync(SAMPLES).find(
      (name) => name.startsWith(`${format.name}.`) && !name.includes('expected'),
    );
    assert.ok(file);
    const log = readFileSync(join(SAMPLES, file));
    const random = randomOf('damaged logs', 'failures', format.name);
    let rows = 0;
    let rejects = 0;
    for (let mutant = 0; mutant < MUTANTS_PER_FORMAT; mutant++) {
      const reader = readerOf(format, log);
      const record = new SourceRecord(format.columns, [], new TimeReader(parseZone('UTC')));
      const row = new StagedRow();
      const handler = format.open({ pseudonyms: new Pseudonyms('key') });
      reader.feed(mutate(log, random));
      reader.finish();
      for (let step = reader.next(record); step === 'row' || step === 'reject'; step = reader.next(record)) {
        row.clear();
        try {
          if (step === 'reject') rejects += 1;
          else if (handler.read(record, row)) {
            checkValues(format, row);
            rows += 1;
          }
        } catch (error) {
          if (!(error instanceof RowReject)) throw error;
          rejects += 1;
        }
      }
    }
    assert.ok(rows > MUTANTS_PER_FORMAT / 4 && rejects > 0, `${rows} rows, ${rejects} rejects`);
  });
}
