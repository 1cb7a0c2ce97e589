/** What the trace tests share: metadata, random rows, temporary folders, files written by other software. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { createManifest } from '../../src/manifest.js';
import { openDuckdb } from '../../src/trace/duckdb.js';
import type { TraceMetaDraft, TraceRow } from '../../src/types.js';

export const META: TraceMetaDraft = {
  schemaVersion: 1,
  kind: 'trace',
  name: 'test',
  startUtc: null,
  timeResolutionNs: null,
  arrivalBasis: 'synthetic',
  blockSize: null,
  droppedRows: {},
  quality: null,
  manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
};

/** A folder that goes away with the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-test-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const INT32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const INT64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const U64 = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(0n, (1n << 53n) + 1n, 12345678901234567890n, (1n << 64n) - 1n),
);
/** Short texts from a small set (dictionary columns), long and strange ones, and the empty one. */
const TEXT = fc.oneof(
  fc.constantFrom('llama-3', 'a model with a name longer than twelve bytes', ''),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.option(arbitrary, { nil: null });

const ROW: fc.Arbitrary<TraceRow> = fc.record(
  {
    arrivalNs: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
    inputTokens: nullable(INT32),
    outputTokens: nullable(INT32),
    cachedTokens: nullable(INT32),
    reasoningTokens: nullable(INT32),
    maxOutputTokens: nullable(INT32),
    requestId: nullable(TEXT),
    sessionId: nullable(TEXT),
    parentId: nullable(TEXT),
    turn: nullable(INT32),
    thinkNs: nullable(INT64),
    clientId: nullable(TEXT),
    model: nullable(TEXT),
    adapter: nullable(TEXT),
    operation: fc.constantFrom('chat', 'completion', 'embedding', 'rerank', 'other'),
    stream: nullable(fc.boolean()),
    images: nullable(INT32),
    blockHashes: nullable(fc.array(U64, { maxLength: 6 })),
    status: fc.constantFrom(
      'ok',
      'http_error',
      'stream_error',
      'truncated',
      'timeout',
      'cancelled',
      'unknown',
    ),
    httpStatus: nullable(INT32),
    ttftNs: nullable(INT64),
    durationNs: nullable(INT64),
  },
  { noNullPrototype: true },
);

/** Rows in order of arrival, every column known or unknown at random, values up to the ends of their types. */
export function traceRows(maxLength: number, minLength = 0): fc.Arbitrary<TraceRow[]> {
  return fc
    .array(ROW, { minLength, maxLength })
    .map((rows) => rows.sort((a, b) => (a.arrivalNs < b.arrivalNs ? -1 : a.arrivalNs > b.arrivalNs ? 1 : 0)));
}

/** Cuts rows into consecutive parts; empty parts are possible. */
export function cut<T>(rows: readonly T[], cuts: readonly number[]): T[][] {
  const borders = [0, ...cuts.map((at) => at % (rows.length + 1)).sort((a, b) => a - b), rows.length];
  return borders.slice(1).map((to, i) => rows.slice(borders[i], to));
}

/** Runs statements in an engine of their own: files as other software writes them. */
export async function runSql(...statements: readonly string[]): Promise<unknown[][]> {
  const session = await openDuckdb();
  try {
    let rows: unknown[][] = [];
    for (const statement of statements)
      rows = (await session.connection.runAndReadAll(statement)).getRowsJS();
    return rows;
  } finally {
    session.close();
  }
}
