/** Autoscaled simulations of a trace, two fleets on one trace, and the command with manifests. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseAutoscalerSpec } from '../../src/engine/autoscale/spec.js';
import { readEngineModel } from '../../src/engine/model.js';
import { EXIT, ToolError } from '../../src/errors.js';
import { createManifest } from '../../src/manifest.js';
import { parseFleetChanges } from '../../src/simulate/fleet-changes.js';
import { formatSimulation } from '../../src/simulate/format.js';
import { formatComparison } from '../../src/simulate/format-versus.js';
import {
  type SimulateTraceOptions,
  simulateTrace,
  type TraceSimulation,
} from '../../src/simulate/simulate.js';
import { compareFleets } from '../../src/simulate/versus.js';
import { parseSlo } from '../../src/slo.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { stringifyStrict } from '../../src/trace/files.js';
import { writeTrace } from '../../src/trace/write.js';
import type { FleetComparison, SimulationDocument } from '../../src/types.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-scaling-'));
after(() => rmSync(folder, { recursive: true }));

const tiny = await readEngineModel('tiny-demo');
const path = join(folder, 'wave.parquet');
/** Ten minutes: 20 requests/s, for the middle four minutes 160/s; one engine does about 95. */
before(async () => {
  const rows = [];
  for (let atSec = 0; atSec < 600; ) {
    rows.push(
      emptyRow({
        arrivalNs: BigInt(Math.round(atSec * 1e9)),
        inputTokens: 150 + (rows.length % 100),
        outputTokens: 32,
      }),
    );
    atSec += atSec >= 180 && atSec < 420 ? 1 / 160 : 1 / 20;
  }
  const meta = {
    schemaVersion: 1,
    kind: 'trace',
    name: 'wave',
    startUtc: null,
    timeResolutionNs: 1,
    arrivalBasis: 'synthetic',
    blockSize: null,
    droppedRows: {},
    quality: null,
    manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
  } as const;
  await writeTrace({ path, meta, batches: [batchFromRows(rows)] });
});

const hpaText = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: llm }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: llm }
  minReplicas: 1
  maxReplicas: 5
  metrics:
    - type: Pods
      pods:
        metric: { name: vllm_num_requests_running }
        target: { type: AverageValue, averageValue: "12" }
  behavior: { scaleDown: { stabilizationWindowSeconds: 60 } }
`;
const slo = parseSlo('p95(ttft) < 500ms');

const simulate = (options: Partial<SimulateTraceOptions> = {}): Promise<TraceSimulation> =>
  simulateTrace({ trace: path, engine: tiny, seed: 1, slo, ...options });

test('an autoscaled fleet follows the wave: up in the middle, down after it, and says what it cost', async () => {
  const { document, result } = await simulate({ autoscaler: parseAutoscalerSpec(hpaText, 'hpa.yaml') });
  const scaling = document.scaling!;
  assert.equal(document.replicas, scaling.peakReplicas);
  assert.ok(scaling.peakReplicas > 1 && scaling.peakReplicas <= 5);
  assert.equal(scaling.initialReplicas, 1);
  const readyAt = (sec: number): number => scaling.timeline.findLast((sample) => sample.atSec <= sec)!.ready;
  assert.ok(readyAt(170) === 1 && readyAt(410) > 1 && readyAt(590) === 1, 'one, several, one');
  assert.equal(document.counts.ok, result.requests.length);
  assert.equal(scaling.attainment.length, 10);
  assert.ok(scaling.breaches.length >= 1, 'the wave comes faster than a replica');
  const [breach] = scaling.breaches;
  assert.ok(breach.scaledUpSec !== null && breach.readySec! - breach.scaledUpSec === tiny.coldStartSec);
  const hours = (scaling.peakReplicas * document.makespanSec) / 3_600;
  assert.ok(scaling.replicaHours > document.makespanSec / 3_600 && scaling.replicaHours < hours);
  assert.equal(scaling.acceleratorHours, scaling.replicaHours);
  stringifyStrict(document);
});

test('accelerators per replica multiply what is paid for', async () => {
  const engine = { ...tiny, acceleratorsPerReplica: 8 };
  const { document } = await simulate({ engine, autoscaler: { kind: 'static', replicas: 2 } });
  assert.equal(document.scaling!.acceleratorHours, 8 * document.scaling!.replicaHours);
  assert.match(formatSimulation(document), /accelerator-hours/);
});

test('notes name what is easily overlooked', async () => {
  const keda = parseAutoscalerSpec(
    'kind: keda\nmaxReplicas: 3\nmetrics: [{signal: running, target: 12}]',
    'k',
  );
  const { document } = await simulate({ autoscaler: keda, engine: { ...tiny, coldStartSec: 0 } });
  assert.ok(document.notes.some((note) => note.startsWith('cold start is 0 s')));
  assert.ok(document.notes.some((note) => /never woken/.test(note)));
});

test('the screen text fits 80 columns', async () => {
  const autoscaler = parseAutoscalerSpec(hpaText, 'hpa.yaml');
  const scaled = await simulate({ autoscaler });
  const text = formatSimulation(scaled.document);
  const versus = formatComparison(compareFleets(await simulate({ replicas: 2 }), scaled));
  for (const line of `${text}\n${versus}`.split('\n'))
    assert.ok(line.length <= 80, `${line.length}: ${line}`);
  assert.match(text, /ready {4}[▁▂▃▄▅▆▇█]+ 1 to \d/);
  assert.match(text, /vllm_num_requests_running asks for \d/);
});

test('a fixed fleet whose replica dies: what is lost, over time, and what it costs', async () => {
  const { document } = await simulate({
    replicas: 2,
    pricePerReplicaHour: 3.6,
    scaling: { failuresSec: [300], coldStart: { scheduleSec: 0, pullSec: 0, loadSec: 30, warmupSec: 0 } },
  });
  const { scaling, attainmentOverTime, cost, counts } = document;
  assert.equal(scaling!.autoscaler.kind, 'static');
  assert.ok(scaling!.cutOff > 0);
  assert.equal(counts.ok, counts.offered - scaling!.cutOff);
  assert.ok(document.notes.some((note) => /cut off with replicas that died/.test(note)));
  // 160/s on one engine of 95/s for half a minute: the minutes from 300 s on suffer, the ones before do not.
  const windows = attainmentOverTime!.windows;
  assert.equal(windows.length, 10);
  assert.deepEqual(
    windows.slice(0, 5).map((window) => window.met),
    [true, true, true, true, true],
  );
  assert.equal(windows[5].met, false);
  assert.equal(
    attainmentOverTime!.worst!.fromSec,
    windows.find((w) => w.ratio === attainmentOverTime!.worst!.ratio)!.fromSec,
  );
  // A tenth of a cent per replica-second, and of the good requests their share.
  const replicaSec = scaling!.replicaHours * 3_600;
  assert.ok(Math.abs(cost!.perHour! - 3.6 * scaling!.meanReplicas!) < 1e-9);
  const spent = replicaSec * 1e-3;
  const good = windows.reduce((sum, window) => sum + window.good, 0);
  assert.ok(Math.abs(cost!.perThousandGoodRequests! / ((1_000 * spent) / good) - 1) < 1e-9);
  const text = formatSimulation(document);
  assert.match(text, /cost 7\.\d*\/h/);
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
});

test('without SLO there is no attainment, without a price no cost', async () => {
  const { document } = await simulateTrace({ trace: path, engine: tiny, seed: 1 });
  assert.equal(document.attainmentOverTime, undefined);
  assert.equal(document.cost, undefined);
});

test('two fleets on one trace are compared request by request', async () => {
  const base = await simulate({ replicas: 1 });
  const same = compareFleets(base, await simulate({ replicas: 1 }));
  for (const paired of same.paired)
    assert.deepEqual([paired.meanMs, paired.p95Ms, paired.fasterRatio, paired.slowerRatio], [0, 0, 0, 0]);
  const three = await simulate({ replicas: 3 });
  const { paired, replicaHours, goodput } = compareFleets(base, three);
  const [ttft] = paired;
  assert.equal(ttft.n, base.result.requests.length);
  const means = [base, three].map(({ document }) => document.metrics.ttft!.mean!);
  assert.ok(
    Math.abs(ttft.meanMs! - (means[1] - means[0])) < 1e-6,
    'the mean of differences is that of means',
  );
  assert.ok(ttft.p50Ms! < 0 && ttft.fasterRatio! > 0.5 && goodput! > 0 && replicaHours! > 0);
});

test('the changes of --versus', () => {
  assert.deepEqual(
    parseFleetChanges('replicas=4, engine=mine.engine.json,router=round-robin,cold-start=2m'),
    {
      replicas: 4,
      engine: 'mine.engine.json',
      router: 'round-robin',
      coldStartSec: 120,
    },
  );
  assert.deepEqual(parseFleetChanges('autoscaler=none,engine-speed=1.5'), {
    autoscaler: null,
    engineSpeed: 1.5,
  });
  for (const [text, hint] of [
    ['replica=4', /did you mean replicas\?/],
    ['replicas=0', /correct/],
    ['router=fastest', /router=/],
    ['engine=', /replicas=4/],
  ] as const)
    assert.throws(
      () => parseFleetChanges(text),
      (error) => error instanceof ToolError && error.code === 'BAD_VALUE' && hint.test(error.hint),
    );
});

test('the command takes the manifests of a cluster, and compares fleets', () => {
  const hpaPath = join(folder, 'hpa.yaml');
  writeFileSync(hpaPath, hpaText);
  const mainUrl = new URL('../../src/cli/main.js', import.meta.url).href;
  const script = `import { main } from '${mainUrl}'; process.exitCode = await main(process.argv.slice(1));`;
  const run = (...words: string[]) =>
    spawnSync(
      process.execPath,
      ['--input-type=module', '-e', script, '--', 'simulate', path, '--engine', 'tiny-demo', ...words],
      { encoding: 'utf8' },
    );
  const output = join(folder, 'out.json');
  const scaled = run('-a', hpaPath, '--cold-start', '30s', '--slo', 'p50(ttft) < 1s', '-o', output);
  assert.equal(scaled.status, EXIT.ok, scaled.stderr);
  assert.match(scaled.stdout, /hpa: replicas mean/);
  const document = JSON.parse(readFileSync(output, 'utf8')) as SimulationDocument;
  assert.equal(document.scaling!.coldStart.loadSec, 30);
  const versus = run('-n', '2', '--versus', `autoscaler=${hpaPath}`, '--json');
  assert.equal(versus.status, EXIT.ok, versus.stderr);
  const comparison = JSON.parse(versus.stdout) as FleetComparison;
  assert.deepEqual(
    [comparison.kind, comparison.base.scaling, comparison.other.scaling!.autoscaler.kind],
    ['fleet-comparison', undefined, 'hpa'],
  );
  const missing = run('-a', join(folder, 'no.yaml'));
  assert.equal(missing.status, EXIT.badInput);
});
