/** `tokentide compare` over real files: what is read, what is printed, and the exit status. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { command } from '../../src/cli/commands/compare.js';
import { resolveOptions } from '../../src/cli/options.js';
import type { ComparableTrace } from '../../src/compare/columns.js';
import type { RunInput } from '../../src/compare/runs.js';
import { EXIT, ToolError } from '../../src/errors.js';
import { writeReport } from '../../src/report/write.js';
import { writeJson } from '../../src/trace/files.js';
import { writeRunRecords } from '../../src/trace/run-records.js';
import { writeTrace } from '../../src/trace/write.js';
import type { RunComparison, TraceComparison } from '../../src/types.js';
import { META, temporaryFolder } from '../trace/traces.js';
import { madeRun } from './made-runs.js';
import { toyTraffic } from './toys.js';

interface Outcome<Document> {
  readonly status: number;
  readonly text: string;
  readonly notes: string;
  readonly document: Document;
}

async function compare<Document = TraceComparison>(
  args: readonly string[],
  flags: Record<string, unknown> = {},
): Promise<Outcome<Document>> {
  const lines: string[] = [];
  const notes: string[] = [];
  const documents: object[] = [];
  const status = await command.run({
    args,
    options: await resolveOptions(command, flags),
    signal: new AbortController().signal,
    io: {
      json: false,
      quiet: false,
      interactive: false,
      colour: false,
      print: (text) => lines.push(text),
      result: (document) => documents.push(document),
      note: (text) => notes.push(text),
      progress: () => undefined,
    },
  });
  return { status, text: lines.join('\n'), notes: notes.join('\n'), document: documents[0] as Document };
}

async function traceFile(folder: string, trace: ComparableTrace, blocks: boolean): Promise<string> {
  const path = join(folder, `${trace.name}.parquet`);
  const n = trace.arrivalSec.length;
  await writeTrace({
    path,
    meta: {
      ...META,
      name: trace.name,
      arrivalBasis: trace.synthetic ? 'synthetic' : 'arrival',
      blockSize: blocks ? 1_000 : null,
    },
    batches: [
      {
        rowCount: n,
        arrivalNs: BigInt64Array.from(trace.arrivalSec, (t) => BigInt(Math.round(t * 1e9))),
        inputTokens: { values: trace.inputTokens, valid: null },
        outputTokens: { values: trace.outputTokens, valid: null },
        ...(blocks
          ? {
              blockHashes: {
                // One block each: half of the requests share one of four.
                offsets: Uint32Array.from({ length: n + 1 }, (_, row) => row),
                values: BigUint64Array.from({ length: n }, (_, row) =>
                  BigInt(row % 2 === 0 ? row % 8 : 1e6 + row),
                ),
                valid: null,
              },
            }
          : {}),
      },
    ],
  });
  return path;
}

async function traces(
  context: TestContext,
  blocks = false,
): Promise<{ a: string; b: string; longer: string }> {
  const folder = temporaryFolder(context);
  return {
    a: await traceFile(folder, toyTraffic({ seed: 'real', durationSec: 900 }), blocks),
    b: await traceFile(folder, toyTraffic({ seed: 'other', durationSec: 900, synthetic: true }), blocks),
    longer: await traceFile(
      folder,
      toyTraffic({ seed: 'longer', durationSec: 900, synthetic: true, inputMedian: 1_000 }),
      false,
    ),
  };
}

const QUICK = { repeats: '10', resamples: '3' };

test('two trace files: table, document with both inputs hashed, status 0; the same on disk with -o', async (context) => {
  const { a, b } = await traces(context, true);
  const output = join(a, '..', 'out.json');
  const page = join(a, '..', 'out.html');
  const { status, text, document } = await compare([a, b], { ...QUICK, output: [output, page] });
  assert.equal(status, EXIT.ok);
  assert.match(text, /^real {7}real: 1 \d{3} requests, 15 min/m);
  assert.match(text, /^ {2}ttft_p99_ratio /m);
  assert.match(text, /^ {2}lru_maxdiff /m);
  for (const line of text.split('\n')) assert.ok([...line].length <= 80, line);
  assert.equal(document.kind, 'trace-comparison');
  assert.deepEqual(
    document.manifest.inputs.map((input) => input.name),
    ['real.parquet', 'other.parquet'],
  );
  assert.match(document.a.hash, /^[0-9a-f]{64}$/);
  // Every second request has one of four blocks, all but the first of each are hits.
  const hits = document.metrics.find((metric) => metric.id === 'inf_hit_diff')!.a!;
  const rows = document.a.comparedRows;
  assert.equal(hits, (Math.ceil(rows / 2) - 4) / rows);
  assert.deepEqual(JSON.parse(readFileSync(output, 'utf8')), JSON.parse(JSON.stringify(document)));
  const html = readFileSync(page, 'utf8');
  assert.match(html, /<title>Comparison of two traces: other against real/);
  for (const metric of document.metrics) assert.ok(html.includes(`<code>${metric.id}</code>`), metric.id);
  const later = join(a, '..', 'later.html');
  await writeReport({ input: output, output: later });
  const body = (of: string): string => of.slice(of.indexOf('<section id="verdict"'));
  assert.equal(body(readFileSync(later, 'utf8')), body(html), 'the saved JSON alone gives the same page');
});

test('--strict: status 5 when a metric fails, 0 for a trace against itself', async (context) => {
  const { a, longer } = await traces(context);
  const flags = { ...QUICK, strict: true, engine: 'none' };
  const failing = await compare([a, longer], flags);
  assert.equal(failing.status, EXIT.sloMissed);
  assert.match(failing.text, /^ {2}ks_in .*FAIL$/m);
  assert.equal((await compare([a, longer], { ...flags, strict: false })).status, EXIT.ok);
  assert.equal((await compare([a, a], flags)).status, EXIT.ok);
});

test('--engine and --slo set the serving check; its speed meets them', async (context) => {
  const { a, b } = await traces(context);
  const { document } = await compare([a, b], {
    ...QUICK,
    engine: 'llama3-8b-h100-published',
    slo: ['p90(e2e) < 2s'],
  });
  assert.equal(document.serving!.engine.name, 'llama3-8b-h100-published');
  assert.equal(document.serving!.objective, 'p90(e2e) < 2s');
  assert.ok(document.serving!.speed > 0);
});

async function runFolder(folder: string, run: RunInput): Promise<string> {
  const path = join(folder, run.name);
  mkdirSync(path);
  await writeRunRecords(join(path, 'requests.parquet'), run.records, '{}');
  await writeJson(join(path, 'run.json'), run.summary);
  return path;
}

test('two run folders: table, verdict, status; 5 with --strict when worse, 6 when invalid', async (context) => {
  const folder = temporaryFolder(context);
  const before = await runFolder(folder, madeRun({ trace: 't', noise: 'before' }));
  const after = await runFolder(folder, madeRun({ trace: 't', noise: 'after', speed: 0.85 }));
  const late = await runFolder(folder, madeRun({ trace: 't', noise: 'late', valid: false }));
  const flags = { resamples: '300' };
  const page = join(folder, 'runs.html');
  const { status, text, document } = await compare<RunComparison>([before, join(after, 'run.json')], {
    ...flags,
    output: [page, join(folder, 'runs.md')],
  });
  assert.match(readFileSync(join(folder, 'runs.md'), 'utf8'), /^## Worse: after falls behind before$/m);
  assert.match(readFileSync(page, 'utf8'), /Worse: after falls behind before/);
  assert.equal(status, EXIT.ok);
  assert.equal(document.kind, 'run-comparison');
  assert.equal(document.verdict.verdict, 'worse');
  assert.match(text, /^worse$/m);
  assert.match(text, /^tpot p50 .*WORSE$/m);
  for (const line of text.split('\n')) assert.ok([...line].length <= 80, line);
  assert.equal((await compare([before, after], { ...flags, strict: true })).status, EXIT.sloMissed);
  assert.equal((await compare([after, before], { ...flags, strict: true })).status, EXIT.ok);
  assert.equal((await compare([before, late], { ...flags, strict: true })).status, EXIT.runInvalid);
});

test('a run beside a trace, nothing at a path, and a folder without a run are refused', async (context) => {
  const { a } = await traces(context);
  const folder = temporaryFolder(context);
  const refused = (args: readonly string[], code: string, message: RegExp) =>
    assert.rejects(
      compare(args, QUICK),
      (error: unknown) => error instanceof ToolError && error.code === code && message.test(error.message),
    );
  await refused([a, folder], 'USAGE', /expected two traces or two runs, got a trace and a run/);
  await refused([a, join(folder, 'none.parquet')], 'FILE_NOT_FOUND', /no trace or run at .*none\.parquet/);
  await refused([folder, folder], 'FILE_NOT_FOUND', /run\.json/);
});
