/** The verbs over files, in virtual time: plan folders from a trace and a model, profiles, engine models from runs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { parseAutoscalerSpec } from '../../src/engine/autoscale/spec.js';
import { simulateFleet } from '../../src/engine/fleet.js';
import { ToolError } from '../../src/errors.js';
import { readProfile } from '../../src/profile/profile-file.js';
import { readJsonDocument, writeJson } from '../../src/trace/files.js';
import { writeRunRecords } from '../../src/trace/run-records.js';
import type {
  CapacityPlan,
  LatencyProfile,
  RequestInstants,
  RunRecord,
  RunSummary,
} from '../../src/types.js';
import { calibrateEngine, type PlanCapacityOptions, planCapacity, profileEndpoint } from '../../src/verbs.js';
import { hiddenEngine, hiddenLoad } from '../calibrate/hidden-engine.js';
import { ADAPTER_RULES, CONFIG_MAP, HPA, KNATIVE_PATCH, SCALED_OBJECT } from './kubernetes-schema.js';

const bundled = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const TRACE = bundled('traces/azure-conv-10min.parquet');
const CODE_MODEL = bundled('models/azure-code.workload.json');
const MODEL = bundled('models/azure-conv.workload.json');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokentide-verbs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function plan(more: Partial<PlanCapacityOptions> = {}): Promise<CapacityPlan> {
  return planCapacity({
    workload: TRACE,
    output: join(folder, 'plan'),
    slo: 'p99(ttft) < 800ms',
    engine: 'reference',
    seed: '42',
    growth: 3,
    pricePerReplicaHour: 2.5,
    reaction: { coldStartSec: 60 },
    // The study has tests of its own.
    scalerTrials: 0,
    breakTests: false,
    ...more,
  });
}

test('a plan folder holds the plan, valid manifests, the report and the levels behind the thresholds', async () => {
  const made = await plan({
    manifests: { deployment: 'llama', namespace: 'prod' },
    breakTests: true,
    scalerTrials: 3,
  });
  const out = join(folder, 'plan');
  assert.deepEqual((await readdir(out)).sort(), [...made.files].sort());
  const text = async (name: string): Promise<string> => readFile(join(out, name), 'utf8');
  assert.deepEqual(HPA(parse(await text('hpa.yaml')), 'hpa'), []);
  assert.deepEqual(SCALED_OBJECT(parse(await text('keda.yaml')), 'keda'), []);
  const adapter = parse(await text('prometheus-adapter.yaml'));
  assert.deepEqual(CONFIG_MAP(adapter, 'adapter'), []);
  assert.deepEqual(ADAPTER_RULES(parse(adapter.data['config.yaml']), 'rules'), []);
  assert.deepEqual(KNATIVE_PATCH(parse(await text('knative-patch.yaml')), 'knative'), []);
  assert.match(await text('keda.yaml'), /namespace="prod",pod=~"llama-\.\*"/);
  // What was simulated is what is written.
  assert.deepEqual(
    parseAutoscalerSpec(await text('hpa.yaml'), 'hpa.yaml'),
    made.autoscaling!.recommended.autoscaler,
  );
  assert.deepEqual(
    made.breakTests!.map((one) => one.id),
    ['growth', 'lost-replica', 'burst'],
  );
  assert.match(await text('report.html'), /^<!doctype html>/i);
  const onDisk = await readJsonDocument<CapacityPlan>(join(out, 'plan.json'), 'capacity-plan', 'BAD_PLAN');
  assert.deepEqual(onDisk, JSON.parse(JSON.stringify(made)));
  assert.equal(made.verdict.verdict, 'feasible');
  const profile = await readProfile(join(out, 'one-replica.profile.json'));
  assert.equal(profile.load.clock, 'simulation');
  assert.equal(profile.capacity.ratePerSec, made.autoscaler!.capacityPerReplicaPerSec);
});

test('one seed gives one plan; another seed draws other fresh workloads', async () => {
  const core = ({ manifest: _, ...rest }: CapacityPlan) => rest;
  const first = await plan({ output: null });
  assert.deepEqual(core(await plan({ output: null })), core(first));
  const other = await plan({ output: null, seed: '43' });
  assert.notDeepEqual(
    other.trials.map((trial) => trial.metrics.ttft!.p99),
    first.trials.map((trial) => trial.metrics.ttft!.p99),
  );
});

test('several engines with prices: the cheapest that meets the SLO is planned, all of them are on the front', async () => {
  const choices = [
    { engine: 'reference', label: 'dear', pricePerReplicaHour: 9 },
    { engine: 'reference', label: 'cheap', pricePerReplicaHour: 1.5 },
  ];
  const made = await plan({ engine: undefined, choices, output: null });
  assert.equal(made.cost.pricePerReplicaHour, 1.5);
  const front = made.pareto!;
  assert.deepEqual(
    front.filter((point) => point.chosen).map((point) => point.choice),
    ['cheap'],
  );
  // The same engine at a higher price is never on the front.
  const dear = front.filter((point) => point.choice === 'dear');
  assert.ok(dear.length > 1 && dear.every((point) => point.dominatedBy?.startsWith('cheap: ')));
  await assert.rejects(
    plan({ choices: choices.map(({ label, engine }) => ({ label, engine })), pricePerReplicaHour: null }),
    (error: unknown) => error instanceof ToolError && error.code === 'USAGE' && /price=/.test(error.hint),
  );
});

test('an infeasible plan removes the manifests of the plan before it', async () => {
  await plan();
  const made = await plan({ slo: 'p99(ttft) < 10ms' });
  assert.equal(made.replicas, null);
  assert.deepEqual((await readdir(join(folder, 'plan'))).sort(), [
    'one-replica.profile.json',
    'plan.json',
    'report.html',
  ]);
});

test('a workload model is synthesized anew for every fresh seed', async () => {
  const made = await plan({ workload: MODEL, growth: 1, durationSec: 600, output: null });
  assert.equal(made.workload.kind, 'workload-model');
  assert.match(made.freshMethod, /synthesis of the workload model/);
  const values = made.trials
    .filter((trial) => trial.replicas === made.replicas)
    .map((trial) => trial.metrics.ttft!.p99);
  assert.equal(new Set(values).size, values.length);
  assert.ok(Math.abs(made.workload.durationSec - 600) < 20);
});

test('a plan from a profile uses its SLO, its engine model and its capacity', async () => {
  const output = join(folder, 'conv.profile.json');
  const profile = await profileEndpoint({
    workload: TRACE,
    output,
    slo: 'p99(ttft) < 1s',
    target: { kind: 'simulation', engine: 'reference' },
    levels: 'auto',
    seed: '1',
    durationSec: 120,
    minRequests: 1_000,
  });
  assert.equal(profile.engine!.name, 'reference');
  const made = await plan({ engine: undefined, slo: undefined, profile: output, output: null });
  assert.equal(made.slo, 'p99(ttft) < 1s');
  assert.equal(made.engine.name, 'reference');
  assert.equal(made.autoscaler!.capacityPerReplicaPerSec, profile.capacity.ratePerSec);
});

test('a profile made with another mix of lengths is corrected for the workload, unless that is switched off', async () => {
  const output = join(folder, 'code.profile.json');
  const measured = await profileEndpoint({
    workload: CODE_MODEL,
    output,
    slo: 'p99(ttft) < 1s',
    target: { kind: 'simulation', engine: 'reference' },
    levels: 'auto',
    seed: '1',
    durationSec: 60,
    minRequests: 1_000,
  });
  const options = { engine: undefined, slo: undefined, profile: output };
  const corrected = await plan(options);
  const said = corrected.warnings.find((warning) => warning.startsWith('profile corrected from a mix of'));
  assert.match(
    said!,
    /prompt and \d+ answer tokens a request, simulated on its engine model: capacity [\d.]+ → [\d.]+ requests\/s \(×/,
  );
  const own = corrected.autoscaler!.capacityPerReplicaPerSec;
  assert.notEqual(own, measured.capacity.ratePerSec);
  // The profile beside the plan is the one that its numbers come from.
  const kept = await readProfile(join(folder, 'plan', 'one-replica.profile.json'));
  assert.equal(kept.capacity.ratePerSec, own);
  const plain = await plan({ ...options, output: null, mixCorrection: false });
  assert.equal(plain.autoscaler!.capacityPerReplicaPerSec, measured.capacity.ratePerSec);
  assert.match(plain.warnings.join('\n'), /made with another mix of lengths .* taken as it is/);
});

test('a plan without an engine or an SLO is refused with what to type', async () => {
  const refused = async (more: Partial<PlanCapacityOptions>): Promise<ToolError> => {
    try {
      await plan(more);
    } catch (error) {
      assert.ok(error instanceof ToolError);
      return error;
    }
    throw new Error('not refused');
  };
  assert.match((await refused({ engine: undefined })).hint, /--engine/);
  assert.match((await refused({ slo: undefined })).hint, /--slo/);
  assert.equal((await refused({ growth: 0 })).code, 'BAD_VALUE');
  assert.equal((await refused({ workload: join(folder, 'none.parquet') })).code, 'FILE_NOT_FOUND');
});

/** Run files hold whole ns; virtual time does not. */
function wholeNs(request: RequestInstants): RequestInstants {
  const round = (ns: number | null): number | null => (ns === null ? null : Math.round(ns));
  return {
    ...request,
    intendedNs: Math.round(request.intendedNs),
    sentNs: round(request.sentNs),
    firstByteNs: round(request.firstByteNs),
    firstTokenNs: round(request.firstTokenNs),
    firstAnswerTokenNs: round(request.firstAnswerTokenNs),
    lastTokenNs: round(request.lastTokenNs),
    endNs: round(request.endNs),
    chunkNs: request.chunkNs!.map(Math.round),
  };
}

async function leaveRun(name: string, ratePerSec: number, valid = true): Promise<string> {
  const dir = join(folder, name);
  await mkdir(dir);
  const { requests } = simulateFleet({
    requests: hiddenLoad(ratePerSec, 300, name),
    engine: hiddenEngine(),
    replicas: 1,
    seed: '1',
    keepChunks: true,
  });
  const records = requests.map(
    (request, index): RunRecord => ({
      ...wholeNs(request),
      index,
      requestId: null,
      sessionId: null,
      phase: 'measure',
      releasedNs: null,
      connectNs: null,
      httpStatus: 200,
      error: null,
      note: null,
      inputTokensAsked: request.inputTokens,
      maxOutputTokens: null,
      outputTokensSource: 'usage',
      cachedTokens: null,
      reasoningTokens: null,
      chunks: request.chunkNs!.length,
      finishReason: 'length',
      responseId: null,
      sender: 0,
      attempt: 1,
    }),
  );
  await writeRunRecords(join(dir, 'requests.parquet'), records, '{}');
  await writeJson(join(dir, 'run.json'), {
    schemaVersion: 1,
    kind: 'run',
    load: { plannedRatePerSec: ratePerSec },
    validity: {
      verdict: valid ? 'valid' : 'invalid',
      because: 'client overloaded',
      recommendation: '',
      checks: [],
    },
    server: null,
  } as unknown as RunSummary);
  return dir;
}

test('run folders become an engine file; invalid runs are passed over and said', async () => {
  const runs = [await leaveRun('slow', 2), await leaveRun('fast', 8), await leaveRun('spoilt', 4, false)];
  const output = join(folder, 'mine.engine.json');
  const fit = await calibrateEngine({
    inputs: runs,
    output,
    name: 'mine',
    coldStartSec: 45,
    limits: { maxSeqs: 64 },
  });
  assert.ok(Math.abs(fit.engine.step.baseSec / hiddenEngine().step.baseSec - 1) < 1e-3);
  assert.equal(fit.engine.limits.maxBatchedTokens, 2_048);
  assert.equal(fit.engine.coldStartSec, 45);
  assert.match(fit.warnings.join('\n'), /spoilt passed over: client overloaded/);
  // The file is an engine that plan takes.
  const made = await plan({ engine: output, output: null, growth: 1, slo: 'p99(ttft) < 2s' });
  assert.equal(made.engine.name, 'mine');
});

test('limits that the profiled server told are in the profile, and calibrate needs no live server for them', async () => {
  await leaveRun('slow', 2);
  await leaveRun('fast', 8);
  const path = join(folder, 'kept.profile.json');
  await writeJson(path, {
    schemaVersion: 1,
    kind: 'latency-profile',
    levels: [{ runDir: 'slow' }, { runDir: 'fast' }],
    serverLimits: { kvBlocks: 7_936, blockSize: 32 },
  } as unknown as LatencyProfile);
  const fit = await calibrateEngine({ inputs: [path], output: null, name: 'x', refine: false });
  assert.equal(fit.engine.limits.kvBlocks, 7_936);
  assert.equal(fit.engine.limits.blockSize, 32);
  assert.equal(fit.engine.calibration!.limitSources!['kvBlocks'], 'server');
  const own = await calibrateEngine({
    inputs: [path],
    output: null,
    name: 'x',
    refine: false,
    limits: { kvBlocks: 5 },
  });
  assert.equal(own.engine.limits.kvBlocks, 5);
});

test('what is neither a run nor a profile is refused', async () => {
  const path = join(folder, 'x.json');
  await writeFile(path, '{"kind":"capacity-plan"}');
  await assert.rejects(
    calibrateEngine({ inputs: [path], output: null, name: 'x' }),
    (error: unknown) => error instanceof ToolError && error.code === 'BAD_RUN',
  );
});
