/** One way to run all formats: those of one request per record, and those whose records and requests are not one to one. */
import type { KnownFormat, RecordHandler } from './format.js';
import type { Emit, ManyRowsHandler } from './formats/many-rows.js';
import { type KeptTexts, keepTextsOf } from './kept-texts.js';
import type { Pseudonyms } from './pseudonyms.js';
import type { SourceRecord } from './record.js';
import type { StagedRow } from './rows.js';

export interface RowHandler extends ManyRowsHandler {
  /** Texts counted by the tokenizer so far. */
  readonly countedTexts: number;
}

/**
 * Opens a format. `countTokens`: tokens of a text; null = lengths that are not logged are unknown. `texts`: where prompts
 * and answers go; null = nowhere (the format must come from `withTexts` otherwise).
 */
export function openFormat(
  format: KnownFormat,
  pseudonyms: Pseudonyms,
  countTokens: ((text: string) => number) | null,
  texts: KeptTexts | null = null,
): RowHandler {
  let countedTexts = 0;
  const counting =
    countTokens === null
      ? null
      : (text: string): number => {
          countedTexts += 1;
          return countTokens(text);
        };
  const handler: RecordHandler | ManyRowsHandler = format.open({
    pseudonyms,
    countTokens: counting,
    keepsText: texts !== null,
  });
  const isMany = 'readAll' in handler;
  const keeping = (record: SourceRecord | null, row: StagedRow, emit: Emit): Emit =>
    texts === null
      ? emit
      : () => {
          keepTextsOf(row, record, texts);
          emit();
        };
  return {
    get countedTexts() {
      return countedTexts;
    },
    get blockSize() {
      return isMany ? (handler.blockSize ?? format.blockSize) : format.blockSize;
    },
    readAll: isMany
      ? (record: SourceRecord, row: StagedRow, emit: Emit) =>
          handler.readAll(record, row, keeping(record, row, emit))
      : (record: SourceRecord, row: StagedRow, emit: Emit) => {
          if (!handler.read(record, row)) return false;
          keeping(record, row, emit)();
          return true;
        },
    notes: () => (isMany ? (handler.notes?.() ?? []) : []),
    finish: (row: StagedRow, emit: Emit) => {
      if (isMany) handler.finish?.(row, keeping(null, row, emit));
    },
  };
}
