/** The command: what it prints and where, its refusals, standard output. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CONVERT_TARGETS } from '../../src/convert/targets/index.js';
import { MADE_TRACE } from '../report/make-documents.js';
import { temporaryFolder } from '../trace/traces.js';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).href;

function run(...words: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const script = `import { main } from ${JSON.stringify(MAIN)}; process.exitCode = await main(${JSON.stringify(['convert', ...words])});`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
}

test('to a file: notes and summary within 80 columns; the same bytes on standard output', (context) => {
  const output = join(temporaryFolder(context), 'o.jsonl');
  const { status, stdout } = run(MADE_TRACE, '--to', 'mooncake', '-o', output);
  assert.equal(status, 0);
  assert.ok(
    stdout.split('\n').every((line) => [...line].length <= 80),
    stdout,
  );
  assert.match(stdout, /reads\s+back with:\s+tokentide\s+ingest\s+--format\s+mooncake/);
  const piped = run(MADE_TRACE, '--to', 'mooncake', '-o', '-');
  assert.equal(piped.status, 0);
  assert.equal(piped.stdout, readFileSync(output, 'utf8'));
  assert.match(piped.stderr, /written/);
});

test('--json prints one document', (context) => {
  const output = join(temporaryFolder(context), 'o.csv');
  const { stdout } = run(MADE_TRACE, '--to', 'genai-perf', '-o', output, '--json');
  const document = JSON.parse(stdout) as { kind: string; rows: number; notes: string[] };
  assert.equal(document.kind, 'conversion');
  assert.equal(readFileSync(output, 'utf8').trim().split('\n').length, document.rows);
  assert.ok(document.notes.some((note) => note.startsWith('times rounded to 1 ms')));
});

test('refusals name what is missing and leave nothing', (context) => {
  const output = join(temporaryFolder(context), 'o');
  for (const [words, message] of [
    [[], /no trace given/],
    [[MADE_TRACE, '-o', output], /--to is required/],
    [[MADE_TRACE, '--to', 'csv'], /--output is required/],
    [[MADE_TRACE, '--to', 'moonca', '-o', output], /did you mean mooncake/],
    [[MADE_TRACE, '--to', 'csv', '-o', '-', '--json'], /both want standard output/],
    [[MADE_TRACE, '--to', 'parquet', '-o', '-'], /binary/],
  ] as const) {
    const { status, stderr } = run(...words);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
  assert.equal(run(`${MADE_TRACE}.missing`, '--to', 'csv', '-o', output).status, 3);
  assert.ok(!existsSync(output));
});

test('--list-formats describes every target', () => {
  const { status, stdout } = run('--list-formats');
  assert.equal(status, 0);
  for (const { name } of CONVERT_TARGETS) assert.ok(stdout.includes(name), name);
});
