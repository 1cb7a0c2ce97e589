/** A run beside a result file of another tool: the same requests, told by it, show no difference. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareRunFolders, isRunPath } from '../../src/compare/run-files.js';
import { ToolError } from '../../src/errors.js';
import { exportRun } from '../../src/interop/export.js';
import { importResult } from '../../src/interop/import.js';
import { writeJson } from '../../src/trace/files.js';
import { writeRunRecords } from '../../src/trace/run-records.js';
import { temporaryFolder } from '../trace/traces.js';
import { madeRun } from './made-runs.js';

async function folderOf(folder: string, options: Parameters<typeof madeRun>[0]): Promise<string> {
  const run = madeRun(options);
  const path = join(folder, run.name);
  mkdirSync(path);
  await writeRunRecords(join(path, 'requests.parquet'), run.records, '{}');
  await writeJson(join(path, 'run.json'), run.summary);
  return path;
}

test('AIPerf’s records of the same run: no difference, its name, no metric from a schedule, a note', async (context) => {
  const folder = temporaryFolder(context);
  const run = await folderOf(folder, { name: 'ours', trace: 't', noise: 'n' });
  const output = join(folder, 'profile_export.jsonl');
  await exportRun({ run, to: 'aiperf-records', output });
  assert.equal(await isRunPath(output), true);
  const comparison = await compareRunFolders({
    a: run,
    b: output,
    seed: 1,
    resamples: 200,
    readOther: importResult,
  });
  assert.equal(comparison.b.tool, 'aiperf-records');
  assert.equal(comparison.a.tool, undefined);
  assert.equal(comparison.b.name, 'profile_export.jsonl');
  assert.deepEqual(
    comparison.manifest.inputs.map((input) => input.name),
    ['requests.parquet', 'profile_export.jsonl'],
  );
  assert.equal(comparison.verdict.verdict, 'no_difference_shown');
  const ttft = comparison.differences.find((one) => one.id === 'ttft' && one.statistic === 'p50')!;
  assert.ok(Math.abs(ttft.relative!) < 1e-6, 'the same requests');
  assert.ok(!comparison.differences.some((one) => one.id.startsWith('response.')));
  assert.ok(comparison.notes.some((note) => /measured by aiperf-records/.test(note)));
});

test('a slower server is worse whoever measured it', async (context) => {
  const folder = temporaryFolder(context);
  const before = await folderOf(folder, { name: 'before', trace: 't', noise: 'a' });
  const after = await folderOf(folder, { name: 'after', trace: 't', noise: 'b', speed: 0.7 });
  const output = join(folder, 'after.json');
  await exportRun({ run: after, to: 'perf-analyzer', output });
  const comparison = await compareRunFolders({
    a: before,
    b: output,
    seed: 1,
    resamples: 300,
    readOther: importResult,
  });
  assert.equal(comparison.verdict.verdict, 'worse');
});

test('summaries alone: the numbers side by side, without intervals, and no judgement', async (context) => {
  const folder = temporaryFolder(context);
  const before = await folderOf(folder, { name: 'before', trace: 't', noise: 'a' });
  const after = await folderOf(folder, { name: 'after', trace: 't', noise: 'b', speed: 0.5 });
  const files = { aiperf: join(folder, 'a.json'), 'inference-perf': join(folder, 'b.json') };
  await exportRun({ run: before, to: 'aiperf', output: files.aiperf });
  await exportRun({ run: after, to: 'inference-perf', output: files['inference-perf'] });
  const compare = (a: string, b: string) => compareRunFolders({ a, b, seed: 1, readOther: importResult });
  const full = await compareRunFolders({ a: before, b: after, seed: 1, resamples: 50 });
  for (const comparison of [
    await compare(files.aiperf, files['inference-perf']),
    await compare(before, files['inference-perf']),
  ]) {
    assert.equal(comparison.verdict.verdict, 'not_comparable');
    const p99 = comparison.differences.find((one) => one.id === 'ttft' && one.statistic === 'p99')!;
    const wanted = full.differences.find((one) => one.id === 'ttft' && one.statistic === 'p99')!;
    assert.ok(Math.abs(p99.relative! / wanted.relative! - 1) < 1e-6);
    assert.equal(p99.low, null);
    assert.equal(p99.change, null);
  }
});

test('unknown files are refused with what to do', async (context) => {
  const folder = temporaryFolder(context);
  const run = await folderOf(folder, { name: 'ours', trace: 't', noise: 'n' });
  const unknown = join(folder, 'x.json');
  writeFileSync(unknown, '{"kind": "something"}');
  await assert.rejects(
    compareRunFolders({ a: run, b: unknown, seed: 1, readOther: importResult }),
    (error: unknown) =>
      error instanceof ToolError && error.code === 'FORMAT_UNKNOWN' && /vllm bench/.test(error.hint),
  );
});
