/** Where converted text goes: a file under a temporary name until it is whole, or standard output. */
import { once } from 'node:events';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ToolError } from '../errors.js';
import { makeFolder, temporaryName } from '../trace/files.js';

export interface TextOutput {
  write(text: string): Promise<void>;
  /** Makes the file visible under its name; returns its bytes. */
  finish(): Promise<number>;
  /** Leaves nothing behind. */
  abandon(): Promise<void>;
}

/** Opens the output; `-` = standard output. Throws OUTPUT_UNWRITABLE. */
export async function openTextOutput(path: string): Promise<TextOutput> {
  return path === '-' ? standardOutput() : fileOutput(path);
}

async function fileOutput(path: string): Promise<TextOutput> {
  const temporary = temporaryName(path);
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw new ToolError({
        code: 'OUTPUT_UNWRITABLE',
        message: `could not write ${path}: ${(cause as Error).message}`,
        hint: 'choose another place with -o, or check that the folder is writable and has room',
        cause,
      });
    }
  };
  const handle = await guarded(async () => {
    makeFolder(dirname(path));
    return open(temporary, 'w');
  });
  return {
    write: (text) => guarded(() => handle.writeFile(text)),
    finish: () =>
      guarded(async () => {
        await handle.close();
        const { size } = await stat(temporary);
        await rename(temporary, path);
        return size;
      }),
    abandon: async () => {
      await handle.close().catch(() => undefined);
      await rm(temporary, { force: true }).catch(() => undefined);
    },
  };
}

function standardOutput(): TextOutput {
  let bytes = 0;
  return {
    async write(text) {
      bytes += Buffer.byteLength(text);
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    },
    finish: async () => bytes,
    abandon: async () => undefined,
  };
}
