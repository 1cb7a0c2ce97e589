/** Runs inputs through their format: bytes in, records, rows into blocks; bad records are counted with their line. */
import { ToolError } from '../errors.js';
import type { RowCollector } from './collector.js';
import { CsvReader } from './csv.js';
import { findColumn, type KnownFormat, type PlainColumns, type Sample, spellings } from './format.js';
import type { RowHandler } from './handler.js';
import { JsonDocumentsReader } from './json-documents.js';
import { pathTree } from './json-scan.js';
import { JsonLinesReader } from './jsonl.js';
import { PlainJson } from './plain-json.js';
import { PlainRows } from './plain-rows.js';
import { RowReject, SourceRecord } from './record.js';
import type { RecordReader } from './record-reader.js';
import type { RejectTable } from './rejects.js';
import { requireColumns } from './required-columns.js';
import { BlockBuilder } from './row-block.js';
import { StagedRow } from './rows.js';
import type { RowTally } from './tally.js';
import { TieOrder } from './tie-order.js';
import type { TimeReader } from './time.js';

/** What all inputs of an ingest share. */
export interface ReadState {
  readonly rows: Pick<RowCollector, 'add'>;
  readonly rejects: RejectTable;
  readonly times: TimeReader;
  readonly tally: RowTally;
}

/** The reader of an input's records, as they lie in it. */
function readerFor(sample: Sample, format: KnownFormat, isBeginning: boolean): RecordReader {
  const names = format.headerNames ?? sample.names;
  requireColumns(format, { ...sample, names });
  const layout = sample.layout ?? { kind: 'lines' };
  if (format.shape === 'jsonl') {
    const root = pathTree(format.columns.map(spellings));
    return layout.kind === 'values' ? new JsonDocumentsReader(root, layout.under) : new JsonLinesReader(root);
  }
  const fieldOf = format.columns.map((column) => findColumn(column, names));
  if (layout.kind === 'rows')
    return new JsonLinesReader(pathTree(fieldOf.map((field) => (field < 0 ? [] : [names[field]]))));
  for (const field of fieldOf) {
    if (field < 0 || names.indexOf(names[field]) === names.lastIndexOf(names[field])) continue;
    throw new ToolError({
      code: 'HEADER_MISMATCH',
      message: `${sample.fileName} has column ${names[field]} twice`,
      hint: 'rename one of them',
    });
  }
  const reader = new CsvReader(format.separator);
  reader.bind(fieldOf, names.length);
  if (format.headerNames === undefined && isBeginning) reader.skipHeader();
  return reader;
}

/** Pulls records out of the inputs, one input after the other, and rows out of the records. */
export class RecordPump {
  rowCount = 0;
  readonly #format: KnownFormat;
  readonly #handler: RowHandler;
  readonly #state: ReadState;
  readonly #record: SourceRecord;
  readonly #row = new StagedRow();
  readonly #builder: BlockBuilder;
  readonly #ties: TieOrder;
  readonly #emit = (): void => this.#take();
  #reader: RecordReader | null = null;
  /** Takes plain rows of the present input; null = it has none. */
  #takePlain: (() => void) | null = null;
  #fileName: string | null = null;
  #linesBefore = 0;
  #estimated = 0;

  /** `blockRows`: rows handed over at once. */
  constructor(format: KnownFormat, handler: RowHandler, state: ReadState, blockRows?: number) {
    this.#format = format;
    this.#handler = handler;
    this.#state = state;
    this.#record = new SourceRecord(format.columns, format.nullWords ?? [], state.times);
    this.#builder = new BlockBuilder(format.fills, blockRows);
    this.#ties = new TieOrder(format.fills);
  }

  /**
   * Begins an input, or what follows on `linesBefore` lines of it. Throws HEADER_MISMATCH when it lacks required columns.
   */
  begin(sample: Sample, linesBefore = 0): void {
    this.#reader = readerFor(sample, this.#format, linesBefore === 0);
    this.#takePlain = this.#laneFor(this.#reader, sample);
    this.#fileName = sample.fileName;
    this.#linesBefore = linesBefore;
  }

  /** Rows that are not handed over yet. */
  get pendingRows(): number {
    return this.#builder.rowCount;
  }

  /** Lines of the input read so far. */
  get linesRead(): number {
    return this.#linesBefore + (this.#reader?.linesRead ?? 0);
  }

  /** Lets the fast lane run until it meets a line that is not plain, or the end. */
  #laneFor(reader: RecordReader, sample: Sample): (() => void) | null {
    if (!('plain' in this.#format) || this.#format.plain === undefined) return null;
    if (reader instanceof CsvReader) {
      const lane = this.#csvLane(sample, this.#format.plain);
      return lane === null ? null : () => this.#drive(lane, () => reader.lend(lane));
    }
    if (!(reader instanceof JsonLinesReader)) return null;
    const lane = PlainJson.open({
      columns: this.#format.plain,
      blockSize: this.#format.blockSize,
      builder: this.#builder,
      tally: this.#state.tally,
    });
    return lane === null ? null : () => this.#drive(lane, () => reader.lend(lane));
  }

  #drive(lane: { readonly rows: number }, take: () => boolean): void {
    while (take()) {
      this.rowCount += lane.rows;
      if (this.#builder.isFull) this.flush();
    }
  }

  #csvLane(sample: Sample, columns: PlainColumns): PlainRows | null {
    const { zone } = this.#state.times;
    const names = this.#format.headerNames ?? sample.names;
    return PlainRows.open({
      columns,
      fieldOf: this.#format.columns.map((column) => findColumn(column, names)),
      fieldCount: names.length,
      separator: this.#format.separator ?? ',',
      zone,
      builder: this.#builder,
      tally: this.#state.tally,
    });
  }

  feed(chunk: Buffer): void {
    this.#reader!.feed(chunk);
    this.#drain(false);
  }

  /** The line under way is too long to be read: its rest is thrown away. */
  skipLine(): void {
    if (this.#reader instanceof JsonLinesReader) this.#reader.skipLine();
  }

  /** isCut: the input ended early, so a last record without its newline is not to be trusted. */
  endInput(isCut: boolean): void {
    this.#reader!.finish();
    this.#drain(isCut);
  }

  /** No more inputs: rows that were left open come out. */
  finish(): void {
    this.#row.clear();
    this.#reader = null;
    this.#fileName = null;
    this.#handler.finish?.(this.#row, this.#emit);
    this.flush();
  }

  /** Hands over the rows of the unfinished block. */
  flush(): void {
    if (this.#builder.rowCount > 0) this.#state.rows.add(this.#ties.settled(this.#builder.take()));
  }

  #drain(isCut: boolean): void {
    const { rejects, tally } = this.#state;
    const reader = this.#reader!;
    for (;;) {
      if (!isCut) this.#takePlain?.();
      const step = reader.next(this.#record);
      if (step === 'more' || step === 'end') return;
      tally.records += 1;
      if (isCut)
        rejects.add(
          new RowReject('cut off where the input ends'),
          this.#fileName,
          this.#linesBefore + reader.line,
        );
      else if (step === 'row') this.#read();
      else rejects.add(reader.problem!, this.#fileName, this.#linesBefore + reader.line);
    }
  }

  #read(): void {
    const { rejects, tally } = this.#state;
    this.#row.clear();
    try {
      if (!this.#handler.readAll(this.#record, this.#row, this.#emit)) tally.filteredRows += 1;
    } catch (error) {
      if (!(error instanceof RowReject)) throw error;
      rejects.add(error, this.#fileName, this.#line());
    }
  }

  #line(): number | null {
    return this.#reader === null ? null : this.#linesBefore + this.#reader.line;
  }

  /** Checks and keeps the staged row. */
  #take(): void {
    const { tally, times, rejects } = this.#state;
    const row = this.#row;
    const problem = problemOf(row, this.#handler.blockSize ?? this.#format.blockSize);
    if (problem !== null) {
      rejects.add(problem, this.#fileName, this.#line());
      row.clear();
      return;
    }
    times.acceptAsArrival(row.sec);
    tally.add(row);
    if (this.#handler.countedTexts > this.#estimated) {
      this.#estimated = this.#handler.countedTexts;
      tally.estimatedRows += 1;
    }
    this.#builder.add(row);
    this.rowCount += 1;
    if (this.#builder.isFull) this.flush();
    row.clear();
  }
}

/** What must hold in every row, whatever the format; null = it does. */
function problemOf(row: StagedRow, blockSize: number | null): RowReject | null {
  const { inputTokens, outputTokens, cachedTokens, reasoningTokens, blockHashes } = row;
  if (blockHashes !== null && blockSize !== null && inputTokens !== null) {
    const expected = Math.ceil(inputTokens / blockSize);
    if (blockHashes.length !== expected) {
      return new RowReject(
        'number of block ids is not the prompt length divided by the block size, rounded up',
        `${blockHashes.length} ids for ${inputTokens} tokens`,
      );
    }
  }
  if (cachedTokens !== null && inputTokens !== null && cachedTokens > inputTokens) {
    return new RowReject('more cached tokens than prompt tokens', `${cachedTokens} of ${inputTokens}`);
  }
  if (reasoningTokens !== null && outputTokens !== null && reasoningTokens > outputTokens) {
    return new RowReject('more reasoning tokens than output tokens', `${reasoningTokens} of ${outputTokens}`);
  }
  return null;
}
