import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { ToolError } from '../../src/errors.js';
import { type InspectResult, inspectFile } from '../../src/inspect/inspect.js';
import { mixtureQuantile, tableCdf, tableQuantile } from '../../src/inspect/model-lines.js';
import { percentileSorted } from '../../src/metrics.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { writeTable } from '../../src/trace/table.js';
import { writeTrace } from '../../src/trace/write.js';
import type { SimulationDocument, TraceMetaDraft, TraceRow, WorkloadModel } from '../../src/types.js';
import { makePlan } from '../report/make-plan.js';
import { makeProfile } from '../report/make-profile.js';
import { MADE_MANIFEST, makeRun } from '../report/make-run.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokentide-inspect-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const META: TraceMetaDraft = {
  schemaVersion: 1,
  kind: 'trace',
  name: 'made',
  startUtc: '2026-01-01T00:00:00Z',
  timeResolutionNs: 1_000_000,
  arrivalBasis: 'arrival',
  blockSize: 16,
  droppedRows: { bad_time: 3 },
  quality: {
    rowsIn: 43,
    rowsOut: 40,
    rejects: [],
    outOfOrderRows: 2,
    clock: { resolutionNs: 1e6, tieShare: 0, gridNs: 3e9, finding: 'the clock steps by 3 s' },
    zoneRule: 'UTC (assumed: no zone in the source)',
    statusCounts: {},
    unknownInputRows: 1,
    unknownOutputRows: 0,
    zeroOutputRows: 1,
    notes: [],
  },
  manifest: { ...MADE_MANIFEST, command: 'ingest' },
};

/** 40 requests, one per second, then 40 at one instant. */
const ROWS: TraceRow[] = Array.from({ length: 80 }, (_, i) =>
  emptyRow({
    arrivalNs: BigInt(Math.min(i, 39)) * 1_000_000_000n,
    inputTokens: i === 7 ? null : 10 * (i + 1),
    outputTokens: i % 20,
    clientId: `client-${i % 3}`,
    sessionId: i % 2 === 0 ? `s${i}` : null,
    status: i === 5 ? 'http_error' : 'ok',
    operation: 'chat',
    blockHashes: i < 10 ? [1n, BigInt(100 + i)] : null,
  }),
);

const screen = (result: InspectResult): void => {
  // A trace shows its whole quality report and three charts.
  const most = result.subject === 'trace' ? 60 : 45;
  assert.ok(result.lines.length <= most, `${result.lines.length} lines`);
  for (const line of result.lines) assert.ok([...line].length <= 80, `${[...line].length} columns: ${line}`);
  assert.doesNotMatch(result.lines.join('\n'), /undefined|NaN|Infinity|\[object/);
};
const refusal = async (path: string): Promise<ToolError> => {
  const error = await inspectFile(path).then(
    () => null,
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof ToolError, `${path} is refused`);
  return error;
};

test('a trace: rate, clock, tokens, quarters, prefixes, all counted exactly', async () => {
  const path = join(folder, 'made.parquet');
  await writeTrace({
    path,
    meta: META,
    batches: [batchFromRows(ROWS.slice(0, 33)), batchFromRows(ROWS.slice(33))],
  });
  const result = await inspectFile(path);
  assert.ok(result.subject === 'trace');
  screen(result);
  const { facts } = result;
  assert.equal(facts.rows, 80);
  assert.equal(facts.spanSec, 39);
  assert.equal(facts.meanRatePerSec, 80 / 39);
  assert.equal(facts.peakSecond, 41);
  assert.equal(facts.peakMinute, 80);
  assert.equal(facts.tieShare, 40 / 79);
  assert.equal(facts.clients, 3);
  assert.equal(facts.sessions, 40);
  assert.deepEqual(facts.statuses, { ok: 79, http_error: 1 });
  assert.deepEqual(facts.operations, { chat: 80 });
  const inputs = ROWS.flatMap((row) => (row.inputTokens === null ? [] : [row.inputTokens]));
  assert.equal(facts.input.known, 79);
  assert.equal(
    facts.input.sum,
    inputs.reduce((sum, tokens) => sum + tokens, 0),
  );
  assert.equal(facts.input.quantiles[3], percentileSorted(inputs, 0.5));
  assert.equal(facts.output.zero, 4);
  assert.deepEqual(facts.prefix, { requests: 10, blocks: 20, repeated: 9 });
  assert.equal(facts.known['session_id'], 40);
  assert.equal(facts.known['ttft_ns'], 0);
  assert.equal(
    facts.timeline.reduce((sum, count) => sum + count, 0),
    80,
  );
  assert.deepEqual(
    facts.quarters.map((quarter) => quarter.requests),
    [10, 10, 10, 50],
  );
  assert.equal(facts.quarters[1].meanOutputTokens, 14.5);
  const text = result.lines.join(' ').replace(/\s+/g, ' ');
  for (const part of [
    '80 over 39 s',
    '3 bad_time',
    'COARSE: steps of 3 s',
    '45.0 % seen before',
    'client',
    'http_error 1',
  ])
    assert.ok(text.includes(part), part);
});

test('traces at the edges: one row, one instant, unknown lengths', async () => {
  const one = join(folder, 'one.parquet');
  await writeTrace({ path: one, meta: { ...META, quality: null }, batches: [batchFromRows([emptyRow()])] });
  const result = await inspectFile(one);
  assert.ok(result.subject === 'trace');
  screen(result);
  assert.equal(result.facts.spanSec, null);
  assert.equal(result.facts.input.mean, null);
  assert.match(result.lines.join('\n'), /1 at one instant/);
});

test('an empty trace says so', async () => {
  const path = join(folder, 'none.parquet');
  await writeTrace({ path, meta: META, batches: [] });
  const result = await inspectFile(path);
  screen(result);
  assert.match(result.lines.join('\n'), /none: the trace is empty/);
});

test('a foreign Parquet file with our columns is a trace; without them it is refused by name', async () => {
  const good = join(folder, 'foreign.parquet');
  const column = (name: string): { name: string; type: 'int64'; nullable: boolean } => ({
    name,
    type: 'int64',
    nullable: true,
  });
  await writeTable({
    path: good,
    columns: ['arrival_ns', 'input_tokens'].map(column),
    rows: [
      { arrival_ns: 0, input_tokens: 5 },
      { arrival_ns: 2_000_000_000, input_tokens: null },
    ],
  });
  const result = await inspectFile(good);
  assert.ok(result.subject === 'trace');
  screen(result);
  assert.deepEqual([result.facts.rows, result.facts.input.known, result.facts.output.known], [2, 1, 0]);
  const bad = join(folder, 'other.parquet');
  await writeTable({ path: bad, columns: [column('price')], rows: [{ price: 1 }] });
  const error = await refusal(bad);
  assert.equal(error.code, 'BAD_TRACE');
  assert.match(error.message, /arrival_ns.*it has price/);
});

test('runs, profiles and plans, by folder, by document, and a run by its requests', async () => {
  const runDir = join(folder, 'run-7');
  const planDir = join(folder, 'plan-7');
  const profile = join(folder, 'p.profile.json');
  await mkdir(runDir);
  await mkdir(planDir);
  const { summary } = makeRun({ requests: 500 });
  await writeFile(join(runDir, 'run.json'), JSON.stringify(summary));
  await writeFile(join(runDir, 'requests.parquet'), 'PAR1');
  await writeFile(join(planDir, 'plan.json'), JSON.stringify(makePlan()));
  await writeFile(profile, JSON.stringify(makeProfile()));
  for (const [path, subject, name] of [
    [runDir, 'run', 'run-7'],
    [join(runDir, 'run.json'), 'run', 'run-7'],
    [join(runDir, 'requests.parquet'), 'run', 'run-7'],
    [planDir, 'capacity-plan', 'plan-7'],
    [join(planDir, 'plan.json'), 'capacity-plan', 'plan-7'],
    [profile, 'latency-profile', 'p.profile.json'],
  ]) {
    const result = await inspectFile(path);
    assert.equal(result.subject, subject);
    assert.equal(result.name, name);
    screen(result);
  }
  const text = (await inspectFile(runDir)).lines.join('\n');
  assert.match(text, /VALID/);
  assert.ok(text.includes(`http://127.0.0.1:8000`));
});

test('an invalid run says so first, with what to change', async () => {
  const path = join(folder, 'run.json');
  await writeFile(path, JSON.stringify(makeRun({ requests: 500, lagMs: 30 }).summary));
  const { lines } = await inspectFile(path);
  assert.match(lines[2], /^verdict +INVALID: send lag p99/);
  assert.match(lines.join('\n'), /failed +send lag p99: use --senders 4/);
  await rm(path);
});

test('a simulation: fleet, load, latency and objectives on one screen', async () => {
  const { summary } = makeRun({ requests: 500 });
  const document: SimulationDocument = {
    schemaVersion: 1,
    kind: 'simulation',
    manifest: { ...MADE_MANIFEST, command: 'simulate' },
    trace: { name: 'made', hash: 'ab'.repeat(32), rows: 500, durationSec: 40 },
    engine: { name: 'tiny', source: 'invented' },
    replicas: 3,
    router: 'least-requests',
    speed: 1,
    engineSpeed: 1,
    counts: { offered: 490, ok: 488, refused: 2, excluded: { unknown_lengths: 10 } },
    offeredPerSec: 12.25,
    outputTokensPerSec: 900,
    metrics: summary.metrics,
    queueWaitMs: { n: 488, mean: 1, p50: 0, p99: 9, max: 12 },
    makespanSec: 45,
    utilisation: 0.61,
    running: { mean: 4.2, max: 9 },
    waiting: { mean: 0.1, max: 3 },
    kvUsage: { mean: 0.2, max: 0.5 },
    preemptions: 0,
    prefixHitRatio: null,
    promptTokens: 1_000,
    generatedTokens: 2_000,
    slo: summary.slo,
    sloMet: true,
    goodput: 0.99,
    notes: [],
  };
  const path = join(folder, 'sim.json');
  await writeFile(path, JSON.stringify(document));
  const result = await inspectFile(path);
  assert.equal(result.subject, 'simulation');
  screen(result);
  const text = result.lines.join('\n');
  for (const part of ['3 × tiny', 'busy 61.0 %', '10 unknown_lengths', 'p99(ttft) < 2s'])
    assert.ok(text.includes(part), part);
});

test('every engine model that is shipped fits one screen', async () => {
  const models = fileURLToPath(new URL('../../../models/', import.meta.url));
  const names = (await readdir(models)).filter((name) => name.endsWith('.json'));
  assert.ok(names.length > 0);
  for (const name of names) {
    const result = await inspectFile(join(models, name));
    screen(result);
    const { kind } = JSON.parse(await readFile(join(models, name), 'utf8')) as { kind: string };
    assert.equal(result.subject, kind);
  }
});

const TABLE = { n: 100, atoms: [[50, 20]] as const, probs: [0, 0.5, 1], values: [0, 10, 100] };

test('a workload model: classes, rate, fits, dispersion, drift and warnings on one screen', async () => {
  const fit = (
    family: 'gamma' | 'weibull',
    bic: number,
  ): WorkloadModel['classes'][0]['arrivals']['gaps']['candidates'][0] => ({
    family,
    params: { a: 1, scale: 1 },
    n: 100,
    logLikelihood: -100,
    aic: bic,
    bic,
    ksDistance: 0.02,
  });
  const model: WorkloadModel = {
    schemaVersion: 1,
    kind: 'workload-model',
    manifest: MADE_MANIFEST,
    name: 'made',
    source: {
      name: 'made',
      licence: 'CC-BY',
      citation: 'Somebody 2023',
      traceHash: 'ab'.repeat(32),
      rows: 100,
      rowsUsed: 100,
      startUtc: null,
    },
    durationSec: 100,
    meanRatePerSec: 1,
    by: 'client',
    classes: Array.from({ length: 12 }, (_, i) => ({
      id: `client-with-a-long-name-${i}`,
      clientId: null,
      model: null,
      requests: i * 10 + 1,
      arrivals: {
        rate: { stepSec: 10, ratePerSec: [1, 2, 3], bandwidthSec: 60 },
        gaps: {
          family: 'gamma',
          params: { a: 1, scale: 1 },
          candidates: [fit('weibull', 5), fit('gamma', 3)],
          cv: 1.2,
        },
        dispersion: [{ windowSec: 10, source: 2, model: 1.9 }],
        dequantizedGridNs: null,
      },
      lengths: {
        kind: 'pairs',
        input: TABLE,
        outputGivenInput: [{ inputFrom: 1, inputTo: 9, output: TABLE }],
        spearman: 0.3,
        inputFits: [fit('gamma', 1)],
        outputFits: [],
      },
    })),
    drift: [{ metric: 'rate', value: 1.1, floor: 0.9 }],
    warnings: ['one', 'two', 'three', 'four'],
  };
  const path = join(folder, 'made.workload.json');
  await writeFile(path, JSON.stringify(model));
  const result = await inspectFile(path);
  screen(result);
  const text = result.lines.join('\n');
  for (const part of [
    'and 4 smaller classes',
    'best family by BIC gamma',
    'CC-BY',
    'and 1 more warnings',
    'rank correlation of input and output 0.300',
  ])
    assert.ok(text.includes(part), part);
  assert.ok(text.indexOf('client-with-a…') > 0, 'long names are clipped');
});

test('quantiles of a table with atoms: by hand, and inverse to its distribution', () => {
  assert.equal(tableCdf(TABLE, 10), 0.4, '80 % of the sketch, half of it below 10');
  assert.ok(Math.abs(tableCdf(TABLE, 50) - (0.2 + 0.8 * (0.5 + 0.5 * (40 / 90)))) < 1e-12);
  assert.equal(tableQuantile(TABLE, 0.4), 10);
  assert.equal(tableQuantile(TABLE, 1), 100);
  for (const p of [0.1, 0.3, 0.55, 0.7, 0.9]) {
    const x = tableQuantile(TABLE, p);
    assert.ok(tableCdf(TABLE, x) >= p && tableCdf(TABLE, x - 1) < p);
  }
  const constant = { n: 5, atoms: [[7, 5]] as const, probs: [], values: [] };
  assert.equal(tableQuantile(constant, 0.5), 7);
  assert.equal(mixtureQuantile([constant, { ...constant, n: 15, atoms: [[9, 15]] as const }], 0.3), 9);
});

test('what is nothing of ours is refused with what it seems to be', async () => {
  const write = async (name: string, data: string | Uint8Array): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, data);
    return path;
  };
  const cases: [string, string, RegExp, RegExp][] = [
    [join(folder, 'missing.json'), 'FILE_NOT_FOUND', /missing\.json/, /spelling/],
    [await write('empty', ''), 'FILE_EMPTY', /0 bytes/, /stopped early/],
    [
      await write('log.csv', 'TIMESTAMP,ContextTokens\n1,2\n'),
      'FORMAT_UNKNOWN',
      /text that starts with 'TIMESTAMP/,
      /ingest log\.csv/,
    ],
    [await write('other.json', '{"a": 1, "b": 2}'), 'FORMAT_UNKNOWN', /keys a, b/, /schemaVersion/],
    [await write('list.json', '[1]'), 'FORMAT_UNKNOWN', /another kind/, /schemaVersion/],
    [
      await write('new.json', '{"kind": "hologram", "schemaVersion": 1}'),
      'FORMAT_UNKNOWN',
      /'hologram'/,
      /tokentide/,
    ],
    [await write('log.gz', gzipSync('x')), 'FORMAT_UNKNOWN', /gzip-compressed/, /gzip -d/],
    [await write('x.bin', Uint8Array.from([1, 0, 2, 3, 4])), 'FORMAT_UNKNOWN', /binary/, /Parquet/],
    [
      await write('cut.parquet', 'PAR1 and then nothing'),
      'FILE_UNREADABLE',
      /cut\.parquet is a truncated Parquet file: it ends after 21 bytes/,
      /fetch the file again/,
    ],
    [await write('v2.json', '{"kind": "run", "schemaVersion": 2}'), 'BAD_RUN', /schema version 2/, /./],
    [
      await write('half.json', '{"kind": "engine-model", "schemaVersion": 1}'),
      'BAD_ENGINE',
      /parts of it are missing/,
      /by hand/,
    ],
    [folder, 'FORMAT_UNKNOWN', /neither run\.json nor plan\.json/, /folder that/],
  ];
  for (const [path, code, message, hint] of cases) {
    const error = await refusal(path);
    assert.equal(error.code, code, path);
    assert.match(error.message, message);
    assert.match(error.hint, hint);
    assert.equal(error.exitCode, 3);
  }
});

test('inspecting stops when it is told to', async () => {
  const path = join(folder, 'again.parquet');
  await copyFile(join(folder, 'made.parquet'), path);
  await assert.rejects(inspectFile(path, { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
  assert.ok(existsSync(path));
});
