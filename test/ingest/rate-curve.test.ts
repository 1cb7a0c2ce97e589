/** Usage exports as rate curves: pages of the API, and the dashboard's CSV with several rows for one bucket. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeRateCurve } from '../../src/ingest/rate-curve.js';
import { temporaryFolder } from '../trace/traces.js';

const result = (requests: number, input: number, cached: number, output: number) => ({
  object: 'organization.usage.completions.result',
  num_model_requests: requests,
  input_tokens: input,
  input_cached_tokens: cached,
  output_tokens: output,
});
const bucket = (start: number, results: object[]) => ({
  object: 'bucket',
  start_time: start,
  end_time: start + 60,
  results,
});
const START = 1_730_419_200;
const EXPECTED = [
  'start_utc,end_utc,requests,rate_per_sec,mean_input_tokens,mean_cached_tokens,mean_output_tokens',
  '2024-11-01T00:00:00Z,2024-11-01T00:01:00Z,6,0.1,200,50,10',
  // An empty list of results is a rate of zero.
  '2024-11-01T00:01:00Z,2024-11-01T00:02:00Z,0,0,,,',
  '2024-11-01T00:02:00Z,2024-11-01T00:03:00Z,3,0.05,7,0,1',
  '',
].join('\n');

test('pages in any order and the dashboard CSV give one curve', async (context) => {
  const folder = temporaryFolder(context);
  const first = { data: [bucket(START, [result(2, 600, 100, 20), result(4, 600, 200, 40)])] };
  const rest = { data: [bucket(START + 60, []), bucket(START + 120, [result(3, 21, 0, 3)])] };
  const csv = [
    'start_time,end_time,model,num_model_requests,input_tokens,input_cached_tokens,output_tokens',
    `${START},${START + 60},a,2,600,100,20`,
    `${START},${START + 60},b,4,600,200,40`,
    `${START + 60},${START + 120},,,,,`,
    `${START + 120},${START + 180},a,3,21,0,3`,
  ].join('\n');
  const files = {
    'one.json': JSON.stringify(rest),
    'two.json': JSON.stringify(first, null, 2),
    'pages.jsonl': `${JSON.stringify(rest)}\n${JSON.stringify(first)}\n`,
    'usage.csv': csv,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const output = join(folder, 'rate.csv');
  for (const names of [['one.json', 'two.json'], ['pages.jsonl'], ['usage.csv']]) {
    const curve = await writeRateCurve({ inputs: names.map((name) => join(folder, name)), output });
    assert.equal(readFileSync(output, 'utf8'), EXPECTED, names.join());
    assert.deepEqual(
      [curve.buckets, curve.bucketSec, curve.requests, curve.startUtc],
      [3, 60, 9, '2024-11-01T00:00:00Z'],
    );
  }
});

test('what is no usage export is refused', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'log.jsonl');
  writeFileSync(path, '{"timestamp":0,"input_length":1,"output_length":1}\n');
  await assert.rejects(writeRateCurve({ inputs: [path], output: join(folder, 'rate.csv') }), {
    code: 'FORMAT_UNKNOWN',
    message: /no usage export/,
  });
});
