import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { makeFolder } from '../../src/trace/files.js';

const root = mkdtempSync(join(tmpdir(), 'tokentide-files-'));
after(() => rmSync(root, { recursive: true }));

const unwritable = (error: unknown): boolean =>
  error instanceof ToolError && error.code === 'OUTPUT_UNWRITABLE';

test('folders are made with those above them; those that are there stay', () => {
  const folder = join(root, 'a', 'b', 'c');
  makeFolder(folder);
  makeFolder(folder);
  assert.ok(statSync(folder).isDirectory());
});

test('a file in the way is refused', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  assert.throws(() => makeFolder(join(file, 'below', 'it')), unwritable);
});

test('a place where nothing can be made is refused and not asked for ever', {
  skip: !existsSync('/proc/self') && 'no /proc here',
}, () => {
  assert.throws(() => makeFolder('/proc/tokentide/run'), unwritable);
});
