/** Levels that are sent: what is asked of the replay, what is taken from disk when resuming, and levels broken off. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import {
  type EndpointLevelsOptions,
  endpointLevels,
  type LevelReplay,
} from '../../src/profile/endpoint-levels.js';
import type { LevelPlan } from '../../src/profile/profile.js';
import { emptyRow } from '../../src/trace/batch.js';
import { writeJson } from '../../src/trace/files.js';
import { writeRunRecords } from '../../src/trace/run-records.js';
import type { RunRecord, RunSummary } from '../../src/types.js';
import { record } from './fixtures.js';

let folder: string;
let replays: LevelReplay[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-levels-'));
  replays = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = Array.from({ length: 40 }, (_, i) =>
  emptyRow({ arrivalNs: BigInt(i) * 1_000_000_000n, inputTokens: 10, outputTokens: 5 }),
);

function plan(more: Partial<LevelPlan> = {}): LevelPlan {
  return {
    ratePerSec: 1,
    attempt: 1,
    seed: '1',
    rows: ROWS,
    warmupRequests: 4,
    because: '',
    typicalSec: null,
    signal: null,
    ...more,
  };
}

/** Writes what a replay of the level would leave behind. */
async function leaveRun(
  level: LevelReplay,
  more: { valid?: boolean; interrupted?: boolean } = {},
): Promise<void> {
  const { valid = true, interrupted = false } = more;
  await mkdir(level.folder, { recursive: true });
  const records = level.rows.map((row, index): RunRecord => {
    const own = record(Number(row.arrivalNs), 50, index < level.warmupRequests);
    return {
      ...own,
      status: interrupted && index > 20 ? 'unsent' : own.status,
      index,
      requestId: null,
      sessionId: null,
      releasedNs: null,
      connectNs: null,
      httpStatus: 200,
      error: null,
      note: null,
      inputTokensAsked: 10,
      maxOutputTokens: 5,
      outputTokensSource: 'usage',
      cachedTokens: null,
      reasoningTokens: null,
      chunks: 5,
      finishReason: 'length',
      responseId: null,
      sender: 0,
      attempt: 1,
    };
  });
  await writeRunRecords(join(level.folder, 'requests.parquet'), records, '{}');
  const lag = { check: 'send_lag_p99', value: 1, limit: 2, unit: 'ms', pass: valid, advice: '' };
  const unsent = {
    check: 'unsent',
    value: interrupted ? 19 : 0,
    limit: 0,
    unit: 'requests',
    pass: !interrupted,
    advice: '',
  };
  const summary = {
    schemaVersion: 1,
    kind: 'run',
    target: { url: 'http://localhost:1/v1/chat/completions', protocol: 'openai-chat', model: 'm' },
    load: { traceHash: level.hash },
    interrupted,
    validity: {
      verdict: valid && !interrupted ? 'valid' : 'invalid',
      because: 'said so',
      recommendation: '',
      checks: [lag, unsent],
    },
    server: null,
  } as unknown as RunSummary;
  await writeJson(join(level.folder, 'run.json'), summary);
}

function levels(more: Partial<EndpointLevelsOptions> = {}) {
  return endpointLevels({
    profilePath: join(folder, 'p.profile.json'),
    workloadName: 'w',
    resume: false,
    url: 'http://localhost:1',
    clock: { nowNs: () => 0 },
    replay: async (level) => {
      replays.push(level);
      await leaveRun(level);
    },
    ...more,
  });
}

test('a level is replayed into its own folder beside the profile and read back', async () => {
  const run = await levels()(plan({ ratePerSec: 2.5 }));
  assert.equal(replays.length, 1);
  assert.equal(replays[0].rows, ROWS);
  assert.equal(replays[0].warmupRequests, 4);
  assert.equal(run.runDir, join('p.profile.runs', 'rate-2.5'));
  assert.equal(run.valid, true);
  assert.equal(run.records.filter((one) => one.phase === 'warmup').length, 4);
  await levels()(plan({ ratePerSec: 2.5, attempt: 2 }));
  assert.match(replays[1].folder, /rate-2\.5-2$/);
});

test('resuming takes a finished run of the same rows at the same place, and nothing else', async () => {
  await levels()(plan());
  const reused: boolean[] = [];
  const resumed = levels({ resume: true, onRun: (run) => reused.push(run.reused) });
  await resumed(plan());
  assert.equal(replays.length, 1, 'not sent again');
  await resumed(plan({ rows: ROWS.slice(1) }));
  assert.equal(replays.length, 2, 'other rows are another level');
  assert.deepEqual(reused, [true, false]);
  await levels({ resume: true, url: 'http://elsewhere:1' })(plan({ rows: ROWS.slice(1) }));
  assert.equal(replays.length, 3, 'another endpoint is another profile');
  await levels()(plan());
  assert.equal(replays.length, 4, 'without resume everything is sent');
});

test('an invalid or interrupted run is sent again when resuming', async () => {
  for (const spoilt of [{ valid: false }, { interrupted: true }]) {
    const run = await levels({ replay: (level) => leaveRun(level, spoilt) })(plan());
    assert.equal(run.valid, false);
    replays = [];
    await levels({ resume: true })(plan());
    assert.equal(replays.length, 1);
  }
});

test('a level that falls behind is broken off, counts as lost, and is not run again when resuming', async () => {
  let nowSec = 0;
  const run = await levels({
    clock: { nowNs: () => nowSec * 1e9 },
    replay: async (level) => {
      // 100/s offered, 40/s ended: lost after some seconds.
      for (; nowSec < 40 && !level.signal.aborted; nowSec += 1) level.onSettled(40 * nowSec);
      assert.ok(level.signal.aborted);
      await leaveRun(level, { interrupted: true });
    },
  })(plan({ ratePerSec: 100, typicalSec: 1, rows: Array.from({ length: 4_000 }, () => ROWS[0]) }));
  assert.match(run.stoppedEarly!, /stopped after 1\d s: 40\.0\/s ended of 100\/s offered/);
  assert.equal(run.valid, true, 'the client was well');
  assert.ok(run.records.every((one) => one.status !== 'unsent'));
  const again = await levels({ resume: true })(
    plan({ ratePerSec: 100, typicalSec: 1, rows: Array.from({ length: 4_000 }, () => ROWS[0]) }),
  );
  assert.equal(again.stoppedEarly, run.stoppedEarly);
  assert.equal(replays.length, 0);
});
