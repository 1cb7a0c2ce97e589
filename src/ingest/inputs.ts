/**
 * Which files an ingest reads: paths as given, whole folders, and patterns (`logs/*.jsonl.gz`, `**`) that a shell did not
 * expand. Folders and patterns give their files in order of name; hidden files and what stands beside logs in data sets
 * (licences, readmes, checksums) are left out.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { ToolError } from '../errors.js';

/** Files of the given paths; `-` stays. Throws FILE_NOT_FOUND when a pattern or folder gives none. */
export async function expandInputs(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const info = path === '-' ? null : await stat(path).catch(() => null);
    if (path === '-' || info?.isFile() === true) files.push(path);
    else if (info?.isDirectory() === true) files.push(...(await filesOf(path, () => true, path)));
    else if (/[*?[]/.test(path)) files.push(...(await matches(path)));
    else files.push(path);
  }
  return files;
}

async function matches(pattern: string): Promise<string[]> {
  let root = pattern;
  while (/[*?[]/.test(root)) root = dirname(root);
  const test = patternOf(pattern.split(sep).join('/'));
  const info = await stat(root).catch(() => null);
  const found = info === null ? [] : await listed(root);
  const files = found.filter((file) => test.test(file.split(sep).join('/'))).sort();
  if (files.length > 0) return files;
  throw new ToolError({
    code: 'FILE_NOT_FOUND',
    message: `no file matches ${pattern}`,
    hint: 'check the pattern and the current folder',
  });
}

async function filesOf(
  folder: string,
  isWanted: (file: string) => boolean,
  given: string,
): Promise<string[]> {
  const files = (await listed(folder)).filter(isWanted).sort();
  if (files.length > 0) return files;
  throw new ToolError({
    code: 'FILE_NOT_FOUND',
    message: `no log in the folder ${given}`,
    hint: 'name a folder with log files in it',
  });
}

/** Names of files that are never logs; who wants one read names it. */
const BESIDE_LOGS =
  /^(_SUCCESS.*|(licen[cs]e|readme|notice|copying|changelog|manifest)(\.(md|txt|rst))?|.*\.md|.*\.(sha256|md5|sig|asc)|(sha256|md5)sums?(\.txt)?)$/i;

/** Regular, non-empty, visible files below a folder. */
async function listed(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  const files: string[] = [];
  for (const entry of entries) {
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const isHidden = path
      .slice(root.length)
      .split(sep)
      .some((part) => part.startsWith('.') && part.length > 1);
    if (isHidden || BESIDE_LOGS.test(basename(path))) continue;
    const info = await stat(path).catch(() => null);
    if (info?.isFile() === true && info.size > 0) files.push(path);
  }
  return files;
}

/** `*` and `?` within a name, `**` across folders, `[abc]`. */
function patternOf(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|\[[^\]/]+\]|[\\^$.|+(){}[\]]/g, (token) => {
    if (token === '**/') return '(?:[^/]+/)*';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    return token.length > 1 ? token.replace(/^\[!/, '[^') : `\\${token}`;
  });
  return new RegExp(`^${source.replace(/^\\\.\//, '(?:\\./)?')}$`);
}
