// Runs the compiled test files with node's own runner. Arguments narrow the choice: `npm test -- engine random`.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../dist/test/', import.meta.url));
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const slow = process.argv.includes('--slow');

const files = readdirSync(root, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.test.js') && file.endsWith('.slow.test.js') === slow)
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort()
  .map((file) => join(root, file));

if (files.length === 0) {
  console.error('no test file matches');
  process.exit(1);
}
// Slow files hold end-to-end measurements: one at a time, so that they do not disturb each other.
const concurrency = slow ? 1 : 2;
const child = spawn(
  process.execPath,
  [
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${slow ? 900_000 : 240_000}`,
    '--test-reporter=spec',
    ...files,
  ],
  { stdio: 'inherit' },
);
child.on('exit', (code) => process.exit(code ?? 1));
