/** `tokentide recover` on runs whose client was killed: what the server told meanwhile is in them, as in finished ones. */
import assert from 'node:assert/strict';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { main } from '../../src/cli/main.js';
import { EXIT } from '../../src/errors.js';
import { readRun } from '../../src/replay/run-folder.js';
import { readServerSamples, SERVER_JSONL } from '../../src/replay/server-log.js';
import { createScriptedEndpoint } from '../../src/replay/testing/scripted-endpoint.js';
import { readReportInput } from '../../src/report/read.js';
import { resultOf, startCommand } from './processes.js';
import { answer, freshDir, rowsAt, writeRows } from './scripted-run.js';

test('a run that was killed keeps the server’s gauges up to then, summarised and aligned', async () => {
  let scrapes = 0;
  const endpoint = await createScriptedEndpoint({
    script: (request) => answer(request),
    pages: {
      '/metrics': () => {
        scrapes += 1;
        return [
          `vllm:num_requests_running ${scrapes}`,
          `vllm:generation_tokens_total ${100 * scrapes}`,
          `vllm:prefix_cache_hits_total ${scrapes}`,
          `vllm:prefix_cache_queries_total ${4 * scrapes}`,
        ].join('\n');
      },
    },
  });
  const dir = freshDir();
  const trace = `${dir}.parquet`;
  await writeRows(trace, rowsAt(Array.from({ length: 1_200 }, (_, i) => i * 50)));
  try {
    const client = startCommand(['replay', trace, '--url', endpoint.url, '-o', dir, '--quiet']);
    const ended = resultOf(client);
    while ((await readServerSamples(dir)).length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    client.kill('SIGKILL');
    await ended;
  } finally {
    await endpoint.close();
  }
  // A scrape that was being written is lost, and nothing else.
  await appendFile(join(dir, SERVER_JSONL), '{"at_ns":9000000000,"source":"server","val');
  const before = await readRun(dir);
  assert.equal(await main(['recover', dir, '--force', '--quiet', '--json']), EXIT.ok);
  const { summary, records } = await readRun(dir);
  const samples = await readServerSamples(dir);
  const running = samples.map(({ values }) => values!['running']);
  const n = samples.length;
  assert.ok(n >= 3 && records.length > 0 && records.length < 1_200);
  assert.deepEqual(
    running,
    running.map((_, i) => running[0] + i),
  );
  const common = { samples: n, failedScrapes: 0 };
  assert.deepEqual(summary.server, {
    gauges: [
      {
        ...common,
        name: 'running',
        source: 'vllm:num_requests_running',
        mean: running[0] + (n - 1) / 2,
        max: running[n - 1],
        last: running[n - 1],
      },
      {
        ...common,
        name: 'generation_tokens',
        source: 'vllm:generation_tokens_total',
        mean: null,
        max: null,
        last: 100 * (n - 1),
      },
      {
        ...common,
        name: 'prefix_hit',
        source: 'vllm:prefix_cache_hits_total',
        mean: 0.25,
        max: null,
        last: null,
      },
    ],
  });
  assert.deepEqual(before.summary.server, summary.server, 'as before it was recovered');
  const report = await readReportInput(dir);
  assert.ok(report.kind === 'run' && report.server?.length === n, 'the page draws them');
  assert.ok((await readFile(join(dir, 'run.json'), 'utf8')).includes('vllm:num_requests_running'));
});
