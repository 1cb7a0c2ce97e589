/** The screen text of a plan: the table of cost against attainment says which term each value belongs to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatPlan } from '../../src/plan/format.js';
import type { CapacityPlan, ParetoPoint } from '../../src/types.js';
import { planCapacity } from '../../src/verbs.js';

const TRACE = fileURLToPath(new URL('../../../traces/azure-conv-10min.parquet', import.meta.url));

test('fleets that are tight in different terms: each value names its metric, and the table fits the screen', async () => {
  const plan = await planCapacity({
    workload: TRACE,
    output: null,
    slo: 'p99(ttft) < 800ms, p99(tpot) < 200ms',
    engine: 'reference',
    seed: '42',
    pricePerReplicaHour: 2.5,
    reaction: { coldStartSec: 60 },
    scalerTrials: 0,
    breakTests: false,
    freshSeeds: 1,
  });
  const [point] = plan.pareto!;
  const tight = (term: string, value: number): ParetoPoint => ({
    ...point,
    tightest: { term, value, limit: 800, unit: 'ms', met: true, n: 10 },
  });
  const table = (points: readonly ParetoPoint[]): string[] => {
    const lines = formatPlan({ ...plan, pareto: points } as CapacityPlan, 'plan').split('\n');
    const from = lines.findIndex((line) => line.startsWith('cost against'));
    return lines.slice(from + 1, from + 2 + points.length);
  };
  const mixed = table([tight('p99(ttft) < 800ms', 457_000), tight('p99(tpot) < 200ms', 13.6)]);
  assert.match(mixed[0], /requests\s+tightest\s+SLO$/);
  assert.match(mixed[1], /ttft 7\.62 min/);
  assert.match(mixed[2], /tpot 13\.6 ms/);
  assert.ok(mixed.every((line) => line.length <= 80));
  const same = table([tight('p99(ttft) < 800ms', 500), tight('p99(ttft) < 800ms', 13.6)]);
  assert.match(same[0], /requests\s+p99\(ttft\)\s+SLO$/);
  assert.match(same[2], / 13\.6 ms/);
  assert.doesNotMatch(same[2], /ttft/);
});
