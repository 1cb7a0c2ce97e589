/** Traces drawn from a model as the battery reads them, and the committed models of the public traces. */
import { readFileSync } from 'node:fs';
import type { Sample } from '../../src/compare/sample.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import type { TraceBatch, WorkloadModel } from '../../src/types.js';
import type { PublicTraceName } from '../stats/public-traces.js';

export function committedModel(name: PublicTraceName): WorkloadModel {
  const file = new URL(`../../../models/${name.replace('_', '-')}.workload.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as WorkloadModel;
}

/** Lengths and times alone: the reference engine caches no prefixes. */
export function drawnSample(model: WorkloadModel, seed: number | string, durationSec: number): Sample {
  const { arrivalNs, inputTokens, outputTokens } = oneBatch(synthesizeTrace({ model, seed }));
  return {
    durationSec,
    arrivalSec: Float64Array.from(arrivalNs, (ns) => Number(ns) / 1e9),
    inputTokens: inputTokens!.values,
    outputTokens: outputTokens!.values,
    blocks: null,
    blockRows: null,
    sessions: null,
  };
}

/** Times, lengths (none of them null) and block hashes of many batches in one. */
export function oneBatch(
  batches: Iterable<TraceBatch>,
): Pick<TraceBatch, 'rowCount' | 'arrivalNs' | 'inputTokens' | 'outputTokens' | 'blockHashes'> {
  const arrivalNs: bigint[] = [];
  const input: number[] = [];
  const output: number[] = [];
  const offsets = [0];
  const hashes: bigint[] = [];
  for (const batch of batches) {
    for (let i = 0; i < batch.rowCount; i++) {
      arrivalNs.push(batch.arrivalNs[i]);
      input.push(batch.inputTokens!.values[i]);
      output.push(batch.outputTokens!.values[i]);
      if (batch.blockHashes === undefined) continue;
      const own = batch.blockHashes.values.subarray(
        batch.blockHashes.offsets[i],
        batch.blockHashes.offsets[i + 1],
      );
      for (const hash of own) hashes.push(hash);
      offsets.push(hashes.length);
    }
  }
  const lists = {
    offsets: Uint32Array.from(offsets),
    values: BigUint64Array.from(hashes),
    valid: null,
  };
  return {
    rowCount: arrivalNs.length,
    arrivalNs: BigInt64Array.from(arrivalNs),
    inputTokens: { values: Int32Array.from(input), valid: null },
    outputTokens: { values: Int32Array.from(output), valid: null },
    ...(hashes.length > 0 ? { blockHashes: lists } : {}),
  };
}
