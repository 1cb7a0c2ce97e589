/** The edge of hand-written models: reads the YAML and the curve files that it names. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { ToolError } from '../../errors.js';
import { hashInput } from '../../manifest.js';
import { requireFile } from '../../trace/files.js';
import type { ManifestInput, WorkloadModel } from '../../types.js';
import { curvesOf, modelOfSpec } from './spec.js';

/** Whether a path is a hand-written model rather than a fitted one. */
export function isSpecPath(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

/** Throws FILE_NOT_FOUND, FILE_EMPTY, or BAD_MODEL that names the key. */
export async function readSpec(path: string): Promise<WorkloadModel> {
  await requireFile(path, 'a hand-written model');
  const { parse } = await import('yaml');
  let document: unknown;
  try {
    document = parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new ToolError({
      code: 'BAD_MODEL',
      message: `${basename(path)} is not YAML: ${(cause as Error).message.split('\n')[0]}`,
      hint: 'write one `key: value` per line, with texts that hold a colon in quotes',
      cause,
    });
  }
  const curves: Record<string, string> = {};
  const inputs: ManifestInput[] = [];
  for (const file of curvesOf(document)) {
    const curvePath = resolve(dirname(path), file);
    await requireFile(curvePath, 'a rate curve');
    curves[file] = await readFile(curvePath, 'utf8');
    inputs.push(await hashInput(curvePath));
  }
  const name = basename(path).replace(/(\.workload)?\.ya?ml$/i, '');
  try {
    return modelOfSpec({ document, name, curves, inputs });
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw new ToolError({
      code: error.code,
      message: `${basename(path)}: ${error.message}`,
      hint: error.hint,
      cause: error,
    });
  }
}
