/**
 * Replay against a real Ollama server on the CPU with a tiny random model: its own generate and chat and the protocols
 * that it serves beside them. Counts and endings are those of its answers' text and its request log. Skips with the
 * reason when it is not there.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { emptyRow } from '../../src/trace/batch.js';
import { writeTinyModel } from '../llama/tiny-model.js';
import { freePort } from '../replay/processes.js';
import {
  assertAllOk,
  distinctRows,
  findEngine,
  replayed,
  type Started,
  scratchFolder,
  startEngine,
} from './engines.js';

const home = findEngine('ollama', 'bin/ollama');
const skip =
  home === null &&
  'no Ollama: put its binary into .venv/engines/ollama/bin (src/docs/protocols.md says how it is built)';

const REQUESTS = 12;
const CONTEXT_TOKENS = 512;
const scratch = home === null ? null : scratchFolder('ollama');
let url = '';
let server: Started;
before(async () => {
  if (home === null || scratch === null) return;
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const model = join(scratch.path, 'tiny.gguf');
  writeTinyModel(model);
  const binary = join(home, 'bin/ollama');
  const env = {
    HOME: scratch.path,
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: join(scratch.path, 'models'),
    OLLAMA_CONTEXT_LENGTH: String(CONTEXT_TOKENS),
    OLLAMA_NUM_PARALLEL: '1',
    OLLAMA_NO_CLOUD: '1',
  };
  server = await startEngine({
    command: binary,
    words: ['serve'],
    env,
    folder: scratch.path,
    readyUrl: `${url}/api/version`,
    limitSec: 30,
  });
  const recipe = join(scratch.path, 'Modelfile');
  writeFileSync(recipe, `FROM ${model}\n`);
  const made = spawnSync(binary, ['create', 'tiny', '-f', recipe], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.equal(made.status, 0, made.stderr);
  // Loads the model, which the first request would wait for.
  const rows = [emptyRow({ arrivalNs: 0n, inputTokens: 5, outputTokens: 2, operation: 'chat' })];
  const { records } = await replayed(join(scratch.path, 'load'), rows, { url, protocol: 'ollama-generate' });
  assert.equal(records[0].status, 'ok', `${records[0].error} ${server.log().slice(-3_000)}`);
});
after(async () => {
  await server?.stop();
  scratch?.remove();
});

const PATHS = {
  'ollama-generate': '/api/generate',
  'ollama-chat': '/api/chat',
  'openai-chat': '/v1/chat/completions',
  'openai-completions': '/v1/completions',
  'openai-responses': '/v1/responses',
  'anthropic-messages': '/v1/messages',
} as const;

for (const [protocol, path] of Object.entries(PATHS)) {
  for (const stream of ['always', 'never'] as const) {
    test(`${protocol}, stream ${stream}: every request is answered to its length`, { skip }, async () => {
      const answered = (): number =>
        server
          .log()
          .split('\n')
          .filter((line) => line.includes(' 200 ') && line.endsWith(`"${path}"`)).length;
      const known = answered();
      const { records } = await replayed(
        join(scratch!.path, `${protocol}-${stream}`),
        distinctRows(`${protocol}-${stream}`, REQUESTS, 20),
        { url, protocol, stream },
      );
      assertAllOk(records, REQUESTS);
      for (const record of records) {
        assert.equal(record.inputTokens, record.inputTokensAsked);
        assert.equal(record.outputTokens, record.maxOutputTokens);
        assert.equal(record.outputTokensSource, 'usage');
        if (stream === 'always') assert.ok(record.chunks > 0 && record.chunks <= record.outputTokens!);
      }
      assert.equal(answered() - known, REQUESTS, 'in its own log');
    });
  }
}

test('a prompt longer than the context is refused, not cut', { skip }, async () => {
  const rows = [
    emptyRow({ arrivalNs: 0n, inputTokens: CONTEXT_TOKENS + 100, outputTokens: 4, operation: 'chat' }),
  ];
  for (const protocol of ['ollama-generate', 'ollama-chat']) {
    const { records } = await replayed(join(scratch!.path, `long-${protocol}`), rows, { url, protocol });
    assert.deepEqual([records[0].status, records[0].inputTokens], ['http_error', null]);
    assert.match(records[0].error!, /context/);
  }
});
