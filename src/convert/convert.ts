/**
 * `convert`: trace → another tool's input, in two streaming passes: a census (what is known, what the target cannot take,
 * refusals before anything is written), then the rows. The file appears under its name only when it is whole.
 */
import { open } from 'node:fs/promises';
import { ToolError } from '../errors.js';
import { createManifest, hashInput } from '../manifest.js';
import { randomOf } from '../random.js';
import { buildPrompt } from '../tokens/prompt.js';
import { writeArrowIpc } from '../trace/arrow.js';
import { batchFromRows, rowsOfBatch } from '../trace/batch.js';
import { openTrace, type TraceReader } from '../trace/read.js';
import { writeTrace } from '../trace/write.js';
import type { ProgressListener, TraceBatch, TraceRow } from '../types.js';
import { formatCount } from '../units.js';
import { canRegroup, regroupBlocks } from './blocks.js';
import { type Census, isFailure, takeCensus } from './census.js';
import { roundTo } from './decimal.js';
import { conversionNotes, type WriteCounts } from './notes.js';
import { openTextOutput } from './output.js';
import type { ColumnarTarget, ConvertTarget, TextTarget } from './target.js';
import { targetByName } from './targets/index.js';

/** What becomes of failed requests: written like others, left out, or a reason to stop. */
export type FailurePolicy = 'keep' | 'drop' | 'refuse';

export interface ConvertOptions {
  /** Trace Parquet. */
  readonly trace: string;
  /** Name of a target. */
  readonly to: string;
  /** File to write; `-` = standard output (text targets). */
  readonly output: string;
  /** Default keep. */
  readonly failures?: FailurePolicy;
  /** Rows without a length that the target needs: left out (default) or a reason to stop. */
  readonly unknown?: 'drop' | 'refuse';
  /** Tokens per block id to write; default: what the target's readers assume. */
  readonly blockSize?: number;
  /** Seed of made-up prompts without block ids. Default 0. */
  readonly seed?: string;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface ConvertResult {
  readonly output: string;
  readonly to: string;
  /** Name of the ingest format that reads the file back. */
  readonly readAs: string;
  readonly rows: number;
  readonly bytes: number;
  /** Rows of the trace that are not in the file, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** What was lost and how to use the file. */
  readonly notes: readonly string[];
}

/**
 * Converts a trace. Throws what opening it throws, BAD_VALUE (target, block size), BAD_ROWS (refused failures or unknown
 * lengths), NO_ROWS, OUTPUT_UNWRITABLE, or the signal's reason.
 */
export async function convertTrace(options: ConvertOptions): Promise<ConvertResult> {
  const target = targetByName(options.to);
  if (target.kind !== 'text' && options.output === '-') {
    throw new ToolError({
      code: 'USAGE',
      message: `${target.name} is binary and is written to a file, not to standard output`,
      hint: `-o trace.${target.name}`,
    });
  }
  await requireTrace(options.trace);
  const reader = await openTrace(options.trace);
  try {
    const census = await takeCensus(reader, options.signal);
    refuse(options, target, census);
    const filter = new RowFilter(target, options);
    const blockSize = blockSizeOf(target, reader, census, options.blockSize);
    const counts: WriteCounts = { movedRows: 0, mergedRows: 0, misfitRows: 0 };
    const written =
      target.kind === 'text'
        ? await writeText(options, target, { reader, census, filter, blockSize, counts })
        : await writeColumnar(options, target, reader, filter);
    return {
      output: options.output,
      to: target.name,
      readAs: target.readAs,
      ...written,
      leftOut: filter.leftOut,
      notes: conversionNotes({
        target,
        meta: reader.meta,
        census,
        counts,
        leftOut: filter.leftOut,
        keptFailures: options.failures !== 'drop',
        blockSize,
      }),
    };
  } finally {
    reader.close();
  }
}

/** A log given by mistake is told from a damaged trace. */
async function requireTrace(path: string): Promise<void> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (bytesRead < 4 || buffer.toString('latin1') === 'PAR1') return;
  } finally {
    await file.close();
  }
  throw new ToolError({
    code: 'FILE_UNREADABLE',
    message: `${path} is no trace: it is not Parquet`,
    hint: `logs become traces first: tokentide ingest ${path} -o trace.parquet`,
  });
}

function refuse(options: ConvertOptions, target: ConvertTarget, census: Census): void {
  if (census.rows === 0) {
    throw new ToolError({
      code: 'NO_ROWS',
      message: `${options.trace} has no rows to convert`,
      hint: 'was the right trace named?',
    });
  }
  if (options.failures === 'refuse' && census.failedRows > 0) {
    throw new ToolError({
      code: 'BAD_ROWS',
      message: `${formatCount(census.failedRows)} of ${formatCount(census.rows)} requests failed, and --failures is refuse`,
      hint: '--failures drop leaves them out, --failures keep writes them as ordinary requests',
    });
  }
  if (options.unknown !== 'refuse') return;
  for (const code of target.required) {
    const unknown = census.rows - (census.known.get(code) ?? 0);
    if (unknown === 0) continue;
    throw new ToolError({
      code: 'BAD_ROWS',
      message: `${formatCount(unknown)} of ${formatCount(census.rows)} requests have no ${columnName(target, code)}, which ${target.name} needs`,
      hint: '--unknown drop leaves them out',
    });
  }
}

function columnName(target: ConvertTarget, code: keyof TraceRow): string {
  return target.columns.find(({ from }) => from === code)?.name ?? code;
}

/** Decides row by row; counts what it leaves out. */
class RowFilter {
  readonly leftOut: Record<string, number> = {};
  readonly #target: ConvertTarget;
  readonly #drops: boolean;

  constructor(target: ConvertTarget, { failures }: ConvertOptions) {
    this.#target = target;
    this.#drops = failures === 'drop';
  }

  keeps(row: TraceRow): boolean {
    if (this.#drops && isFailure(row.status)) return this.#leave(`failed (${row.status})`);
    for (const code of this.#target.required)
      if (row[code] === null)
        return this.#leave(`${columnName(this.#target, code)} is unknown, and ${this.#target.name} needs it`);
    return true;
  }

  #leave(reason: string): false {
    this.leftOut[reason] = (this.leftOut[reason] ?? 0) + 1;
    return false;
  }
}

/** Tokens per block to write; null = none are written. */
function blockSizeOf(
  target: ConvertTarget,
  { meta }: TraceReader,
  census: Census,
  asked: number | undefined,
): number | null {
  if (target.kind !== 'text' || target.blockSize === null || !census.known.has('blockHashes')) return null;
  const own = meta.blockSize;
  if (asked !== undefined && (own === null || asked < 1 || !canRegroup(own, asked))) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `block ids of ${own ?? 'unknown many'} tokens cannot be written as blocks of ${asked}`,
      hint: 'one size must be a multiple of the other',
    });
  }
  const wanted = asked ?? (target.blockSize === 'own' ? own : target.blockSize);
  return wanted === null || own === null || !canRegroup(own, wanted) ? null : wanted;
}

interface TextJob {
  readonly reader: TraceReader;
  readonly census: Census;
  readonly filter: RowFilter;
  readonly blockSize: number | null;
  readonly counts: WriteCounts;
}

async function writeText(
  { output, seed = '0', signal, progress }: ConvertOptions,
  target: TextTarget,
  { reader, census, filter, blockSize, counts }: TextJob,
): Promise<{ rows: number; bytes: number }> {
  const rng = randomOf(seed, 'prompts');
  const { meta } = reader;
  const text = target.open({
    meta,
    blockSize,
    present: new Set(census.known.keys()),
    promptOf: ({ inputTokens, blockHashes }) =>
      buildPrompt({ tokens: inputTokens ?? 0, blockHashes, blockSize: meta.blockSize, rng }),
  });
  const fit = new RowFitter(target, meta.blockSize, blockSize, counts);
  const out = await openTextOutput(output);
  try {
    let rows = 0;
    let done = 0;
    let pending = text.begin;
    for await (const batch of reader.batches({ columns: columnsFor(target), signal })) {
      for (const row of rowsOfBatch(batch)) {
        if (!filter.keeps(row)) continue;
        rows += 1;
        pending += text.row(fit.fitted(row));
        if (pending.length < WRITE_CHARACTERS) continue;
        signal?.throwIfAborted();
        await out.write(pending);
        pending = '';
      }
      done += batch.rowCount;
      progress?.({ stage: 'convert', done, total: reader.rowCount, unit: 'requests' });
    }
    if (rows === 0) throw nothingLeft(filter);
    await out.write(pending + text.end);
    return { rows, bytes: await out.finish() };
  } catch (error) {
    await out.abandon();
    throw error;
  }
}

const WRITE_CHARACTERS = 1 << 18;

/** What the target holds, what it decides by, and what prompts are made from. */
function columnsFor(target: TextTarget): (keyof TraceRow)[] {
  return [
    ...target.columns.map(({ from }) => from),
    'status',
    ...(target.writesPrompts ? (['blockHashes'] as const) : []),
  ];
}

/** Brings rows to the target's clock and blocks. */
class RowFitter {
  readonly #target: TextTarget;
  readonly #from: number | null;
  readonly #to: number | null;
  readonly #counts: WriteCounts;
  #lastNs = -1n;
  #lastRoundedNs = -1n;

  constructor(target: TextTarget, from: number | null, to: number | null, counts: WriteCounts) {
    this.#target = target;
    this.#from = from;
    this.#to = to;
    this.#counts = counts;
  }

  fitted(row: TraceRow): TraceRow {
    const { stepNs } = this.#target;
    const arrivalNs = roundTo(row.arrivalNs, stepNs);
    if (arrivalNs !== row.arrivalNs) this.#counts.movedRows += 1;
    if (arrivalNs === this.#lastRoundedNs && row.arrivalNs !== this.#lastNs) this.#counts.mergedRows += 1;
    this.#lastNs = row.arrivalNs;
    this.#lastRoundedNs = arrivalNs;
    const thinkNs = row.thinkNs === null ? null : roundTo(row.thinkNs, stepNs);
    return { ...row, arrivalNs, thinkNs, blockHashes: this.#blocks(row) };
  }

  #blocks({ blockHashes, inputTokens }: TraceRow): readonly bigint[] | null {
    if (blockHashes === null || this.#target.writesPrompts) return blockHashes;
    if (this.#to === null || this.#from === null)
      return this.#target.blockSize === 'own' ? blockHashes : null;
    if (this.#to === this.#from) return blockHashes;
    const ids = inputTokens === null ? null : regroupBlocks(blockHashes, inputTokens, this.#from, this.#to);
    if (ids === null) this.#counts.misfitRows += 1;
    return ids;
  }
}

function nothingLeft(filter: RowFilter): ToolError {
  const reasons = Object.entries(filter.leftOut).map(([reason, rows]) => `${formatCount(rows)} × ${reason}`);
  return new ToolError({
    code: 'NO_ROWS',
    message: `no row is left to write: ${reasons.join('; ')}`,
    hint: 'choose a target that takes such rows, e.g. csv',
  });
}

async function writeColumnar(
  options: ConvertOptions,
  target: ColumnarTarget,
  reader: TraceReader,
  filter: RowFilter,
): Promise<{ rows: number; bytes: number }> {
  const { output, signal, progress } = options;
  const manifest = createManifest({
    command: 'convert',
    options: { to: target.name, failures: options.failures },
    inputs: [await hashInput(options.trace)],
    timestamp: false,
  });
  let done = 0;
  async function* kept(): AsyncGenerator<TraceBatch> {
    for await (const batch of reader.batches({ signal })) {
      const rows =
        options.failures === 'drop' ? [...rowsOfBatch(batch)].filter((row) => filter.keeps(row)) : null;
      yield rows === null ? batch : batchFromRows(rows);
      done += batch.rowCount;
      progress?.({ stage: 'convert', done, total: reader.rowCount, unit: 'requests' });
    }
  }
  const { contentHash: _, ...draft } = reader.meta;
  if (target.kind === 'arrow') {
    return writeArrowIpc({ ...reader, meta: { ...reader.meta, manifest }, batches: kept }, output, signal);
  }
  const { rows, bytes } = await writeTrace({
    path: output,
    meta: () => ({ ...draft, manifest, droppedRows: { ...draft.droppedRows, ...filter.leftOut } }),
    batches: kept(),
    compat: 'parquetjs',
    signal,
  });
  return { rows, bytes };
}
