/** The real-clock driver on a clock that stands still until told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeScheduler } from '../../src/clock.js';
import { createEngine } from '../../src/engine/engine.js';
import { readEngineModel } from '../../src/engine/model.js';
import { StepLoop } from '../../src/serve/step-loop.js';

const model = await readEngineModel('tiny-demo');
const engineModel = {
  ...model,
  step: { baseSec: 0.01, perPrefillTokenSec: 0, perDecodeSeqSec: 0, perKvTokenSec: 0, noiseCv: 0 },
};
const STEP_NS = 10_000_000;

interface Seen {
  readonly startNs: number;
  readonly endNs: number;
  readonly nowNs: number;
}

function loopOn(scheduler: FakeScheduler): {
  readonly submit: (id: number, outputTokens: number) => void;
  readonly loop: StepLoop;
  readonly seen: Seen[];
} {
  const seen: Seen[] = [];
  const loop = new StepLoop(createEngine(engineModel, { seed: 1 }), scheduler, ({ startNs, endNs, nowNs }) =>
    seen.push({ startNs, endNs, nowNs }),
  );
  const submit = (id: number, outputTokens: number): void => {
    loop.submit(
      { id, inputTokens: 4, outputTokens, prefixHashes: null, sessionKey: null },
      scheduler.nowNs(),
    );
  };
  return { submit, loop, seen };
}

test('an idle engine starts when work arrives; iterations follow each other without gaps', () => {
  const scheduler = new FakeScheduler(5e9);
  const { submit, seen } = loopOn(scheduler);
  scheduler.advance(3_000_000);
  submit(1, 3);
  scheduler.advance(100_000_000);
  const startNs = 5e9 + 3_000_000;
  assert.deepEqual(
    seen.map((step) => Math.round(step.endNs - startNs)),
    [STEP_NS, 2 * STEP_NS, 3 * STEP_NS],
  );
  submit(2, 1);
  scheduler.advance(STEP_NS);
  assert.equal(seen[3].startNs, startNs + 100_000_000);
});

test('a late callback does not shift the schedule: later iterations catch up', () => {
  class StallingScheduler extends FakeScheduler {
    /** Callbacks due in this window are noticed at its end. */
    stallUntilNs = 0;

    override callAt(atNs: number, fn: () => void): () => void {
      return super.callAt(Math.max(atNs, this.stallUntilNs), fn);
    }
  }
  const scheduler = new StallingScheduler(0);
  const { submit, loop, seen } = loopOn(scheduler);
  scheduler.stallUntilNs = 35_000_000;
  submit(1, 6);
  scheduler.advance(100_000_000);
  assert.deepEqual(
    seen.map((step) => Math.round(step.endNs)),
    [1, 2, 3, 4, 5, 6].map((k) => k * STEP_NS),
  );
  const lateNs = seen.map((step) => step.nowNs - step.endNs);
  assert.ok(lateNs[0] > 2.4 * STEP_NS && lateNs[1] > 1.4 * STEP_NS, 'those that the stall covered are late');
  assert.ok(lateNs[4] < 1_000 && lateNs[5] < 1_000, 'those after it are not');
  const { steps, maxMs } = loop.lateness();
  assert.equal(steps, 6);
  assert.ok(Math.abs(maxMs! - 25) < 0.1, `${maxMs}`);
});

test('work that arrives during an iteration joins the next one; stop ends everything', () => {
  const scheduler = new FakeScheduler(0);
  const { submit, loop, seen } = loopOn(scheduler);
  submit(1, 2);
  scheduler.advance(STEP_NS / 2);
  submit(2, 2);
  scheduler.advance(2 * STEP_NS);
  assert.equal(seen.length, 2);
  loop.stop();
  scheduler.advance(10 * STEP_NS);
  assert.equal(seen.length, 2);
});

test('cancelling the only request lets the loop come to rest', () => {
  const scheduler = new FakeScheduler(0);
  const { submit, loop, seen } = loopOn(scheduler);
  submit(1, 100);
  scheduler.advance(3.5 * STEP_NS);
  assert.equal(loop.cancel(1), true);
  assert.equal(loop.cancel(1), false);
  scheduler.advance(100 * STEP_NS);
  assert.equal(seen.length, 4, 'the iteration in flight ends, no further one starts');
  assert.deepEqual(
    new StepLoop(createEngine(engineModel, { seed: 1 }), scheduler, () => undefined).lateness(),
    {
      steps: 0,
      p50Ms: null,
      p99Ms: null,
      maxMs: null,
    },
  );
});
