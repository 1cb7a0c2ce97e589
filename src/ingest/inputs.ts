/**
 * Which files an ingest reads: paths as given, whole folders, and patterns (`logs/*.jsonl.gz`, `**`) that a shell did not
 * expand. Folders and patterns give their files in order of name; hidden files and what stands beside logs in data sets
 * (licences, readmes, checksums) are left out, and empty files too, which are named.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { ToolError } from '../errors.js';

export interface ExpandedInputs {
  readonly files: readonly string[];
  /** Files of 0 bytes in folders and among what patterns match. */
  readonly empty: readonly string[];
}

/** Files of the given paths; `-` stays. Throws FILE_NOT_FOUND when a pattern or folder gives none. */
export async function expandInputs(paths: readonly string[]): Promise<ExpandedInputs> {
  const files: string[] = [];
  const empty: string[] = [];
  for (const path of paths) {
    const info = path === '-' ? null : await stat(path).catch(() => null);
    const isFolder = info?.isDirectory() === true;
    if (path === '-' || info?.isFile() === true || !(isFolder || /[*?[]/.test(path))) files.push(path);
    else {
      const found = isFolder ? await filesOf(path) : await matches(path);
      files.push(...found.files);
      empty.push(...found.empty);
    }
  }
  return { files, empty };
}

const MOST_NAMED = 5;

/** A handful of texts, and how many there are beside. */
export function handfulOf(texts: readonly string[], separator = ', '): string {
  const more = texts.length - MOST_NAMED;
  return `${texts.slice(0, MOST_NAMED).join(separator)}${more > 0 ? `${separator}and ${more} more` : ''}`;
}

async function matches(pattern: string): Promise<ExpandedInputs> {
  let root = pattern;
  while (/[*?[]/.test(root)) root = dirname(root);
  const test = patternOf(pattern.split(sep).join('/'));
  const info = await stat(root).catch(() => null);
  const found = info === null ? null : await listed(root, (file) => test.test(file.split(sep).join('/')));
  if (found !== null && found.files.length > 0) return found;
  throw nothingIn(
    found,
    `no file matches ${pattern}`,
    `all that matches ${pattern}`,
    'check the pattern and the current folder',
  );
}

async function filesOf(folder: string): Promise<ExpandedInputs> {
  const found = await listed(folder, () => true);
  if (found.files.length > 0) return found;
  throw nothingIn(
    found,
    `no log in the folder ${folder}`,
    `every log in the folder ${folder}`,
    'name a folder with log files in it',
  );
}

function nothingIn(found: ExpandedInputs | null, none: string, all: string, hint: string): ToolError {
  if (found === null || found.empty.length === 0)
    return new ToolError({ code: 'FILE_NOT_FOUND', message: none, hint });
  return new ToolError({
    code: 'FILE_EMPTY',
    message: `${all} is empty: ${handfulOf(found.empty)}`,
    hint: 'was the command that writes them stopped early?',
  });
}

/** Names of files that are never logs; who wants one read names it. */
const BESIDE_LOGS =
  /^(_SUCCESS.*|(licen[cs]e|readme|notice|copying|changelog|manifest)(\.(md|txt|rst))?|.*\.md|.*\.(sha256|md5|sig|asc)|(sha256|md5)sums?(\.txt)?)$/i;

/** Regular, visible files below a folder that are wanted, in order of name. */
async function listed(root: string, isWanted: (file: string) => boolean): Promise<ExpandedInputs> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  const files: string[] = [];
  const empty: string[] = [];
  for (const entry of entries) {
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const isHidden = path
      .slice(root.length)
      .split(sep)
      .some((part) => part.startsWith('.') && part.length > 1);
    if (isHidden || BESIDE_LOGS.test(basename(path)) || !isWanted(path)) continue;
    const info = await stat(path).catch(() => null);
    if (info?.isFile() === true) (info.size > 0 ? files : empty).push(path);
  }
  return { files: files.sort(), empty: empty.sort() };
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
