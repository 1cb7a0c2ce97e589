/** Prometheus pages and one vocabulary for several servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrometheus } from '../../src/replay/prometheus.js';
import { openScraper } from '../../src/replay/scrape.js';
import { ServerMetrics } from '../../src/replay/server-metrics.js';
import { createScriptedEndpoint } from '../../src/replay/testing/scripted-endpoint.js';

const metricsOf = (...pages: (string | null)[]) => {
  const metrics = new ServerMetrics();
  for (const page of pages) metrics.add(page === null ? null : parsePrometheus(page));
  return new Map(metrics.summarize().map((gauge) => [gauge.name, gauge]));
};

test('the text format: labels with braces and quotes, timestamps, comments, what is no number', () => {
  const page = parsePrometheus(
    [
      '# HELP a Something.',
      '# TYPE a gauge',
      'a 1',
      'a{x="}\\"{ 5"} 2.5 1700000000',
      'b{le="+Inf"} 3e2',
      'nan NaN',
      'inf +Inf',
      'bad',
      '  ',
      '{x="y"} 4',
    ].join('\r\n'),
  );
  assert.deepEqual(
    [...page],
    [
      ['a', [1, 2.5]],
      ['b', [300]],
    ],
  );
});

test('vLLM: old and new names, replicas added up or averaged, counters by growth', () => {
  const page = (running: number, kv: number, tokens: number, hits: number, queries: number): string => `
vllm:num_requests_running{engine="0"} ${running}
vllm:num_requests_running{engine="1"} ${running + 2}
vllm:kv_cache_usage_perc{engine="0"} ${kv}
vllm:kv_cache_usage_perc{engine="1"} ${kv + 0.2}
vllm:gpu_cache_usage_perc{engine="0"} 0.99
vllm:generation_tokens_total{engine="0"} ${tokens}
vllm:generation_tokens_total{engine="1"} ${tokens}
vllm:prefix_cache_hits_total ${hits}
vllm:prefix_cache_queries_total ${queries}
`;
  const gauges = metricsOf(page(1, 0.1, 100, 10, 100), null, page(3, 0.3, 400, 70, 200));
  assert.deepEqual(gauges.get('running'), {
    name: 'running',
    source: 'vllm:num_requests_running',
    samples: 2,
    failedScrapes: 1,
    mean: 6,
    max: 8,
    last: 8,
  });
  const kv = gauges.get('kv_usage')!;
  assert.equal(kv.source, 'vllm:kv_cache_usage_perc');
  assert.ok(Math.abs(kv.mean! - 0.3) < 1e-12 && Math.abs(kv.max! - 0.4) < 1e-12);
  assert.deepEqual(
    [gauges.get('generation_tokens')?.last, gauges.get('generation_tokens')?.mean],
    [600, null],
  );
  assert.equal(gauges.get('prefix_hit')?.mean, 0.6);
  assert.equal(gauges.has('waiting'), false);
  assert.equal(
    metricsOf('vllm:gpu_cache_usage_perc 0.5').get('kv_usage')?.source,
    'vllm:gpu_cache_usage_perc',
  );
});

test('SGLang, TGI and llama.cpp in the same words', () => {
  const sglang = metricsOf(
    'sglang:num_running_reqs 4\nsglang:num_queue_reqs 2\nsglang:token_usage 0.5\nsglang:cache_hit_rate 0.25',
  );
  assert.deepEqual(
    ['running', 'waiting', 'kv_usage', 'prefix_hit'].map((name) => sglang.get(name)?.mean),
    [4, 2, 0.5, 0.25],
  );
  const tgi = metricsOf('tgi_batch_current_size 3\ntgi_queue_size 1');
  assert.deepEqual([tgi.get('running')?.mean, tgi.get('waiting')?.mean], [3, 1]);
  const llama = metricsOf('llamacpp:requests_processing 1\nllamacpp:requests_deferred 7');
  assert.deepEqual([llama.get('running')?.mean, llama.get('waiting')?.mean], [1, 7]);
});

test('a server that restarts counts from zero; one scrape gives no growth; nothing known gives nothing', () => {
  const counter = (value: number): string => `vllm:num_preemptions_total ${value}`;
  assert.equal(metricsOf(counter(5), counter(9), counter(2)).get('preemptions')?.last, 6);
  assert.equal(metricsOf(counter(5)).get('preemptions')?.last, null);
  assert.equal(metricsOf('other 1').size, 0);
  assert.equal(metricsOf(null, null).size, 0);
});

test('a page that was asked for must answer; the guessed one may be missing; failures are counted', async () => {
  let page = 'vllm:num_requests_running 2';
  const endpoint = await createScriptedEndpoint({
    script: () => null,
    pages: { '/metrics': () => page },
  });
  try {
    assert.equal(await openScraper(`${endpoint.url}/nothing`, false), null);
    await assert.rejects(openScraper(`${endpoint.url}/nothing`, true), { code: 'ENDPOINT_UNREACHABLE' });
    const scraper = (await openScraper(`${endpoint.url}/metrics`, false, { everyMs: 5 }))!;
    scraper.start();
    page = 'vllm:num_requests_running 4';
    const [running] = await scraper.stop();
    assert.deepEqual([running.name, running.failedScrapes, running.max], ['running', 0, 4]);
  } finally {
    await endpoint.close();
  }
});
