/** Rows as engine requests: what is kept, what is left out, and how the reader is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineRequests, leftOutWarning } from '../../src/plan/requests.js';
import { emptyRow } from '../../src/trace/batch.js';
import { hiddenEngine } from '../calibrate/hidden-engine.js';

const ROWS = [
  emptyRow({ arrivalNs: 500n, inputTokens: null, outputTokens: 3 }),
  emptyRow({
    arrivalNs: 1_000_000_000n,
    inputTokens: 64,
    outputTokens: 3,
    sessionId: 'a',
    blockHashes: [1n, 2n],
  }),
  emptyRow({ arrivalNs: 2_500_000_000n, inputTokens: 70, outputTokens: 1, blockHashes: [1n, 3n, 4n] }),
  emptyRow({ arrivalNs: 2_600_000_000n, inputTokens: 70, outputTokens: 0 }),
  emptyRow({ arrivalNs: 2_700_000_000n, inputTokens: 70, outputTokens: 5, operation: 'embedding' }),
];

test('requests count from the first kept row; blocks are cut to the engine’s size and shared from the start', () => {
  const made = engineRequests(ROWS, 32, hiddenEngine());
  const { requests } = made;
  assert.deepEqual(
    requests.map((one) => [one.id, one.arrivalSec, one.inputTokens, one.outputTokens, one.sessionKey]),
    [
      [0, 0, 64, 3, 'a'],
      [1, 1.5, 70, 1, null],
    ],
  );
  const [first, second] = requests.map((one) => Array.from(one.prefixHashes!));
  assert.equal(first.length, 4);
  assert.equal(second.length, 4);
  assert.deepEqual(first.slice(0, 2), second.slice(0, 2));
  assert.notEqual(first[2], second[2]);
  assert.deepEqual(made.leftOut, {
    'without both lengths': 1,
    'without output tokens': 1,
    'of operation embedding': 1,
  });
  assert.match(leftOutWarning(made)!, /3 rows left out .* --growth 2\.5/);
});

test('an engine without a prefix cache needs no blocks; nothing left out is nothing to say', () => {
  const made = engineRequests(ROWS.slice(1, 3), 32, { ...hiddenEngine(), prefixCaching: false });
  assert.ok(made.requests.every((one) => one.prefixHashes === null));
  assert.equal(leftOutWarning(made), null);
});
