/**
 * Workload models by path or by name: those that come with the package are found as `chat` or `azure-conv`.
 *
 * Edge part: looks into the package's `models/`. A file of that name wins.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearestWord, ToolError } from '../errors.js';
import { PACKAGE_ROOT } from '../manifest.js';

const SUFFIX = /\.workload\.(?:json|ya?ml)$/;

/** Names of the workload models that come with the package, in order. */
export function bundledWorkloads(): readonly string[] {
  return bundledFiles().map((file) => file.replace(SUFFIX, ''));
}

/** Whether it is a workload model rather than a trace: by its ending, or the name of a bundled one and no file. */
export function isWorkloadModel(pathOrName: string): boolean {
  if (/\.(?:json|ya?ml)$/i.test(pathOrName)) return true;
  return isName(pathOrName) && !existsSync(pathOrName);
}

/**
 * The file of a path or of a bundled name; other paths are left as they are, whether they exist or not. Throws
 * FILE_NOT_FOUND with the nearest bundled name for a bare word that is neither.
 */
export function workloadModelPath(pathOrName: string): string {
  if (!isName(pathOrName) || existsSync(pathOrName)) return pathOrName;
  const file = bundledFiles().find((one) => one.replace(SUFFIX, '') === pathOrName);
  if (file !== undefined) return fileURLToPath(new URL(`models/${file}`, PACKAGE_ROOT));
  const names = bundledWorkloads();
  const near = nearestWord(pathOrName, names);
  throw new ToolError({
    code: 'FILE_NOT_FOUND',
    message: `workload model not found: ${pathOrName} is neither a file nor a bundled model`,
    hint: near !== null ? `did you mean ${near}?` : `bundled models: ${names.join(', ')}`,
  });
}

/** A bare word: no folder, no ending. */
function isName(text: string): boolean {
  return text !== '' && basename(text) === text && extname(text) === '';
}

function bundledFiles(): string[] {
  return readdirSync(new URL('models/', PACKAGE_ROOT))
    .filter((file) => SUFFIX.test(file))
    .sort();
}
