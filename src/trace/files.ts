/** Small files at the edges: JSON documents of ours, written whole or not at all, read with clear refusals. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type ErrorCode, ToolError } from '../errors.js';

/** A temporary name beside the final one, so that rename is atomic. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
}

/**
 * Makes a folder and those above it that are missing. Node's own `recursive` asks for ever where the system says of a
 * folder that is there that it is not (`/proc`); here that is an error as any other.
 * Throws OUTPUT_UNWRITABLE.
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  try {
    mkdirSync(path);
  } catch (cause) {
    // Somebody else may have made it meanwhile.
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw new ToolError({
      code: 'OUTPUT_UNWRITABLE',
      message: `could not make the folder ${path}: ${(cause as Error).message}`,
      hint: 'choose another place with -o, or check that the folder above is writable',
      cause,
    });
  }
}

/** Writes text under a temporary name in the same folder, then renames: readers see the old file or the new one. */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = temporaryName(path);
  try {
    makeFolder(dirname(path));
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new ToolError({
      code: 'OUTPUT_UNWRITABLE',
      message: `could not write ${path}: ${(cause as Error).message}`,
      hint: 'choose another place with -o, or check that the folder is writable',
      cause,
    });
  }
}

/** Writes a JSON document with two-space indentation. NaN and Infinity are refused (they would turn into null). */
export async function writeJson(path: string, document: unknown): Promise<void> {
  await writeFileAtomic(path, `${stringifyStrict(document)}\n`);
}

/** JSON text in which every number is finite; throws (our bug) otherwise. */
export function stringifyStrict(document: unknown): string {
  return JSON.stringify(
    document,
    (key, value) => {
      if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${key} is ${value}`);
      return typeof value === 'bigint' ? value.toString() : value;
    },
    2,
  );
}

/** Refuses a path that is missing, a folder, or empty. `what` names the expected file kind. */
export async function requireFile(path: string, what: string): Promise<void> {
  const bare = what.replace(/^an? /, '');
  const info = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `${bare} not found: ${path}`,
      hint: 'check the spelling and the current folder',
      cause,
    });
  });
  if (info.isDirectory()) {
    throw new ToolError({
      code: 'FILE_UNREADABLE',
      message: `expected ${what}, got a folder: ${path}`,
      hint: 'name a file in it',
    });
  }
  if (info.size === 0) {
    throw new ToolError({
      code: 'FILE_EMPTY',
      message: `${bare} is empty (0 bytes): ${path}`,
      hint: 'was the command that writes it stopped early?',
    });
  }
}

/**
 * Reads one of our JSON documents and checks its `kind` and `schemaVersion`.
 * Throws FILE_NOT_FOUND, FILE_EMPTY, or the given code with the reason.
 */
export async function readJsonDocument<T extends { kind: string; schemaVersion: number }>(
  path: string,
  kind: T['kind'],
  code: ErrorCode,
): Promise<T> {
  await requireFile(path, `a ${kind} file`);
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new ToolError({
      code,
      message: `${basename(path)} is not JSON: ${(cause as Error).message}`,
      hint: `expected a ${kind} written by tokentide`,
      cause,
    });
  }
  const found = document as { kind?: unknown; schemaVersion?: unknown } | null;
  if (typeof found !== 'object' || found === null || found.kind !== kind) {
    throw new ToolError({
      code,
      message: `${basename(path)} is not a ${kind}: its kind is ${JSON.stringify(found?.kind ?? null)}`,
      hint: `name a ${kind} file; \`tokentide inspect ${basename(path)}\` shows what this one is`,
    });
  }
  if (found.schemaVersion !== 1) {
    throw new ToolError({
      code,
      message: `${basename(path)} has schema version ${String(found.schemaVersion)}, this tokentide reads 1`,
      hint: 'use the tokentide that wrote it, or make it again',
    });
  }
  return document as T;
}
