/** Rows left out, counted by reason with the first place where it happened. */
import { ToolError } from '../errors.js';
import type { RejectCount } from '../types.js';
import { formatCount } from '../units.js';
import { RowReject } from './record.js';

export class RejectTable {
  readonly #isStrict: boolean;
  readonly #counts = new Map<string, { first: Omit<RejectCount, 'rows'>; rows: number }>();
  total = 0;

  /** strict: the first reject is thrown as BAD_ROWS. */
  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  add(reject: RowReject, file: string | null, line: number | null): void {
    if (this.#isStrict) {
      const found = reject.example === null ? '' : ` (${exampleText(reject.example)})`;
      throw new ToolError({
        code: 'BAD_ROWS',
        message: `${placeOf(file, line)}: ${reject.reason}${found}`,
        hint: 'correct the line, or leave out --strict to drop and count such lines',
      });
    }
    this.total += 1;
    const entry = this.#counts.get(reject.reason);
    if (entry !== undefined) {
      entry.rows += 1;
      return;
    }
    const { reason, example } = reject;
    this.#counts.set(reason, { first: { reason, firstLine: line, firstFile: file, example }, rows: 1 });
  }

  /** Counts rows of one reason that have no place of their own. Never fatal. */
  addRows(reason: string, rows: number): void {
    if (rows === 0) return;
    this.total += rows;
    this.#counts.set(reason, {
      first: { reason, firstLine: null, firstFile: null, example: null },
      rows: (this.#counts.get(reason)?.rows ?? 0) + rows,
    });
  }

  /** Adds what another reader of a part of `file` rejected; its lines are counted from `linesBefore`. */
  merge(rejects: readonly RejectCount[], file: string, linesBefore: number): void {
    for (const reject of rejects) {
      const line = reject.firstLine === null ? null : reject.firstLine + linesBefore;
      this.add(new RowReject(reject.reason, reject.example), file, line);
      this.total += reject.rows - 1;
      this.#counts.get(reject.reason)!.rows += reject.rows - 1;
    }
  }

  /** Most frequent first. */
  list(): RejectCount[] {
    return [...this.#counts.values()]
      .map(({ first, rows }) => ({ ...first, rows }))
      .sort((a, b) => b.rows - a.rows || (a.reason < b.reason ? -1 : 1));
  }

  /** One line for people. */
  summary(): string {
    return this.list()
      .map(
        ({ reason, rows, firstFile, firstLine }) =>
          `${formatCount(rows)} × ${reason} (first: ${placeOf(firstFile, firstLine)})`,
      )
      .join('; ');
  }
}

/** A place for people. */
export function placeOf(file: string | null, line: number | null): string {
  if (file === null) return 'at the end of the log';
  return line === null ? file : `${file}, line ${line}`;
}

/** A value as it is shown: in quotes, unless only its length may be. */
export function exampleText(example: string): string {
  return /^\d+ characters$/.test(example) ? example : `'${example}'`;
}
