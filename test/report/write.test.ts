import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EXIT, ToolError } from '../../src/errors.js';
import { renderReport } from '../../src/report/report.js';
import { writeReport } from '../../src/report/write.js';
import { writeRunRecords } from '../../src/trace/run-records.js';
import { MADE_YAML, makePlan } from './make-plan.js';
import { makeProfile } from './make-profile.js';
import { makeRun } from './make-run.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokentide-write-report-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('a run folder: the page from disk equals the page from memory', async () => {
  const dir = join(folder, 'run-1');
  const run = makeRun({ requests: 300 });
  await mkdir(dir);
  await writeFile(join(dir, 'run.json'), JSON.stringify(run.summary));
  await writeRunRecords(join(dir, 'requests.parquet'), run.records, '{}');
  const output = join(dir, 'report.html');
  for (const input of [dir, join(dir, 'run.json')]) {
    const written = await writeReport({ input, output });
    assert.equal(written.subject, 'run');
    assert.equal(written.charts, 9);
    const page = await readFile(output, 'utf8');
    assert.equal(page, renderReport({ kind: 'run', name: 'run-1', ...run }));
    assert.equal(written.bytes, Buffer.byteLength(page));
    assert.ok(page.includes(written.verdict));
  }
  await rm(join(dir, 'requests.parquet'));
  assert.equal((await writeReport({ input: dir, output })).charts, 0);
});

test('a profile file and a plan folder with its manifests', async () => {
  const profile = join(folder, 'llama.profile.json');
  await writeFile(profile, JSON.stringify(makeProfile()));
  const output = join(folder, 'page.html');
  assert.equal((await writeReport({ input: profile, output })).subject, 'latency-profile');
  assert.match(await readFile(output, 'utf8'), /<h1>llama<\/h1>/);

  const dir = join(folder, 'plan-1');
  await mkdir(dir);
  await writeFile(
    join(dir, 'plan.json'),
    JSON.stringify({ ...makePlan(), files: ['hpa.yaml', 'keda.yaml', '../secret.yaml'] }),
  );
  await writeFile(join(folder, 'secret.yaml'), 'secret: 1');
  for (const file of MADE_YAML) await writeFile(join(dir, file.name), file.content);
  await writeReport({ input: dir, output });
  const page = await readFile(output, 'utf8');
  assert.ok(page.includes('kind: HorizontalPodAutoscaler') && page.includes('kind: ScaledObject'));
  assert.doesNotMatch(page, /secret: 1/, 'files outside the plan’s folder are not read');
});

test('what is no run, profile or plan is refused with what to do', async () => {
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };
  const cases: [string, string, RegExp][] = [
    [join(folder, 'gone'), 'FILE_NOT_FOUND', /gone/],
    [folder, 'FORMAT_UNKNOWN', /neither run\.json nor plan\.json/],
    [await write('engine.json', '{"kind": "engine-model"}'), 'FORMAT_UNKNOWN', /of kind 'engine-model'/],
    [await write('x.json', '{}'), 'FORMAT_UNKNOWN', /of no kind/],
    [await write('t.log', 'GET /'), 'FORMAT_UNKNOWN', /neither JSON nor Parquet/],
    [await write('t.parquet', 'PAR1'), 'FILE_UNREADABLE', /Parquet/],
    [await write('empty.json', ''), 'FILE_EMPTY', /0 bytes/],
    [
      await write('sim2.json', '{"kind": "simulation", "schemaVersion": 2, "metrics": {}}'),
      'BAD_RESULT',
      /schema version 2/,
    ],
    [
      await write('sim1.json', '{"kind": "simulation", "schemaVersion": 1, "metrics": {}}'),
      'BAD_RESULT',
      /a simulation without manifest, trace, engine, counts, slo, notes$/,
    ],
    ...(await Promise.all(
      ['trace-comparison', 'run-comparison', 'fleet-comparison'].map(
        async (kind): Promise<[string, string, RegExp]> => [
          await write(`${kind}.json`, `{"kind": "${kind}", "schemaVersion": 1}`),
          'BAD_RESULT',
          /without manifest, /,
        ],
      ),
    )),
    [await write('run2.json', '{"kind": "run", "schemaVersion": 9}'), 'BAD_RUN', /schema version 9/],
  ];
  for (const [input, code, message] of cases) {
    const error = await writeReport({ input, output: join(folder, 'no.html') }).catch(
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof ToolError, input);
    assert.equal(error.code, code, input);
    assert.equal(error.exitCode, EXIT.badInput, input);
    assert.match(error.message, message);
  }
  await assert.rejects(readFile(join(folder, 'no.html')), /ENOENT/);
});
