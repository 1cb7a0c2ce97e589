/** The self-test and its server: what it tells of this machine adds up, and the server's clock is in every answer. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { selfTestLines } from '../../src/cli/commands/self-test.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import { readNullServerId, startNullServer } from '../../src/replay/self-test/null-server.js';
import { STREAM_TOKENS, selfTest } from '../../src/replay/self-test/self-test.js';
import { freshDir, rowsAt } from './scripted-run.js';

test('the null server answers whole and in streams, with its own clock in the id', async () => {
  const server = await startNullServer({ gapMs: 5 });
  const outDir = freshDir();
  try {
    const rows = rowsAt(Array.from({ length: 40 }, (_, i) => i * 10)).map((row, i) => ({
      ...row,
      stream: i % 2 === 0,
    }));
    const summary = await replayTrace({
      trace: { name: 'null', rows, blockSize: null },
      url: `http://127.0.0.1:${server.port}`,
      outDir,
      model: 'null',
      trial: false,
      warmUpCode: false,
      metricsUrl: 'none',
    });
    assert.deepEqual(summary.counts.byStatus, { ok: 40 });
    const { records } = await readRun(outDir);
    for (const record of records) {
      assert.equal(record.outputTokens, record.maxOutputTokens);
      const server = readNullServerId(record.responseId)!;
      assert.equal(server.ttftNs > 0, record.stream);
      // One clock: the first token cannot be read before it was written.
      if (record.stream) assert.ok(record.firstTokenNs! - record.sentNs! >= server.ttftNs - 1e6);
    }
    assert.equal(readNullServerId('chatcmpl-1'), null);
  } finally {
    server.close();
  }
});

test('the self-test tries rising rates until one fails, and vouches for the last that passed', async () => {
  const workDir = await mkdtemp(join(tmpdir(), 'tokentide-self-test-'));
  try {
    const result = await selfTest({
      replay: async (options) => {
        const summary = await replayTrace(options);
        return { summary, records: (await readRun(options.outDir)).records };
      },
      workDir,
      secPerStep: 1.2,
      rates: { short: [20, 60_000], streams: [5] },
    });
    const ofLoad = (load: string) => result.steps.filter((step) => step.load === load);
    for (const step of result.steps) {
      assert.equal(step.pass, step.because === null);
      assert.equal(step.ttftErrorP99Ms === null, step.load === 'short');
      assert.equal(step.chunksPerSec, step.ratePerSec * (step.load === 'streams' ? STREAM_TOKENS : 1));
      assert.ok(step.sendLagP99Ms! >= step.sendLagP50Ms!);
    }
    // No machine sends 60 000/s from one sender on time.
    assert.equal(ofLoad('short').at(-1)!.pass, false);
    assert.equal(result.ceilingFound.short, true);
    const passed = ofLoad('short').filter(({ pass }) => pass);
    assert.equal(result.highestPerSec.short, passed.at(-1)?.ratePerSec ?? null);
    const text = selfTestLines(result).join('\n');
    assert.match(text, /short requests/);
    assert.ok(
      selfTestLines(result)
        .slice(0, result.steps.length + 2)
        .every((line) => [...line].length <= 80),
    );
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
});
