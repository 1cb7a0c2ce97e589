/**
 * A line of 200 MB, and one of 300 MB, which is more than a line may have (files of 600 MB: cases.slow.test.ts, F55). Each is
 * ingested in a process of its own, whose peak memory is bounded.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../trace/traces.js';

const MOST_MEGABYTES = 400;

interface Ingested {
  readonly rows: number;
  readonly megabytes: number;
  readonly contentHash: string;
  readonly rejects: readonly {
    readonly reason: string;
    readonly rows: number;
    readonly firstLine: number | null;
  }[];
}

function ingestInChild(input: string, output: string): Ingested {
  const module = new URL('../../src/ingest/ingest.js', import.meta.url).href;
  const script = `
    const { ingest } = await import(${JSON.stringify(module)});
    const { rows, contentHash, quality } = await ingest({ inputs: [${JSON.stringify(input)}], output: ${JSON.stringify(output)} });
    const megabytes = process.resourceUsage().maxRSS / 1024;
    console.log(JSON.stringify({ rows, contentHash, megabytes, rejects: quality.rejects }));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  const result = JSON.parse(run.stdout) as Ingested;
  console.log(`${input.split('/').at(-1)}: ${result.rows} rows, peak ${result.megabytes.toFixed(0)} MB`);
  assert.ok(result.megabytes < MOST_MEGABYTES, `${result.megabytes} MB`);
  return result;
}

const row = (i: number): string =>
  `{"timestamp": ${3 * i}, "input_length": ${3 * 512 - (i % 512)}, "output_length": ${1 + (i % 500)}, "hash_ids": [0, ${i % 1_000}, ${i % 7_919}]}`;

/** Writes 1 000 rows, one with so many MiB of text, and 1 000 more. */
function writeLongLine(path: string, mebibytes: number): void {
  const file = openSync(path, 'w');
  for (let i = 0; i < 1_000; i++) writeSync(file, `${row(i)}\n`);
  writeSync(file, '{"timestamp": 3000, "input_length": 600, "output_length": 5, "note": "');
  const text = Buffer.alloc(1 << 20, 'x');
  for (let i = 0; i < mebibytes; i++) writeSync(file, text);
  writeSync(file, '", "hash_ids": [1, 2]}\n');
  for (let i = 1_001; i < 2_001; i++) writeSync(file, `${row(i)}\n`);
  closeSync(file);
}

test('a line of 200 MB is read, and the rows around it', (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'long.jsonl');
  writeLongLine(path, 200);
  const { rows, rejects } = ingestInChild(path, join(folder, 'long.parquet'));
  assert.equal(rows, 2_001);
  assert.deepEqual(rejects, []);
});

test('a line of 300 MB is refused where it begins, and the rows around it are read', (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'longer.jsonl');
  writeLongLine(path, 300);
  const { rows, rejects } = ingestInChild(path, join(folder, 'longer.parquet'));
  assert.equal(rows, 2_000);
  assert.deepEqual(
    rejects.map(({ reason, rows: count, firstLine }) => ({ reason, count, firstLine })),
    [{ reason: 'a line longer than 256 MiB', count: 1, firstLine: 1_001 }],
  );
});
