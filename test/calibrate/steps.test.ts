/** Reconstruction of iterations on a schedule that was worked out by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestObservations } from '../../src/calibrate/request-level.js';
import {
  type CalibrationRequest,
  type Reconstruction,
  stepReconstruction,
} from '../../src/calibrate/steps.js';

const reconstructSteps = (requests: readonly CalibrationRequest[], budget: number): Reconstruction =>
  stepReconstruction(requests)(budget);

function request(sentSec: number, inputTokens: number, tokenSec: number[], cached = 0): CalibrationRequest {
  return { sentSec, inputTokens, prefillTokens: inputTokens - cached, tokenSec };
}

/**
 * Budget 100. A (50 tokens) comes to an idle engine at 0 and decodes at 1.0, 1.5, 2.5, 3.5, 4.0. B (230 tokens) comes
 * at 1.2, during the iteration that ends at 1.5, so its prompt is computed in the iterations that end at 2.5 (99 beside
 * A's decode), 3.5 (99) and 4.0 (the last 32, first token). C (300 tokens) comes to an engine that is idle again: three
 * iterations that nobody sees.
 */
const HAND = [request(0, 50, [1, 1.5, 2.5, 3.5, 4]), request(1.2, 230, [4, 4.25]), request(10, 300, [13])];

test('durations, decoders, context and prompt pieces of every iteration', () => {
  const { observations, maxDecodeSeqs, iterations } = reconstructSteps(HAND, 100);
  assert.equal(iterations, 7);
  assert.equal(maxDecodeSeqs, 1);
  assert.deepEqual(observations, [
    { durationSec: 1, iterations: 1, prefillTokens: 50, decodeSeqs: 0, kvTokens: 0 },
    { durationSec: 0.5, iterations: 1, prefillTokens: 0, decodeSeqs: 1, kvTokens: 51 },
    { durationSec: 1, iterations: 1, prefillTokens: 99, decodeSeqs: 1, kvTokens: 52 },
    { durationSec: 1, iterations: 1, prefillTokens: 99, decodeSeqs: 1, kvTokens: 53 },
    { durationSec: 0.5, iterations: 1, prefillTokens: 32, decodeSeqs: 1, kvTokens: 54 },
    { durationSec: 0.25, iterations: 1, prefillTokens: 0, decodeSeqs: 1, kvTokens: 231 },
    { durationSec: 3, iterations: 3, prefillTokens: 300, decodeSeqs: 0, kvTokens: 0 },
  ]);
});

test('one budget after another: each as if it were the only one', () => {
  const reconstruct = stepReconstruction(HAND);
  for (const budget of [100, 4_096, 100])
    assert.deepEqual(reconstruct(budget), reconstructSteps(HAND, budget));
});

test('instants before the run’s start and equal ones are in order', () => {
  const early = HAND.map((one) => ({
    ...one,
    sentSec: one.sentSec - 3,
    tokenSec: Array.from(one.tokenSec, (sec) => sec - 3),
  }));
  assert.deepEqual(reconstructSteps(early, 100), reconstructSteps(HAND, 100));
});

test('a cached part of the prompt is not computed, but is context', () => {
  const { observations } = reconstructSteps([request(0, 50, [1, 1.5], 32)], 100);
  assert.equal(observations[0].prefillTokens, 18);
  assert.equal(observations[1].kvTokens, 51);
});

test('writes of one iteration that straggle stay together; two tokens of one sequence never do', () => {
  const together = [request(0, 10, [1, 1.02, 1.04]), request(0, 10, [1.0005, 1.0203, 1.0401])];
  const { observations, maxDecodeSeqs } = reconstructSteps(together, 1_000);
  assert.equal(maxDecodeSeqs, 2);
  assert.deepEqual(
    observations.filter((one) => one.decodeSeqs > 0).map((one) => one.decodeSeqs),
    [2, 2],
  );
});

test('without chunks, a request’s decoding is one observation with the average load around it', () => {
  const spans = [
    { sentSec: 0, inputTokens: 100, prefillTokens: 100, firstSec: 1, lastSec: 3, outputTokens: 21 },
    { sentSec: 1, inputTokens: 200, prefillTokens: 200, firstSec: 2, lastSec: 3, outputTokens: 11 },
  ];
  const [first, second] = requestObservations(spans);
  assert.equal(first.iterations, 20);
  assert.equal(first.durationSec, 2);
  assert.equal(first.prefillTokens, 200, 'the second prompt was computed inside');
  // One sequence for a second, two for a second: 1.5 on average over 20 iterations.
  assert.equal(first.decodeSeqs, 30);
  // Context: 100 + 10.5·t over two seconds = 221; 200 + 5.5 over one = 205.5; per iteration (÷ 2 s × 20).
  assert.ok(Math.abs(first.kvTokens - ((221 + 205.5) / 2) * 20) < 1e-9);
  assert.equal(second.prefillTokens, 0);
  assert.equal(second.decodeSeqs, 20);
});
