/** Timing on real clocks and sockets. Cases F23, F31 and the measured halves of F05, F07. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, test } from 'node:test';
import { percentileSorted, ttft } from '../../src/metrics.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import {
  chatDone,
  chatRole,
  chatStop,
  chatToken,
  chatUsage,
  type Script,
  type ScriptedAnswer,
} from '../../src/replay/testing/script.js';
import { createScriptedEndpoint } from '../../src/replay/testing/scripted-endpoint.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { RunRecord, RunSummary } from '../../src/types.js';
import { nsToMs } from '../../src/units.js';

let root = '';
let runs = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'tokentide-timing-'));
});
after(() => rm(root, { recursive: true }));

/** Time that this process was ready to run but had no core, ns; 0 where the system does not tell. */
function coreWaitNs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]);
  } catch {
    return 0;
  }
}

async function replay(
  script: Script,
  timesMs: readonly number[],
  options: Partial<ReplayOptions> = {},
): Promise<{ records: readonly RunRecord[]; summary: RunSummary; maxOpen: number; idle: boolean }> {
  const waitedNs = coreWaitNs();
  const startMs = performance.now();
  const endpoint = await createScriptedEndpoint({ script });
  const outDir = join(root, `run-${++runs}`);
  try {
    const rows = timesMs.map((ms) =>
      emptyRow({ arrivalNs: BigInt(ms * 1e6), inputTokens: 8, outputTokens: 2, operation: 'chat' }),
    );
    const summary = await replayTrace({
      trace: { name: 't', rows, blockSize: null },
      url: endpoint.url,
      outDir,
      trial: false,
      metricsUrl: 'none',
      ...options,
    });
    const ownShare = (coreWaitNs() - waitedNs) / ((performance.now() - startMs) * 1e6);
    // Wall-clock limits hold for an idle machine; a run beside others is told and not judged.
    const idle = Math.max(ownShare, summary.client.cpuWaitShare ?? 0) < 0.03;
    return { records: (await readRun(outDir)).records, summary, maxOpen: endpoint.maxOpen, idle };
  } finally {
    await endpoint.close();
  }
}

const at = (atMs: number): ScriptedAnswer => ({
  steps: [
    { atMs, write: chatToken('a') + chatToken('b') + chatStop() + chatUsage(8, 2) + chatDone() },
    { atMs, end: 'complete' },
  ],
});

test('F23: 1000 rows 5 ms apart do not drift', async (context) => {
  const { records, summary, idle } = await replay(
    () => at(0),
    Array.from({ length: 1_000 }, (_, i) => i * 5),
  );
  const lags = records.map((one) => nsToMs(one.sentNs! - one.intendedNs));
  const spanSec = (records[999].sentNs! - records[0].sentNs!) / 1e9;
  const meanIndex = 499.5;
  const meanLag = lags.reduce((sum, lag) => sum + lag, 0) / 1_000;
  const slopeUs =
    (lags.reduce((sum, lag, i) => sum + (i - meanIndex) * (lag - meanLag), 0) /
      lags.reduce((sum, _, i) => sum + (i - meanIndex) ** 2, 0)) *
    1_000;
  const p99 = percentileSorted(Float64Array.from(lags).sort(), 0.99)!;
  context.diagnostic(
    `last send ${(records[999].sentNs! / 1e6).toFixed(2)} ms, rate ${(999 / spanSec).toFixed(2)}/s, lag p99 ${p99.toFixed(3)} ms, slope ${slopeUs.toFixed(4)} µs per request`,
  );
  assert.deepEqual(summary.counts.byStatus, { ok: 1_000 });
  if (!idle) {
    context.diagnostic('the machine was not idle: timing is not asserted');
    return;
  }
  assert.ok(Math.abs(records[999].sentNs! / 1e6 - 4_995) < 10);
  assert.ok(Math.abs(999 / spanSec - 200) < 0.5);
  assert.ok(p99 <= 5);
  assert.ok(Math.abs(slopeUs) < 1);
});

test('F31: 300 requests at once are 300 in flight at the server, and its time is not stretched', async (context) => {
  const { records, summary, maxOpen, idle } = await replay(() => at(2_000), Array(300).fill(0));
  const values = records.map((one) => ttft(one) as number).sort((a, b) => a - b);
  context.diagnostic(`most at once ${maxOpen}, TTFT p99 ${percentileSorted(values, 0.99)!.toFixed(1)} ms`);
  assert.equal(maxOpen, 300);
  assert.deepEqual(summary.counts.byStatus, { ok: 300 });
  if (idle) assert.ok(percentileSorted(values, 0.99)! <= 2_050);
});

test('F05, F07: roles, usage and the end mark move no instant of a token', async (context) => {
  const script: Script = () => ({
    steps: [
      { atMs: 5, write: chatRole() },
      { atMs: 305, write: chatToken('x') },
      { atMs: 325, write: chatToken('y') },
      { atMs: 326, write: chatStop() },
      { atMs: 900, write: chatUsage(8, 2) },
      { atMs: 901, write: chatDone() },
      { atMs: 901, end: 'complete' },
    ],
  });
  const { records, idle } = await replay(script, [0, 300, 600, 900]);
  for (const one of records) {
    const since = (ns: number | null): number => nsToMs(ns! - one.sentNs!);
    context.diagnostic(
      `head ${since(one.firstByteNs).toFixed(1)}, first token ${since(one.firstTokenNs).toFixed(1)}, last ${since(one.lastTokenNs).toFixed(1)}, end ${since(one.endNs).toFixed(1)} ms`,
    );
    assert.deepEqual([one.status, one.outputTokens, one.chunks], ['ok', 2, 2]);
    if (!idle) continue;
    for (const [ns, ms] of [
      [one.firstByteNs, 5],
      [one.firstTokenNs, 305],
      [one.lastTokenNs, 325],
      [one.endNs, 901],
    ] as const) {
      assert.ok(Math.abs(since(ns) - ms) <= 5, `${since(ns)} is not ${ms} ± 5`);
    }
  }
});

test('F37: limits cut where they say, and keep what came', async () => {
  const stream: ScriptedAnswer = {
    steps: [
      ...Array.from({ length: 30 }, (_, i) => ({ atMs: (i + 1) * 100, write: chatToken(' word') })),
      { atMs: 3_000, write: chatStop() + chatDone() },
      { atMs: 3_000, end: 'complete' as const },
    ],
  };
  const healthy = await replay(() => stream, [0], { timeoutIdleSec: 1 });
  assert.equal(healthy.records[0].status, 'ok');
  // Margins are what each side was late by its own measure: the server in this process, the limits in the sender's.
  const serverLoop = monitorEventLoopDelay({ resolution: 5 });
  serverLoop.enable();
  const cut = await replay(() => stream, [0, 1], { timeoutTotalSec: 2 });
  serverLoop.disable();
  const serverLateMs = nsToMs(serverLoop.max);
  const senderLateMs = cut.summary.client.loopDelayMaxMs! + (cut.summary.client.gcMaxMs ?? 0);
  for (const one of cut.records) {
    assert.equal(one.status, 'timeout_total');
    // Never early; late by the sweep of limits (20 ms) and what held the sender up.
    assert.ok(nsToMs(one.endNs! - one.intendedNs) >= 2_000);
    const elapsedMs = nsToMs(one.endNs! - one.sentNs!);
    assert.ok(elapsedMs <= 2_050 + senderLateMs, `${elapsedMs} ms, the sender was late by ${senderLateMs}`);
    const most = elapsedMs / 100 + 0.1;
    const least = (elapsedMs - serverLateMs - senderLateMs) / 100 - 1;
    assert.ok(
      one.outputTokens! <= most && one.outputTokens! >= least,
      `${one.outputTokens} tokens in ${elapsedMs} ms, late by ${serverLateMs} and ${senderLateMs}`,
    );
  }
});
