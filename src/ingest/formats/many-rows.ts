/**
 * Formats whose records and requests are not one to one: a record that holds many requests, a request that is spread
 * over several records. `readAll` takes a record and emits every request that is complete with it; `finish` emits what
 * is still open when all inputs are read. The formats of one request per record are `LogFormat`s.
 */
import type { FormatContext, LogFormat } from '../format.js';
import type { SourceRecord } from '../record.js';
import type { StagedRow } from '../rows.js';

export interface ManyRowsContext extends FormatContext {
  /** Tokens of a text, where lengths are not logged; null = no tokenizer, such lengths are unknown. */
  readonly countTokens: ((text: string) => number) | null;
}

/** Takes the staged row as it stands; what is emitted next starts with everything unknown. */
export type Emit = () => void;

export interface ManyRowsHandler {
  /**
   * Emits the record's complete requests; returns false when there is nothing of a request in it. Throws RowReject
   * when the record is damaged; what was emitted before stays.
   */
  readAll(record: SourceRecord, row: StagedRow, emit: Emit): boolean;
  /** Emits what was left open. */
  finish?(row: StagedRow, emit: Emit): void;
  /** What joining found that a person should know, when all inputs are read. */
  notes?(): readonly string[];
  /** Tokens per block id, where the records say it. */
  readonly blockSize?: number | null;
}

export interface ManyRowsFormat extends Omit<LogFormat, 'open'> {
  open(context: ManyRowsContext): ManyRowsHandler;
}
