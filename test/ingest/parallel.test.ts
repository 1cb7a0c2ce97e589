/** Large plain files are read by several threads: the result is that of one. */
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ingest } from '../../src/ingest/ingest.js';
import { LEAST_BYTES } from '../../src/ingest/read-parallel.js';
import { sha256Hex } from '../../src/manifest.js';
import { temporaryFolder } from '../trace/traces.js';

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens\n';
/** More than the least size, in ranges that end inside of lines. */
const ROWS = 1_000_000;

function csv(change: (line: string, row: number) => string): string {
  const lines: string[] = [HEADER];
  for (let row = 0; row < ROWS; row++) {
    const minute = String(Math.floor(row / 60_000)).padStart(2, '0');
    const second = String(Math.floor(row / 1_000) % 60).padStart(2, '0');
    const fraction = String((row % 1_000) * 10).padStart(7, '0');
    lines.push(change(`2023-11-16 18:${minute}:${second}.${fraction},${row % 4_000},${row % 300}\n`, row));
  }
  return lines.join('');
}

const CASES: Readonly<Record<string, (line: string, row: number) => string>> = {
  'damaged lines': (line, row) => (row % 100_003 === 7 ? 'no row\n' : line),
  'quotes from the middle on, and newlines in them': (line, row) =>
    row === 600_000 ? `"2023-11-16 18:10:00",5,"7"\n"never\n${line}` : line,
};

for (const [name, change] of Object.entries(CASES)) {
  test(`several threads, ${name}`, { skip: availableParallelism() < 2 && 'one core' }, async (context) => {
    const folder = temporaryFolder(context);
    const text = csv(change);
    assert.ok(text.length >= LEAST_BYTES);
    writeFileSync(join(folder, 'log.csv'), text);
    // A packed file is read by one thread.
    writeFileSync(join(folder, 'log.csv.gz'), gzipSync(text, { level: 1 }));
    const output = join(folder, 'out.parquet');
    const many = await ingest({ inputs: [join(folder, 'log.csv')], output });
    const one = await ingest({ inputs: [join(folder, 'log.csv.gz')], output });
    assert.equal(many.contentHash, one.contentHash);
    assert.ok(many.quality.rejects.length > 0);
    const placeless = (rejects: typeof one.quality.rejects) =>
      rejects.map((reject) => ({ ...reject, firstFile: '' }));
    assert.deepEqual(placeless(many.quality.rejects), placeless(one.quality.rejects));
    assert.deepEqual({ ...many.quality, rejects: [] }, { ...one.quality, rejects: [] });
    assert.equal(many.meta.manifest.inputs[0].sha256, sha256Hex(text));
    assert.deepEqual(
      many.files.map(({ rows, rejected }) => [rows, rejected]),
      one.files.map(({ rows, rejected }) => [rows, rejected]),
    );
    const twice = async (file: string) => {
      const inputs = [join(folder, file), join(folder, file)];
      return (await ingest({ inputs, output })).contentHash;
    };
    assert.equal(await twice('log.csv'), await twice('log.csv.gz'), 'threads go on with the next file');
    const first = many.quality.rejects[0];
    await assert.rejects(ingest({ inputs: [join(folder, 'log.csv')], output, strict: true }), {
      code: 'BAD_ROWS',
      message: new RegExp(`log\\.csv, line ${first.firstLine}: `),
    });
  });
}

test('a file that somebody writes to while it is read is named', {
  skip: availableParallelism() < 2 && 'one core',
}, async (context) => {
  const folder = temporaryFolder(context);
  const log = join(folder, 'log.csv');
  writeFileSync(
    log,
    csv((line) => line),
  );
  let hasWritten = false;
  let part = 0;
  const changed = await ingest({
    inputs: [log],
    output: join(folder, 'out.parquet'),
    progress: ({ stage, done, total }) => {
      if (stage !== 'read logs') return;
      part = done / total!;
      if (!hasWritten) appendFileSync(log, '2023-11-16 19:00:00.0000000,1,1\n');
      hasWritten = true;
    },
  });
  assert.equal(changed.rows, ROWS);
  assert.equal(part, 1);
  assert.match(changed.quality.notes.join('\n'), /log\.csv changed while it was read/);
  const again = await ingest({ inputs: [log], output: join(folder, 'out.parquet') });
  assert.equal(again.rows, ROWS + 1);
  assert.doesNotMatch(again.quality.notes.join('\n'), /changed/);
});
