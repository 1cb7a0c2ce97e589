/** Real-time priority of senders: given where the system allows it, refused in one line elsewhere. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { makeRealTime, refuseRealTime } from '../../src/replay/real-time.js';

const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ToolError);
  assert.equal(error.code, 'BAD_VALUE');
  assert.match(error.message, pattern);
  return true;
};

test('a sender for each core is refused', () => {
  refuseRealTime(1, 2);
  assert.throws(() => refuseRealTime(2, 2), refused(/2 senders would leave no core of 2/));
});

test('without chrt, or for a process that is not there, the refusal says why', async () => {
  await assert.rejects(makeRealTime(process.pid, 'no-such-chrt'), refused(/no no-such-chrt \(util-linux\)/));
  if (spawnSync('chrt', ['--version']).status !== 0) return;
  await assert.rejects(makeRealTime(2 ** 22 + 1), refused(/real-time priority: chrt: .+/));
});

test('a process that may have it runs under SCHED_FIFO', async (t) => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const ended = once(child, 'exit');
  try {
    try {
      await makeRealTime(child.pid!);
    } catch (error) {
      assert.ok(error instanceof ToolError);
      t.skip(error.message);
      return;
    }
    const { stdout } = spawnSync('chrt', ['--pid', String(child.pid)], { encoding: 'utf8' });
    assert.match(stdout, /SCHED_FIFO/);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});
