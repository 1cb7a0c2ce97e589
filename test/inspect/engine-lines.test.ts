/** A fitted engine model on the screen: how sure it is comes before how well it fits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineModelLines } from '../../src/inspect/model-lines.js';
import type { CalibrationError, EngineModel } from '../../src/types.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';

const error = (ratePerSec: number, simulatedMs: number): CalibrationError => ({
  metric: 'ttft',
  percentile: 0.5,
  ratePerSec,
  measuredMs: 100,
  simulatedMs,
});

function text(calibration: Partial<NonNullable<EngineModel['calibration']>>): string {
  const engine = hiddenEngine();
  const all = { samples: 900, runs: 3, errors: [error(2, 104)], ...calibration };
  return engineModelLines({ ...engine, calibration: all }).join('\n');
}

test('held-out errors are shown where there are any, with the worst fitted one beside them', () => {
  const shown = text({ heldOut: [error(2, 112), error(4, 95)] });
  assert.match(shown, /each load predicted from the others \(worst at its own loads 4\.00 %\):/);
  assert.match(shown, /p50 ttft +2\/s +100 ms +112 ms +12\.0 %/);
  assert.match(shown, /p50 ttft +4\/s +100 ms +95 ms +-5\.0 %/);
  const fitted = text({});
  assert.match(fitted, /fitted to \(nothing held out\):/);
  assert.match(fitted, /104 ms +4\.0 %/);
});

test('intervals of the coefficients, and limits that were assumed', () => {
  const shown = text({
    intervals: {
      level: 0.95,
      resamples: 100,
      windows: 20,
      baseSec: [0.011, 0.012],
      perPrefillTokenSec: [4e-5, 5e-5],
      perDecodeSeqSec: [1e-4, 2e-4],
      perKvTokenSec: [0, 1e-7],
    },
    limitSources: {
      maxBatchedTokens: 'assumed',
      maxSeqs: 'seen',
      kvBlocks: 'server',
      blockSize: 'server',
      maxModelLen: 'assumed',
    },
  });
  assert.match(shown, /sure to +95\.0 %: fixed 11 ms to 12 ms, prompt token 40 µs to 50 µs/);
  assert.match(shown, /assumed +token budget, longest context: the runs do not show it/);
  assert.doesNotMatch(text({}), /sure to|assumed/);
});
