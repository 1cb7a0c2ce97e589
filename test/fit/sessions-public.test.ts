/** The `prefix` section of the statistics reference and the prefix table of its page, reproduced on the real traces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitWorkload } from '../../src/fit/fit.js';
import { growthEvidence } from '../../src/fit/sessions/growth.js';
import { parentsByDocument, parentsByPrefix, turnTable } from '../../src/fit/sessions/links.js';
import { sessionLines } from '../../src/fit/sessions/report.js';
import { waitFamilies } from '../../src/fit/sessions/think.js';
import { threadsOf } from '../../src/fit/sessions/threads.js';
import { percentileSorted } from '../../src/metrics.js';
import { blockForest } from '../../src/stats/block-forest.js';
import { lruHitRatio } from '../../src/stats/lru-curve.js';
import { checkWorkloadModel } from '../../src/synthesize/check-model.js';
import type { WorkloadModel } from '../../src/types.js';
import { missingData } from '../stats/public-traces.js';
import { assertClose } from '../stats/reference.js';
import { TEST_META } from './batches.js';
import { BLOCK_SIZE, type MooncakeName, readMooncake } from './sessions-mooncake.js';

const skip = missingData();

/** statistics-reference.json, `prefix`. */
const REFERENCE = {
  conversation: {
    blocks_total: 288500,
    blocks_unique: 182790,
    roots: 1,
    branching_nodes: 3876,
    leaves: 11905,
    core_nodes_ref_ge2: 44144,
    inf_hit_block: 0.3664124783362218,
    inf_hit_token: 0.3736237491291324,
    mean_of_request_ratios: 0.38425808746366197,
    requests_full_hit: 0.009807996010306708,
    lru_block_hit: {
      300: 0.04203119584055459,
      1000: 0.04453032928942808,
      3000: 0.06533795493934143,
      10000: 0.21159792027729635,
      30000: 0.3257469670710572,
      50000: 0.3545580589254766,
      100000: 0.36368804159445406,
    },
    session_links: 3908,
  },
  synthetic: {
    blocks_total: 121877,
    blocks_unique: 43924,
    roots: 2211,
    branching_nodes: 397,
    leaves: 3780,
    core_nodes_ref_ge2: 18251,
    inf_hit_block: 0.6396038629109676,
    inf_hit_token: 0.6512444360312151,
    mean_of_request_ratios: 0.42323532378348516,
    requests_full_hit: 0.05334335086401202,
    lru_block_hit: {
      300: 0.027298013571059345,
      1000: 0.08411759396768874,
      3000: 0.19056918040319337,
      10000: 0.42394381220410743,
      30000: 0.6242112949941334,
      50000: 0.6396038629109676,
      100000: 0.6396038629109676,
    },
    session_links: 1060,
  },
} as const;

const NAMES = Object.keys(REFERENCE) as MooncakeName[];

for (const name of NAMES) {
  const expected = REFERENCE[name];

  test(`prefix reuse of ${name} equals the reference to 1e-12`, { skip }, () => {
    const { lists, reuse } = readMooncake(name);
    const forest = blockForest(lists);
    assert.equal(forest.conflicts, 0);
    assert.equal(reuse.references, expected.blocks_total);
    assert.equal(reuse.distinct, expected.blocks_unique);
    assert.equal(forest.roots, expected.roots);
    assert.equal(forest.branchings, expected.branching_nodes);
    assert.equal(forest.leaves, expected.leaves);
    assert.equal(forest.shared, expected.core_nodes_ref_ge2);
    assertClose(reuse.hitRatio, expected.inf_hit_block, 1e-12, 'infinite cache, blocks');
    assertClose(reuse.tokenHitRatio, expected.inf_hit_token, 1e-12, 'infinite cache, tokens');
    assertClose(reuse.meanRequestHitRatio, expected.mean_of_request_ratios, 1e-12, 'mean by request');
    assertClose(reuse.fullHitShare, expected.requests_full_hit, 1e-12, 'full hits');
    for (const [size, ratio] of Object.entries(expected.lru_block_hit)) {
      assertClose(lruHitRatio(reuse, Number(size)), ratio, 1e-12, `LRU of ${size}`);
    }
  });

  test(`links of ${name} equal the reference`, { skip }, () => {
    const { lists, columns } = readMooncake(name);
    assert.equal(turnTable(parentsByPrefix(lists, columns.inputTokens)).links, expected.session_links);
  });
}

test('conversation: sessions, hazards, growth and times of the statistics page', { skip }, () => {
  const { lists, columns } = readMooncake('conversation');
  const parents = parentsByPrefix(lists, columns.inputTokens);
  const { requests, followed, links } = turnTable(parents);
  assertClose(links / columns.rowCount, 0.325, 0, 'linked share', 5e-4);
  assert.equal(requests[0], 8_123);
  assertClose(1 - followed[0] / requests[0], 0.756, 0, 'single turn', 5e-4);
  assertClose(
    1 - (requests[0] - followed[0]) / columns.rowCount,
    0.489,
    0,
    'requests of longer sessions',
    1e-3,
  );
  for (const [m, hazard] of [0.244, 0.377, 0.48, 0.55, 0.598, 0.646, 0.738].entries()) {
    assertClose(followed[m] / requests[m], hazard, 0, `hazard after turn ${m + 1}`, 5e-4);
  }
  const evidence = growthEvidence(parents, columns);
  assert.equal(evidence?.medianTokens, 28);
  assertClose(evidence.negativeShare, 1 - 0.916, 0, 'negative growth', 5e-4);
  assertClose(evidence.answerSpearman, 0.54, 0, 'growth and answer', 5e-3);
  const rows = Uint32Array.from(parents.keys()).filter((row) => parents[row] >= 0);
  const gaps = Float64Array.from(rows, (row) => columns.arrivalSec[row] - columns.arrivalSec[parents[row]]);
  const families = waitFamilies(gaps);
  const lognormal = families.find(({ family }) => family === 'lognormal');
  assert.equal(families[0], lognormal);
  assertClose(Math.log(lognormal!.params['scale']), 4.904, 0, 'μ', 5e-4);
  assertClose(lognormal!.params['s'], 0.974, 0, 'σ', 5e-4);
  assertClose(lognormal!.ksDistance, 0.038, 0, 'KS lognormal', 5e-4);
  const exponential = families.find(({ family }) => family === 'exponential');
  assertClose(exponential!.ksDistance, 0.083, 0, 'KS exponential', 5e-4);
});

test('synthetic: one document, many questions', { skip }, () => {
  const { lists, columns, reuse } = readMooncake('synthetic');
  const parents = parentsByPrefix(lists, columns.inputTokens);
  const rows = Uint32Array.from(parents.keys()).filter((row) => parents[row] >= 0);
  const grown = Float64Array.from(
    rows,
    (row) => columns.inputTokens[row] - columns.inputTokens[parents[row]],
  );
  assert.equal(percentileSorted(grown.sort(), 0.5), 6);
  const evidence = growthEvidence(parents, columns);
  assertClose(evidence?.negativeShare, 0.69, 0, 'negative growth', 5e-3);
  const readers = threadsOf(parentsByDocument(reuse, new Int32Array(columns.rowCount)));
  // Every root is a document, so all but the first request on each are visits: 44.6 %.
  assert.equal(readers.continuations, columns.rowCount - REFERENCE.synthetic.roots);
  assertClose(readers.continuations / columns.rowCount, 0.446, 0, 'visits', 5e-4);
});

const models = new Map<MooncakeName, WorkloadModel>();

function modelOf(name: MooncakeName): WorkloadModel {
  let model = models.get(name);
  if (model === undefined) {
    model = fitWorkload({
      batches: [readMooncake(name).batch],
      meta: { ...TEST_META, name, blockSize: BLOCK_SIZE },
      by: 'none',
    });
    models.set(name, model);
  }
  return model;
}

test('conversation is fitted as chat: hazards corrected for the window, one head, branches', { skip }, () => {
  const { sessions, prefixes, classes, meanRatePerSec, choices } = modelOf('conversation');
  assert.equal(sessions?.kind, 'chat');
  assert.equal(sessions.linkedBy, 'block_hashes');
  assert.equal(sessions.pool, null);
  assert.equal(sessions.requests, 12_031);
  assert.equal(sessions.continuations, 3_835);
  assert.equal(classes[0].requests, 12_031 - 3_835);
  assertClose(meanRatePerSec, 3.4, 0.01, 'rate of all requests');
  const { byTurn, leastInputTokens, byInput } = sessions.continuation;
  assert.equal(leastInputTokens, 2 * BLOCK_SIZE);
  assert.equal(byTurn.length, 8);
  byTurn.forEach(({ hazard, requests, followed }, k) => {
    assert.ok(hazard > followed / requests, `turn ${k + 1}: the window hides successors`);
    assert.ok(k === 0 || hazard >= byTurn[k - 1].hazard, 'not falling');
  });
  assert.ok(byInput[0].afterFirst > 1.5 * byInput.at(-1)!.afterFirst, 'short prompts go on more often');
  assert.equal(sessions.think.basis, 'start_to_start');
  assert.equal(sessions.think.answer.source, 'assumed');
  assert.ok(sessions.persistence.output > 0.6 && sessions.persistence.output < 0.7);
  assert.equal(sessions.window.policy, 'end_session');
  assert.deepEqual(prefixes?.heads, [
    { name: 'head-1', blocks: 1, extends: null, sharedBlocks: 0, share: 1 },
  ]);
  assert.equal(prefixes.kept.wholeShare, 1);
  assert.ok(prefixes.branches !== null && prefixes.branches.repeatShare < 0.2);
  assertClose(prefixes.source.lru[3].hitRatio, 0.2116, 0, 'LRU of 10 000', 5e-5);
  assert.ok(choices?.some(({ about, chosen }) => about === 'sessions' && chosen === 'chat sessions'));
});

test('synthetic is fitted as a pool of documents whose visits take over', { skip }, () => {
  const { sessions, prefixes } = modelOf('synthetic');
  assert.equal(sessions?.kind, 'documents');
  assert.ok(sessions.pool !== null);
  const { visits, byInput } = sessions.pool;
  assert.ok(visits.ratePerSec[0] < 0.3 && visits.ratePerSec.at(-1)! > 3);
  const shareOf = (tokens: number): number => byInput.find(({ inputTo }) => tokens <= inputTo)!.share;
  assert.ok(shareOf(30) < 0.05, 'one-liners are not read again');
  assert.ok(shareOf(50_000) > 0.6, 'long documents are');
  assert.deepEqual(prefixes?.heads, []);
  assert.equal(prefixes.branches, null);
  assert.ok(prefixes.kept.wholeShare > 0.7);
});

test('fitted models pass the check that synthesis makes, are small, and report within 80 columns', {
  skip,
}, () => {
  for (const name of NAMES) {
    const model = modelOf(name);
    checkWorkloadModel(JSON.parse(JSON.stringify(model)));
    assert.ok(JSON.stringify(model).length < 150_000);
    const lines = sessionLines(model);
    assert.ok(lines.length > 10);
    for (const line of lines) assert.ok(line.length <= 80, line);
  }
});

test('--sessions off takes requests as unrelated', { skip }, () => {
  const model = fitWorkload({
    batches: [readMooncake('synthetic').batch],
    meta: { ...TEST_META, blockSize: BLOCK_SIZE },
    sessions: 'off',
    by: 'none',
  });
  assert.equal(model.sessions ?? null, null);
  assert.equal(model.prefixes ?? null, null);
  assert.equal(model.classes[0].requests, 3_993);
});
