/** The rows of a source one by one. */
import type { RowBlock, RowSource } from './blocks.js';

/** Stands before the first row until `next` is called. */
export class RowCursor {
  gap = 0;
  input = 0;
  output = 0;
  readonly #rows: RowSource;
  #block: RowBlock | null = null;
  #row = 0;

  constructor(rows: RowSource) {
    this.#rows = rows;
  }

  /** Moves to the next row; what its source does not draw stays 0. */
  next(): void {
    this.#row += 1;
    if (this.#block === null || this.#row === this.#block.rowCount) {
      this.#block = this.#rows();
      this.#row = 0;
    }
    const { gaps, input, output } = this.#block;
    if (gaps.length > 0) this.gap = gaps[this.#row];
    if (input.length > 0) {
      this.input = input[this.#row];
      this.output = output[this.#row];
    }
  }
}
