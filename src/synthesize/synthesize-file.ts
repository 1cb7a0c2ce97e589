/** The edge of synthesize: model → trace file, streamed, with a manifest that depends on content only. */
import { createManifest } from '../manifest.js';
import { type WrittenTrace, writeTrace } from '../trace/write.js';
import type { ManifestInput, ProgressListener, TraceBatch, TraceMetaDraft } from '../types.js';
import { formatCount } from '../units.js';
import type { WindowCounts } from './context-window.js';
import { DispersionMeter, type StreamDispersion } from './dispersion-meter.js';
import { type MatchedSeed, matchCount } from './match-count.js';
import { planSynthesis, type SynthesisOptions, type SynthesisPlan } from './plan.js';
import type { Scaling } from './scaling.js';
import { synthesizeTrace } from './synthesize.js';

export interface SynthesizeFileOptions extends SynthesisOptions {
  readonly path: string;
  /** The model's file, for the manifest. */
  readonly inputs?: readonly ManifestInput[];
  /** Draw again until the number of requests is within 2 % of what the model expects. */
  readonly matchCount?: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface SynthesizedFile extends WrittenTrace {
  /** What the user should know: repetition of the rate curve, scaling, the context window. */
  readonly notes: readonly string[];
  /** What scaling did to burstiness: this trace beside the unscaled model's; null when nothing was scaled. */
  readonly dispersion: ScaledDispersion | null;
}

export interface ScaledDispersion {
  readonly unscaled: readonly StreamDispersion[];
  readonly scaled: readonly StreamDispersion[];
}

/** What rows without sessions say; the writer need not carry the others. */
const DRAWN_COLUMNS: readonly (keyof TraceBatch)[] = [
  'arrivalNs',
  'inputTokens',
  'outputTokens',
  'clientId',
  'model',
  'operation',
  'status',
];

/** Arrivals that the unscaled model is drawn for at most, for comparison. */
const COMPARED_REQUESTS = 2_000_000;

/**
 * Writes a synthetic trace. Equal model, seed and options give equal bytes, whatever `workers` and `path`.
 * Throws what synthesizeTrace and writeTrace throw.
 */
export async function synthesizeToFile(given: SynthesizeFileOptions): Promise<SynthesizedFile> {
  const matched = given.matchCount ? matchCount(given) : null;
  const options = matched === null ? given : { ...given, seed: matched.seed };
  let counts: WindowCounts | null = null;
  const plan = planSynthesis(options);
  const meter = new DispersionMeter();
  const batches = synthesizeTrace({
    ...options,
    onWindowCounts: (final) => {
      counts = { ...final };
    },
  });
  const total = Number.isFinite(plan.expectedRequests) ? Math.round(plan.expectedRequests) : null;
  const written = await writeTrace({
    path: options.path,
    meta: draftMeta(given),
    batches: plan.isScaled ? measured(batches, meter) : batches,
    columns: plan.model.sessions ? undefined : DRAWN_COLUMNS,
    signal: options.signal,
    progress: (step) => options.progress?.({ ...step, stage: 'synthesize', total, unit: 'requests' }),
  });
  return {
    ...written,
    notes: [...plan.notes, ...windowNotes(counts, options), ...matchNotes(matched)],
    dispersion: plan.isScaled ? compareDispersion(options, plan, meter) : null,
  };
}

function* measured(batches: Iterable<TraceBatch>, meter: DispersionMeter): Generator<TraceBatch> {
  for (const batch of batches) {
    meter.add(batch);
    yield batch;
  }
}

function compareDispersion(
  options: SynthesizeFileOptions,
  plan: SynthesisPlan,
  scaled: DispersionMeter,
): ScaledDispersion {
  const unscaled = new DispersionMeter();
  const { model, seed, signal } = options;
  const durationSec = options.durationSec ?? model.durationSec;
  const batches = synthesizeTrace({ model, seed, signal, requests: COMPARED_REQUESTS, durationSec });
  for (const batch of batches) unscaled.add(batch);
  return {
    unscaled: unscaled.finish(Math.min(durationSec, Math.max(unscaled.lastSec, 1))),
    scaled: scaled.finish(plan.durationSec ?? scaled.lastSec),
  };
}

function windowNotes(counts: WindowCounts | null, { window }: SynthesisOptions): string[] {
  if (counts === null || window === undefined) return [];
  const parts = [
    [counts.dropped, 'left out'],
    [counts.truncated, 'cut to fit'],
    [counts.resampled, 'drawn again'],
  ] as const;
  const done = parts.filter(([count]) => count > 0).map(([count, verb]) => `${formatCount(count)} ${verb}`);
  return [
    `context window of ${formatCount(window.tokens)} tokens (${window.policy}): ${done.length === 0 ? 'every request fits' : done.join(', ')}, of ${formatCount(counts.requests)} requests`,
  ];
}

function matchNotes(matched: MatchedSeed | null): string[] {
  if (matched === null) return [];
  const { rejected, requests, expected } = matched;
  return [
    `${formatCount(requests)} requests where ${formatCount(expected)} are expected, after ${formatCount(rejected)} other draws of this seed`,
  ];
}

function draftMeta(options: SynthesizeFileOptions): TraceMetaDraft {
  const { model, rate, window } = options;
  const rateText =
    rate === undefined ? null : rate.kind === 'factor' ? `x${rate.factor}` : `${rate.ratePerSec}/s`;
  return {
    schemaVersion: 1,
    kind: 'trace',
    name: model.name,
    startUtc: null,
    timeResolutionNs: 1_000,
    arrivalBasis: 'synthetic',
    blockSize: model.sessions ? (model.prefixes?.blockSize ?? null) : null,
    droppedRows: {},
    quality: null,
    manifest: createManifest({
      command: 'synthesize',
      options: {
        model: model.name,
        durationSec: options.durationSec ?? null,
        rate: rateText,
        ...scalingOptions(options.scaling ?? {}),
        contextWindow: window?.tokens,
        windowPolicy: window?.policy,
        requests: options.requests ?? null,
        firstRequest: options.firstRequest,
        matchCount: options.matchCount || undefined,
      },
      seed: String(options.seed),
      inputs: options.inputs,
      timestamp: false,
    }),
  };
}

/** The verbs as flat options; those that were not used are left out. */
function scalingOptions(scaling: Scaling): Record<string, string | number | undefined> {
  const { classes, lengths, thin } = scaling;
  return {
    superpose: scaling.superpose,
    intensify: scaling.intensify,
    scaleClass:
      classes &&
      Object.entries(classes)
        .map(([id, factor]) => `${id}=${factor}`)
        .join(','),
    thin: thin?.share,
    thinBy: thin?.by,
    compress: scaling.compress,
    dilateThink: scaling.dilateThink,
    scaleLength: lengths && `${lengths.input},${lengths.output}`,
  };
}
