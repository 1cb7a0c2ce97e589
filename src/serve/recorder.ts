/** The server's own record of each request as JSON lines, written in batches away from the step clock. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { ToolError } from '../errors.js';
import { makeFolder } from '../trace/files.js';
import type { ServedRequest } from '../types.js';

export interface Recorder {
  /** Requests recorded so far. */
  readonly count: number;
  add(request: ServedRequest): void;
  /** Writes what is left and closes the file. */
  close(): Promise<void>;
}

const LINES_PER_WRITE = 256;
const FLUSH_MS = 1_000;

/**
 * Opens the record. The file is written as it grows (not renamed at the end), so that it survives a kill: at most the
 * last second is lost. Throws OUTPUT_UNWRITABLE.
 */
export async function openRecorder(path: string): Promise<Recorder> {
  const unwritable = (cause: unknown): ToolError =>
    new ToolError({
      code: 'OUTPUT_UNWRITABLE',
      message: `could not write ${path}: ${(cause as Error).message}`,
      hint: 'choose another place with --record',
      cause,
    });
  let stream: WriteStream;
  try {
    makeFolder(dirname(path));
    stream = createWriteStream(path);
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', reject);
    });
  } catch (cause) {
    throw unwritable(cause);
  }
  let failure: unknown = null;
  stream.on('error', (error) => {
    failure = error;
  });
  let lines: string[] = [];
  let count = 0;
  const flush = (): void => {
    if (lines.length === 0) return;
    stream.write(`${lines.join('\n')}\n`);
    lines = [];
  };
  const timer = setInterval(flush, FLUSH_MS);
  timer.unref();
  return {
    get count() {
      return count;
    },
    add(request) {
      count += 1;
      lines.push(JSON.stringify(request));
      if (lines.length >= LINES_PER_WRITE) flush();
    },
    async close() {
      clearInterval(timer);
      flush();
      stream.end();
      await finished(stream).catch((error: unknown) => {
        failure ??= error;
      });
      if (failure !== null) throw unwritable(failure);
    },
  };
}
