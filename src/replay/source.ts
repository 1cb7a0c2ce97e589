/** The trace of a replay, from a file or from memory, as batches and facts. */
import { hashInput } from '../manifest.js';
import { batchFromRows } from '../trace/batch.js';
import { contentHashOf, openTrace } from '../trace/read.js';
import type { ManifestInput, TraceBatch } from '../types.js';
import type { InMemoryTrace } from './options.js';

export interface ReplaySource {
  readonly name: string;
  readonly hash: string;
  readonly blockSize: number | null;
  readonly inputs: readonly ManifestInput[];
  batches(): Iterable<TraceBatch> | AsyncIterable<TraceBatch>;
  close(): void;
}

const ROWS_PER_BATCH = 65_536;

/** Opens a trace file or wraps rows. Throws what opening a trace throws. */
export async function openSource(
  trace: string | InMemoryTrace,
  options: { readonly turns?: boolean } = {},
): Promise<ReplaySource> {
  return typeof trace === 'string' ? fileSource(trace, options.turns ?? false) : memorySource(trace);
}

async function fileSource(path: string, turns: boolean): Promise<ReplaySource> {
  const reader = await openTrace(path);
  return {
    name: reader.meta.name,
    hash: reader.meta.contentHash,
    blockSize: reader.meta.blockSize,
    inputs: [await hashInput(path)],
    batches: () =>
      reader.batches({
        columns: [
          'inputTokens',
          'outputTokens',
          'maxOutputTokens',
          'requestId',
          'sessionId',
          ...(turns ? (['parentId', 'turn', 'thinkNs', 'durationNs'] as const) : []),
          'operation',
          'stream',
          'blockHashes',
        ],
      }),
    close: () => reader.close(),
  };
}

async function memorySource(trace: InMemoryTrace): Promise<ReplaySource> {
  function* batches(): Generator<TraceBatch> {
    for (let from = 0; from < trace.rows.length; from += ROWS_PER_BATCH) {
      yield batchFromRows(trace.rows.slice(from, from + ROWS_PER_BATCH));
    }
  }
  async function* asyncBatches(): AsyncGenerator<TraceBatch> {
    yield* batches();
  }
  return {
    name: trace.name,
    hash: trace.hash ?? (await contentHashOf({ batches: asyncBatches })),
    blockSize: trace.blockSize,
    inputs: [],
    batches,
    close: () => undefined,
  };
}
