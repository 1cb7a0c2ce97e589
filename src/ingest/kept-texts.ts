/**
 * Prompts and answers on request (`--keep-text`): a file of JSON lines beside the trace, keyed by the trace's request ids.
 * The trace itself never holds text. Edge: written under a temporary name that only its owner can read, then renamed.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ToolError } from '../errors.js';
import { makeFolder, temporaryName } from '../trace/files.js';
import type { KnownFormat } from './format.js';
import { keptJson } from './formats/json-cell.js';
import { QUOTING, type SourceRecord } from './record.js';
import type { RowField, StagedRow } from './rows.js';

const FLUSH_CHARACTERS = 1 << 20;
const OWNER_ONLY = 0o600;

/** Columns of prompt and answer; −1 = the format sets them itself, or has none. */
export interface TextPlaces {
  readonly prompt: number;
  readonly answer: number;
}

/** Collects the texts of one ingest. */
export class KeptTexts {
  rows = 0;
  readonly path: string;
  readonly places: TextPlaces;
  readonly #temporary: string;
  readonly #file: number;
  #pending = '';
  #isOpen = true;

  /** Throws OUTPUT_UNWRITABLE. */
  constructor(path: string, places: TextPlaces) {
    this.path = path;
    this.places = places;
    this.#temporary = temporaryName(path);
    this.#file = this.#guarded(() => {
      makeFolder(dirname(path));
      return openSync(this.#temporary, 'w', OWNER_ONLY);
    });
  }

  /** Values are JSON; null = not logged. */
  add(requestId: string, prompt: string | null, answer: string | null): void {
    const parts = [`"request_id":${JSON.stringify(requestId)}`];
    if (prompt !== null) parts.push(`"prompt":${prompt}`);
    if (answer !== null) parts.push(`"answer":${answer}`);
    this.#pending += `{${parts.join(',')}}\n`;
    this.rows += 1;
    if (this.#pending.length >= FLUSH_CHARACTERS) this.#flush();
  }

  /** Makes the file visible under its name. */
  finish(): void {
    this.#flush();
    this.#close();
    this.#guarded(() => renameSync(this.#temporary, this.path));
  }

  /** Leaves nothing behind, unless it was finished. */
  abandon(): void {
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #flush(): void {
    this.#guarded(() => writeSync(this.#file, this.#pending));
    this.#pending = '';
  }

  #close(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw new ToolError({
        code: 'OUTPUT_UNWRITABLE',
        message: `could not write ${this.path}: ${(cause as Error).message}`,
        hint: 'choose another place with --keep-text',
        cause,
      });
    }
  }
}

/**
 * The format with columns for its texts where it has none for them, and with request ids to key them by. Throws BAD_VALUE
 * when it has no texts.
 */
export function withTexts(format: KnownFormat): {
  readonly format: KnownFormat;
  readonly places: TextPlaces;
} {
  const { texts } = format;
  if (texts === undefined) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `${format.name} has no field of prompt or answer text that could be kept`,
      hint: 'leave --keep-text out',
    });
  }
  const columns = [...format.columns];
  const placeOf = ([name, ...aliases]: readonly string[]): number => {
    if (name === undefined) return -1;
    const own = columns.findIndex((column) => column.name === name);
    return own >= 0 ? own : columns.push({ name, aliases, required: false, meaning: 'text' }) - 1;
  };
  const places = { prompt: placeOf(texts.prompt), answer: placeOf(texts.answer) };
  const fills: readonly RowField[] = format.fills.includes('requestId')
    ? format.fills
    : [...format.fills, 'requestId'];
  return { format: { ...format, columns, fills }, places };
}

/** Keeps the staged row's texts: those that the format set, else those of the two last columns. Gives it an id to key by. */
export function keepTextsOf(row: StagedRow, record: SourceRecord | null, texts: KeptTexts): void {
  const prompt = row.promptText ?? textOf(record, texts.places.prompt);
  const answer = row.answerText ?? textOf(record, texts.places.answer);
  if (prompt === null && answer === null) return;
  row.requestId ??= `text-${texts.rows + 1}`;
  texts.add(row.requestId, prompt, answer);
}

/** A column as JSON: lists and objects as they are, also in a cell of a CSV file; everything else as text. */
function textOf(record: SourceRecord | null, column: number): string | null {
  const text = column < 0 ? null : (record?.text(column) ?? null);
  if (text === null) return null;
  const quoting = record!.quoting[column];
  return quoting === QUOTING.bare || quoting === QUOTING.csvEscapes ? keptJson(text) : JSON.stringify(text);
}
