/** The engine against the reference simulator of the statistics page: worked example and result table, to the last bit. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { simulateFleet } from '../../src/engine/fleet.js';
import { readEngineModel } from '../../src/engine/model.js';
import { percentileSorted } from '../../src/metrics.js';
import { drive, requestsOf } from './drive.js';

const SHARED = new URL('../../../../shared/', import.meta.url);
const REFERENCE = fileURLToPath(new URL('statistics-reference.json', SHARED));

/** The worked example (serving_simulator.tiny_example), kept here so that it runs without the shared data. */
const TINY = {
  t: [0, 0.01, 0.02, 0.5, 0.5, 3],
  input: [3000, 100, 50, 500, 4000, 10],
  output: [5, 3, 1, 10, 2, 4],
  ttft: [0.219, 0.209, 0.199, 0.13788, 0.31525015, 0.015600000000000058],
  e2e: [0.28021065, 0.2397103, 0.199, 0.42142729999999995, 0.33067535000000003, 0.060901799999999895],
};

interface ReferenceParameters {
  readonly replicas: number;
  readonly t0_s: number;
  readonly per_prefill_token_s: number;
  readonly per_decode_seq_s: number;
  readonly per_kv_token_s: number;
  readonly max_batched_tokens: number;
  readonly max_seqs: number;
  readonly kv_capacity_tokens: number;
}

interface ReferenceResult {
  readonly trace: string;
  readonly speed: number;
  readonly ttft: Readonly<Record<string, number>>;
  readonly tpot: Readonly<Record<string, number>>;
  readonly e2e: Readonly<Record<string, number>>;
  readonly busy: number;
}

test('the worked example of six requests is reproduced to the last bit', async () => {
  const { firstSec, lastSec } = drive(
    await readEngineModel('reference'),
    requestsOf(TINY.t, TINY.input, TINY.output),
  );
  for (const [i, arrivalSec] of TINY.t.entries()) {
    assert.equal(firstSec[i] - arrivalSec, TINY.ttft[i], `TTFT of request ${i}`);
    assert.equal(lastSec[i] - arrivalSec, TINY.e2e[i], `E2E of request ${i}`);
  }
});

test('the fleet of one gives the same instants, in nanoseconds', async () => {
  const result = simulateFleet({
    requests: { arrivalSec: TINY.t, inputTokens: TINY.input, outputTokens: TINY.output },
    engine: await readEngineModel('reference'),
    replicas: 1,
    seed: 1,
  });
  for (const [i, request] of result.requests.entries()) {
    assert.ok(Math.abs(request.firstTokenNs! - request.sentNs! - TINY.ttft[i] * 1e9) < 1e-3);
    assert.ok(Math.abs(request.lastTokenNs! - request.sentNs! - TINY.e2e[i] * 1e9) < 1e-3);
  }
});

const missing = existsSync(REFERENCE) ? false : 'the shared reference and traces are not here';

test('the bundled engine and the worked example are those of the reference', { skip: missing }, async () => {
  const { parameters, tiny_example } = (
    JSON.parse(readFileSync(REFERENCE, 'utf8')) as {
      serving_simulator: { parameters: ReferenceParameters; tiny_example: typeof TINY & { speed: number } };
    }
  ).serving_simulator;
  const { step, limits } = await readEngineModel('reference');
  assert.deepEqual(
    {
      replicas: 1,
      t0_s: step.baseSec,
      per_prefill_token_s: step.perPrefillTokenSec,
      per_decode_seq_s: step.perDecodeSeqSec,
      per_kv_token_s: step.perKvTokenSec,
      max_batched_tokens: limits.maxBatchedTokens,
      max_seqs: limits.maxSeqs,
      kv_capacity_tokens: limits.kvBlocks * limits.blockSize,
    },
    Object.fromEntries(Object.entries(parameters).filter(([key]) => key !== 'speed')),
  );
  assert.deepEqual({ ...TINY, speed: 1 }, tiny_example);
});

test('percentiles and busy share of the four public traces equal the reference', {
  skip: missing,
}, async (t) => {
  const results = (
    JSON.parse(readFileSync(REFERENCE, 'utf8')) as { serving_simulator: { results: ReferenceResult[] } }
  ).serving_simulator.results;
  const engine = await readEngineModel('reference');
  for (const expected of results) {
    await t.test(expected.trace, () => {
      const { arrivalSec, inputTokens, outputTokens } = loadTrace(expected.trace);
      const { firstSec, lastSec, busySec } = drive(
        engine,
        requestsOf(arrivalSec, inputTokens, outputTokens),
        expected.speed,
      );
      const ttft = firstSec.map((first, i) => first - arrivalSec[i]);
      const e2e = lastSec.map((last, i) => last - arrivalSec[i]);
      const tpot = e2e
        .map((total, i) => (total - ttft[i]) / (outputTokens[i] - 1))
        .filter((_, i) => outputTokens[i] > 1);
      check(ttft, expected.ttft);
      check(e2e, expected.e2e);
      check(tpot, expected.tpot);
      // The reference divides by the span of the arrivals, not by the makespan.
      assert.equal(busySec / arrivalSec[arrivalSec.length - 1], expected.busy);
    });
  }
});

function check(samples: Float64Array, expected: Readonly<Record<string, number>>): void {
  const sorted = samples.sort();
  for (const [percentile, value] of Object.entries(expected))
    assert.equal(percentileSorted(sorted, Number(percentile) / 100), value, `p${percentile}`);
}

function loadTrace(name: string): { arrivalSec: number[]; inputTokens: number[]; outputTokens: number[] } {
  const arrivalSec: number[] = [];
  const inputTokens: number[] = [];
  const outputTokens: number[] = [];
  const linesOf = (path: string): string[] =>
    readFileSync(new URL(`data/${path}`, SHARED), 'utf8')
      .trimEnd()
      .split('\n');
  if (name.startsWith('mooncake_')) {
    for (const line of linesOf(`mooncake-fast25/${name.slice('mooncake_'.length)}_trace.jsonl`)) {
      const row = JSON.parse(line) as { timestamp: number; input_length: number; output_length: number };
      arrivalSec.push(row.timestamp / 1_000);
      inputTokens.push(row.input_length);
      outputTokens.push(row.output_length);
    }
    return { arrivalSec, inputTokens, outputTokens };
  }
  let firstTicks: bigint | null = null;
  const file = `azure-llm-2023/AzureLLMInferenceTrace_${name.slice('azure_'.length)}.csv`;
  for (const line of linesOf(file).slice(1)) {
    const [stamp, input, output] = line.trim().split(',');
    const [second, fraction = ''] = stamp.split('.');
    // The source's clock ticks every 100 ns.
    const ticks =
      BigInt(Date.parse(`${second.replace(' ', 'T')}Z`)) * 10_000n + BigInt(fraction.padEnd(7, '0'));
    firstTicks ??= ticks;
    arrivalSec.push(Number(ticks - firstTicks) / 1e7);
    inputTokens.push(Number(input));
    outputTokens.push(Number(output));
  }
  return { arrivalSec, inputTokens, outputTokens };
}
