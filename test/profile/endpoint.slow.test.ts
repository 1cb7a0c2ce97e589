/** The whole way on the real clock: server, replay, search. Needs an otherwise idle machine; takes about a minute and a half. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readProfile } from '../../src/profile/profile-file.js';
import { batchFromRows } from '../../src/trace/batch.js';
import { writeJson } from '../../src/trace/files.js';
import { writeTrace } from '../../src/trace/write.js';
import type { LatencyProfile, LoadLevel } from '../../src/types.js';
import { type ProfileEndpointOptions, profileEndpoint } from '../../src/verbs.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';
import { watchMachine } from '../machine.js';
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
    durationSec: 12,
    minRequests: 100,
    startRatePerSec: 24,
    limits: { maxSeqs: SETTING.servers, maxBatchedTokens: 65_536, kvBlocks: 1_000_000 },
    replay: { drainSec: 10 },
  };
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('profile finds the capacity of M/M/4 behind a real server within 10 %', async (context) => {
  const machine = await watchMachine();
  const profile = await profileEndpoint(options);
  const waitSec = LIMIT_MS / 1e3 - 1.5 * SETTING.stepSec;
  const expected = erlangCapacity(SETTING, waitSec, 0.1);
  console.log(table(profile, expected));
  const busy = await machine.reason();
  // A late client has measured the machine, not the server.
  if (busy !== null && profile.levels.some((level) => !level.valid)) {
    context.diagnostic(`the client was late and the capacity is not asserted: ${busy}`);
    return;
  }
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

test('resuming sends no level again that counted', async (context) => {
  const known = await readProfile(options.output).catch(() => null);
  if (known === null || known.levels.some((level) => !level.valid)) {
    context.diagnostic('the profile before has levels that do not count: nothing to compare with');
    return;
  }
  const written = async (): Promise<number[]> =>
    Promise.all(known.levels.map(async (level) => (await stat(runFile(level))).mtimeMs));
  const first = await written();
  const again = await profileEndpoint({ ...options, resume: true });
  assert.deepEqual(await written(), first);
  assert.deepEqual(
    again.levels.map((level) => [level.ratePerSec, level.attempt, level.sloMet]),
    known.levels.map((level) => [level.ratePerSec, level.attempt, level.sloMet]),
  );
  assert.equal(again.capacity.ratePerSec, known.capacity.ratePerSec);
});

const runFile = (level: LoadLevel): string => join(folder, level.runDir!, 'run.json');

function table(profile: LatencyProfile, expected: number): string {
  const rows = profile.levels.map(
    (level) =>
      `  ${level.ratePerSec}/s  p90(ttft) ${level.slo[0].value?.toFixed(1)} ms  n ${level.requests}  ${level.sloMet ? 'met' : level.because}`,
  );
  const found = profile.capacity.ratePerSec;
  return [`found ${found?.toFixed(2)}/s, Erlang's formula ${expected.toFixed(2)}/s`, ...rows].join('\n');
}
