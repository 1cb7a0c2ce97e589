/** The published schemas: what the types say now, and what the files that commands write really hold. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { STARTER_FILES } from '../../src/cli/experiment/starter.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { openTrace } from '../../src/trace/read.js';
import { makeSchemas } from '../tools/schemas.js';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'tokentide-schemas-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function validator(name: string): ValidateFunction {
  const text = readFileSync(new URL(`schemas/${name}.schema.json`, PACKAGE_ROOT), 'utf8');
  return new Ajv({ allErrors: true, strict: false, validateFormats: false }).compile(JSON.parse(text));
}

function assertValid(name: string, document: unknown): void {
  const validate = validator(name);
  assert.ok(
    validate(document),
    validate.errors
      ?.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`)
      .join('\n'),
  );
}

const readJson = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));

test('schemas/ holds what the types and option tables say now (else: npm run schemas)', async () => {
  const made = await makeSchemas();
  assert.deepEqual(readdirSync(new URL('schemas/', PACKAGE_ROOT)).sort(), [...made.keys()].sort());
  for (const [name, text] of made)
    assert.equal(readFileSync(new URL(`schemas/${name}`, PACKAGE_ROOT), 'utf8'), text, name);
});

const EXPERIMENT = `steps:
  - synthesize: { model: w.yaml, output: a.parquet, seed: 1 }
  - name: other seed
    synthesize: { model: w.yaml, output: b.parquet, seed: 2 }
  - fit: { trace: a.parquet, output: m.json }
  - compare: { a: a.parquet, b: b.parquet, output: traces.json }
    allow: [5]
  - simulate: { trace: a.parquet, engine: tiny-demo, output: s.json }
  - name: two fleets
    simulate: { trace: a.parquet, engine: tiny-demo, versus: replicas=2, output: v.json }
  - name: virtual profile
    profile: { workload: m.json, engine: tiny-demo, virtual: true, slo: p99(ttft) < 1s, rates: '5,10', output: p.json, duration: 20s }
  - plan: { workload: a.parquet, engine: tiny-demo, slo: p99(ttft) < 1s, price: 2.5/h, output: plan }
  - serve: { engine: tiny-demo, port: PORT }
  - replay: { trace: a.parquet, url: 'http://127.0.0.1:PORT', window: 0s..3s, output: run-a, noTrial: true }
    allow: [6]
  - name: again
    replay: { trace: a.parquet, url: 'http://127.0.0.1:PORT', window: 0s..3s, output: run-b, noTrial: true }
    allow: [6]
  - name: two runs
    compare: { a: run-a, b: run-b, output: runs.json }
    allow: [5, 6]
`;

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

before(async () => {
  writeFileSync(
    join(folder, 'w.yaml'),
    'rate: 10/s\nduration: 60s\ninput: lognormal p50 200 p99 900\noutput: lognormal p50 20 p99 90\n',
  );
  writeFileSync(join(folder, 'e.yaml'), EXPERIMENT.replaceAll('PORT', String(await freePort())));
  const code = `const { main } = await import(${JSON.stringify(MAIN)}); process.exitCode = await main(['run', ${JSON.stringify(join(folder, 'e.yaml'))}]);`;
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stdout + result.stderr);
});

for (const [schema, file] of [
  ['workload-model', 'm.json'],
  ['trace-comparison', 'traces.json'],
  ['simulation', 's.json'],
  ['fleet-comparison', 'v.json'],
  ['latency-profile', 'p.json'],
  ['capacity-plan', 'plan/plan.json'],
  ['run', 'run-a/run.json'],
  ['run-comparison', 'runs.json'],
  ['experiment-result', 'e.result.json'],
]) {
  test(`${file} follows ${schema}.schema.json, and a wrong key in it does not`, () => {
    const document = readJson(file) as Record<string, unknown>;
    assertValid(schema, document);
    assert.equal(validator(schema)({ ...document, unheardOf: 1 }), false);
  });
}

test('the metadata of a trace follows trace-metadata.schema.json', async () => {
  const trace = await openTrace(join(folder, 'a.parquet'));
  try {
    assertValid('trace-metadata', JSON.parse(JSON.stringify(trace.meta)));
  } finally {
    await trace.close();
  }
});

test('bundled models and engines follow their schemas', () => {
  const models = fileURLToPath(new URL('models/', PACKAGE_ROOT));
  for (const name of readdirSync(models).filter((name) => name.endsWith('.json'))) {
    const schema = name.endsWith('.engine.json') ? 'engine-model' : 'workload-model';
    assertValid(schema, JSON.parse(readFileSync(join(models, name), 'utf8')));
  }
});

test('experiments that run follow experiment.schema.json; mistakes do not', () => {
  assertValid('experiment', parse(EXPERIMENT.replaceAll('PORT', '8000')));
  for (const { name, text } of STARTER_FILES)
    if (name === 'experiment.yaml') assertValid('experiment', parse(text));
  const wrong = validator('experiment');
  assert.equal(wrong({ steps: [] }), false);
  assert.equal(wrong({ steps: [{ fit: { trase: 'a.parquet' } }] }), false);
  assert.equal(wrong({ steps: [{ plan: { workload: 'a', router: 'no-such' } }] }), false);
});
