/** The capacity plan of a real log: the Azure conversation hour on the reference engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEngineModel } from '../../src/engine/model.js';
import { type PlanOptions, planFleet } from '../../src/plan/plan.js';
import { parseSlo } from '../../src/slo.js';
import { azureConversation, azureMissing } from './azure.js';

async function plan(slo: string, more: Partial<PlanOptions> = {}) {
  const engine = await readEngineModel('reference');
  return planFleet({
    source: { kind: 'trace', requests: azureConversation(), fresh: 'rotate' },
    workload: { name: 'azure_conv', hash: '00', startUtc: null },
    engine,
    slo: parseSlo(slo),
    manifest: engine.manifest,
    seed: '42',
    ...more,
  });
}

test('n replicas meet the SLO on fresh seeds, n − 1 do not', { skip: azureMissing }, async () => {
  const made = await plan('p99(ttft) < 2s', { pricePerReplicaHour: 10 });
  assert.equal(made.verdict.verdict, 'feasible');
  assert.equal(made.replicas, 2);
  const role = (name: string) => made.trials.filter((trial) => trial.role === name);
  assert.ok(role('confirm').length === 3 && role('confirm').every((trial) => trial.met));
  assert.ok(role('fewer').length === 3 && role('fewer').every((trial) => !trial.met && trial.replicas === 1));
  // One replica on the log itself is the reference simulator's table: p99 TTFT 2.532 098 042 5 s.
  const one = made.trials.find((trial) => trial.role === 'search' && trial.replicas === 1)!;
  assert.ok(Math.abs(one.metrics.ttft!.p99! / 2_532.098_042_5 - 1) < 1e-6);
  assert.equal(made.workload.requests, 19_366);
  assert.ok(Math.abs(made.workload.meanRatePerSec - 5.53) < 0.01);
  assert.ok(made.workload.peakRatePerSec > 1.4 * made.workload.meanRatePerSec);
  // 20 $/h; the log holds 211 output tokens × 5.53/s: 4.76 $ per million output tokens.
  assert.equal(made.cost.perHour, 20);
  assert.ok(Math.abs(made.cost.perMillionOutputTokens! - 4.76) < 0.01);
});

test('growth is planned for as traffic, not as a factor on the answer', { skip: azureMissing }, async () => {
  const made = await plan('p99(ttft) < 500ms', { growth: 3.5, freshSeeds: 1 });
  assert.ok(made.replicas! >= 5 && made.replicas! <= 7, made.verdict.because);
  assert.ok(Math.abs(made.workload.requests / 19_366 - 3.5) < 0.05);
});

test('an SLO below the idle latency is infeasible, with the reason and no cost', {
  skip: azureMissing,
}, async () => {
  const made = await plan('p99(ttft) < 100ms', { pricePerReplicaHour: 10 });
  assert.equal(made.replicas, null);
  assert.equal(made.verdict.verdict, 'infeasible');
  assert.match(made.verdict.because, /no fleet helps/);
  assert.ok(Object.values(made.cost).every((value) => value === null));
});
