/** The command: what it prints, its exit statuses, standard input. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { temporaryFolder } from '../trace/traces.js';
import { azureCsv } from './logs.js';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).href;
const SAMPLES = fileURLToPath(new URL('traces/samples/', PACKAGE_ROOT));

function run(
  words: readonly string[],
  input = '',
): { status: number | null; stdout: string; stderr: string } {
  const script = `import { main } from ${JSON.stringify(MAIN)}; process.exitCode = await main(${JSON.stringify(['ingest', ...words])});`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { input, encoding: 'utf8' });
}

test('the summary fits 80 columns and says what was chosen, dropped and written', (context) => {
  const output = join(temporaryFolder(context), 'o.parquet');
  const { status, stdout } = run([join(SAMPLES, 'azure-llm.csv'), '-o', output]);
  assert.equal(status, 0);
  assert.ok(
    stdout.split('\n').every((line) => line.length <= 80),
    stdout,
  );
  assert.match(stdout, /^format +azure-llm, because it has TIMESTAMP/);
  assert.match(stdout, /rows +9 in, 6 kept/);
  assert.match(
    stdout,
    /1 × ContextTokens is no whole number: 4 characters\s+\(first:\s+azure-llm\.csv,\s+line 7\)/,
  );
  assert.ok(existsSync(output));
});

test('--json prints one document; standard input is read as -', (context) => {
  const output = join(temporaryFolder(context), 'o.parquet');
  const { status, stdout } = run(
    ['-', '-o', output, '--json'],
    azureCsv(['2023-11-16 18:17:03', '2023-11-16 18:17:04']),
  );
  assert.equal(status, 0);
  const document = JSON.parse(stdout) as {
    schemaVersion: number;
    kind: string;
    rows: number;
    quality: { rowsIn: number };
  };
  assert.deepEqual(
    [document.schemaVersion, document.kind, document.rows, document.quality.rowsIn],
    [1, 'ingest', 2, 2],
  );
});

test('refusals have the exit status of their kind and one clear line', (context) => {
  const folder = temporaryFolder(context);
  const bad = join(folder, 'bad.csv');
  writeFileSync(bad, azureCsv(['2023-11-16 18:17:03', 'never']));
  const output = join(folder, 'o.parquet');
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[], 2, /no input given/],
    [[bad], 2, /--output is required/],
    [[bad, '-o', output, '--formt', 'x'], 2, /unknown option/],
    [[join(folder, 'none.csv'), '-o', output], 3, /not found/],
    [[bad, '-o', output, '--strict'], 3, /bad\.csv, line 3: TIMESTAMP is no date and time \(5 characters\)/],
    [[bad, '-o', output, '--tz', 'Mars/Olympus'], 2, /expected a time zone/],
  ];
  for (const [words, status, message] of cases) {
    const result = run(words);
    assert.equal(result.status, status, words.join(' '));
    assert.match(result.stderr, message);
    assert.equal(result.stdout, '');
  }
  assert.equal(existsSync(output), false);
});

test('--list-formats describes every format with its columns', () => {
  const { status, stdout } = run(['--list-formats']);
  assert.equal(status, 0);
  assert.match(stdout, /azure-llm .*github\.com\/Azure/s);
  assert.match(stdout, /NumImages \(optional\)/);
  assert.match(stdout, /mooncake/);
});
