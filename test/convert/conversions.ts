/** What the convert tests share: traces to convert, and what reading a conversion back must give. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { type ConvertOptions, type ConvertResult, convertTrace } from '../../src/convert/convert.js';
import type { ConvertTarget } from '../../src/convert/target.js';
import { ingest } from '../../src/ingest/ingest.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { readTraceRows } from '../../src/trace/read.js';
import { writeTrace } from '../../src/trace/write.js';
import type { TraceMetaDraft, TraceRow } from '../../src/types.js';
import { META, temporaryFolder } from '../trace/traces.js';

/** Writes rows as a trace. */
export async function traceOf(
  context: TestContext,
  rows: readonly TraceRow[],
  meta: Partial<TraceMetaDraft> = {},
): Promise<string> {
  const path = join(temporaryFolder(context), 'trace.parquet');
  await writeTrace({ path, meta: { ...META, ...meta }, batches: [batchFromRows(rows)] });
  return path;
}

export interface RoundTrip {
  readonly result: ConvertResult;
  readonly rows: readonly TraceRow[];
  readonly file: string;
}

/** Converts a trace and reads the file back with the format that the target names. */
export async function roundTrip(
  context: TestContext,
  trace: string,
  to: string,
  options: Partial<ConvertOptions> = {},
): Promise<RoundTrip> {
  const folder = temporaryFolder(context);
  const file = join(folder, 'converted');
  const result = await convertTrace({ trace, to, output: file, ...options });
  const output = join(folder, 'back.parquet');
  await ingest({
    inputs: [file],
    output,
    format: result.readAs,
    keepIds: true,
    strict: true,
    tokenizer: 'cl100k_base',
  });
  return { result, rows: await readTraceRows(output), file };
}

/** The target's columns of rows as text, in an order that does not depend on how ties are broken. */
export function keysOf(rows: readonly TraceRow[], target: ConvertTarget): string[] {
  const codes = target.columns.map(({ from }) => from);
  return rows.map((row) => codes.map((code) => `${code}=${String(row[code] ?? '?')}`).join(' ')).sort();
}

const WORD = fc.stringMatching(/^[a-z]{4,9}-[0-9]{1,4}$/);
const count = (max: number) => fc.integer({ min: 0, max });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 4 });

/** A row at `gapNs` after the one before, its prompt's blocks drawn from few ids so that prompts share them. */
const ROW = fc.record({
  gapNs: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 5_000_000_000n })),
  inputTokens: maybe(count(700)),
  outputTokens: maybe(count(90)),
  cachedTokens: maybe(count(10)),
  maxOutputTokens: maybe(count(4_096)),
  sessionId: maybe(WORD),
  thinkNs: maybe(fc.bigInt({ min: 0n, max: 10_000_000_000n })),
  model: maybe(WORD),
  stream: maybe(fc.boolean()),
  status: fc.constantFrom('ok', 'ok', 'unknown', 'http_error', 'timeout', 'cancelled'),
  operation: fc.constantFrom('chat', 'other'),
  idBase: fc.bigInt({ min: 0n, max: (1n << 64n) - 100n }),
  hasBlocks: fc.boolean(),
});

/** Traces with ties, unknowns, failures and block ids (of `blockSize`), the first row at 0. */
export function traceRows(blockSize: number): fc.Arbitrary<TraceRow[]> {
  return fc.array(ROW, { minLength: 1, maxLength: 25 }).map((drafts) => {
    let arrivalNs = 0n;
    return drafts.map(({ gapNs, idBase, hasBlocks, ...draft }, i) => {
      if (i > 0) arrivalNs += gapNs;
      const blocks = draft.inputTokens === null ? 0 : Math.ceil(draft.inputTokens / blockSize);
      return emptyRow({
        ...draft,
        cachedTokens: (draft.inputTokens ?? -1) < (draft.cachedTokens ?? 0) ? null : draft.cachedTokens,
        arrivalNs,
        requestId: `r-${i}`,
        blockHashes:
          hasBlocks && blocks > 0 ? Array.from({ length: blocks }, (_, k) => idBase + BigInt(k)) : null,
      } as Partial<TraceRow>);
    });
  });
}
