/** The edges: trace file → model file → trace file by the two commands, and what they refuse. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { main } from '../../src/cli/main.js';
import { fitTraceFile, writeWorkloadModel } from '../../src/fit/fit-file.js';
import { hashInput } from '../../src/manifest.js';
import { readWorkloadModel } from '../../src/synthesize/check-model.js';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import { openTrace } from '../../src/trace/read.js';
import type { WorkloadModel } from '../../src/types.js';
import { workloadClass, workloadModel } from '../synthesize/models.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-fit-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

async function makeTrace(name: string, seed = 1): Promise<string> {
  await synthesizeToFile({ model: workloadModel([workloadClass()]), path: at(name), seed, durationSec: 120 });
  return at(name);
}

/** Runs a command line with its output captured. */
async function run(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const captured = { out: '', err: '' };
  const streams = [
    ['out', process.stdout],
    ['err', process.stderr],
  ] as const;
  const originals = streams.map(([, stream]) => stream.write);
  for (const [key, stream] of streams) {
    stream.write = ((chunk: string | Uint8Array) => {
      captured[key] += String(chunk);
      return true;
    }) as typeof stream.write;
  }
  try {
    return { status: await main(words), ...captured };
  } finally {
    streams.forEach(([, stream], i) => {
      stream.write = originals[i];
    });
  }
}

test('a model knows its trace: name, content hash, file hash, options, licence; no time stamp, no folder', async () => {
  const path = await makeTrace('a.parquet');
  const model = await fitTraceFile(path, { licence: 'CC-BY-4.0', citation: 'someone 2024', name: 'mine' });
  const reader = await openTrace(path);
  assert.equal(model.source?.traceHash, reader.meta.contentHash);
  reader.close();
  assert.equal(model.name, 'mine');
  assert.equal(model.source?.licence, 'CC-BY-4.0');
  assert.equal(model.source?.citation, 'someone 2024');
  assert.deepEqual(model.manifest.inputs, [await hashInput(path)]);
  assert.equal(model.manifest.createdUtc, null);
  assert.ok(!JSON.stringify(model).includes(folder));
});

test('written and read again, a model is the same, and fitting again gives the same bytes', async () => {
  const path = await makeTrace('b.parquet');
  await writeWorkloadModel(at('b1.json'), await fitTraceFile(path));
  await writeWorkloadModel(at('b2.json'), await fitTraceFile(path));
  assert.equal(readFileSync(at('b1.json'), 'utf8'), readFileSync(at('b2.json'), 'utf8'));
  assert.deepEqual(await readWorkloadModel(at('b1.json')), JSON.parse(readFileSync(at('b1.json'), 'utf8')));
});

test('fit and synthesize from the command line', async () => {
  const path = await makeTrace('c.parquet');
  const fit = await run('fit', path, '-o', at('c.workload.json'), '--by', 'none', '--bandwidth', '30s');
  assert.equal(fit.status, 0, fit.err);
  assert.match(fit.out, /log-likelihood +AIC +KS +mean +parameters/);
  assert.match(fit.out, /^ {2}\* (exponential|gamma|weibull|lognormal)/m);
  assert.match(fit.out, /dispersion of counts/);
  assert.match(fit.out, /valid for the fitted window/);
  assert.ok(
    fit.out.split('\n').every((line) => line.length <= 80 || line.includes(folder)),
    fit.out,
  );
  const json = await run('fit', path, '-o', at('c.workload.json'), '--json');
  assert.equal((JSON.parse(json.out) as WorkloadModel).kind, 'workload-model');

  const words = ['synthesize', at('c.workload.json'), '--seed', '42', '--duration', '1m', '--rate', 'x2'];
  const synthesis = await run(...words, '-o', at('d.parquet'), '--workers', '1', '--json');
  assert.equal(synthesis.status, 0, synthesis.err);
  const result = JSON.parse(synthesis.out) as { kind: string; rows: number; contentHash: string };
  assert.equal(result.kind, 'synthesis');
  assert.ok(result.rows > 900 && result.rows < 1_500, `${result.rows} rows at 20/s for 60 s`);
  assert.match(synthesis.err, /superposing 2 independent copies/);
  const again = await run(...words, '-o', at('e.parquet'), '--workers', '2');
  assert.match(again.out, new RegExp(result.contentHash));
  assert.deepEqual(readFileSync(at('e.parquet')), readFileSync(at('d.parquet')));
});

test('wrong inputs: one line, a hint, and the right exit status', async () => {
  writeFileSync(at('empty.parquet'), '');
  writeFileSync(at('text.parquet'), 'not parquet');
  const model = at('model.json');
  await writeWorkloadModel(model, workloadModel([workloadClass()]));
  const cases: readonly [readonly string[], number, RegExp][] = [
    [['fit', at('none.parquet'), '-o', at('x')], 3, /not found/],
    [['fit', at('empty.parquet'), '-o', at('x')], 3, /empty/],
    [['fit', at('text.parquet'), '-o', at('x')], 3, /Parquet/],
    [['fit', model], 2, /--output is required/],
    [['fit', model, '-o', at('x'), '--by', 'clients'], 2, /did you mean client/],
    [['synthesize', at('none.json'), '-o', at('x')], 3, /not found/],
    [['synthesize', model, '-o', at('x'), '--rate', '0'], 2, /rate above zero/],
    [['synthesize', model, '-o', at('x'), '--duration', '0s'], 2, /duration above 0/],
    [['synthesize', model, '-o', at('x'), '--requests', '0'], 2, /requests to be a whole number from 1/],
    [['synthesize', model, '-o', at('x'), '--sed', '1'], 2, /--sed/],
  ];
  for (const [words, status, message] of cases) {
    const got = await run(...words);
    assert.equal(got.status, status, `${words.join(' ')}\n${got.err}`);
    assert.match(got.err, message);
    assert.match(got.err, /hint/);
  }
  assert.throws(() => readFileSync(at('x')), { code: 'ENOENT' });
});
