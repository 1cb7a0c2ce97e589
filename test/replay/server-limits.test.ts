/** What servers say of themselves, from pages as they answer them. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { limitNotes, readServerLimits, serverLimits } from '../../src/replay/server-limits.js';

const pages = (known: Readonly<Record<string, string>>) => async (path: string) => known[path] ?? null;

test('vLLM: blocks from the cache configuration, context from the model list', async () => {
  const metrics = [
    '# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig',
    'vllm:cache_config_info{block_size="16",cache_dtype="auto",calculate_kv_scales="False",cpu_offload_gb="0",engine="0",num_cpu_blocks="None",num_gpu_blocks="27899",num_gpu_blocks_override="None"} 1.0',
  ].join('\n');
  const models = JSON.stringify({ data: [{ id: 'llama', max_model_len: 8192 }] });
  const { limits, told } = await serverLimits(pages({ '/metrics': metrics, '/v1/models': models }));
  assert.deepEqual(limits, { kvBlocks: 27_899, blockSize: 16, maxModelLen: 8_192 });
  assert.deepEqual(told, [
    'kvBlocks 27899 (/metrics)',
    'blockSize 16 (/metrics)',
    'maxModelLen 8192 (/v1/models)',
  ]);
});

test('SGLang: pool, running requests and chunk size; minus one means not set', async () => {
  const info = JSON.stringify({
    max_total_num_tokens: 1_000_000,
    page_size: 64,
    max_running_requests: 512,
    chunked_prefill_size: -1,
    context_length: null,
  });
  const { limits } = await serverLimits(pages({ '/get_server_info': info }));
  assert.deepEqual(limits, { kvBlocks: 15_625, blockSize: 64, maxSeqs: 512 });
});

test('TGI and llama.cpp', async () => {
  const tgi = JSON.stringify({
    max_total_tokens: 4096,
    max_batch_prefill_tokens: 8192,
    max_batch_size: null,
  });
  assert.deepEqual((await serverLimits(pages({ '/info': tgi }))).limits, {
    maxModelLen: 4_096,
    maxBatchedTokens: 8_192,
  });
  const props = JSON.stringify({ total_slots: 8, default_generation_settings: { n_ctx: 1_000 } });
  assert.deepEqual((await serverLimits(pages({ '/props': props }))).limits, {
    maxSeqs: 8,
    maxModelLen: 1_000,
    kvBlocks: 8 * 63,
    blockSize: 16,
  });
});

test('pages of other things tell nothing', async () => {
  const odd = {
    '/metrics': 'up 1',
    '/v1/models': '[]',
    '/info': '<html>',
    '/props': '{"total_slots":"many"}',
  };
  assert.deepEqual(await serverLimits(pages(odd)), { limits: {}, told: [] });
});

test('over HTTP: an error status or a closed port tells nothing, and nothing is thrown', async () => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/v1/models' ? 200 : 404;
    response.end('{"data":[{"max_model_len":77}]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.deepEqual((await readServerLimits(`${url}/v1/chat`)).limits, { maxModelLen: 77 });
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual((await readServerLimits(url)).limits, {});
});

test('addresses that tell the same, or of which one tells nothing, need no word', () => {
  const urls = ['http://a:1/v1', 'http://b:1/v1', 'http://c:1/v1'];
  assert.deepEqual(limitNotes(urls, [{ maxSeqs: 8 }, { maxSeqs: 8, kvBlocks: 9 }, {}]), []);
  assert.deepEqual(limitNotes([urls[0]], [{ maxSeqs: 8 }]), []);
  assert.deepEqual(limitNotes(urls, []), []);
  const [note, ...more] = limitNotes(urls, [{ maxSeqs: 8 }, { maxSeqs: 9 }, { maxSeqs: 8 }]);
  assert.match(note, /maxSeqs 8 \(a:1, c:1\), 9 \(b:1\);/);
  assert.deepEqual(more, []);
});
