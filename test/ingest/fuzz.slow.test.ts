/**
 * A hundred thousand damaged logs, every format and every reader: each ends with rows that add up, or with a ToolError.
 * The readers run in memory (no trace is written), which is what makes so many possible; fuzz.prop.test.ts writes too.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ToolError } from '../../src/errors.js';
import { chooseFormatOf, formatByName, viewFor } from '../../src/ingest/detect.js';
import type { KnownFormat, Sample } from '../../src/ingest/format.js';
import { openFormat } from '../../src/ingest/handler.js';
import { findWrapping, unwrapSample } from '../../src/ingest/log-wrapping.js';
import { Pseudonyms } from '../../src/ingest/pseudonyms.js';
import { RecordPump } from '../../src/ingest/record-pump.js';
import { RejectTable } from '../../src/ingest/rejects.js';
import type { RowBlock } from '../../src/ingest/row-block.js';
import { takeSamples } from '../../src/ingest/sample.js';
import { RowTally } from '../../src/ingest/tally.js';
import { TimeReader } from '../../src/ingest/time.js';
import { parseZone } from '../../src/ingest/zone.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { randomOf } from '../../src/random.js';

const SAMPLES = fileURLToPath(new URL('traces/samples/', PACKAGE_ROOT));
const RUNS = 100_000;
const ZONES = ['UTC', 'Europe/Berlin', '-08:00'].map(parseZone);
const TOKENS = [
  '"',
  ',',
  '\n',
  '\r\n',
  '{',
  '}',
  '[',
  ']',
  ':',
  '-',
  '\\',
  '\\u12',
  '\0',
  '\ufeff',
  'null',
  'NaN',
  'true',
  '1e308',
  '-1',
  '0.5',
  '9'.repeat(30),
  '18446744073709551616',
  '""',
  '{}',
  '[]',
  '{"records":[',
  '\u001b[31m',
  '2026-02-30T25:61:61Z',
  '\ud83d\ude00',
].map((text) => Buffer.from(text));

const logs = readdirSync(SAMPLES)
  .filter((file) => /\.(csv|jsonl|json|log)$/.test(file) && !/\.expected\.json$|^mapped-/.test(file))
  .map((file) => ({
    file,
    bytes: readFileSync(join(SAMPLES, file)),
    format: (
      JSON.parse(readFileSync(join(SAMPLES, `${file.split('.')[0]}.expected.json`), 'utf8')) as {
        format: string;
      }
    ).format,
  }));

/** Other shapes of the same bytes. */
function reshaped(bytes: Buffer, draw: (below: number) => number): Buffer {
  const text = bytes.toString('utf8');
  const lines = text.trim().split('\n');
  switch (draw(8)) {
    case 0:
      return Buffer.from(`[${lines.join(',\n')}]`);
    case 1:
      return Buffer.from(`{"records": [${lines.join(',')}]}`);
    case 2:
      return Buffer.from(lines.map((line) => `2026-01-01T00:00:00.1Z stdout F ${line}\n`).join(''));
    case 3:
      return Buffer.from(
        lines.map((line) => `${JSON.stringify({ MESSAGE: line, _HOSTNAME: 'h' })}\n`).join(''),
      );
    case 4:
      return Buffer.from(JSON.stringify({ events: lines.map((message) => ({ message, eventId: '1' })) }));
    default:
      return bytes;
  }
}

function damaged(bytes: Buffer, draw: (below: number) => number): Buffer {
  let result = bytes;
  for (let changes = 1 + draw(4); changes > 0; changes--) {
    const at = draw(result.length + 1);
    const [head, tail] = [result.subarray(0, at), result.subarray(at)];
    const token = TOKENS[draw(TOKENS.length)];
    switch (draw(6)) {
      case 0:
        result = Buffer.concat([head, token, tail]);
        break;
      case 1:
        result = Buffer.concat([head, tail.subarray(draw(40))]);
        break;
      case 2:
        result = Buffer.concat([head, token, tail.subarray(token.length)]);
        break;
      case 3:
        result = Buffer.concat([head, tail.subarray(0, draw(200)), tail]);
        break;
      case 4:
        result = Buffer.from(result);
        if (at < result.length) result[at] = draw(256);
        break;
      default:
        result = draw(4) === 0 ? head : result;
    }
  }
  return result;
}

function read(format: KnownFormat, sample: Sample, bytes: Buffer, draw: (below: number) => number): number {
  const blocks: RowBlock[] = [];
  const rejects = new RejectTable(false);
  const tally = new RowTally();
  const state = {
    rows: { add: (block: RowBlock) => blocks.push(block) },
    rejects,
    tally,
    times: new TimeReader(ZONES[draw(ZONES.length)]),
  };
  const handler = openFormat(format, new Pseudonyms('k'), (text) => text.length);
  const pump = new RecordPump(format, handler, state, 32);
  pump.begin(sample);
  const cut = draw(bytes.length + 1);
  pump.feed(bytes.subarray(0, cut));
  pump.feed(bytes.subarray(cut));
  pump.endInput(draw(8) === 0);
  pump.finish();
  const rows = blocks.reduce((sum, block) => sum + block.rowCount, 0);
  assert.equal(rows, pump.rowCount);
  for (const { secs, nanos } of blocks) {
    assert.ok(secs.every((sec) => Number.isSafeInteger(sec)));
    assert.ok(nanos.every((nano) => nano >= 0 && nano < 1e9));
  }
  const rejected = rejects.list().reduce((sum, reject) => sum + reject.rows, 0);
  assert.equal(rejected, rejects.total);
  return rows;
}

test(`${RUNS} damaged logs end with clean rows or a ToolError`, { timeout: 600_000 }, () => {
  const rng = randomOf('ingest fuzz', 'lengths');
  const draw = (below: number): number => Math.floor(rng.uniform() * below);
  let refused = 0;
  let rows = 0;
  for (let run = 0; run < RUNS; run++) {
    const { file, bytes, format: name } = logs[run % logs.length];
    const content = damaged(reshaped(bytes, draw), draw);
    if (content.length === 0) continue;
    try {
      const wrapping = findWrapping(content);
      const bare = wrapping === null ? content : unwrapSample(content, wrapping);
      const views = takeSamples(file, bare);
      const isGiven = draw(8) > 0;
      const format = isGiven ? formatByName(name) : chooseFormatOf(views).format;
      rows += read(format, viewFor(format, views), bare, draw);
    } catch (error) {
      assert.ok(
        error instanceof ToolError,
        `${file}, run ${run}: ${String((error as Error).stack ?? error)}`,
      );
      refused += 1;
    }
  }
  assert.ok(refused > RUNS / 1_000 && refused < RUNS / 2, `${refused} refused`);
  assert.ok(rows > RUNS, `${rows} rows`);
});
