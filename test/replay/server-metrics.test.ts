/** Prometheus pages and one vocabulary for several servers. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { parsePrometheus } from '../../src/replay/prometheus.js';
import { openScraper } from '../../src/replay/scrape.js';
import { readServerSamples, summarizeServerLog } from '../../src/replay/server-log.js';
import { summarizeServer, valuesOf } from '../../src/replay/server-metrics.js';
import { createScriptedEndpoint } from '../../src/replay/testing/scripted-endpoint.js';
import type { ServerSample } from '../../src/types.js';
import { answer, replay, rowsAt } from './scripted-run.js';

const metricsOf = (...pages: (string | null)[]) => {
  const samples = pages.map(
    (page, i): ServerSample => ({
      atNs: i,
      source: 'server',
      ...(page === null ? { values: null } : valuesOf(parsePrometheus(page))),
    }),
  );
  return new Map(summarizeServer(samples).map((gauge) => [gauge.name, gauge]));
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

test('a page behind a key is asked with it', async () => {
  const keys: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    keys.push(headers.authorization);
    response.statusCode = headers.authorization === 'Bearer k-1' ? 200 : 401;
    response.end('vllm:num_requests_running 2\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  try {
    assert.equal(await openScraper(url, false), null, 'without the key there is no page');
    const asked: string[] = [];
    const scraper = await openScraper(url, true, {
      headersOf: (page) => {
        asked.push(page);
        return ['Authorization', 'Bearer k-1'];
      },
    });
    scraper!.start();
    const [running] = await scraper!.stop();
    assert.deepEqual([running.name, running.max, running.failedScrapes], ['running', 2, 0]);
    assert.ok(asked.every((page) => page === url));
    assert.deepEqual(keys, [undefined, ...asked.map(() => 'Bearer k-1')]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test('Triton with TensorRT-LLM: one family, many quantities by label', () => {
  const page = (used: number): string => `
nv_trt_llm_request_metrics{model="m",request_type="waiting",version="1"} 3
nv_trt_llm_request_metrics{model="m",request_type="scheduled",version="1"} 5
nv_trt_llm_request_metrics{model="m",request_type="max",version="1"} 512
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="m"} ${used}
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="m"} 400
nv_inference_request_success{model="m"} ${used}
nv_inference_pending_request_count{model="m"} 9
nv_gpu_utilization{gpu_uuid="a"} 0.5
nv_gpu_utilization{gpu_uuid="b"} 1
nv_gpu_power_usage{gpu_uuid="a"} 300
nv_gpu_power_usage{gpu_uuid="b"} 350
`;
  const gauges = metricsOf(page(100), page(300));
  assert.deepEqual(
    ['running', 'waiting', 'kv_usage', 'gpu_usage', 'gpu_power_watts'].map((name) => gauges.get(name)?.last),
    [5, 3, 0.75, 0.75, 650],
  );
  assert.equal(gauges.get('requests_finished')?.last, 200);
  assert.equal(metricsOf('nv_inference_pending_request_count 9').get('waiting')?.mean, 9);
});

test('DCGM: use as a share, power in watts over all GPUs, energy in joules by growth', () => {
  const page = (energyMj: number): string => `
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1"} 90
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2"} 70
DCGM_FI_DEV_POWER_USAGE{gpu="0"} 401.5
DCGM_FI_DEV_POWER_USAGE{gpu="1"} 300
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0"} ${energyMj}
DCGM_FI_DEV_FB_USED{gpu="0"} 2
DCGM_FI_PROF_SM_ACTIVE{gpu="0"} 0.25
`;
  const gauges = metricsOf(page(1_000_000), page(3_500_000));
  assert.equal(gauges.get('gpu_usage')?.mean, 0.8);
  assert.equal(gauges.get('gpu_power_watts')?.max, 701.5);
  assert.equal(gauges.get('gpu_energy_joules')?.last, 2_500);
  assert.equal(gauges.get('gpu_memory_bytes')?.last, 2_097_152);
  assert.equal(gauges.get('gpu_sm_active')?.last, 0.25);
});

test('several replicas: requests add up, shares average, and one that fails makes the sample unknown', async () => {
  let down = false;
  const pageOf = (running: number, usage: number) => (): string =>
    `vllm:num_requests_running ${running}\nvllm:kv_cache_usage_perc ${usage}\n`;
  const first = await createScriptedEndpoint({ script: () => null, pages: { '/metrics': pageOf(3, 0.2) } });
  const second = await createScriptedEndpoint({
    script: () => null,
    pages: { '/metrics': () => (down ? '' : pageOf(5, 0.6)()) },
  });
  const samples: ServerSample[] = [];
  try {
    const urls = [`${first.url}/metrics`, `${second.url}/metrics`];
    const scraper = (await openScraper(urls, true, {
      everyMs: 60_000,
      onSample: (one) => samples.push(one),
    }))!;
    scraper.start(0);
    const gauges = new Map((await scraper.stop()).map((gauge) => [gauge.name, gauge]));
    assert.equal(gauges.get('running')?.last, 8);
    assert.ok(Math.abs(gauges.get('kv_usage')!.last! - 0.4) < 1e-12);
    assert.deepEqual(Object.keys(samples[0].values!), ['running', 'kv_usage']);
    assert.ok(samples[0].atNs > 0 && samples[0].atNs <= samples[1].atNs);
    down = true;
    await second.close();
    samples.length = 0;
    const broken = openScraper(urls, true, {});
    await assert.rejects(broken, { code: 'ENDPOINT_UNREACHABLE' });
    assert.equal(await openScraper(urls, false, {}), null);
  } finally {
    await first.close();
    if (!down) await second.close();
  }
});

test('a run keeps the server’s gauges over time, with failures as null, beside their summaries', async () => {
  let scrapes = 0;
  const { summary, dir } = await replay((request) => answer(request), {
    rows: rowsAt([0, 2_100]),
    metricsUrl: null,
    pages: {
      '/metrics': () => {
        scrapes += 1;
        // The first two ask whether there is a page at all, and for the server's limits.
        return scrapes === 4 ? '' : `vllm:num_requests_running ${scrapes}\n`;
      },
    },
  });
  const samples = await readServerSamples(dir);
  assert.ok(samples.length >= 3);
  assert.deepEqual(samples[0].values, { running: 3 });
  assert.deepEqual(
    samples.map(({ source }) => source),
    samples.map(() => 'server'),
  );
  assert.ok(samples.every(({ atNs }, i) => i === 0 || atNs > samples[i - 1].atNs));
  assert.equal(summary.server!.gauges[0].name, 'running');
  assert.equal(
    summary.server!.gauges[0].samples,
    samples.filter(({ values }) => values?.['running'] !== undefined).length,
  );
  assert.deepEqual(
    await summarizeServerLog(dir),
    summary.server!.gauges,
    'the file says all that the summary says',
  );
  assert.deepEqual(
    samples.map(({ metrics }) => metrics),
    samples.map((_, i) => (i === 0 ? { running: 'vllm:num_requests_running' } : undefined)),
    'names are written once',
  );
});
