/**
 * Plans held against what they promise: fixed fleets on seeds that the planner never saw, and an autoscaled plan replayed
 * over HTTP against a served fleet that the plan's own hpa.yaml resizes, an hour of the public log in a minute and a half.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { monotonicNs } from '../../src/clock.js';
import { readAutoscalerSpec } from '../../src/engine/autoscale/spec.js';
import { simulateFleet } from '../../src/engine/fleet.js';
import { readEngineModel } from '../../src/engine/model.js';
import { createManifest } from '../../src/manifest.js';
import { planFleet } from '../../src/plan/plan.js';
import { freshDraw } from '../../src/plan/traffic.js';
import { randomOf } from '../../src/random.js';
import { replayTrace } from '../../src/replay/replay.js';
import { serveEngine } from '../../src/serve/server.js';
import { judgeSlo, parseSlo } from '../../src/slo.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { writeJson } from '../../src/trace/files.js';
import { writeTrace } from '../../src/trace/write.js';
import type { EngineModel, EngineRequest, HpaSpec, ReplicaLife, ScalingRules } from '../../src/types.js';
import { formatRatio, significant } from '../../src/units.js';
import { planCapacity } from '../../src/verbs.js';
import { watchMachine } from '../machine.js';
import { azureConversation, azureMissing } from './azure.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-confirm-'));
after(() => rmSync(folder, { recursive: true }));

const DATA = new URL('../../../../shared/data/', import.meta.url);
const dataFile = (path: string): string => fileURLToPath(new URL(path, DATA));

function request(id: number, arrivalSec: number, inputTokens: number, outputTokens: number): EngineRequest {
  return { id, arrivalSec, inputTokens, outputTokens, prefixHashes: null, sessionKey: null };
}

function azureCode(): EngineRequest[] {
  const [, ...lines] = readFileSync(dataFile('azure-llm-2023/AzureLLMInferenceTrace_code.csv'), 'utf8')
    .trim()
    .split('\n');
  const atSec = (time: string): number =>
    Date.parse(`${time.slice(0, 19)}Z`) / 1e3 + Number(`0.${time.slice(20)}`);
  const startSec = atSec(lines[0].split(',')[0]);
  return lines.map((line, id) => {
    const [time, input, output] = line.split(',');
    return request(id, atSec(time) - startSec, Number(input), Number(output));
  });
}

function mooncakeConversation(): EngineRequest[] {
  return readFileSync(dataFile('mooncake-fast25/conversation_trace.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line, id) => {
      const row = JSON.parse(line) as { timestamp: number; input_length: number; output_length: number };
      return request(id, row.timestamp / 1e3, row.input_length, row.output_length);
    });
}

const WORKLOADS = [
  {
    name: 'azure_conv',
    file: 'azure-llm-2023/AzureLLMInferenceTrace_conv.csv',
    load: azureConversation,
    slo: 'p99(ttft) < 2s',
  },
  {
    name: 'azure_code',
    file: 'azure-llm-2023/AzureLLMInferenceTrace_code.csv',
    load: azureCode,
    slo: 'p90(ttft) < 500ms',
  },
  {
    name: 'mooncake conversation',
    file: 'mooncake-fast25/conversation_trace.jsonl',
    load: mooncakeConversation,
    slo: 'p99(ttft) < 10s',
  },
] as const;

const SEEDS_NEVER_SEEN = ['another', 'third', 'last'];

for (const { name, file, load, slo: sloText } of WORKLOADS) {
  const skip = existsSync(dataFile(file)) ? false : `${file} is not beside the repository`;
  test(`${name}: the plan meets its SLO on seeds it never saw, one replica fewer does not`, {
    skip,
  }, async (t) => {
    const engine = await readEngineModel('reference');
    const slo = parseSlo(sloText);
    const requests = load();
    const plan = await planFleet({
      source: { kind: 'trace', requests, fresh: 'rotate' },
      workload: { name, hash: '00', startUtc: null },
      engine,
      slo,
      manifest: engine.manifest,
      seed: '42',
      breakTests: false,
    });
    const replicas = plan.replicas!;
    assert.ok(replicas > 1, plan.verdict.because);
    const valueMs = (size: number, seed: string): number => {
      const drawn = freshDraw(requests, 'rotate', seed);
      const { requests: done } = simulateFleet({ requests: drawn, engine, replicas: size, seed });
      return judgeSlo(slo, done)[0].value!;
    };
    const limitMs = judgeSlo(slo, [])[0].limit;
    for (const seed of SEEDS_NEVER_SEEN) {
      const [met, fewer] = [valueMs(replicas, seed), valueMs(replicas - 1, seed)];
      t.diagnostic(
        `${replicas} replicas ${significant(met)} ms, ${replicas - 1}: ${significant(fewer)} ms, limit ${limitMs} ms`,
      );
      assert.ok(met < limitMs, `${replicas} replicas on ${seed}: ${met} ms`);
      assert.ok(fewer >= limitMs, `${replicas - 1} replicas on ${seed}: ${fewer} ms`);
    }
  });
}

/** The hour is played so many times faster: arrivals, iterations, and everything that the autoscaler counts in seconds. */
const COMPRESSION = 40;
/**
 * Of the log's requests, so many in the middle of the hour, a fifth of that at its ends, and their lengths divided: as
 * much as a server in software on two cores can play, with a tide for the autoscaler to follow.
 */
const KEPT_RATIO = 0.2;

function tide(requests: readonly EngineRequest[]): EngineRequest[] {
  const rng = randomOf('tide', 'bootstrap');
  const spanSec = requests[requests.length - 1].arrivalSec;
  return requests
    .filter(({ arrivalSec }) => {
      const height = 0.2 + 0.8 * Math.sin((Math.PI * arrivalSec) / spanSec) ** 2;
      return rng.uniform() < KEPT_RATIO * height;
    })
    .map((one) => ({
      ...one,
      inputTokens: Math.ceil(one.inputTokens / 4),
      outputTokens: Math.ceil(one.outputTokens / 8),
    }));
}

/** Iterations of a third of a second, four at a time: hardware so slow that the thinned hour needs some of it. */
async function slowEngine(): Promise<EngineModel> {
  const tiny = await readEngineModel('tiny-demo');
  return {
    ...tiny,
    name: 'slow',
    source: 'Invented for a test: iterations long enough to be played 40 times faster by a server.',
    step: { baseSec: 0.32, perPrefillTokenSec: 0.0002, perDecodeSeqSec: 0.004, perKvTokenSec: 0, noiseCv: 0 },
    limits: { ...tiny.limits, maxSeqs: 4, kvBlocks: 65_536 },
    prefixCaching: false,
    coldStartSec: 60,
  };
}

test('an autoscaled plan, replayed over HTTP: its cost and attainment are what was simulated', {
  skip: azureMissing,
}, async (t) => {
  const thinned = tide(azureConversation());
  const rows = thinned.map(({ arrivalSec, inputTokens, outputTokens }) =>
    emptyRow({ arrivalNs: BigInt(Math.round(arrivalSec * 1e9)), inputTokens, outputTokens, stream: true }),
  );
  const trace = join(folder, 'hour.parquet');
  await writeTrace({ path: trace, meta, batches: [batchFromRows(rows)] });
  const engine = await slowEngine();
  const enginePath = join(folder, 'slow.engine.json');
  await writeJson(enginePath, engine);
  const plan = await planCapacity({
    workload: trace,
    output: join(folder, 'plan'),
    slo: 'p90(ttft) < 20s',
    engine: enginePath,
    pricePerReplicaHour: 2,
    seed: '42',
    breakTests: false,
  });
  const { recommended, because } = plan.autoscaling!;
  t.diagnostic(because);
  assert.ok(recommended.metOverTime && recommended.meanReplicas < plan.replicas!, because);

  const written = (await readAutoscalerSpec(join(folder, 'plan', 'hpa.yaml'))) as HpaSpec;
  const machine = await watchMachine();
  const originNs = monotonicNs();
  let firstNs = Number.POSITIVE_INFINITY;
  let lastNs = 0;
  const server = await serveEngine({
    engine,
    port: 0,
    seed: '42',
    speed: COMPRESSION,
    autoscaler: compressed(written),
    replicas: recommended.initialReplicas,
    scrapeSec: 15 / COMPRESSION,
    coldStart: { scheduleSec: 0, pullSec: 0, loadSec: 60 / COMPRESSION, warmupSec: 0 },
    onRequest: ({ headNs, endNs }) => {
      firstNs = Math.min(firstNs, headNs);
      lastNs = Math.max(lastNs, endNs);
    },
  });
  try {
    const run = await replayTrace({
      trace,
      url: server.url,
      outDir: join(folder, 'run'),
      speed: COMPRESSION,
      seed: '42',
      slo: [`p90(ttft) < ${20 / COMPRESSION}s`],
      senders: 1,
      trial: false,
    });
    const scaling = server.scaling()!;
    const played = {
      goodput: run.goodput!,
      replicas: meanReplicas(scaling.lives, (firstNs - originNs) / 1e9, (lastNs - originNs) / 1e9),
      changes: scaling.scaleEvents.length,
    };
    const price = plan.cost.pricePerReplicaHour!;
    t.diagnostic(
      `simulated: ${significant(recommended.meanReplicas)} replicas, ${significant(price * recommended.meanReplicas)} per hour, ${formatRatio(recommended.goodput)} good; ` +
        `replayed: ${significant(played.replicas)} replicas, ${significant(price * played.replicas)} per hour, ${formatRatio(played.goodput)} good, ${played.changes} changes of size, run ${run.validity.verdict}: ${run.validity.because}`,
    );
    assert.equal(run.counts.byStatus.ok, rows.length);
    const costMiss = Math.abs(played.replicas / recommended.meanReplicas - 1);
    const goodMiss = Math.abs(played.goodput - recommended.goodput);
    if (costMiss < 0.1 && goodMiss < 0.05) return;
    // Played time needs cores: on a machine without room the replay is late, whatever the plan is worth.
    const busy = await machine.reason({ 'the client': run.client.cpuWaitShare });
    if (busy === null)
      assert.fail(`cost off by ${formatRatio(costMiss)}, attainment by ${formatRatio(goodMiss)}`);
    t.diagnostic(`cost and attainment are not asserted: ${busy}`);
  } finally {
    await server.close();
  }
});

/** Replica-seconds inside a window ÷ its length: what ran while there was load. */
function meanReplicas(lives: readonly ReplicaLife[], fromSec: number, toSec: number): number {
  return lives.reduce((sum, { createdSec, endSec }) => {
    const insideSec = Math.min(endSec ?? toSec, toSec) - Math.max(createdSec, fromSec);
    return sum + Math.max(0, insideSec) / (toSec - fromSec);
  }, 0);
}

/** Every second of the spec, so many times shorter. */
function compressed(spec: HpaSpec): HpaSpec {
  const rules = (one: ScalingRules): ScalingRules => ({
    ...one,
    stabilizationSec: one.stabilizationSec / COMPRESSION,
    policies: one.policies.map((policy) => ({ ...policy, periodSec: policy.periodSec / COMPRESSION })),
  });
  return {
    ...spec,
    metrics: spec.metrics.map((metric) => {
      const { query, target } = metric;
      // A rate is per second of the compressed hour, where there is more of it.
      const factor = query.statistic === 'rate' ? COMPRESSION : 1;
      return {
        ...metric,
        query: { ...query, windowSec: query.windowSec / COMPRESSION },
        target: { ...target, value: target.value * factor },
      };
    }),
    syncSec: spec.syncSec / COMPRESSION,
    downscaleStabilizationSec: spec.downscaleStabilizationSec / COMPRESSION,
    behavior:
      spec.behavior === null
        ? null
        : { scaleUp: rules(spec.behavior.scaleUp), scaleDown: rules(spec.behavior.scaleDown) },
  };
}

const meta = {
  schemaVersion: 1,
  kind: 'trace',
  name: 'hour',
  startUtc: null,
  timeResolutionNs: 100,
  arrivalBasis: 'arrival',
  blockSize: null,
  droppedRows: {},
  quality: null,
  manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
} as const;
