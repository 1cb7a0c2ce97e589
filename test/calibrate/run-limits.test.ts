/** Limits that the servers of runs told, from their run.json. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadCalibrationRuns } from '../../src/calibrate/run-files.js';
import { writeJson } from '../../src/trace/files.js';
import { writeRunRecords } from '../../src/trace/run-records.js';
import type { EngineLimits } from '../../src/types.js';
import { record } from '../replay/records.js';

let dir = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tokentide-limits-'));
});
after(() => rm(dir, { recursive: true }));

async function leaveRun(
  name: string,
  serverLimits?: Partial<EngineLimits>,
  valid = true,
  ofEndpoints: readonly Partial<EngineLimits>[] = [],
): Promise<string> {
  const folder = join(dir, name);
  await mkdir(folder);
  await writeRunRecords(join(folder, 'requests.parquet'), [record(0)], '{}');
  const validity = { verdict: valid ? 'valid' : 'invalid', because: '', recommendation: '', checks: [] };
  await writeJson(join(folder, 'run.json'), {
    schemaVersion: 1,
    kind: 'run',
    load: { plannedRatePerSec: 1 },
    validity,
    server: null,
    ...(serverLimits === undefined ? {} : { serverLimits }),
    endpoints: ofEndpoints.map((limits) => ({ serverLimits: limits })),
  });
  return folder;
}

test('runs tell their server’s limits, before those of a profile; where they differ that is said', async () => {
  const silent = await leaveRun('silent');
  const first = await leaveRun('first', { kvBlocks: 100, blockSize: 16, maxModelLen: 4_096 });
  const other = await leaveRun('other', { kvBlocks: 200, blockSize: 16 });
  const spoilt = await leaveRun('spoilt', { kvBlocks: 1 }, false);
  const profile = join(dir, 'p.profile.json');
  await writeJson(profile, {
    schemaVersion: 1,
    kind: 'latency-profile',
    levels: [{ runDir: 'silent' }],
    serverLimits: { kvBlocks: 50, maxSeqs: 8 },
  });
  const limitsOf = async (...paths: string[]): Promise<Partial<EngineLimits>> =>
    (await loadCalibrationRuns(paths)).serverLimits;
  assert.deepEqual(await limitsOf(silent), {});
  assert.deepEqual(await limitsOf(profile), { kvBlocks: 50, maxSeqs: 8 });
  assert.deepEqual(await limitsOf(first, profile, silent), {
    kvBlocks: 100,
    blockSize: 16,
    maxModelLen: 4_096,
    maxSeqs: 8,
  });
  const { serverLimits, notes } = await loadCalibrationRuns([first, other, spoilt]);
  assert.deepEqual(serverLimits, { kvBlocks: 200, blockSize: 16, maxModelLen: 4_096 });
  assert.equal(notes.length, 2);
  assert.match(notes[0], /other tells kvBlocks 200, one before it 100: 200 was taken/);
});

test('a run over servers of unequal limits is named: no one engine model fits them', async () => {
  const [small, large] = [{ maxSeqs: 4, blockSize: 16 }, { maxSeqs: 8 }];
  const equal = await leaveRun('equal', small, true, [small, small, {}]);
  const fleet = await leaveRun('fleet', small, true, [small, large]);
  assert.deepEqual((await loadCalibrationRuns([equal])).notes, []);
  const { notes } = await loadCalibrationRuns([fleet]);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /fleet told unequal maxSeqs: no one engine model/);
});
