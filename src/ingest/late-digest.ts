/**
 * The digest of a large file that threads read: this thread takes it from the page cache whenever it would wait for them,
 * the rest of it while they encode the trace. So it may be of other bytes than the rows are, if somebody writes to the
 * file meanwhile, and that is found out.
 */
import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { InputSource } from './container.js';

export class LateDigest {
  readonly source: InputSource;
  /** Whether the file's size or time changed between the first reading of it and the last; known when finished. */
  hasChanged = false;
  readonly #pieces: AsyncGenerator<void>;
  readonly #before: Stats;
  #isDone = false;

  /** To be made before anything of the file is read. */
  constructor(source: InputSource) {
    this.source = source;
    this.#before = statSync(source.path);
    this.#pieces = source.hash();
  }

  /** Bytes of the first `bytes` of the file that are still to be taken. */
  behind(bytes: number): number {
    return this.#isDone ? 0 : Math.max(0, bytes - this.source.readBytes);
  }

  /** Takes the next piece. */
  async step(): Promise<void> {
    this.#isDone = (await this.#pieces.next()).done === true;
  }

  /** Takes what is left, a piece each time that this thread has nothing else to do. */
  async finish(): Promise<void> {
    while (!this.#isDone) await this.step();
    const { size, mtimeMs } = await stat(this.source.path);
    this.hasChanged = size !== this.#before.size || mtimeMs !== this.#before.mtimeMs;
  }

  /** Leaves the file. */
  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }
}
