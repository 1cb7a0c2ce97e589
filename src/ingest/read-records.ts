/** Runs one input through its format: records in, rows committed, bad records counted with their line. */
import { ToolError } from '../errors.js';
import { type InputSource, TruncatedInput } from './container.js';
import { CsvReader } from './csv.js';
import { requireColumns, takeSample } from './detect.js';
import { findColumn, type LogFormat, type RecordHandler, type Sample, spellings } from './format.js';
import { pathTree } from './json-scan.js';
import { JsonLinesReader } from './jsonl.js';
import { RowReject, SourceRecord } from './record.js';
import type { RecordReader } from './record-reader.js';
import type { RejectTable } from './rejects.js';
import type { RowCollector, StagedRow } from './rows.js';
import type { TimeReader } from './time.js';

/** What all inputs of an ingest share. */
export interface ReadState {
  readonly rows: RowCollector;
  readonly rejects: RejectTable;
  readonly times: TimeReader;
  readonly tally: RowTally;
}

/** Facts counted per accepted row. */
export class RowTally {
  readonly statusCounts: Record<string, number> = {};
  places = 0;
  zonedRows = 0;
  zonelessRows = 0;
  foldRows = 0;
  gapRows = 0;
  /** Records that a mapping's filter left out. */
  filteredRows = 0;

  add(row: StagedRow): void {
    const status = row.status ?? 'unknown';
    this.statusCounts[status] = (this.statusCounts[status] ?? 0) + 1;
    if (row.places > this.places) this.places = row.places;
    if (!row.isDate) return;
    if (row.hasZone) this.zonedRows += 1;
    else this.zonelessRows += 1;
    if (row.localKind === 'fold') this.foldRows += 1;
    else if (row.localKind === 'gap') this.gapRows += 1;
  }
}

/** An input with its beginning already read, so that its format can be chosen. */
export interface SampledInput {
  readonly source: InputSource;
  readonly sample: Sample;
  readonly head: readonly Buffer[];
  readonly rest: AsyncGenerator<Buffer>;
  /** The input ended, truncated, within the sample. */
  readonly failure: unknown;
}

const SAMPLE_BYTES = 1 << 16;
const LONGEST_FIRST_LINE = 64 << 20;

/** Reads the first 64 KiB, or the first line when it is longer. */
export async function sampleInput(source: InputSource, separator: string): Promise<SampledInput> {
  const rest = source.chunks();
  const head: Buffer[] = [];
  let bytes = 0;
  let hasLine = false;
  let failure: unknown = null;
  try {
    while (bytes < SAMPLE_BYTES || (!hasLine && bytes < LONGEST_FIRST_LINE)) {
      const step = await rest.next();
      if (step.done) break;
      head.push(step.value);
      bytes += step.value.length;
      hasLine ||= step.value.includes(10);
    }
  } catch (error) {
    if (!(error instanceof TruncatedInput)) throw error;
    failure = error;
  }
  const whole = Buffer.concat(head);
  const lineEnd = whole.indexOf(10);
  const sample = takeSample(source.name, whole.subarray(0, Math.max(SAMPLE_BYTES, lineEnd + 1)), separator);
  if (source.path === '-') return { source, sample, head, rest, failure };
  // Files are read again from their beginning, so that a thousand of them are not open and half read at once.
  await rest.return(undefined);
  const fresh = source.reopened();
  return { source: fresh, sample, head: [], rest: fresh.chunks(), failure: null };
}

/** Reads all records of an input. `onChunk` is called now and then, for progress. */
export async function readRecords(
  input: SampledInput,
  format: LogFormat,
  handler: RecordHandler,
  state: ReadState,
  onChunk: () => void,
): Promise<void> {
  const { source } = input;
  const record = new SourceRecord(format.columns, format.nullWords ?? [], state.times);
  const pump = new RecordPump(
    readerFor(input, format),
    record,
    handler,
    state,
    source.name,
    format.blockSize,
  );
  try {
    for (const chunk of input.head) pump.feed(chunk);
    onChunk();
    if (input.failure !== null) throw input.failure;
    for await (const chunk of input.rest) {
      pump.feed(chunk);
      onChunk();
    }
  } catch (error) {
    if (!(error instanceof TruncatedInput)) throw error;
    throw new ToolError({
      code: 'FILE_UNREADABLE',
      message: `${error.message}; ${state.rows.rowCount} complete rows come before`,
      hint: 'fetch the file again, or keep those rows with --allow-truncated',
      cause: error,
    });
  }
  pump.finish(source.truncation !== null);
}

function readerFor(input: SampledInput, format: LogFormat): RecordReader {
  const names = format.headerNames ?? input.sample.names;
  requireColumns(format, { ...input.sample, names });
  if (format.shape === 'jsonl') return new JsonLinesReader(pathTree(format.columns.map(spellings)));
  const fieldOf = format.columns.map((column) => findColumn(column, names));
  for (const field of fieldOf) {
    if (field < 0 || names.indexOf(names[field]) === names.lastIndexOf(names[field])) continue;
    throw new ToolError({
      code: 'HEADER_MISMATCH',
      message: `${input.source.name} has column ${names[field]} twice`,
      hint: 'rename one of them',
    });
  }
  const reader = new CsvReader(format.separator);
  reader.bind(fieldOf, names.length);
  if (format.headerNames === undefined) reader.skipHeader();
  return reader;
}

/** Pulls records out of the reader as far as the bytes go. */
class RecordPump {
  readonly #reader: RecordReader;
  readonly #record: SourceRecord;
  readonly #handler: RecordHandler;
  readonly #state: ReadState;
  readonly #fileName: string;
  readonly #blockSize: number | null;

  constructor(
    reader: RecordReader,
    record: SourceRecord,
    handler: RecordHandler,
    state: ReadState,
    fileName: string,
    blockSize: number | null,
  ) {
    this.#reader = reader;
    this.#record = record;
    this.#handler = handler;
    this.#state = state;
    this.#fileName = fileName;
    this.#blockSize = blockSize;
  }

  feed(chunk: Buffer): void {
    this.#reader.feed(chunk);
    this.#drain(false);
  }

  /** isCut: the input ended early, so a last record without its newline is not to be trusted. */
  finish(isCut: boolean): void {
    this.#reader.finish();
    this.#drain(isCut);
  }

  #drain(isCut: boolean): void {
    const { rejects } = this.#state;
    for (;;) {
      const step = this.#reader.next(this.#record);
      if (step === 'more' || step === 'end') return;
      if (isCut) {
        rejects.add(new RowReject('cut off where the input ends'), this.#fileName, this.#reader.line);
      } else if (step === 'row') this.#read();
      else rejects.add(this.#reader.problem!, this.#fileName, this.#reader.line);
    }
  }

  #read(): void {
    const { rows, rejects, tally, times } = this.#state;
    const { row } = rows;
    row.clear(rows.fields);
    try {
      if (!this.#handler.read(this.#record, row)) {
        tally.filteredRows += 1;
        return;
      }
      checkRow(row, this.#blockSize);
    } catch (error) {
      if (!(error instanceof RowReject)) throw error;
      rejects.add(error, this.#fileName, this.#reader.line);
      return;
    }
    times.acceptAsArrival(row.sec);
    tally.add(row);
    rows.commit();
  }
}

/** What must hold in every row, whatever the format. */
function checkRow(row: StagedRow, blockSize: number | null): void {
  const { inputTokens, outputTokens, cachedTokens, reasoningTokens, blockHashes } = row;
  if (blockHashes !== null && blockSize !== null && inputTokens !== null) {
    const expected = Math.ceil(inputTokens / blockSize);
    if (blockHashes.length !== expected) {
      throw new RowReject(
        'number of block ids is not the prompt length divided by the block size, rounded up',
        `${blockHashes.length} ids for ${inputTokens} tokens`,
      );
    }
  }
  if (cachedTokens !== null && inputTokens !== null && cachedTokens > inputTokens) {
    throw new RowReject('more cached tokens than prompt tokens', `${cachedTokens} of ${inputTokens}`);
  }
  if (reasoningTokens !== null && outputTokens !== null && reasoningTokens > outputTokens) {
    throw new RowReject('more reasoning tokens than output tokens', `${reasoningTokens} of ${outputTokens}`);
  }
}
