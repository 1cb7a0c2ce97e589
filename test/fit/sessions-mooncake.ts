/** The two Mooncake traces with their block hashes, read by hand into one batch, and what session fitting reads of it. */
import { readFileSync } from 'node:fs';
import { ColumnCollector, type FitColumns } from '../../src/fit/columns.js';
import type { SessionColumns } from '../../src/fit/sessions/columns.js';
import { type BlockLists, type PrefixReuse, prefixReuse } from '../../src/stats/lru-curve.js';
import type { TraceBatch } from '../../src/types.js';

const DATA = new URL('../../../../shared/data/mooncake-fast25/', import.meta.url);

export type MooncakeName = 'conversation' | 'synthetic';

export interface MooncakeTrace {
  readonly batch: TraceBatch;
  readonly columns: FitColumns & { readonly sessions: SessionColumns };
  readonly lists: BlockLists;
  readonly reuse: PrefixReuse;
}

export const BLOCK_SIZE = 512;

const cache = new Map<MooncakeName, MooncakeTrace>();

export function readMooncake(name: MooncakeName): MooncakeTrace {
  let trace = cache.get(name);
  if (trace === undefined) {
    trace = traceOf(readBatch(name), BLOCK_SIZE);
    cache.set(name, trace);
  }
  return trace;
}

/** What a batch with block hashes tells. */
export function traceOf(batch: TraceBatch, blockSize: number): MooncakeTrace {
  const collector = new ColumnCollector();
  collector.add(batch);
  const columns = collector.finish();
  const { sessions } = columns;
  if (sessions === null || sessions.blocks === null) throw new Error('the batch has no block hashes');
  const lists = { ...sessions.blocks, blockSize };
  return { batch, columns: { ...columns, sessions }, lists, reuse: prefixReuse(lists, columns.inputTokens) };
}

interface Line {
  readonly timestamp: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly hash_ids: readonly number[];
}

function readBatch(name: MooncakeName): TraceBatch {
  const text = readFileSync(new URL(`${name}_trace.jsonl`, DATA), 'utf8');
  const rows = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
  const offsets = new Uint32Array(rows.length + 1);
  rows.forEach((row, i) => {
    offsets[i + 1] = offsets[i] + row.hash_ids.length;
  });
  return {
    rowCount: rows.length,
    arrivalNs: BigInt64Array.from(rows, (row) => BigInt(row.timestamp) * 1_000_000n),
    inputTokens: { values: Int32Array.from(rows, (row) => row.input_length), valid: null },
    outputTokens: { values: Int32Array.from(rows, (row) => row.output_length), valid: null },
    blockHashes: {
      offsets,
      values: BigUint64Array.from(rows.flatMap((row) => row.hash_ids.map(BigInt))),
      valid: null,
    },
  };
}
