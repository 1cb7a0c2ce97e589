/**
 * How often `compareRuns` is wrong: pairs of runs of one and the same noisy server must rarely differ, a server that is
 * a tenth slower must nearly always be caught. 300 s at 4 requests/s, as people replay; verdicts at 5 % per comparison.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareRuns } from '../../src/compare/runs.js';
import { madeRun } from './made-runs.js';

const PAIRS = 120;

async function verdicts(sameTrace: boolean, speed: number, pairs: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let k = 0; k < pairs; k++) {
    const a = madeRun({ trace: `a${k}`, noise: `a${k}` });
    const b = madeRun({ trace: sameTrace ? `a${k}` : `b${k}`, noise: `b${k}`, speed });
    const { verdict } = await compareRuns({ a, b, seed: k, resamples: 500 });
    counts.set(verdict.verdict, (counts.get(verdict.verdict) ?? 0) + 1);
  }
  return counts;
}

for (const sameTrace of [true, false]) {
  const how = sameTrace ? 'paired' : 'of different traces';
  test(`runs of the same server, ${how}, differ in fewer than one of ten comparisons`, async () => {
    const counts = await verdicts(sameTrace, 1, PAIRS);
    const alarms = PAIRS - (counts.get('no_difference_shown') ?? 0);
    // At 5 % a hundred and twenty comparisons give 12 alarms or more once in 70 tries.
    assert.ok(alarms < 12, `${alarms} of ${PAIRS}`);
  });
}

test('a server a tenth slower is worse, nearly always where rows are paired', async () => {
  const counts = await verdicts(true, 0.9, 40);
  assert.ok((counts.get('worse') ?? 0) >= 36, JSON.stringify([...counts]));
});
