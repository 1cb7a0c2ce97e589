/**
 * A workload model as a workload: synthesis where profile and plan take rows, drawn anew for each seed. Source: the
 * model file.
 */
import { basename } from 'node:path';
import { ToolError } from '../errors.js';
import { hashInput } from '../manifest.js';
import type { ManifestInput, TraceBatch, TraceMeta } from '../types.js';
import { workloadModelPath } from './bundled-models.js';
import { readWorkloadModel } from './check-model.js';
import { planSynthesis } from './plan.js';
import { synthesizeTrace } from './synthesize.js';

export interface ModelWorkload {
  readonly kind: 'workload-model';
  readonly input: ManifestInput;
  readonly meta: TraceMeta;
  /** Of the model as it is, requests per second. */
  readonly meanRatePerSec: number;
  batches(seed: string): AsyncIterable<TraceBatch>;
}

/** Requests of a workload model at most: they are held in memory. */
const MOST_REQUESTS = 5_000_000;

/** Opens a model file, or a bundled model by name. Throws what reading it throws, and BAD_VALUE when it stands for too many requests. */
export async function openModelWorkload(pathOrName: string, durationSec?: number): Promise<ModelWorkload> {
  const path = workloadModelPath(pathOrName);
  const model = await readWorkloadModel(path);
  const input = await hashInput(path);
  const { expectedRequests } = planSynthesis({ model, seed: '', durationSec });
  if (expectedRequests > MOST_REQUESTS) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `${basename(path)} stands for ${Math.round(expectedRequests)} requests, above the ${MOST_REQUESTS} that are held in memory`,
      hint: 'synthesize its busiest hour and give that trace',
    });
  }
  return {
    kind: 'workload-model',
    input,
    meta: {
      schemaVersion: 1,
      kind: 'trace',
      name: model.name,
      startUtc: model.source?.startUtc ?? null,
      timeResolutionNs: null,
      arrivalBasis: 'synthetic',
      blockSize: null,
      droppedRows: {},
      quality: null,
      manifest: model.manifest,
      contentHash: input.sha256,
    },
    meanRatePerSec: model.meanRatePerSec,
    async *batches(seed) {
      yield* synthesizeTrace({ model, seed, durationSec });
    },
  };
}
