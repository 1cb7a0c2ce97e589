import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readEngineModel } from '../../src/engine/model.js';
import { EXIT, ToolError } from '../../src/errors.js';
import { createManifest } from '../../src/manifest.js';
import { formatSimulation } from '../../src/simulate/format.js';
import { type SimulateTraceOptions, simulateTrace } from '../../src/simulate/simulate.js';
import { parseSlo } from '../../src/slo.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { openTrace } from '../../src/trace/read.js';
import { writeTrace } from '../../src/trace/write.js';
import type { SimulationDocument, TraceMetaDraft, TraceRow } from '../../src/types.js';
import { parseRate } from '../../src/units.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-simulate-'));
after(() => rmSync(folder, { recursive: true }));

const SECOND = 1_000_000_000n;

/** 200 requests, one every 0.1 s; every prompt shares its first 512 tokens. */
const plain: readonly TraceRow[] = Array.from({ length: 200 }, (_, i) =>
  emptyRow({
    arrivalNs: (BigInt(i) * SECOND) / 10n,
    inputTokens: 600 + (i % 7),
    outputTokens: 1 + (i % 40),
    sessionId: `s${i % 9}`,
    blockHashes: [1n, BigInt(100 + i)],
  }),
);

/** Rows that cannot be simulated, one of each kind, around one that can. */
const odd: readonly TraceRow[] = [
  emptyRow({ inputTokens: 5, outputTokens: 5 }),
  emptyRow({ arrivalNs: SECOND, outputTokens: 5 }),
  emptyRow({ arrivalNs: SECOND, inputTokens: 5 }),
  emptyRow({ arrivalNs: SECOND, inputTokens: 0, outputTokens: 5 }),
  emptyRow({ arrivalNs: 2n * SECOND, inputTokens: 5, outputTokens: 0 }),
];

async function write(name: string, rows: readonly TraceRow[], blockSize: number | null): Promise<string> {
  const path = join(folder, `${name}.parquet`);
  const meta: TraceMetaDraft = {
    schemaVersion: 1,
    kind: 'trace',
    name,
    startUtc: null,
    timeResolutionNs: 1,
    arrivalBasis: 'synthetic',
    blockSize,
    droppedRows: {},
    quality: null,
    manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
  };
  await writeTrace({ path, meta, batches: [batchFromRows(rows)] });
  return path;
}

const tiny = await readEngineModel('tiny-demo');
let plainPath = '';
let oddPath = '';
before(async () => {
  plainPath = await write('plain', plain, 512);
  oddPath = await write('odd', odd, null);
});

const simulate = async (options: Partial<SimulateTraceOptions> = {}): Promise<SimulationDocument> =>
  (await simulateTrace({ trace: plainPath, engine: tiny, replicas: 1, seed: 1, ...options })).document;

test('the document counts everything and judges the SLO', async () => {
  const document = await simulate({ slo: parseSlo('p99(ttft) < 10s, p50(e2e) < 1ms') });
  assert.equal(document.kind, 'simulation');
  assert.deepEqual(document.counts, { offered: 200, ok: 200, refused: 0, excluded: {} });
  assert.equal(
    document.generatedTokens,
    plain.reduce((sum, row) => sum + row.outputTokens!, 0),
  );
  assert.equal(
    document.promptTokens,
    plain.reduce((sum, row) => sum + row.inputTokens!, 0),
  );
  assert.deepEqual(
    document.slo.map((term) => [term.met, term.n]),
    [
      [true, 200],
      [false, 200],
    ],
  );
  assert.equal(document.sloMet, false);
  assert.equal(document.goodput, 0);
  assert.ok(Math.abs(document.offeredPerSec! - 10) < 1e-9);
  assert.equal(document.metrics.ttft!.n, 200);
  assert.equal(document.metrics.itl!.n, document.generatedTokens - 200);
  assert.ok(document.queueWaitMs.mean! >= 0 && document.queueWaitMs.mean! <= document.metrics.ttft!.mean!);
  assert.match(document.manifest.inputs[0].sha256, /^[0-9a-f]{64}$/);
});

test('same seed → same numbers; the instants are those of the fleet', async () => {
  const noisy = { ...tiny, step: { ...tiny.step, noiseCv: 0.2 } };
  const options = { trace: plainPath, engine: noisy, replicas: 2, seed: 7 };
  const first = await simulateTrace(options);
  const second = await simulateTrace(options);
  assert.deepEqual(second.result, first.result);
  assert.notDeepEqual((await simulateTrace({ ...options, seed: 8 })).result, first.result);
});

test('rows without usable lengths are left out and counted by reason', async () => {
  const document = await simulate({ trace: oddPath });
  assert.deepEqual(document.counts, {
    offered: 1,
    ok: 1,
    refused: 0,
    excluded: { input_unknown: 1, output_unknown: 1, input_zero: 1, output_zero: 1 },
  });
  assert.ok(document.notes.some((note) => /rows left out: .*output_zero 1/.test(note)));
  assert.equal(document.offeredPerSec, null);
  await assert.rejects(
    simulate({ trace: await write('empty', odd.slice(1), null) }),
    (error) =>
      error instanceof ToolError && error.code === 'NO_ROWS' && /output_unknown 1/.test(error.message),
  );
});

test('requests longer than the context are refused, counted and are no latency', async () => {
  const engine = { ...tiny, limits: { ...tiny.limits, maxModelLen: 610 } };
  const document = await simulate({ engine });
  const fit = plain.filter((row) => row.inputTokens! + row.outputTokens! <= 610).length;
  assert.deepEqual([document.counts.ok, document.counts.refused], [fit, 200 - fit]);
  assert.deepEqual(document.metrics.ttft!.excluded, { http_error: 200 - fit });
  assert.ok(document.notes.some((note) => note.includes('exceed 610 tokens')));
});

test('prefix blocks of the trace lower TTFT where the engine caches them', async () => {
  const cached = await simulate();
  const cold = await simulate({ engine: { ...tiny, prefixCaching: false } });
  // 512 of about 603 tokens are shared by all but the first request.
  assert.ok(Math.abs(cached.prefixHitRatio! - 512 / 603) < 0.02, `${cached.prefixHitRatio}`);
  assert.equal(cold.prefixHitRatio, null);
  assert.ok(cached.metrics.ttft!.mean! < cold.metrics.ttft!.mean!);
});

test('adapters of the trace are loaded where the engine limits them', async () => {
  const rows = plain.map((row, i) => ({ ...row, adapter: i % 3 === 0 ? null : `lora-${i % 5}` }));
  const path = await write('adapters', rows, 512);
  const engine = { ...tiny, adapters: { maxLoaded: 2, loadSec: 0.01 } };
  const limited = await simulate({ trace: path, engine });
  assert.ok(limited.adapterLoads! > 5, `${limited.adapterLoads}`);
  assert.ok(limited.metrics.ttft!.mean! > (await simulate({ trace: path })).metrics.ttft!.mean!);
  assert.match(formatSimulation(limited), /adapters loaded \d+ times/);
  const unnamed = await simulate({ engine });
  assert.equal(unnamed.adapterLoads, 0);
  assert.ok(unnamed.notes.some((note) => note.startsWith('the trace names no adapters')));
  assert.ok(!('adapterLoads' in (await simulate({ trace: path }))));
});

test('prompts on replicas of their own: both pools are told, and an autoscaler is refused', async () => {
  const prefill = { engine: { ...tiny, kvTransfer: { latencySec: 0.02, perTokenSec: 0 } }, replicas: 1 };
  const document = await simulate({ prefill, replicas: 2 });
  const { disaggregated } = document;
  assert.deepEqual(
    [document.replicas, disaggregated!.prefill.replicas, disaggregated!.decode.replicas],
    [3, 1, 2],
  );
  assert.equal(Math.round(disaggregated!.meanTransferMs!), 20);
  assert.equal(document.counts.ok, 200);
  assert.ok(document.metrics.ttft!.min! >= 20);
  for (const line of formatSimulation(document).split('\n')) assert.ok(line.length <= 80, line);
  await assert.rejects(
    simulate({ prefill, autoscaler: { kind: 'static', replicas: 1 } }),
    (error) => error instanceof ToolError && error.code === 'BAD_VALUE',
  );
});

test('speed and rate compress arrivals, engine speed the iterations', async () => {
  const base = await simulate();
  const doubled = await simulate({ speed: 2 });
  assert.ok(Math.abs(doubled.offeredPerSec! / base.offeredPerSec! - 2) < 1e-9);
  assert.ok(Math.abs((await simulate({ rate: parseRate('25/s') })).offeredPerSec! - 25) < 1e-9);
  assert.ok(Math.abs((await simulate({ rate: parseRate('x3') })).offeredPerSec! - 30) < 1e-9);
  const both = await simulate({ speed: 4, engineSpeed: 4 });
  // Everything four times faster: the same story on a shorter clock.
  assert.ok(Math.abs(both.metrics.e2e!.mean! * 4 - base.metrics.e2e!.mean!) < 1e-3);
  for (const options of [{ speed: 0 }, { engineSpeed: -1 }, { replicas: 0 }])
    await assert.rejects(
      simulate(options),
      (error) => error instanceof ToolError && error.code === 'BAD_VALUE',
    );
});

test('without token instants ITL is left out, not empty', async () => {
  const document = await simulate({ keepChunks: false });
  assert.equal(document.metrics.itl, undefined);
  assert.ok(document.notes.some((note) => note.startsWith('itl left out')));
});

test('an open trace stays open; an abort ends the work', async () => {
  const reader = await openTrace(plainPath);
  try {
    await simulate({ trace: reader });
    assert.equal((await simulate({ trace: reader })).counts.offered, 200);
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    await assert.rejects(simulate({ trace: reader, signal: controller.signal }), /enough/);
  } finally {
    reader.close();
  }
});

test('the screen text fits 80 columns and names the missed objective', async () => {
  const text = formatSimulation(await simulate({ slo: parseSlo('p50(e2e) < 1ms'), replicas: 3 }));
  for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  assert.match(text, /MISSED {2}p50\(e2e\) < 1ms/);
  assert.match(text, /plain on 3 replicas of tiny-demo/);
});

test('the command writes its document and exits 5 when the SLO is missed', () => {
  const output = join(folder, 'out.json');
  const mainUrl = new URL('../../src/cli/main.js', import.meta.url).href;
  const script = `import { main } from '${mainUrl}'; process.exitCode = await main(process.argv.slice(1));`;
  const run = (...words: string[]) =>
    spawnSync(
      process.execPath,
      ['--input-type=module', '-e', script, '--', 'simulate', plainPath, '--engine', 'tiny-demo', ...words],
      { encoding: 'utf8' },
    );
  const met = run('--slo', 'p99(ttft) < 10s', '-o', output);
  assert.equal(met.status, EXIT.ok, met.stderr);
  assert.match(met.stdout, /met {5}p99\(ttft\) < 10s/);
  assert.equal((JSON.parse(readFileSync(output, 'utf8')) as SimulationDocument).sloMet, true);
  const missed = run('--slo', 'p50(ttft) < 1us', '--json');
  assert.equal(missed.status, EXIT.sloMissed, missed.stderr);
  const shown = JSON.parse(missed.stdout) as SimulationDocument;
  assert.deepEqual([shown.kind, shown.schemaVersion, shown.sloMet], ['simulation', 1, false]);
});
