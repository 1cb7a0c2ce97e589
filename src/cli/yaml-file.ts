/** YAML files that hold keys and values: configs and experiments. */
import { readFile } from 'node:fs/promises';
import { ToolError } from '../errors.js';
import { requireFile } from '../trace/files.js';

/** Reads a file of keys and values. Throws FILE_NOT_FOUND, FILE_EMPTY or USAGE; `hint` says how to write one. */
export async function readYamlRecord(
  path: string,
  what: string,
  hint: string,
): Promise<Record<string, unknown>> {
  await requireFile(path, what);
  const { parse } = await import('yaml');
  let document: unknown;
  try {
    document = parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new ToolError({
      code: 'USAGE',
      message: `${path} is not YAML: ${(cause as Error).message}`,
      hint,
      cause,
    });
  }
  if (typeof document === 'object' && document !== null && !Array.isArray(document))
    return document as Record<string, unknown>;
  throw new ToolError({ code: 'USAGE', message: `${path} must hold keys and values`, hint });
}
