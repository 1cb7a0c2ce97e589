/** The public traces, against parses that share no code with the ingest. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '../../src/manifest.js';
import { contentHashOf, openTrace } from '../../src/trace/read.js';
import type { TraceRow } from '../../src/types.js';
import { temporaryFolder } from '../trace/traces.js';
import { ingestFiles, NO_PUBLIC_TRACES, PUBLIC_TRACES } from './logs.js';

const options = { skip: NO_PUBLIC_TRACES };
const azure = (name: string): string =>
  join(PUBLIC_TRACES, `azure-llm-2023/AzureLLMInferenceTrace_${name}.csv`);
const mooncake = (name: string): string => join(PUBLIC_TRACES, `mooncake-fast25/${name}_trace.jsonl`);

/** Ticks of 100 ns since midnight: the Azure hour lies within one day. */
function ticksOf(timestamp: string): bigint {
  const [, hours, minutes, seconds, fraction] = /^2023-11-16 (\d\d):(\d\d):(\d\d)\.(\d{7})$/.exec(timestamp)!;
  return ((BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds)) * 10_000_000n + BigInt(fraction);
}

const sum = (values: readonly (number | null)[]): number =>
  values.reduce<number>((total, value) => total + (value ?? 0), 0);
const countWhere = (rows: readonly TraceRow[], holds: (row: TraceRow) => boolean): number =>
  rows.filter(holds).length;

for (const [name, rowCount, start] of [
  ['conv', 19_366, '2023-11-16T18:15:46.6805900Z'],
  ['code', 8_819, '2023-11-16T18:17:03.9799600Z'],
] as const) {
  test(`azure ${name}: rows, token sums and 100 ns ticks are those of the file`, options, async (context) => {
    const lines = readFileSync(azure(name), 'utf8')
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(','));
    const { result, rows } = await ingestFiles(context, [azure(name)]);
    assert.equal(result.format.name, 'azure-llm');
    assert.equal(result.rows, rowCount);
    assert.equal(lines.length, rowCount);
    assert.deepEqual(result.quality.rejects, []);
    assert.equal(result.meta.startUtc, start);
    assert.equal(result.meta.timeResolutionNs, 100);
    assert.equal(result.meta.arrivalBasis, 'arrival');
    assert.equal(sum(rows.map((row) => row.inputTokens)), sum(lines.map(([, input]) => Number(input))));
    assert.equal(sum(rows.map((row) => row.outputTokens)), sum(lines.map(([, , output]) => Number(output))));
    const first = ticksOf(lines[0][0]);
    lines.forEach(([timestamp, input, output], i) => {
      assert.equal(rows[i].arrivalNs, (ticksOf(timestamp) - first) * 100n);
      assert.equal(rows[i].inputTokens, Number(input));
      assert.equal(rows[i].outputTokens, Number(output));
    });
    assert.equal(result.quality.clock.gridNs, null);
    assert.match(result.quality.zoneRule, /UTC \(assumed/);
  });
}

/** What STATISTICS §1 found in each trace, as the report of its ingest must say it. */
const FACTS: readonly (readonly [string, string, readonly RegExp[]])[] = [
  [
    'azure code',
    azure('code'),
    [
      /^no grid: times written to 100 ns/m,
      /beat at 100 ms \(phase concentration R = 0\.293, chance 0\.011\)/,
      /17\.\d % of requests come within 1 ms of the one before, 0\.\d+ % would by chance/,
      /input_tokens: 3\.65 % of rows are at the very top \(7435–7437 tokens\): a cap/,
      /output_tokens: 8\.27 % of rows are exactly 6 tokens and none is shorter: a floor/,
      /17\.8 % of requests are exactly as long as one of the 50 before, 3\.63 % would be in random order/,
    ],
  ],
  [
    'azure conv',
    azure('conv'),
    [
      /^no grid: times written to 100 ns/m,
      /input_tokens: values far more frequent than their neighbours: 1312–1316 \(460\), 181 \(419\), 203 \(184\), 200 \(167\)/,
      /output_tokens: values far more frequent than their neighbours: 396 \(425\), 217 \(277\), 429 \(210\)/,
      /17(\.\d+)? % of requests are exactly as long as one of the 50 before, 12\.0 % would be in random order/,
    ],
  ],
  [
    'mooncake conversation',
    mooncake('conversation'),
    [
      /coarse clock: arrivals fall on a grid of 3 s \(90\.2 % ties/,
      /input_tokens: values far more frequent than their neighbours: 894–897 \(327\)/,
      /output_tokens: .*3 \(255\), 2000 \(30, the largest: a cap\)/,
    ],
  ],
  [
    'mooncake synthetic',
    mooncake('synthetic'),
    [
      /^no grid: times written to 1 ms/m,
      /input_tokens: values far more frequent than their neighbours: 13 \(28\), 4414 \(9\)/,
      /output_tokens: values far more frequent than their neighbours: 2 \(232\)/,
    ],
  ],
];

for (const [name, file, facts] of FACTS) {
  test(`${name}: the report states what is known of the trace`, options, async (context) => {
    const { result } = await ingestFiles(context, [file]);
    const { clock, notes } = result.quality;
    const said = [clock.finding, ...notes].join('\n');
    for (const fact of facts) assert.match(said, fact);
    assert.deepEqual(result.meta.quality, result.quality, 'and the trace carries it');
  });
}

test('what drifts shows by quarter: rates and means of STATISTICS §1', options, async (context) => {
  const { result } = await ingestFiles(context, [mooncake('synthetic')]);
  const quarters = result.quality.quarters!;
  assert.deepEqual(
    [quarters[0], quarters[3]].map(({ meanInputTokens, meanOutputTokens }) => [
      Math.round(meanInputTokens!),
      Math.round(meanOutputTokens!),
    ]),
    [
      [11_965, 195],
      [20_357, 69],
    ],
  );
  const conversation = await ingestFiles(context, [mooncake('conversation')]);
  const rates = conversation.result.quality.quarters!.map(({ ratePerSec }) => ratePerSec.toFixed(2));
  assert.deepEqual([rates[0], rates[3]], ['3.00', '3.68']);
});

test('silences of the code trace are listed, longest first', options, async (context) => {
  const { result } = await ingestFiles(context, [azure('code')]);
  const silences = result.quality.silences!;
  assert.equal(silences.length, 3);
  assert.ok(silences.every((silence, i) => i === 0 || silence.lengthNs <= silences[i - 1].lengthNs));
  const none = await ingestFiles(context, [azure('conv')]);
  assert.deepEqual(none.result.quality.silences, []);
});

interface MooncakeLine {
  readonly timestamp: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly hash_ids: readonly number[];
}

for (const [name, rowCount] of [
  ['conversation', 12_031],
  ['synthetic', 3_993],
] as const) {
  test(`mooncake ${name}: rows, lengths and block ids are those of the file`, options, async (context) => {
    const lines = readFileSync(mooncake(name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as MooncakeLine);
    const { result, rows } = await ingestFiles(context, [mooncake(name)]);
    assert.equal(result.format.name, 'mooncake');
    assert.equal(result.rows, rowCount);
    assert.equal(result.meta.startUtc, null);
    assert.equal(result.meta.blockSize, 512);
    assert.deepEqual(result.quality.rejects, []);
    const inOrder = lines.every((line, i) => i === 0 || line.timestamp >= lines[i - 1].timestamp);
    assert.equal(result.quality.outOfOrderRows === 0, inOrder);
    const start = Math.min(...lines.map((line) => line.timestamp));
    // Rows of one instant come in an order that does not depend on the file's.
    const keyOf = (values: readonly unknown[]): string => values.join(' ').padStart(20, '0');
    const expected = lines.map((line) =>
      keyOf([
        BigInt(line.timestamp - start) * 1_000_000n,
        line.input_length,
        line.output_length,
        line.hash_ids,
      ]),
    );
    const found = rows.map((row) =>
      keyOf([row.arrivalNs, row.inputTokens, row.outputTokens, row.blockHashes!]),
    );
    assert.deepEqual(found.sort(), expected.sort());
    assert.ok(rows.every((row, i) => i === 0 || row.arrivalNs >= rows[i - 1].arrivalNs));
  });
}

test('mooncake conversation: the 3 s grid of the clock is found and said', options, async (context) => {
  const { result, rows } = await ingestFiles(context, [mooncake('conversation')]);
  const { clock } = result.quality;
  assert.equal(clock.gridNs, 3_000_000_000);
  assert.match(clock.finding, /coarse clock: arrivals fall on a grid of 3 s/);
  const ties = countWhere(rows.slice(1), (row) => row.arrivalNs === rows[rows.indexOf(row) - 1].arrivalNs);
  assert.equal(clock.tieShare, ties / (rows.length - 1));
  const synthetic = await ingestFiles(context, [mooncake('synthetic')]);
  assert.equal(synthetic.result.quality.clock.gridNs, null);
});

test("the host's time zone has no influence on a byte of the trace", options, (context) => {
  const folder = temporaryFolder(context);
  const module = fileURLToPath(new URL('../../src/ingest/ingest.js', import.meta.url));
  const sums = ['UTC', 'America/New_York', 'Asia/Tokyo'].map((TZ, i) => {
    const output = join(folder, `${i}.parquet`);
    const script = `import { ingest } from ${JSON.stringify(module)};
      await ingest({ inputs: [${JSON.stringify(azure('code'))}], output: ${JSON.stringify(output)} });`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TZ },
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stderr);
    return sha256Hex(readFileSync(output));
  });
  assert.equal(new Set(sums).size, 1);
});

test('what the file says about itself is what was returned', options, async (context) => {
  const { result, output } = await ingestFiles(context, [azure('code')], {
    name: 'azure code',
    compat: 'parquetjs',
  });
  const reader = await openTrace(output);
  assert.deepEqual(reader.meta, result.meta);
  assert.equal(await contentHashOf(reader), result.contentHash);
  assert.equal(reader.meta.name, 'azure code');
  assert.equal(reader.meta.manifest.inputs[0].sha256, sha256Hex(readFileSync(azure('code'))));
  assert.equal(reader.meta.manifest.createdUtc, null);
  reader.close();
});

test('split in pieces and read together, a log gives the rows of the whole', options, async (context) => {
  const { writeFileSync } = await import('node:fs');
  const folder = temporaryFolder(context);
  const [header, ...lines] = readFileSync(azure('code'), 'utf8').trim().split('\r\n');
  const pieces = Array.from({ length: 10 }, (_, i) => {
    const path = join(folder, `piece-${i}.csv`);
    writeFileSync(path, `${[header, ...lines.slice(i * 900, (i + 1) * 900)].join('\n')}\n`);
    return path;
  });
  const whole = await ingestFiles(context, [azure('code')]);
  const joined = await ingestFiles(context, pieces);
  assert.equal(joined.result.contentHash, whole.result.contentHash);
  assert.equal(joined.result.quality.outOfOrderRows, 0);
  // Rotated files are read in the order of their first arrivals, however they are given.
  const reversed = await ingestFiles(context, [...pieces].reverse());
  assert.equal(reversed.result.contentHash, whole.result.contentHash);
  assert.equal(reversed.result.quality.outOfOrderRows, 0);
  assert.deepEqual(readFileSync(reversed.output), readFileSync(joined.output));
});
