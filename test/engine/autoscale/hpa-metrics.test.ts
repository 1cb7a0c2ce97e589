/**
 * One metric of a HorizontalPodAutoscaler: hand-computed cases from the rules of the Kubernetes documentation
 * ("Horizontal Pod Autoscaling", algorithm details) and of the controller's replica calculator.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type MetricReading,
  type PodView,
  type ProposalContext,
  proposeReplicas,
} from '../../../src/engine/autoscale/hpa-metrics.js';
import type { HpaMetric } from '../../../src/types.js';

const ready: PodView = { phase: 'running', ready: true };
const loading: PodView = { phase: 'running', ready: false };
const pending: PodView = { phase: 'pending', ready: false };
const leaving: PodView = { phase: 'terminating', ready: true };
const pods = (count: number, pod = ready): PodView[] => new Array<PodView>(count).fill(pod);

const query = { signal: 'running', statistic: 'last', windowSec: 0 } as const;
const podsMetric = (target: number): HpaMetric => ({
  name: 'm',
  source: 'pods',
  aggregate: 'sum',
  query,
  target: { kind: 'average-value', value: target },
});
const external = (kind: 'value' | 'average-value', target: number): HpaMetric => ({
  name: 'e',
  source: 'external',
  aggregate: 'sum',
  query,
  target: { kind, value: target },
});

interface Case {
  readonly rule: string;
  readonly metric: HpaMetric;
  readonly pods: readonly PodView[];
  /** One per pod, or one number for an external metric. */
  readonly value: readonly (number | null)[] | number | null;
  /** Default: the pods that are not terminating. */
  readonly spec?: number;
  readonly tolerances?: ProposalContext['tolerances'];
  /** null = the metric cannot say. */
  readonly want: number | null;
}

const same = (value: number, count: number): number[] => new Array<number>(count).fill(value);

const CASES: readonly Case[] = [
  { rule: '200 at a target of 100 doubles', metric: podsMetric(100), pods: pods(1), value: [200], want: 2 },
  {
    rule: '50 at a target of 100 halves',
    metric: podsMetric(100),
    pods: pods(4),
    value: same(50, 4),
    want: 2,
  },
  { rule: 'rounded up: 1.5 × 3 = 4.5', metric: podsMetric(10), pods: pods(3), value: same(15, 3), want: 5 },
  {
    rule: 'the mean counts, not the largest',
    metric: podsMetric(20),
    pods: pods(3),
    value: [10, 20, 30],
    want: 3,
  },
  {
    rule: 'tolerance: 1.1 exactly is close enough',
    metric: podsMetric(100),
    pods: pods(10),
    value: same(110, 10),
    want: 10,
  },
  {
    rule: 'tolerance: 1.101 is not, 11.01 → 12',
    metric: podsMetric(100),
    pods: pods(10),
    value: same(110.1, 10),
    want: 12,
  },
  {
    rule: 'tolerance: 0.9 exactly is close enough',
    metric: podsMetric(100),
    pods: pods(10),
    value: same(90, 10),
    want: 10,
  },
  {
    rule: 'tolerance: 0.899 is not, 8.99 → 9',
    metric: podsMetric(100),
    pods: pods(10),
    value: same(89.9, 10),
    want: 9,
  },
  {
    rule: 'a tolerance of its own upwards: 1.01 × 10 = 10.1 → 11',
    metric: podsMetric(100),
    pods: pods(10),
    value: same(101, 10),
    tolerances: { up: 0, down: 0.1 },
    want: 11,
  },
  {
    rule: 'a tolerance of its own downwards: 0.7 is close enough at 0.3',
    metric: podsMetric(100),
    pods: pods(10),
    value: same(70, 10),
    tolerances: { up: 0.1, down: 0.3 },
    want: 10,
  },
  {
    rule: 'thousandths are cut off: 0.5505 at 0.5 reads 550 ÷ 500 = 1.1',
    metric: podsMetric(0.5),
    pods: pods(3),
    value: same(0.5505, 3),
    want: 3,
  },
  {
    rule: 'the mean is cut off to thousandths: 3 301 ÷ 3 = 1 100',
    metric: podsMetric(1),
    pods: pods(3),
    value: [1.1, 1.1, 1.101],
    want: 3,
  },
  {
    rule: 'missing on the way down counts the target: (20 + 20 + 100 + 100) ÷ 4 = 60 → 0.6 × 4 = 2.4',
    metric: podsMetric(100),
    pods: pods(4),
    value: [20, 20, null, null],
    want: 3,
  },
  {
    rule: 'missing on the way up counts 0: (300 + 300 + 0) ÷ 3 = 200 → 2 × 3',
    metric: podsMetric(100),
    pods: pods(3),
    value: [300, 300, null],
    want: 6,
  },
  {
    rule: 'missing damps a rise to nothing: (200 + 200) ÷ 4 = 100',
    metric: podsMetric(100),
    pods: pods(4),
    value: [200, 200, null, null],
    want: 4,
  },
  {
    rule: 'missing that would turn the direction: 120 ÷ 4 = 30',
    metric: podsMetric(100),
    pods: pods(4),
    value: [120, null, null, null],
    want: 4,
  },
  {
    rule: 'missing changes nothing at exactly the target',
    metric: podsMetric(100),
    pods: pods(3),
    value: [100, 100, null],
    want: 3,
  },
  {
    rule: 'pending on the way up counts 0: (300 + 300 + 0) ÷ 3 = 200 → 2 × 3',
    metric: podsMetric(100),
    pods: [...pods(2), pending],
    value: [300, 300, null],
    want: 6,
  },
  {
    rule: 'pending damps a rise to nothing: (200 + 200) ÷ 4 = 100',
    metric: podsMetric(100),
    pods: [...pods(2), pending, pending],
    value: [200, 200, null, null],
    want: 4,
  },
  {
    rule: 'pending is set aside on the way down: 0.4 × 2 measured = 0.8',
    metric: podsMetric(100),
    pods: [...pods(2), pending, pending],
    value: [40, 40, null, null],
    want: 1,
  },
  {
    rule: 'pending and missing together on the way up: (500 + 0 + 0) ÷ 3 = 166.666 → 1.66666 × 3 = 4.99998',
    metric: podsMetric(100),
    pods: [ready, loading, pending],
    value: [500, null, null],
    want: 5,
  },
  {
    rule: 'a running pod that is not ready counts once it has a custom metric',
    metric: podsMetric(100),
    pods: [ready, loading],
    value: [200, 0],
    want: 2,
  },
  {
    rule: 'a terminating pod does not exist, nor does its metric',
    metric: podsMetric(100),
    pods: [ready, ready, leaving],
    value: [100, 100, 999],
    want: 2,
  },
  {
    rule: 'more pods than asked for: 0.8 × 4 = 3.2 → 4 would be up on a way down',
    metric: podsMetric(100),
    pods: pods(4),
    value: [60, 60, null, null],
    spec: 2,
    want: 2,
  },
  { rule: 'no metric of any pod', metric: podsMetric(100), pods: pods(2), value: [null, null], want: null },
  {
    rule: 'metrics of pending pods only',
    metric: podsMetric(100),
    pods: [pending],
    value: [500],
    want: null,
  },
  { rule: 'no pods', metric: podsMetric(100), pods: [], value: [], want: null },
  {
    rule: 'external, per pod: 90 ÷ 20 = 4.5',
    metric: external('average-value', 20),
    pods: pods(4),
    value: 90,
    want: 5,
  },
  {
    rule: 'external, per pod: 84 ÷ (20 × 4) = 1.05 is close enough',
    metric: external('average-value', 20),
    pods: pods(4),
    value: 84,
    want: 4,
  },
  {
    rule: 'external, per pod: pods that exist count, ready or not: 84 ÷ (20 × 4)',
    metric: external('average-value', 20),
    pods: [ready, loading, pending, pending, leaving],
    value: 84,
    want: 4,
  },
  {
    rule: 'external, per pod: nothing left wants nothing',
    metric: external('average-value', 20),
    pods: pods(4),
    value: 0,
    want: 0,
  },
  {
    rule: 'external, as a whole: 150 ÷ 100 × 2 ready = 3',
    metric: external('value', 100),
    pods: [ready, ready, loading],
    value: 150,
    want: 3,
  },
  {
    rule: 'external, as a whole: 105 ÷ 100 is close enough, whatever is ready',
    metric: external('value', 100),
    pods: [ready, pending, pending],
    value: 105,
    want: 3,
  },
  {
    rule: 'external, as a whole: from zero the ratio itself, without tolerance',
    metric: external('value', 100),
    pods: [],
    spec: 0,
    value: 101,
    want: 2,
  },
  {
    rule: 'external without a value',
    metric: external('value', 100),
    pods: pods(2),
    value: null,
    want: null,
  },
];

for (const { rule, metric, pods: views, value, spec, tolerances, want } of CASES) {
  test(rule, () => {
    const reading: MetricReading =
      metric.source === 'pods'
        ? { kind: 'pods', values: value as readonly (number | null)[] }
        : { kind: 'external', value: value as number | null };
    const proposal = proposeReplicas(metric, reading, {
      specReplicas: spec ?? views.filter((pod) => pod.phase !== 'terminating').length,
      pods: views,
      tolerances: tolerances ?? { up: 0.1, down: 0.1 },
    });
    assert.equal('missing' in proposal ? null : proposal.replicas, want);
  });
}
