import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createScheduler, FakeScheduler, monotonicNs } from '../src/clock.js';

test('monotonic time is whole ns and never falls', () => {
  let last = monotonicNs();
  for (let i = 0; i < 100_000; i++) {
    const now = monotonicNs();
    assert.ok(now >= last);
    last = now;
  }
  assert.ok(Number.isSafeInteger(last));
  const clockNs = Number(process.hrtime.bigint());
  assert.ok(Math.abs(monotonicNs() - clockNs) < 5e6);
});

test('two processes share the origin', async () => {
  const module = JSON.stringify(new URL('../src/clock.js', import.meta.url).href);
  const script = `import { monotonicNs } from ${module}; process.stdout.write(String(monotonicNs()));`;
  const before = monotonicNs();
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const after = monotonicNs();
  assert.ok(Number(stdout) > before && Number(stdout) < after, `${before} < ${stdout} < ${after}`);
});

test('the fake scheduler calls in order of time, then of asking, at the exact instant', () => {
  const clock = new FakeScheduler(1_000);
  const calls: [string, number][] = [];
  const note = (name: string) => (): void => {
    calls.push([name, clock.nowNs()]);
  };
  clock.callAt(1_300, note('c'));
  clock.callAt(1_100, note('a1'));
  clock.callAt(1_100, note('a2'));
  const cancel = clock.callAt(1_200, note('cancelled'));
  clock.callAt(1_150, () => {
    note('b')();
    clock.callAt(1_160, note('nested'));
    clock.callAt(1_000, note('past'));
  });
  cancel();
  clock.advance(50);
  assert.deepEqual(calls, []);
  clock.advance(250);
  assert.deepEqual(calls, [
    ['a1', 1_100],
    ['a2', 1_100],
    ['b', 1_150],
    ['past', 1_150],
    ['nested', 1_160],
    ['c', 1_300],
  ]);
  assert.equal(clock.nowNs(), 1_300);
});

for (const spin of [true, false]) {
  test(`the real scheduler is never early and keeps order (spin ${spin})`, async () => {
    const scheduler = createScheduler({ spin });
    const startNs = scheduler.nowNs();
    const asked = [12, 3, 3, 7, 0, 25, 18].map((ms) => startNs + ms * 1e6);
    const calls: number[] = [];
    await new Promise<void>((resolve) => {
      for (const [i, atNs] of asked.entries()) {
        scheduler.callAt(atNs, () => {
          assert.ok(scheduler.nowNs() >= atNs, `call ${i} was early`);
          calls.push(i);
          if (calls.length === asked.length) resolve();
        });
      }
    });
    assert.deepEqual(calls, [4, 1, 2, 3, 0, 6, 5]);
  });
}

test('a cancelled call does not come, and an earlier one set later comes first', async () => {
  const scheduler = createScheduler();
  const startNs = scheduler.nowNs();
  const calls: string[] = [];
  await new Promise<void>((resolve) => {
    const cancel = scheduler.callAt(startNs + 4e6, () => calls.push('cancelled'));
    scheduler.callAt(startNs + 9e6, () => {
      calls.push('late');
      resolve();
    });
    scheduler.callAt(startNs + 2e6, () => calls.push('early'));
    cancel();
  });
  assert.deepEqual(calls, ['early', 'late']);
  assert.ok(scheduler.spunNs() >= 0 && scheduler.spunNs() <= scheduler.nowNs() - startNs);
});
