/** The edge of synthesize: model → trace file, streamed, with a manifest that depends on content only. */
import { createManifest } from '../manifest.js';
import { type WrittenTrace, writeTrace } from '../trace/write.js';
import type { ManifestInput, ProgressListener, TraceMetaDraft } from '../types.js';
import { planSynthesis, type SynthesisOptions } from './plan.js';
import { synthesizeTrace } from './synthesize.js';

export interface SynthesizeFileOptions extends SynthesisOptions {
  readonly path: string;
  /** The model's file, for the manifest. */
  readonly inputs?: readonly ManifestInput[];
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface SynthesizedFile extends WrittenTrace {
  /** What the user should know: repetition of the rate curve, scaling. */
  readonly notes: readonly string[];
}

/**
 * Writes a synthetic trace. Equal model, seed and options give equal bytes, whatever `workers` and `path`.
 * Throws what synthesizeTrace and writeTrace throw.
 */
export async function synthesizeToFile(options: SynthesizeFileOptions): Promise<SynthesizedFile> {
  const batches = synthesizeTrace(options);
  const plan = planSynthesis(options);
  const total = Number.isFinite(plan.expectedRequests) ? Math.round(plan.expectedRequests) : null;
  const written = await writeTrace({
    path: options.path,
    meta: draftMeta(options),
    batches,
    signal: options.signal,
    progress: (step) => options.progress?.({ ...step, stage: 'synthesize', total, unit: 'requests' }),
  });
  return { ...written, notes: plan.notes };
}

function draftMeta(options: SynthesizeFileOptions): TraceMetaDraft {
  const { model, rate } = options;
  const rateText =
    rate === undefined ? null : rate.kind === 'factor' ? `x${rate.factor}` : `${rate.ratePerSec}/s`;
  return {
    schemaVersion: 1,
    kind: 'trace',
    name: model.name,
    startUtc: null,
    timeResolutionNs: 1_000,
    arrivalBasis: 'synthetic',
    blockSize: (model.sessions && model.prefixes?.blockSize) ?? null,
    droppedRows: {},
    quality: null,
    manifest: createManifest({
      command: 'synthesize',
      options: {
        model: model.name,
        durationSec: options.durationSec ?? null,
        rate: rateText,
        scaling: rate === undefined ? null : 'intensify',
        requests: options.requests ?? null,
      },
      seed: String(options.seed),
      inputs: options.inputs,
      timestamp: false,
    }),
  };
}
