/** One document of every kind that has a page, made by the program's own functions on small seeded inputs. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareTraces } from '../../src/compare/compare.js';
import { compareRuns } from '../../src/compare/runs.js';
import { parseServingObjective } from '../../src/compare/trace-files.js';
import { readAutoscalerSpec } from '../../src/engine/autoscale/spec.js';
import { readEngineModel } from '../../src/engine/model.js';
import { readReportInput } from '../../src/report/read.js';
import type { ReportInput } from '../../src/report/report.js';
import { traceFacts } from '../../src/report/trace-facts.js';
import { simulateTrace } from '../../src/simulate/simulate.js';
import { compareFleets } from '../../src/simulate/versus.js';
import { parseSlo } from '../../src/slo.js';
import type { HpaSpec, LengthFacts, RunComparison, TraceComparison, TraceMeta } from '../../src/types.js';
import { secToNs } from '../../src/units.js';
import { toyTraffic } from '../compare/toys.js';
import { MADE_YAML, makePlan, makeSimulatedPlan } from './make-plan.js';
import { makeMeasuredProfile, makeProfile } from './make-profile.js';
import { MADE_MANIFEST, makeRun, makeServerSamples } from './make-run.js';

const packageFile = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
export const MADE_TRACE = packageFile('traces/azure-conv-10min.parquet');

/** Two traces: like the real one, or of other lengths and another rate. */
export async function makeTraceComparison(isLike: boolean): Promise<TraceComparison> {
  return compareTraces({
    a: toyTraffic({ seed: 'real', durationSec: 600, swing: 1.5 }),
    b: isLike
      ? toyTraffic({ seed: 'synthetic', durationSec: 600, swing: 1.5, synthetic: true })
      : toyTraffic({
          seed: 'naive',
          durationSec: 600,
          inputMedian: 900,
          outputMedian: 30,
          ratePerSec: 2.6,
          synthetic: true,
        }),
    seed: 5,
    floor: { repeats: 10 },
    engine: await readEngineModel('reference'),
    objective: parseServingObjective('p99(ttft) <= 2s'),
    resamples: 4,
  });
}

/** Two runs of one trace; the second one's server has `slots` places instead of 40. */
export async function makeRunComparison(slots: number): Promise<RunComparison> {
  return compareRuns({
    a: { name: 'before', ...makeRun() },
    b: { name: 'after', ...makeRun({ slots }) },
    seed: 5,
    resamples: 200,
  });
}

const LENGTHS: LengthFacts = {
  knownRows: 990,
  unknownRows: 10,
  zeroRows: 0,
  meanTokens: 700,
  minTokens: 1,
  maxTokens: 4_096,
  cap: { fromTokens: 4_090, toTokens: 4_096, rows: 40 },
  floor: { tokens: 1, rows: 3 },
  atoms: [
    { tokens: 300, rows: 50 },
    { tokens: 12, rows: 31 },
  ],
  atomCount: 2,
};

/** What an ingest says of a log with faults. */
export const MADE_TRACE_META: TraceMeta = {
  schemaVersion: 1,
  kind: 'trace',
  name: 'gateway',
  startUtc: '2026-03-04T05:06:07Z',
  timeResolutionNs: 1_000_000,
  arrivalBasis: 'end',
  blockSize: null,
  droppedRows: { 'output tokens are negative': 12 },
  quality: {
    rowsIn: 1_212,
    rowsOut: 1_200,
    rejects: [
      {
        reason: 'output tokens are negative',
        rows: 12,
        firstLine: 7,
        firstFile: 'gateway <1>.csv',
        example: '-4',
      },
    ],
    outOfOrderRows: 3,
    clock: {
      resolutionNs: 1_000_000,
      tieShare: 0.4,
      gridNs: 100_000_000,
      finding: 'times lie on a grid of 100 ms',
    },
    zoneRule: 'UTC (assumed: no zone in the source)',
    statusCounts: { ok: 1_180, http_error: 20 },
    unknownInputRows: 0,
    unknownOutputRows: 10,
    zeroOutputRows: 2,
    notes: ['output_tokens: 40 rows lie at the cap'],
    recordsIn: 1_212,
    duplicateRows: 0,
    lookAlikeRows: 1,
    tiedRows: 480,
    estimatedRows: 0,
    httpStatusCounts: { 200: 1_180, 503: 20 },
    inputLengths: LENGTHS,
    outputLengths: { ...LENGTHS, cap: null, floor: null, atoms: [], atomCount: 0 },
    silences: [{ fromNs: secToNs(120), lengthNs: secToNs(30) }],
    quarters: [0, 150, 300, 450].map((sec) => ({
      fromNs: secToNs(sec),
      rows: 300,
      ratePerSec: 2,
      meanInputTokens: 700,
      meanOutputTokens: null,
    })),
  },
  manifest: { ...MADE_MANIFEST, command: 'ingest' },
  contentHash: 'cd'.repeat(32),
};

/** A trace page's numbers: seeded traffic under the ingest record above. */
export function makeTraceFacts(meta: TraceMeta = MADE_TRACE_META): Extract<ReportInput, { kind: 'trace' }> {
  const { arrivalSec, inputTokens, outputTokens } = toyTraffic({ seed: 'log', durationSec: 600 });
  const all = (values: Int32Array) => ({ values, valid: null });
  return {
    kind: 'trace',
    name: 'gateway.parquet',
    facts: traceFacts(meta, ['arrivalNs', 'inputTokens', 'outputTokens'], {
      rowCount: arrivalSec.length,
      arrivalNs: arrivalSec.map(secToNs),
      inputTokens: all(inputTokens),
      outputTokens: all(outputTokens),
    }),
  };
}

const HPA = 'kind: hpa\nminReplicas: 1\nmaxReplicas: 5\nmetrics:\n  - signal: running\n    target: 12\n';

async function hpa(): Promise<HpaSpec> {
  const folder = await mkdtemp(join(tmpdir(), 'tokentide-made-'));
  try {
    const file = join(folder, 'hpa.yaml');
    await writeFile(file, HPA);
    return (await readAutoscalerSpec(file)) as HpaSpec;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function fleets() {
  const engine = await readEngineModel('llama3-8b-h100-published');
  const fixed = {
    trace: MADE_TRACE,
    engine,
    replicas: 2,
    seed: 1,
    rate: { kind: 'factor', factor: 2 } as const,
    slo: parseSlo('p99(ttft) < 500ms'),
  };
  const base = await simulateTrace(fixed);
  const other = await simulateTrace({
    ...fixed,
    replicas: undefined,
    autoscaler: await hpa(),
    scaling: { coldStart: { scheduleSec: 0, pullSec: 0, loadSec: 30, warmupSec: 0 } },
  });
  return { base, other };
}

/** Every kind, by name; some in more than one state. */
export async function makeDocuments(): Promise<Readonly<Record<string, ReportInput>>> {
  const { base, other } = await fleets();
  const like = await makeTraceComparison(true);
  return {
    run: {
      kind: 'run',
      name: 'a-run-with-a-long-name-that-must-not-push-the-page-wider-than-a-phone',
      ...makeRun(),
    },
    'scraped run': { kind: 'run', name: 'scraped', ...makeRun(), server: makeServerSamples(240) },
    profile: { kind: 'latency-profile', name: 'p', profile: makeProfile() },
    plan: { kind: 'capacity-plan', name: 'plan', plan: makePlan(), files: MADE_YAML },
    'measured profile': { kind: 'latency-profile', name: 'p', profile: makeMeasuredProfile() },
    'simulated plan': { kind: 'capacity-plan', name: 'plan', plan: makeSimulatedPlan(), files: [] },
    'traces alike': { kind: 'trace-comparison', name: 'alike', document: like },
    'traces different': {
      kind: 'trace-comparison',
      name: 'different',
      document: await makeTraceComparison(false),
    },
    'prefixed traces': await prefixed(),
    'runs alike': { kind: 'run-comparison', name: 'alike', document: await makeRunComparison(40) },
    'run worse': { kind: 'run-comparison', name: 'worse', document: await makeRunComparison(34) },
    trace: makeTraceFacts(),
    'trace from disk': await readReportInput(MADE_TRACE),
    'fitted model': await readReportInput(packageFile('models/mooncake-conversation.workload.json')),
    'bursty model': await readReportInput(packageFile('models/azure-code.workload.json')),
    'written model': await readReportInput(packageFile('models/chat.workload.yaml')),
    simulation: { kind: 'simulation', name: 'fixed', document: base.document },
    'autoscaled simulation': { kind: 'simulation', name: 'autoscaled', document: other.document },
    fleets: { kind: 'fleet-comparison', name: 'versus', document: compareFleets(base, other) },
  };
}

/** A trace with block hashes, held against itself. */
async function prefixed(): Promise<ReportInput> {
  const { openTrace } = await import('../../src/trace/read.js');
  const path = packageFile('traces/mooncake-conversation-10min.parquet');
  const [a, b] = [await openTrace(path), await openTrace(path)];
  try {
    const document = await compareTraces({ a, b, seed: 1, floor: { repeats: 4 }, engine: null });
    return { kind: 'trace-comparison', name: 'prefixed', document };
  } finally {
    a.close();
    b.close();
  }
}
