/** Timing on real clocks and sockets. Cases F23, F31 and the measured halves of F05, F07. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, type TestContext, test } from 'node:test';
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
import { watchMachine } from '../machine.js';

let root = '';
let runs = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'tokentide-timing-'));
});
after(() => rm(root, { recursive: true }));

/** Runs at most of what is judged by the wall clock: one may meet a neighbour. */
const RUNS = 2;

/**
 * Judges timing by the best of two runs. Each gives what it found wrong, an empty list for nothing; where both did and the
 * machine was not quiet, that is told and nothing is asserted.
 */
async function judgeTiming(context: TestContext, run: () => Promise<readonly string[]>): Promise<void> {
  const misses: string[] = [];
  for (let attempt = 1; attempt <= RUNS; attempt++) {
    const machine = await watchMachine();
    const wrong = await run();
    if (wrong.length === 0) return;
    const busy = await machine.reason();
    if (busy !== null) {
      context.diagnostic(`timing is not asserted: ${busy} (${wrong.join(', ')})`);
      return;
    }
    misses.push(wrong.join(', '));
  }
  assert.fail(`timing within its limits in one of: ${misses.join('; ')}`);
}

const within = (name: string, value: number, target: number, margin: number): string[] =>
  Math.abs(value - target) <= margin ? [] : [`${name} ${value} is not ${target} ± ${margin}`];

async function replay(
  script: Script,
  timesMs: readonly number[],
  options: Partial<ReplayOptions> = {},
): Promise<{ records: readonly RunRecord[]; summary: RunSummary; maxOpen: number }> {
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
    return { records: (await readRun(outDir)).records, summary, maxOpen: endpoint.maxOpen };
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

test('F23: 1000 rows 5 ms apart do not drift', (context) =>
  judgeTiming(context, async () => {
    const { records, summary } = await replay(
      () => at(0),
      Array.from({ length: 1_000 }, (_, i) => i * 5),
    );
    const lags = records.map((one) => nsToMs(one.sentNs! - one.intendedNs));
    const lastMs = records[999].sentNs! / 1e6;
    const ratePerSec = 999 / ((records[999].sentNs! - records[0].sentNs!) / 1e9);
    const meanIndex = 499.5;
    const meanLag = lags.reduce((sum, lag) => sum + lag, 0) / 1_000;
    const slopeUs =
      (lags.reduce((sum, lag, i) => sum + (i - meanIndex) * (lag - meanLag), 0) /
        lags.reduce((sum, _, i) => sum + (i - meanIndex) ** 2, 0)) *
      1_000;
    const p99 = percentileSorted(Float64Array.from(lags).sort(), 0.99)!;
    context.diagnostic(
      `last send ${lastMs.toFixed(2)} ms, rate ${ratePerSec.toFixed(2)}/s, lag p99 ${p99.toFixed(3)} ms, slope ${slopeUs.toFixed(4)} µs per request`,
    );
    assert.deepEqual(summary.counts.byStatus, { ok: 1_000 });
    return [
      ...within('last send, ms:', lastMs, 4_995, 10),
      ...within('rate, 1/s:', ratePerSec, 200, 0.5),
      ...within('lag p99, ms:', p99, 0, 5),
      ...within('slope, µs per request:', slopeUs, 0, 1),
    ];
  }));

test('F31: 300 requests at once are 300 in flight at the server, and its time is not stretched', (context) =>
  judgeTiming(context, async () => {
    const serverLoop = monitorEventLoopDelay({ resolution: 5 });
    serverLoop.enable();
    const { records, summary, maxOpen } = await replay(() => at(2_000), Array(300).fill(0));
    serverLoop.disable();
    // The server lives in this process: what its loop was late by, looked at every 5 ms, is not the client's.
    const serverLateMs = Math.max(0, nsToMs(serverLoop.max) - 5);
    const p99 = percentileSorted(
      records.map((one) => ttft(one) as number).sort((a, b) => a - b),
      0.99,
    )!;
    context.diagnostic(
      `most at once ${maxOpen}, TTFT p99 ${p99.toFixed(1)} ms, the server was late by ${serverLateMs.toFixed(1)} ms at most`,
    );
    assert.equal(maxOpen, 300);
    assert.deepEqual(summary.counts.byStatus, { ok: 300 });
    return p99 <= 2_050 + serverLateMs ? [] : [`TTFT p99 ${p99} ms is above 2050 + ${serverLateMs}`];
  }));

test('F05, F07: roles, usage and the end mark move no instant of a token', (context) =>
  judgeTiming(context, async () => {
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
    const { records } = await replay(script, [0, 300, 600, 900]);
    return records.flatMap((one) => {
      const since = (ns: number | null): number => nsToMs(ns! - one.sentNs!);
      context.diagnostic(
        `head ${since(one.firstByteNs).toFixed(1)}, first token ${since(one.firstTokenNs).toFixed(1)}, last ${since(one.lastTokenNs).toFixed(1)}, end ${since(one.endNs).toFixed(1)} ms`,
      );
      assert.deepEqual([one.status, one.outputTokens, one.chunks], ['ok', 2, 2]);
      return [
        ...within('head, ms:', since(one.firstByteNs), 5, 5),
        ...within('first token, ms:', since(one.firstTokenNs), 305, 5),
        ...within('last token, ms:', since(one.lastTokenNs), 325, 5),
        ...within('end, ms:', since(one.endNs), 901, 5),
      ];
    });
  }));

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
