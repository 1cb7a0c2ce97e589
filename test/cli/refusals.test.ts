/** Wrong inputs: one clear line, a hint, the right exit status, and nothing left behind. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createManifest } from '../../src/manifest.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { writeTrace } from '../../src/trace/write.js';
import type { TraceMetaDraft } from '../../src/types.js';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).href;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tokentide-refusals-'));

function tokentide(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const code = `const { main } = await import(${JSON.stringify(MAIN)}); process.exitCode = await main(process.argv.slice(2));`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code, '--', 'tokentide', ...args], {
    encoding: 'utf8',
    cwd: folder,
  });
}

/** Asserts a refusal: status, words of the message, a hint, no stack trace, no output file. */
function refused(args: string[], status: number, ...words: RegExp[]): void {
  const result = tokentide(...args);
  assert.equal(result.status, status, `${args.join(' ')}\n${result.stderr}${result.stdout}`);
  for (const word of words) assert.match(result.stderr, word);
  assert.match(result.stderr, /hint: \S/);
  assert.doesNotMatch(result.stderr, /\n\s+at /, 'no stack trace');
  const output = args[args.indexOf('-o') + 1];
  if (args.includes('-o')) assert.ok(!existsSync(join(folder, output)), `${output} must not exist`);
  const left = readdirSync(folder).filter((name) => name.endsWith('.tmp'));
  assert.deepEqual(left, []);
}

function put(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

const META: TraceMetaDraft = {
  schemaVersion: 1,
  kind: 'trace',
  name: 'small',
  startUtc: null,
  timeResolutionNs: null,
  arrivalBasis: 'synthetic',
  blockSize: null,
  droppedRows: {},
  quality: null,
  manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
};

before(async () => {
  const rows = [0, 1, 2].map((i) =>
    emptyRow({ arrivalNs: BigInt(i) * 1_000_000n, inputTokens: 10, outputTokens: 3 }),
  );
  await writeTrace({ path: join(folder, 'small.parquet'), meta: META, batches: [batchFromRows(rows)] });
});

test('a missing file', () => {
  refused(['ingest', 'nowhere.csv', '-o', 'a.parquet'], 3, /not found: .*nowhere\.csv/);
  refused(['fit', 'nowhere.parquet', '-o', 'a.json'], 3, /nowhere\.parquet/);
  refused(['inspect', 'nowhere.parquet'], 3, /nowhere\.parquet/);
  refused(['replay', 'nowhere.parquet', '--url', 'http://127.0.0.1:9', '-o', 'a'], 3, /nowhere\.parquet/);
  refused(['simulate', 'small.parquet', '--engine', 'no-such-engine'], 3, /no-such-engine/);
});

test('an empty file', () => {
  put('empty.csv', '');
  put('empty.parquet', '');
  refused(['ingest', 'empty.csv', '-o', 'a.parquet'], 3, /empty/);
  refused(['fit', 'empty.parquet', '-o', 'a.json'], 3, /empty/);
  refused(['inspect', 'empty.parquet'], 3, /empty/);
});

test('a wrong header names the missing columns and the nearest match', () => {
  put('wrong.csv', 'TIMESTAMP,ContextTokns,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n');
  refused(
    ['ingest', 'wrong.csv', '--format', 'azure-llm', '-o', 'a.parquet'],
    3,
    /ContextTokens/,
    /ContextTokns/,
  );
  put('headeronly.csv', 'TIMESTAMP,ContextTokens,GeneratedTokens\n');
  refused(['ingest', 'headeronly.csv', '-o', 'a.parquet'], 3, /rows/);
  put('strange.csv', 'a,b,c\n1,2,3\n');
  refused(['ingest', 'strange.csv', '-o', 'a.parquet'], 3, /format/i);
});

test('a trace with times that fall or are negative is refused, naming the row', async () => {
  for (const [times, row] of [
    [[0n, 5n, 4n], /row 2/],
    [[-1n, 5n], /row 0/],
  ] as const) {
    const rows = times.map((arrivalNs) => emptyRow({ arrivalNs, inputTokens: 1, outputTokens: 1 }));
    const path = join(folder, 'unsorted.parquet');
    await assert.rejects(writeTrace({ path, meta: META, batches: [batchFromRows(rows)] }), (error: Error) => {
      assert.match(error.message, row);
      return true;
    });
    assert.ok(!existsSync(path));
  }
});

test('an unreadable Parquet file', () => {
  put('broken.parquet', Buffer.from('PAR1 this is no parquet file PAR1'));
  put('noise.parquet', Buffer.from('just some words that are long enough'));
  for (const name of ['broken.parquet', 'noise.parquet']) {
    refused(['fit', name, '-o', 'a.json'], 3, new RegExp(name.replace('.', '\\.')));
    refused(['inspect', name], 3, new RegExp(name.replace('.', '\\.')));
  }
});

test('an endpoint that is down: exit 4, and no load is sent', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  await new Promise((resolve) => server.close(resolve));
  refused(
    ['replay', 'small.parquet', '--url', `http://127.0.0.1:${port}`, '-o', 'down'],
    4,
    new RegExp(String(port)),
  );
});

test('unknown flags, wrong values and wrong objectives: exit 2', () => {
  refused(['replay', 'small.parquet', '--ulr', 'x', '-o', 'a'], 2, /unknown option '--ulr'/);
  refused(['replay', 'small.parquet', '-o', 'a'], 2, /--url is required/);
  refused(
    ['replay', 'small.parquet', '--url', 'http://127.0.0.1:9', '--slo', 'p99(tftt) < 1s', '-o', 'a'],
    2,
    /ttft/,
  );
  refused(['synthesize', 'm.json', '--rate', 'fast', '-o', 'a.parquet'], 2, /rate/);
});

test('a file of another kind says what it is', () => {
  const model = join(ROOT, 'models', 'azure-conv.workload.json');
  refused(['simulate', 'small.parquet', '--engine', model], 3, /workload-model/);
  put('other.json', '{"hello": 1}');
  refused(['synthesize', 'other.json', '-o', 'a.parquet'], 3, /other\.json/);
  put('nojson.json', '{"hello": ');
  refused(['synthesize', 'nojson.json', '-o', 'a.parquet'], 3, /nojson\.json/);
});
