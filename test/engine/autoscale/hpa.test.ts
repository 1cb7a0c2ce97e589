/** Syncs of a HorizontalPodAutoscaler in sequence: windows, policies, bounds, missing metrics; computed by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpaController } from '../../../src/engine/autoscale/hpa.js';
import { DEFAULT_SCALE_UP, defaultScaleDown } from '../../../src/engine/autoscale/hpa-behavior.js';
import type { HpaMetric, HpaSpec, ScalingBehavior, ScalingRules } from '../../../src/types.js';

/** A metric whose value is the number of replicas that it asks for. */
const wishing = (name = 'load'): HpaMetric => ({
  name,
  source: 'external',
  aggregate: 'sum',
  query: { signal: 'running', statistic: 'last', windowSec: 0 },
  target: { kind: 'average-value', value: 1 },
});

const spec = (changes: Partial<HpaSpec> = {}): HpaSpec => ({
  kind: 'hpa',
  minReplicas: 1,
  maxReplicas: 100,
  metrics: [wishing()],
  behavior: null,
  // Wishes are exact here; the tolerance has its own cases.
  toleranceRatio: 0,
  syncSec: 15,
  downscaleStabilizationSec: 300,
  ...changes,
});

const up = (changes: Partial<ScalingRules>): ScalingBehavior => ({
  scaleUp: { ...DEFAULT_SCALE_UP, ...changes },
  scaleDown: { ...defaultScaleDown(300), stabilizationSec: 0 },
});
const down = (changes: Partial<ScalingRules>): ScalingBehavior => ({
  scaleUp: DEFAULT_SCALE_UP,
  scaleDown: { ...defaultScaleDown(300), stabilizationSec: 0, ...changes },
});
const podsPolicy = (value: number, periodSec: number) => ({ type: 'Pods', value, periodSec }) as const;
const percent = (value: number, periodSec: number) => ({ type: 'Percent', value, periodSec }) as const;

/** A sync: when, what each metric asks for (null = missing), and the size that must come out. */
type Sync = readonly [atSec: number, wish: number | null | readonly (number | null)[], want: number];

interface Case {
  readonly rule: string;
  readonly spec: HpaSpec;
  readonly from: number;
  readonly syncs: readonly Sync[];
}

const CASES: readonly Case[] = [
  {
    rule: 'the largest of several wishes wins',
    spec: spec({ metrics: [wishing('a'), wishing('b')] }),
    from: 2,
    syncs: [[0, [1, 3], 3]],
  },
  {
    rule: 'a missing metric does not stop a rise',
    spec: spec({ metrics: [wishing('a'), wishing('b')] }),
    from: 2,
    syncs: [[0, [null, 3], 3]],
  },
  {
    rule: 'a missing metric forbids a fall, however long it lasts',
    spec: spec({ metrics: [wishing('a'), wishing('b')] }),
    from: 4,
    syncs: [
      [0, [1, null], 4],
      [600, [1, null], 4],
    ],
  },
  {
    rule: 'with all metrics missing nothing happens, and nothing is remembered for the windows',
    spec: spec({ behavior: up({ stabilizationSec: 60 }) }),
    from: 4,
    syncs: [
      [61, null, 4],
      [76, 6, 6],
    ],
  },
  {
    rule: 'not below the minimum',
    spec: spec({ minReplicas: 2, behavior: down({}) }),
    from: 4,
    syncs: [[0, 0, 2]],
  },
  { rule: 'not above the maximum', spec: spec({ maxReplicas: 5 }), from: 4, syncs: [[0, 9, 5]] },
  {
    rule: 'below the minimum it is raised at once, unread',
    spec: spec({ minReplicas: 3 }),
    from: 1,
    syncs: [[0, null, 3]],
  },
  {
    rule: 'above the maximum it is lowered at once, unread',
    spec: spec({ maxReplicas: 3 }),
    from: 8,
    syncs: [[0, null, 3]],
  },
  { rule: 'a workload at zero is left alone', spec: spec(), from: 0, syncs: [[0, 5, 0]] },

  { rule: 'no behavior: from 1 to 4 at most', spec: spec(), from: 1, syncs: [[0, 10, 4]] },
  {
    rule: 'no behavior: doubling at most',
    spec: spec(),
    from: 5,
    syncs: [
      [0, 100, 10],
      [15, 100, 20],
    ],
  },
  {
    rule: 'no behavior: a fall waits until the highest wish is older than 300 s',
    spec: spec(),
    from: 4,
    syncs: [
      [15, 4, 4],
      [30, 2, 4],
      [315, 2, 4],
      [330, 2, 2],
    ],
  },
  {
    rule: 'no behavior: the size at the first sight is the first wish',
    spec: spec(),
    from: 6,
    syncs: [
      [300, 3, 6],
      [315, 3, 3],
    ],
  },
  {
    rule: 'no behavior: within the window the highest wish, not the first',
    spec: spec(),
    from: 6,
    syncs: [
      [15, 4, 6],
      [30, 5, 6],
      [301, 2, 5],
      [316, 2, 5],
      [331, 2, 2],
    ],
  },

  {
    rule: 'default up: 4 pods or 100 %, whichever is more (3 + 4)',
    spec: spec({ behavior: up({}) }),
    from: 3,
    syncs: [[0, 50, 7]],
  },
  {
    rule: 'default up: 4 pods or 100 %, whichever is more (10 × 2)',
    spec: spec({ behavior: up({}) }),
    from: 10,
    syncs: [[0, 50, 20]],
  },
  {
    rule: 'select Min up: whichever is less',
    spec: spec({ behavior: up({ selectPolicy: 'Min' }) }),
    from: 10,
    syncs: [[0, 50, 14]],
  },
  {
    rule: 'percent up is rounded up: 3 × 1.1 = 3.3',
    spec: spec({ behavior: up({ policies: [percent(10, 60)] }) }),
    from: 3,
    syncs: [[0, 50, 4]],
  },
  {
    rule: 'select Disabled: no rise',
    spec: spec({ behavior: up({ selectPolicy: 'Disabled' }) }),
    from: 3,
    syncs: [[0, 50, 3]],
  },
  {
    rule: 'the period of a policy: 2 pods per 60 s, free again when 60 s have passed',
    spec: spec({ behavior: up({ policies: [podsPolicy(2, 60)] }) }),
    from: 4,
    syncs: [
      [0, 20, 6],
      [15, 20, 6],
      [45, 20, 6],
      [60, 20, 8],
    ],
  },
  {
    rule: 'the period of a policy: what was added counts, not what the policy allows',
    spec: spec({ behavior: up({ policies: [podsPolicy(3, 60)] }) }),
    from: 4,
    syncs: [
      [0, 5, 5],
      [15, 20, 7],
      [30, 20, 7],
      [60, 20, 8],
      [75, 20, 10],
    ],
  },
  {
    rule: 'percent of the size at the start of the period: 10 × 1.5, not 15 × 1.5',
    spec: spec({ behavior: up({ policies: [percent(50, 60)] }) }),
    from: 10,
    syncs: [
      [0, 99, 15],
      [15, 99, 15],
      [60, 99, 23],
    ],
  },
  {
    rule: 'a window upwards: the lowest wish of 60 s counts, and the size at first sight is one',
    spec: spec({ behavior: up({ stabilizationSec: 60 }) }),
    from: 2,
    syncs: [
      [15, 5, 2],
      [45, 6, 2],
      [60, 6, 5],
      // Nothing holds a fall here.
      [75, 4, 4],
      [105, 9, 4],
      [136, 7, 7],
    ],
  },
  {
    rule: 'a window downwards: the highest wish of 120 s counts',
    spec: spec({ behavior: down({ stabilizationSec: 120 }) }),
    from: 8,
    syncs: [
      [15, 3, 8],
      [30, 5, 8],
      [120, 2, 5],
      [149, 2, 5],
      [150, 2, 2],
    ],
  },
  {
    rule: 'default down: all at once when no window holds',
    spec: spec({ behavior: down({}) }),
    from: 20,
    syncs: [[0, 1, 1]],
  },
  {
    rule: 'pods down: one per 60 s',
    spec: spec({ behavior: down({ policies: [podsPolicy(1, 60)] }) }),
    from: 5,
    syncs: [
      [0, 1, 4],
      [30, 1, 4],
      [60, 1, 3],
    ],
  },
  {
    rule: 'percent down is cut off: 5 × 0.9 = 4.5 → 4',
    spec: spec({ behavior: down({ policies: [percent(10, 60)] }) }),
    from: 5,
    syncs: [[0, 1, 4]],
  },
  {
    rule: 'select Max down: the larger change (10 − 4 or 10 × 0.9)',
    spec: spec({ behavior: down({ policies: [podsPolicy(4, 60), percent(10, 60)] }) }),
    from: 10,
    syncs: [[0, 1, 6]],
  },
  {
    rule: 'select Min down: the smaller change',
    spec: spec({ behavior: down({ policies: [podsPolicy(4, 60), percent(10, 60)], selectPolicy: 'Min' }) }),
    from: 10,
    syncs: [[0, 1, 9]],
  },
  {
    rule: 'select Disabled: no fall',
    spec: spec({ behavior: down({ selectPolicy: 'Disabled' }) }),
    from: 9,
    syncs: [[0, 1, 9]],
  },
  {
    rule: 'what was added in the period counts against a fall: (8 − 4) − 2',
    spec: spec({ behavior: down({ policies: [podsPolicy(2, 60)] }) }),
    from: 4,
    syncs: [
      [0, 8, 8],
      [30, 1, 2],
    ],
  },
  {
    rule: 'what was removed in the period counts for a rise: (3 + 5) + 1',
    spec: spec({ behavior: up({ policies: [podsPolicy(1, 60)] }) }),
    from: 8,
    syncs: [
      [0, 3, 3],
      [30, 50, 9],
    ],
  },
  {
    rule: 'an outdated rise is overwritten by the next, and then no longer counts for the longer period of a fall',
    spec: spec({
      behavior: {
        scaleUp: { ...DEFAULT_SCALE_UP, policies: [podsPolicy(2, 15)] },
        scaleDown: { ...defaultScaleDown(0), policies: [podsPolicy(1, 600)] },
      },
    }),
    from: 2,
    syncs: [
      [0, 9, 4],
      [30, 9, 6],
      // Only the rise at 30 s is left: (6 − 2) − 1. With both it would be (6 − 4) − 1.
      [45, 1, 3],
    ],
  },
];

for (const { rule, spec: hpa, from, syncs } of CASES) {
  test(rule, () => {
    const controller = new HpaController(hpa, from, 0);
    let size = from;
    for (const [nowSec, wish, want] of syncs) {
      const values = Array.isArray(wish) ? (wish as (number | null)[]) : [wish as number | null];
      const decision = controller.sync({
        nowSec,
        specReplicas: size,
        pods: Array.from({ length: size }, () => ({ phase: 'running' as const, ready: true })),
        readings: values.map((value) => ({ kind: 'external' as const, value })),
      });
      assert.equal(decision.replicas, want, `at ${nowSec} s: ${decision.because}`);
      size = decision.replicas;
    }
  });
}

test('a decision says what held it back', () => {
  const becauseOf = (hpa: HpaSpec, from: number, wish: number): string =>
    new HpaController(hpa, from, 0).sync({
      nowSec: 0,
      specReplicas: from,
      pods: Array.from({ length: from }, () => ({ phase: 'running' as const, ready: true })),
      readings: [{ kind: 'external', value: wish }],
    }).because;
  assert.equal(becauseOf(spec(), 2, 3), 'load asks for 3');
  assert.equal(becauseOf(spec(), 2, 9), 'load asks for 9, held at 4 by the policy');
  assert.equal(becauseOf(spec({ maxReplicas: 3 }), 2, 9), 'load asks for 9, held at 3 by the maximum');
  assert.equal(becauseOf(spec(), 5, 2), 'all metrics ask for 2 at most, held at 5 by the window');
  assert.equal(becauseOf(spec(), 2, 2), 'load is at its target');
});
