/** A run on one screen says how its load was shaped, what was sent twice, and what only informs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLines } from '../../src/inspect/result-lines.js';
import type { Check, RunLoad, RunSummary } from '../../src/types.js';
import { makeRun } from '../report/make-run.js';

const base = makeRun({ requests: 500 }).summary;

function text(load: Partial<RunLoad>, more: Partial<RunSummary> = {}): string {
  const lines = runLines({ ...base, ...more, load: { ...base.load, ...load } });
  assert.ok(lines.every((line) => line.length <= 80));
  return lines.join(' ').replace(/\s+/g, ' ');
}

test('open loop, a cap, a closed loop', () => {
  assert.match(text({ concurrency: null }), /\/s planned, open loop/);
  assert.match(text({ concurrency: 8 }), /\/s planned, open loop, at most 8 in flight/);
  const closed = text({ concurrency: 8, closedLoop: true });
  assert.match(closed, /closed loop: at most 8 in flight, the next leaves when one ends/);
  assert.doesNotMatch(closed, /planned|open loop/);
});

test('turns that wait for answers are no open loop', () => {
  const sessions = {
    mode: 'closed',
    answers: 'real',
    sessions: 40,
    followers: 120,
    withHistory: 110,
  } as const;
  const closed = text({ concurrency: null, sessions });
  assert.doesNotMatch(closed, /open loop/);
  assert.match(
    closed,
    /turns closed: think time after the answer before; 120 turns in 40 sessions waited, 110 with real answers/,
  );
  const hybrid = text({ concurrency: null, sessions: { ...sessions, mode: 'hybrid', answers: 'synthetic' } });
  assert.match(hybrid, /turns hybrid: as recorded, never before.*110 with synthetic answers/);
});

test('passes, ramps and retries; attempts are counted apart', () => {
  const shown = text(
    { concurrency: null, loops: 3, ramp: { from: 0.5, to: 2, sec: 60 }, retries: 2 },
    { counts: { ...base.counts, retried: 9, attempts: base.counts.offered + 12 } },
  );
  assert.match(shown, /; 3 passes over the trace; ramp from ×0.5 to ×2 over 60 s; up to 2 retries/);
  assert.match(shown, /attempts 452 for 440 requests, 9 sent more than once/);
  assert.doesNotMatch(text({ loops: 1, ramp: null, retries: 0 }), /passes|ramp|retries|attempts/);
});

test('the wait behind the cap is a line of its own', () => {
  const queueWait = { ...base.metrics.e2e!, id: 'queue_wait' as const };
  assert.match(text({}, { metrics: { ...base.metrics, queue_wait: queueWait } }), / queue_wait 431 /);
  const none = { ...queueWait, n: 0, mean: null, p50: null };
  assert.doesNotMatch(text({}, { metrics: { ...base.metrics, queue_wait: none } }), /queue_wait/);
});

test('what only informs is said as such', () => {
  const check = (name: string, value: number | null): Check => ({
    ...{ check: name, value, limit: 0, unit: 'ratio', pass: true, advice: 'for information' },
  });
  const withChecks = (...checks: Check[]): string =>
    text({}, { validity: { ...base.validity, checks: [...base.validity.checks, ...checks] } });
  assert.match(
    withChecks(check('connection_reuse', 0.98), check('server_counts', 1), check('certificate', 0)),
    /for information .*98\.0 % of the requests left on an open connection; 100\.0 % of the answers.*INSECURE/,
  );
  assert.doesNotMatch(withChecks(check('certificate', 1), check('server_counts', null)), /for information/);
});
