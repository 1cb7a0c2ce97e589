/** Block bootstrap: whole requests in circular blocks, record bursts kept, expected counts right, equal seeds equal bytes. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { main } from '../../src/cli/main.js';
import { sha256Hex } from '../../src/manifest.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { bootstrapTrace } from '../../src/synthesize/block-bootstrap.js';
import { bootstrapToFile, wholeTrace } from '../../src/synthesize/bootstrap-file.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import { assertClose } from '../stats/reference.js';
import { ON_OFF, workloadClass, workloadModel } from './models.js';

const model = workloadModel([workloadClass({ bursts: ON_OFF, clientId: 'a' })], 6_000);
const trace = wholeTrace([...synthesizeTrace({ model, seed: 1 })]);

function resample(seed: number, blockSec = 60, durationSec?: number) {
  const batches = [...bootstrapTrace({ trace, seed, blockSec, durationSec })];
  return {
    timesSec: Float64Array.from(
      batches.flatMap(({ arrivalNs }) => Array.from(arrivalNs, (ns) => Number(ns) / 1e9)),
    ),
    pairs: batches.flatMap(({ inputTokens, outputTokens }) =>
      Array.from(inputTokens!.values, (input, i) => `${input} ${outputTokens!.values[i]}`),
    ),
  };
}

test('rows are rows of the trace, in time order, as many as expected', () => {
  const known = new Set(Array.from(trace.inputTokens, (input, i) => `${input} ${trace.outputTokens[i]}`));
  let requests = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const { timesSec, pairs } = resample(seed);
    requests += timesSec.length;
    for (let i = 1; i < timesSec.length; i++) assert.ok(timesSec[i] >= timesSec[i - 1]);
    assert.ok(timesSec.at(-1)! < trace.durationSec);
    for (const pair of pairs) assert.ok(known.has(pair));
  }
  assertClose(requests / 20, trace.arrivalSec.length, 0.08, 'requests');
});

test('dispersion below the block length is that of the trace', () => {
  const source = dispersionIndex(countsPerWindow(trace.arrivalSec, 1, 6_000))!;
  let sum = 0;
  for (let seed = 1; seed <= 20; seed++)
    sum += dispersionIndex(countsPerWindow(resample(seed).timesSec, 1, 6_000))! / 20;
  assertClose(sum, source, 0.08, 'IDC(1 s)');
});

test('any length can be asked for; blocks that do not fit are refused', () => {
  const long = resample(1, 300, 20_000);
  assert.ok(long.timesSec.at(-1)! > 19_000 && long.timesSec.at(-1)! < 20_000);
  for (const blockSec of [0, -1, Number.NaN, 4_000])
    assert.throws(() => resample(1, blockSec), { code: 'BAD_VALUE', message: /blocks/ });
  const empty = wholeTrace([]);
  assert.throws(() => [...bootstrapTrace({ trace: empty, seed: 1, blockSec: 60 })], { code: 'NO_ROWS' });
});

test('unknown values stay unknown', () => {
  const [batch] = [...synthesizeTrace({ model, seed: 2, requests: 1_000 })];
  const holes = wholeTrace([
    { ...batch, outputTokens: { values: batch.outputTokens!.values, valid: new Uint8Array(1_000) } },
  ]);
  for (const drawn of bootstrapTrace({ trace: holes, seed: 1, blockSec: 10 })) {
    assert.ok(drawn.outputTokens!.valid!.every((valid) => valid === 0));
    assert.ok(drawn.maxOutputTokens!.valid!.every((valid) => valid === 0));
    assert.ok(drawn.inputTokens!.valid!.every((valid) => valid === 1));
  }
});

test('files: equal bytes for equal seeds, and the command line refuses what only models can do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-bootstrap-'));
  const at = (name: string): string => join(folder, name);
  try {
    await synthesizeToFile({ model, path: at('source.parquet'), seed: 1 });
    const hashes = [];
    for (const [name, seed] of [
      ['a', 7],
      ['b', 7],
      ['c', 8],
    ] as const) {
      await bootstrapToFile({ trace: at('source.parquet'), path: at(name), seed });
      hashes.push(sha256Hex(readFileSync(at(name))));
    }
    assert.equal(hashes[0], hashes[1]);
    assert.notEqual(hashes[0], hashes[2]);
    const quiet = process.stderr.write;
    process.stderr.write = () => true;
    try {
      assert.equal(await main(['synthesize', at('source.parquet'), '-o', at('d'), '--rate', 'x2']), 2);
    } finally {
      process.stderr.write = quiet;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
