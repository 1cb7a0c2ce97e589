/** What inspecting a trace shows of its ingest, its bursts and its shape; comparisons and fleets on one screen. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEngineModel } from '../../src/engine/model.js';
import { type InspectResult, inspectFile } from '../../src/inspect/inspect.js';
import { barChart, plainText } from '../../src/inspect/text.js';
import { simulateTrace } from '../../src/simulate/simulate.js';
import { countsPerWindow, dispersionIndex } from '../../src/stats/dispersion.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { readTraceRows } from '../../src/trace/read.js';
import { writeTrace } from '../../src/trace/write.js';
import { ingestFiles, NO_PUBLIC_TRACES, PUBLIC_TRACES } from '../ingest/logs.js';
import { MADE_TRACE, MADE_TRACE_META, makeDocuments } from '../report/make-documents.js';
import { temporaryFolder } from '../trace/traces.js';

const flat = ({ lines }: InspectResult): string => lines.join(' ').replace(/\s+/g, ' ');

function fits({ lines }: InspectResult): void {
  for (const line of lines) assert.ok([...line].length <= 80, `${[...line].length} columns: ${line}`);
  assert.doesNotMatch(lines.join('\n'), /undefined|NaN|Infinity|\[object/);
}

test('the whole quality report of an ingest is shown', async (context) => {
  const path = join(temporaryFolder(context), 't.parquet');
  const rows = Array.from({ length: 30 }, (_, i) =>
    emptyRow({ arrivalNs: BigInt(i) * 1_000_000_000n, inputTokens: i + 1, outputTokens: 2 ** (i % 5) }),
  );
  await writeTrace({ path, meta: MADE_TRACE_META, batches: [batchFromRows(rows)] });
  const result = await inspectFile(path);
  fits(result);
  const text = flat(result);
  for (const part of [
    '1 212 rows in, 1 200 kept',
    "12 × output tokens are negative: '-4' (first: gateway <1>.csv, line 7)",
    '3 out of order, 0 delivered twice, 1 look alike, 480 at the instant of the one before',
    'UTC (assumed: no zone in the source)',
    '200 1 180, 503 20',
    '30 s at 2 min',
    'times lie on a grid of 100 ms',
    'output_tokens: 40 rows lie at the cap',
  ])
    assert.ok(text.includes(part), part);
});

test('dispersion by window is that of the counts, and of the public trace', async (context) => {
  const result = await inspectFile(MADE_TRACE);
  assert.ok(result.subject === 'trace');
  const seconds = (await readTraceRows(MADE_TRACE)).map(({ arrivalNs }) => Number(arrivalNs) / 1e9);
  for (const { windowSec, value } of result.facts.dispersion) {
    const from = seconds.map((sec) => sec - seconds[0]);
    const expected = dispersionIndex(countsPerWindow(from, windowSec, from[from.length - 1]));
    if (value !== null) assert.ok(Math.abs(value - expected!) < 1e-9, `${windowSec} s: ${value} ${expected}`);
  }
  assert.ok(result.facts.dispersion[0].value !== null);
  const short = join(temporaryFolder(context), 'short.parquet');
  const rows = [0n, 3_000_000_000n].map((arrivalNs) => emptyRow({ arrivalNs }));
  await writeTrace({ path: short, meta: MADE_TRACE_META, batches: [batchFromRows(rows)] });
  const brief = await inspectFile(short);
  assert.ok(brief.subject === 'trace');
  assert.ok(
    brief.facts.dispersion.every(({ value }) => value === null),
    'too few windows say nothing',
  );
  assert.doesNotMatch(flat(brief), /index of dispersion/);
});

test('azure code: 13.2, 71.9 and 167 at 1, 10 and 60 s', { skip: NO_PUBLIC_TRACES }, async (context) => {
  const { output } = await ingestFiles(context, [
    join(PUBLIC_TRACES, 'azure-llm-2023/AzureLLMInferenceTrace_code.csv'),
  ]);
  const result = await inspectFile(output);
  fits(result);
  assert.match(flat(result), /index of dispersion 13\.2 in 1 s, 71\.9 in 10 s, 167 in 60 s/);
  assert.match(flat(result), /silence 3\.62 min at 47\.6 min/);
});

test('charts: heights in eighths of a line, empty cells empty, everything sayable in ASCII', async () => {
  assert.deepEqual(barChart([0, 1, 2, 16], 2), ['   █', ' ▁▂█']);
  assert.deepEqual(barChart([0, 0], 2), ['  ', '  ']);
  assert.equal(plainText('▁▅█ 3 × a · 4 µs – b … 1 000 ☃'), '.|# 3 x a * 4 us - b ~ 1 000 ?');
  const ascii = await inspectFile(MADE_TRACE, { ascii: true });
  fits(ascii);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII
  assert.match(ascii.lines.join('\n'), /^[\x00-\x7f]*$/);
  assert.match(ascii.lines.join('\n'), /[.:|#]{10}/);
});

test('simulations and comparisons of every kind, on one screen', async (context) => {
  const folder = temporaryFolder(context);
  const expected: Readonly<Record<string, RegExp>> = {
    simulation: /fleet 2 × /,
    'autoscaled simulation': /scaling hpa, 1 replicas at first.* replica-hours/,
    fleets: /other \d × .* at most, autoscaled.*other − base n mean/,
    'traces alike': /verdict faithful|judged \d+ of \d+ metrics/,
    'traces different': /verdict different.*DIFFERS/,
    'run worse': /quantity a b b − a 95 % from to/,
  };
  for (const [name, input] of Object.entries(await makeDocuments())) {
    if (!(name in expected) || !('document' in input)) continue;
    const path = join(folder, `${name.replaceAll(' ', '-')}.json`);
    writeFileSync(path, JSON.stringify(input.document));
    const result = await inspectFile(path);
    assert.equal(result.subject, input.kind);
    fits(result);
    assert.ok(result.lines.length <= 45, `${result.lines.length} lines`);
    assert.match(flat(result), expected[name], name);
  }
});

test('prefill and decode pools are shown apart', async (context) => {
  const engine = await readEngineModel('llama3-8b-h100-published');
  const { document } = await simulateTrace({ trace: MADE_TRACE, engine, replicas: 2, seed: 1 });
  const pool = {
    engine: engine.name,
    replicas: 2,
    router: document.router,
    utilisation: 0.5,
    running: document.running,
    waiting: document.waiting,
    kvUsage: document.kvUsage,
    preemptions: 0,
    queueWaitMs: document.queueWaitMs,
  };
  const path = join(temporaryFolder(context), 'sim.json');
  writeFileSync(
    path,
    JSON.stringify({
      ...document,
      disaggregated: { prefill: pool, decode: { ...pool, replicas: 3 }, meanTransferMs: 12 },
    }),
  );
  const result = await inspectFile(path);
  fits(result);
  assert.match(
    flat(result),
    /prefill 2 × llama3-8b-h100-published, busy 50\.0 %.*decode 3 × .*KV travels 12/,
  );
});
