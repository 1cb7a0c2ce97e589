/** F55: files longer than a JavaScript string, and records of hundreds of megabytes, in bounded memory. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../trace/traces.js';

const ROWS = 3_000_000;
const MOST_RSS_MIB = 400;
const INGEST = fileURLToPath(new URL('../../src/ingest/ingest.js', import.meta.url));

/** Writes text made piece by piece. */
function writePieces(path: string, pieces: Iterable<string>): void {
  const file = openSync(path, 'w');
  for (const piece of pieces) writeSync(file, piece);
  closeSync(file);
}

const PAD = 'x'.repeat(110);

/** Some 200 bytes a row. */
const row = (i: number): string =>
  `{"timestamp":${i},"input_length":${(i % 4_000) + 1},"output_length":${i % 900},"pad":"${PAD}","n":${i}}`;

function* rowsAs(prefix: string, between: string, suffix: string): Generator<string> {
  yield prefix;
  const step = 20_000;
  for (let from = 0; from < ROWS; from += step) {
    const rows = Array.from({ length: step }, (_, i) => row(from + i));
    yield (from === 0 ? '' : between) + rows.join(between);
  }
  yield suffix;
}

interface Report {
  readonly rows: number;
  readonly contentHash: string;
  readonly rejects: readonly { readonly reason: string; readonly rows: number; readonly firstLine: number }[];
  readonly rssMib: number;
}

/** Ingests in a process of its own, whose peak memory tells. */
function ingestAlone(context: TestContext, inputs: readonly string[]): Report {
  const output = join(temporaryFolder(context), 'out.parquet');
  const script = `import { ingest } from ${JSON.stringify(INGEST)};
    const { rows, contentHash, quality } = await ingest({ inputs: ${JSON.stringify(inputs)}, output: ${JSON.stringify(output)}, format: 'mooncake' });
    console.log(JSON.stringify({ rows, contentHash, rejects: quality.rejects, rssMib: process.resourceUsage().maxRSS / 1024 }));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as Report;
}

test('F55: 600 MB of JSON lines, the same in ten files, and as one JSON array', {
  timeout: 900_000,
}, (context) => {
  const folder = temporaryFolder(context);
  const lines = join(folder, 'lines.jsonl');
  writePieces(lines, rowsAs('', '\n', '\n'));
  const whole = ingestAlone(context, [lines]);
  assert.equal(whole.rows, ROWS);
  assert.deepEqual(whole.rejects, []);
  assert.ok(whole.rssMib < MOST_RSS_MIB, `${whole.rssMib} MiB for lines`);
  const array = join(folder, 'array.json');
  writePieces(array, rowsAs('[', ',\n', ']\n'));
  const asArray = ingestAlone(context, [array]);
  assert.equal(asArray.contentHash, whole.contentHash);
  assert.ok(asArray.rssMib < MOST_RSS_MIB, `${asArray.rssMib} MiB for an array`);
  const parts = Array.from({ length: 10 }, (_, part) => {
    const path = join(folder, `part-${part}.jsonl`);
    const from = (part * ROWS) / 10;
    writePieces(
      path,
      (function* () {
        for (let at = from; at < from + ROWS / 10; at += 20_000)
          yield `${Array.from({ length: 20_000 }, (_, i) => row(at + i)).join('\n')}\n`;
      })(),
    );
    return path;
  });
  assert.equal(ingestAlone(context, parts.reverse()).contentHash, whole.contentHash);
});

test('F55: a line of 200 MB is read or counted with its number, and its neighbours are kept', {
  timeout: 300_000,
}, (context) => {
  const path = join(temporaryFolder(context), 'long.jsonl');
  writePieces(
    path,
    (function* () {
      yield `${row(1)}\n{"timestamp":2,"input_length":7,"output_length":8,"pad":"`;
      for (let i = 0; i < 200; i++) yield 'y'.repeat(1 << 20);
      yield `"}\n${row(3)}\n`;
    })(),
  );
  const { rows, rejects } = ingestAlone(context, [path]);
  assert.ok(
    rows === 3 || (rows === 2 && rejects[0].rows === 1 && rejects[0].firstLine === 2),
    `${rows} rows`,
  );
});
