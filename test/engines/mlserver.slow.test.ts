/**
 * Replay against a real MLServer (the reference server of KServe's v2 protocol, on uvicorn): counts are those of the
 * model's own log, refusals are http errors. Skips with the reason when it is not installed.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../replay/processes.js';
import {
  assertAllOk,
  distinctRows,
  findEngine,
  MODELS,
  replayed,
  type Started,
  scratchFolder,
  startEngine,
} from './engines.js';

const home = findEngine('mlserver', 'bin/mlserver');
const skip =
  home === null &&
  'no MLServer: python3 -m venv .venv/engines/mlserver && .venv/engines/mlserver/bin/pip install mlserver';

const REQUESTS = 24;
const scratch = home === null ? null : scratchFolder('mlserver');
let url = '';
let server: Started;
before(async () => {
  if (home === null || scratch === null) return;
  const [port, grpcPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  url = `http://127.0.0.1:${port}`;
  const models = join(scratch.path, 'models');
  mkdirSync(models);
  copyFileSync(join(MODELS, 'mlserver_llm.py'), join(models, 'mlserver_llm.py'));
  const settings = {
    host: '127.0.0.1',
    http_port: port,
    grpc_port: grpcPort,
    metrics_port: metricsPort,
    parallel_workers: 0,
  };
  writeFileSync(join(models, 'settings.json'), JSON.stringify(settings));
  const model = { name: 'words', implementation: 'mlserver_llm.WordModel' };
  writeFileSync(join(models, 'model-settings.json'), JSON.stringify(model));
  server = await startEngine({
    command: join(home, 'bin/mlserver'),
    words: ['start', models],
    env: { LOG_FILE: join(scratch.path, 'model.log'), PYTHONPATH: models },
    folder: scratch.path,
    readyUrl: `${url}/v2/health/ready`,
    limitSec: 60,
  });
});
after(async () => {
  await server?.stop();
  scratch?.remove();
});

test('kserve-v2: counts are the model’s own', { skip }, async () => {
  const { records, summary } = await replayed(
    join(scratch!.path, 'run'),
    distinctRows('mlserver', REQUESTS, 20),
    { url, protocol: 'kserve-v2', model: 'words', stream: 'never' },
  );
  assertAllOk(records, REQUESTS);
  assert.deepEqual(summary.promptTokens, { compared: REQUESTS, exact: REQUESTS, meanSignedError: 0 });
  const logged = readFileSync(join(scratch!.path, 'model.log'), 'utf8').trimEnd().split('\n');
  const outputOf = new Map(
    logged.map((line) => {
      const { input, output } = JSON.parse(line) as { input: number; output: number };
      return [input, output];
    }),
  );
  assert.equal(outputOf.size, REQUESTS);
  for (const record of records) {
    assert.equal(record.outputTokens, outputOf.get(record.inputTokens!));
    assert.equal(record.outputTokens, record.maxOutputTokens);
    assert.equal(record.outputTokensSource, 'usage');
    assert.equal(record.finishReason, 'stop');
  }
});

test('a model that is not there is refused', { skip }, async () => {
  const { records } = await replayed(join(scratch!.path, 'missing'), distinctRows('missing', 1, 20), {
    url,
    protocol: 'kserve-v2',
    model: 'nobody',
    stream: 'never',
  });
  assert.deepEqual([records[0].status, records[0].httpStatus], ['http_error', 404]);
  assert.match(records[0].error!, /nobody/);
});
