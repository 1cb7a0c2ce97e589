/** The whole way on the real clock: server, replay, search. Needs an otherwise idle machine; takes about three minutes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runsFolderOf } from '../../src/profile/profile-file.js';
import { batchFromRows } from '../../src/trace/batch.js';
import { writeJson } from '../../src/trace/files.js';
import { writeTrace } from '../../src/trace/write.js';
import type { LatencyProfile } from '../../src/types.js';
import { type ProfileEndpointOptions, profileEndpoint } from '../../src/verbs.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';
import { type ErlangSetting, erlangCapacity, erlangEngine, erlangRows } from './erlang.js';

const SETTING: ErlangSetting = { servers: 4, stepSec: 0.005, meanTokens: 10 };
const LIMIT_MS = 60;

let folder: string;
let options: ProfileEndpointOptions;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-erlang-'));
  const workload = join(folder, 'erlang.parquet');
  const engine = join(folder, 'erlang.engine.json');
  await writeTrace({
    path: workload,
    meta: {
      schemaVersion: 1,
      kind: 'trace',
      name: 'erlang',
      startUtc: null,
      timeResolutionNs: 1,
      arrivalBasis: 'synthetic',
      blockSize: null,
      droppedRows: {},
      quality: null,
      manifest: hiddenEngine().manifest,
    },
    batches: [batchFromRows(erlangRows(SETTING, 5_000, 'pool'))],
  });
  await writeJson(engine, erlangEngine(SETTING));
  options = {
    workload,
    output: join(folder, 'erlang.profile.json'),
    slo: `p90(ttft) < ${LIMIT_MS}ms`,
    target: { kind: 'engine', engine },
    levels: 'auto',
    seed: '1',
    durationSec: 20,
    minRequests: 100,
    startRatePerSec: 24,
    limits: { maxSeqs: SETTING.servers, maxBatchedTokens: 65_536, kvBlocks: 1_000_000 },
    replay: { drainSec: 10 },
  };
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('profile finds the capacity of M/M/4 behind a real server within 10 %', async () => {
  const profile = await profileEndpoint(options);
  const waitSec = LIMIT_MS / 1e3 - 1.5 * SETTING.stepSec;
  const expected = erlangCapacity(SETTING, waitSec, 0.1);
  console.log(table(profile, expected));
  assert.equal(profile.verdict.verdict, 'capacity found', profile.verdict.because);
  assert.ok(profile.levels.length <= 12);
  assert.ok(Math.abs(profile.capacity.ratePerSec! / expected - 1) < 0.1);
  for (const name of ['running', 'waiting', 'kv_usage']) {
    assert.ok(
      profile.levels.every((level) => level.gauges.some((gauge) => gauge.name === name && gauge.samples > 5)),
    );
  }
  // The engine's iteration is 5 ms whatever is in it, and so is the time per token.
  assert.ok(profile.engine !== null);
  const tpot = profile.engine.calibration!.errors.filter((e) => e.metric === 'tpot' && e.percentile === 0.5);
  assert.ok(tpot.length > 0);
  for (const error of tpot) assert.ok(Math.abs(error.simulatedMs / error.measuredMs - 1) < 0.1);
});

test('resuming runs nothing again and comes to the same answer', async () => {
  const before = await readdir(runsFolderOf(options.output));
  const started = performance.now();
  const levels: number[] = [];
  const again = await profileEndpoint({
    ...options,
    resume: true,
    onLevel: (level) => levels.push(level.ratePerSec),
  });
  assert.ok(levels.length > 0);
  assert.deepEqual(await readdir(runsFolderOf(options.output)), before);
  assert.equal(again.verdict.verdict, 'capacity found');
  // Six levels of 22 s would take two minutes; levels that were broken off are run again.
  console.log(`resumed ${levels.length} levels in ${((performance.now() - started) / 1e3).toFixed(1)} s`);
});

function table(profile: LatencyProfile, expected: number): string {
  const rows = profile.levels.map(
    (level) =>
      `  ${level.ratePerSec}/s  p90(ttft) ${level.slo[0].value?.toFixed(1)} ms  n ${level.requests}  ${level.sloMet ? 'met' : level.because}`,
  );
  const found = profile.capacity.ratePerSec;
  return [`found ${found?.toFixed(2)}/s, Erlang's formula ${expected.toFixed(2)}/s`, ...rows].join('\n');
}
