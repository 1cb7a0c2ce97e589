/** Rows left out, counted by reason with the first place where it happened. */
import { ToolError } from '../errors.js';
import type { RejectCount } from '../types.js';
import { formatCount } from '../units.js';
import type { RowReject } from './record.js';

export class RejectTable {
  readonly #isStrict: boolean;
  readonly #counts = new Map<string, { first: Omit<RejectCount, 'rows'>; rows: number }>();
  total = 0;

  /** strict: the first reject is thrown as BAD_ROWS. */
  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  add(reject: RowReject, file: string, line: number): void {
    if (this.#isStrict) {
      const found = reject.example === null ? '' : ` ('${reject.example}')`;
      throw new ToolError({
        code: 'BAD_ROWS',
        message: `${file}, line ${line}: ${reject.reason}${found}`,
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
          `${formatCount(rows)} × ${reason} (first: ${firstFile}, line ${firstLine})`,
      )
      .join('; ');
  }
}
