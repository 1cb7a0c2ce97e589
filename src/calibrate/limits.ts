/**
 * The capacity limits of a calibrated engine and where each comes from: what the user gave, what the server says of itself,
 * the base model, what the runs show, and a default that is said to be one, in this order.
 */
import type { EngineLimits, EngineModel, GaugeSummary, LimitSource } from '../types.js';
import type { Reconstruction } from './steps.js';

export interface LimitInputs {
  /** Known limits win over everything. */
  readonly given: Partial<EngineLimits>;
  /** As the server itself says. */
  readonly server: Partial<EngineLimits>;
  readonly base: EngineModel | null;
  /** The token budget that explains the iterations best, and whether it did so clearly. */
  readonly budget: { readonly tokens: number; readonly seen: boolean } | null;
  readonly reconstructions: readonly Reconstruction[];
  /** Gauges of each run. */
  readonly gauges: readonly (readonly GaugeSummary[])[];
}

export interface FoundLimits {
  readonly limits: EngineLimits;
  readonly sources: Readonly<Record<keyof EngineLimits, LimitSource>>;
  /** One line for each limit that nobody told. */
  readonly warnings: readonly string[];
}

export const DEFAULT_LIMITS: EngineLimits = {
  maxBatchedTokens: 2_048,
  maxSeqs: 256,
  kvBlocks: 125_000,
  blockSize: 16,
  maxModelLen: 131_072,
};

/** Limits from all that is known. */
export function findLimits(inputs: LimitInputs): FoundLimits {
  const warnings: string[] = [];
  const sources = {} as Record<keyof EngineLimits, LimitSource>;
  const pick = (key: keyof EngineLimits, seen: number | null): number => {
    const known = knownLimit(inputs, key);
    sources[key] = known?.source ?? (seen === null ? 'assumed' : 'seen');
    return known?.value ?? seen ?? DEFAULT_LIMITS[key];
  };
  const limits: EngineLimits = {
    maxBatchedTokens: pick('maxBatchedTokens', inputs.budget?.seen === true ? inputs.budget.tokens : null),
    maxSeqs: pick('maxSeqs', seenMaxSeqs(inputs)),
    kvBlocks: pick('kvBlocks', null),
    blockSize: pick('blockSize', null),
    maxModelLen: pick('maxModelLen', null),
  };
  if (sources.maxBatchedTokens === 'seen') {
    warnings.push(`token budget unknown: ${limits.maxBatchedTokens} explains the iterations best`);
  } else if (sources.maxBatchedTokens === 'assumed') {
    warnings.push(`token budget unknown: ${limits.maxBatchedTokens} assumed (give --max-batched-tokens)`);
  }
  if (sources.maxSeqs === 'seen') {
    warnings.push(
      `most sequences at once: ${limits.maxSeqs}, where the runs stop rising while requests wait`,
    );
  } else if (sources.maxSeqs === 'assumed') {
    warnings.push(`most sequences at once unknown: ${limits.maxSeqs} assumed (give --max-seqs)`);
  }
  if (sources.kvBlocks === 'assumed') {
    warnings.push(`KV cache size unknown: ${limits.kvBlocks} blocks assumed (give --kv-blocks)`);
  }
  return { limits, sources, warnings };
}

/** A limit that somebody told; null = nobody. */
export function knownLimit(
  inputs: Pick<LimitInputs, 'given' | 'server' | 'base'>,
  key: keyof EngineLimits,
): { readonly value: number; readonly source: LimitSource } | null {
  const candidates = [
    { value: inputs.given[key], source: 'given' },
    { value: inputs.server[key], source: 'server' },
    { value: inputs.base?.limits[key], source: 'base' },
  ] as const;
  for (const { value, source } of candidates) if (value !== undefined) return { value, source };
  return null;
}

/** A plateau: the largest batch was seen often while other requests waited. */
function seenMaxSeqs({ reconstructions, gauges }: LimitInputs): number | null {
  const most = Math.max(0, ...reconstructions.map((one) => one.maxDecodeSeqs));
  const plateau = reconstructions.some(
    (one) => one.maxDecodeSeqs === most && one.iterationsAtMax > 0.05 * one.iterations,
  );
  if (plateau && most > 1) return most;
  const running = gaugeMax(gauges, 'running');
  const waiting = gaugeMax(gauges, 'waiting');
  return running !== null && running > 0 && waiting !== null && waiting > 3 ? Math.round(running) : null;
}

function gaugeMax(runs: LimitInputs['gauges'], name: string): number | null {
  let best: number | null = null;
  for (const gauge of runs.flat()) {
    if (gauge.name === name && gauge.max !== null) best = Math.max(best ?? 0, gauge.max);
  }
  return best;
}
