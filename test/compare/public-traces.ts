/** The four public traces as comparable traces, with what the statistics reference says of them. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { alignTraces } from '../../src/compare/align.js';
import type { ComparableTrace } from '../../src/compare/columns.js';
import type { Sample } from '../../src/compare/sample.js';
import { missingData, type PublicTraceName, readPublicTrace } from '../stats/public-traces.js';
import { toyBlocks } from './toys.js';

const SHARED = new URL('../../../../shared/', import.meta.url);
const REFERENCE = fileURLToPath(new URL('statistics-reference.json', SHARED));

/** Why a test of real data is skipped, or false when the data are there. */
export function missingReference(): string | false {
  return missingData() || (existsSync(REFERENCE) ? false : `not found: ${REFERENCE}`);
}

/** One metric of `fidelity`: distances as the battery gives them, and medians of three models over 20 seeds. */
export interface FidelityReference {
  readonly floor_p50: number;
  readonly floor_p95: number;
  readonly naive: number;
}

export interface PrefixReference {
  readonly trace: PublicTraceName;
  readonly inf_hit_block: number;
  readonly inf_hit_token: number;
  readonly mean_of_request_ratios: number;
  readonly requests_full_hit: number;
  readonly blocks_total: number;
  readonly blocks_unique: number;
  readonly lru_block_hit: Readonly<Record<string, number>>;
  readonly session_links: number;
}

export function readReference(): {
  readonly fidelity: {
    readonly data: Readonly<
      Record<PublicTraceName, Readonly<Record<string, FidelityReference>> & { readonly _passes: unknown }>
    >;
  };
  readonly prefix: readonly PrefixReference[];
  readonly two_sample_halves: readonly {
    readonly trace: PublicTraceName;
    readonly column: 'input_tokens' | 'output_tokens';
    readonly ks_D: number;
    readonly wasserstein: number;
  }[];
} {
  return JSON.parse(readFileSync(REFERENCE, 'utf8'));
}

/** Statistics page §3.2: judged metrics that Poisson arrivals with independent lognormal lengths pass. */
export const NAIVE_PASSES: Readonly<Record<PublicTraceName, number>> = {
  azure_code: 4,
  azure_conv: 10,
  mooncake_conversation: 15,
  mooncake_synthetic: 13,
};

export function publicComparable(name: PublicTraceName): ComparableTrace {
  const { timesSec, inputTokens, outputTokens } = readPublicTrace(name);
  return {
    name,
    hash: '',
    arrivalSec: timesSec,
    synthetic: false,
    inputTokens,
    outputTokens,
    blocks: name.startsWith('mooncake_') ? mooncakeBlocks(name) : null,
    sessions: null,
  };
}

function mooncakeBlocks(name: PublicTraceName): ComparableTrace['blocks'] {
  const file = `data/mooncake-fast25/${name.slice('mooncake_'.length)}_trace.jsonl`;
  const lines = readFileSync(new URL(file, SHARED), 'utf8').trimEnd().split('\n');
  const hashes = lines.map((line) => (JSON.parse(line) as { hash_ids: number[] }).hash_ids);
  return toyBlocks(hashes, 512);
}

/** The trace as the battery reads it: from its first arrival, coarse times spread. */
export function publicSample(name: PublicTraceName, seed = '1'): Sample {
  const trace = publicComparable(name);
  return alignTraces(trace, trace, { seed, literalTimes: false }).a.sample;
}
