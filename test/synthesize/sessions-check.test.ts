/** Session and prefix models that cannot be drawn from are refused, naming the key. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { checkWorkloadModel } from '../../src/synthesize/check-model.js';
import { chatSessions, curve, documentSessions, prefixModel, sessionWorkload } from './sessions-models.js';

/** Puts a value at a path such as `sessions.think.byTurn.0.curve`. */
function put(document: unknown, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  const place = keys.reduce((node, key) => (node as Record<string, unknown>)[key], document);
  (place as Record<string, unknown>)[last] = value;
}

/** The message of the refusal after one change of the JSON. */
function refusal(path: string, value: unknown, documents = false): string {
  const branches = {
    byInput: [{ inputFrom: 0, inputTo: 2_147_483_647, share: 0.1, depth: null }],
    depth: curve(0, 1),
    repeatShare: 0.1,
    reuseGapSec: curve(1, 9),
  };
  const heads = [
    { name: 'head-1', blocks: 2, extends: null, sharedBlocks: 0, share: 0.5 },
    { name: 'head-2', blocks: 3, extends: 'head-1', sharedBlocks: 1, share: 0.25 },
  ];
  const sessions = documents ? documentSessions() : chatSessions();
  const model = JSON.parse(JSON.stringify(sessionWorkload(sessions, prefixModel({ branches, heads }))));
  checkWorkloadModel(model);
  put(model, path, value);
  try {
    checkWorkloadModel(model);
  } catch (error) {
    assert.ok(error instanceof ToolError);
    assert.equal(error.code, 'BAD_MODEL');
    return error.message;
  }
  return 'accepted';
}

const CASES: readonly (readonly [string, string, unknown, RegExp])[] = [
  ['unknown key', 'sessions.kinds', 'chat', /unknown key sessions\.kinds \(did you mean kind\?\)/],
  ['unknown kind', 'sessions.kind', 'chats', /sessions\.kind must be .*did you mean chat\?/],
  ['hazard above 1', 'sessions.continuation.byTurn.0.hazard', 1.2, /byTurn\[0\]\.hazard/],
  ['endless sessions', 'sessions.continuation.byTurn.0.baseline', 1, /byTurn\[0\]\.baseline .*0\.999/],
  ['gap in ranges', 'sessions.continuation.byInput.0.inputFrom', 5, /byInput\[0\]\.inputFrom must be 0/],
  ['negative odds', 'sessions.continuation.byInput.0.afterFirst', -1, /afterFirst/],
  [
    'negative think time',
    'sessions.think.byTurn.0.curve.values',
    [-1, 3],
    /think\.byTurn\[0\]\.curve\.values\[0\]/,
  ],
  ['falling curve', 'sessions.think.byTurn.0.curve.values', [3, 1], /must not fall/],
  ['curve not to 1', 'sessions.think.byTurn.0.curve.probs', [0, 0.5], /must run from 0 to 1/],
  ['no curve', 'sessions.think.byTurn', [], /think\.byTurn must have a curve/],
  ['curves from turn 2', 'sessions.growth.byTurn.0.turnFrom', 2, /must begin with turnFrom 1/],
  ['no outputs', 'sessions.outputGivenInput', [], /outputGivenInput must have a table/],
  ['correlation of 2', 'sessions.persistence.output', 2, /persistence\.output/],
  ['no window', 'sessions.window.tokens', 0, /window\.tokens/],
  ['block size', 'prefixes.blockSize', 0, /prefixes\.blockSize/],
  ['shares of heads', 'prefixes.heads.0.share', 0.9, /heads must have shares that sum to at most 1/],
  [
    'head of nothing',
    'prefixes.heads.1.extends',
    'head-9',
    /extends must name an earlier head, it is head-9/,
  ],
  ['longer than its head', 'prefixes.heads.1.sharedBlocks', 3, /sharedBlocks must not exceed/],
  ['depth above 1', 'prefixes.branches.depth.values', [0, 2], /branches\.depth\.values\[1\]/],
  ['prefixes alone', 'sessions', null, /prefixes need sessions/],
  ['all requests follow', 'sessions.continuations', 1_000, /continuations must be below \.requests/],
];

for (const [name, path, value, message] of CASES) {
  test(`refused: ${name}`, () => {
    assert.match(refusal(path, value), message);
  });
}

test('a pool replaces hazards: it needs a rate, ranges and a gap', () => {
  assert.match(refusal('sessions.pool.visits.ratePerSec', [-1], true), /pool\.visits\.ratePerSec\[0\]/);
  assert.match(refusal('sessions.pool.reuseGapSec.values', [1], true), /equally long/);
  assert.equal(refusal('sessions.think.byTurn', [], true), 'accepted');
});
