/** The warm-up of the code path: all of its streams end well, in every protocol. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createScheduler } from '../../src/clock.js';
import { warmUpCode } from '../../src/replay/code-warm-up.js';
import { PROTOCOLS } from '../../src/replay/protocols/index.js';

for (const protocol of PROTOCOLS) {
  test(`${protocol.name}: the mock answers every stream`, async () => {
    const streams = await warmUpCode({
      scheduler: createScheduler(),
      housekeeping: createScheduler({ spin: false }),
      protocol,
      keepChunks: true,
      streams: 48,
      maxSec: 60,
    });
    assert.equal(streams, 48);
  });
}
