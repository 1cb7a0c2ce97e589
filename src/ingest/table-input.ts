/** Tables (Parquet, Arrow) as inputs: each row a JSON line, so that every JSON format, CSV format and mapping reads them. */
import type { ManifestInput } from '../types.js';
import type { InputSource } from './container.js';

/** A table as an input of JSON lines, and the names of its columns. */
export interface TableInput {
  readonly source: InputSource;
  readonly names: readonly string[];
}

export interface TableRowsOptions {
  readonly path: string;
  readonly name: string;
  readonly fileBytes: number;
  readonly manifest: ManifestInput;
  /** Rows from the first on, several lines at a time, without the last newline. */
  rows(): AsyncGenerator<string>;
}

/** Rows of a table as lines. */
export class RowsAsLines implements InputSource {
  readonly name: string;
  readonly path: string;
  readonly fileBytes: number;
  readBytes = 0;
  readonly truncation = null;
  readonly #options: TableRowsOptions;

  constructor(options: TableRowsOptions) {
    this.#options = options;
    this.name = options.name;
    this.path = options.path;
    this.fileBytes = options.fileBytes;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    for await (const lines of this.#options.rows()) yield Buffer.from(`${lines}\n`);
    this.readBytes = this.fileBytes;
  }

  async *hash(): AsyncGenerator<void> {
    // Taken when the file was opened.
  }

  chunksFrom(): AsyncGenerator<Buffer> {
    throw new Error('rows of a table have no bytes to begin from');
  }

  reopened(): InputSource {
    return new RowsAsLines(this.#options);
  }

  manifest(): ManifestInput {
    return this.#options.manifest;
  }
}
