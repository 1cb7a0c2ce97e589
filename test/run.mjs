// Runs the compiled test files with node's own runner. Arguments narrow the choice: `npm test -- engine random`.
import { spawnSync } from 'node:child_process';
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
// Slow files of these folders judge timing: one at a time, so that nothing disturbs them. The others share the cores.
const TIMED = /\/(llama|plan|profile|replay|transports|serve|calibrate)\/[^/]*$/;
const passes = slow
  ? [
      { chosen: files.filter((file) => !TIMED.test(file)), concurrency: 2 },
      { chosen: files.filter((file) => TIMED.test(file)), concurrency: 1 },
    ]
  : [{ chosen: files, concurrency: 2 }];
let failed = false;
for (const { chosen, concurrency } of passes) {
  if (chosen.length === 0) continue;
  const { status } = spawnSync(
    process.execPath,
    [
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${slow ? 900_000 : 240_000}`,
      '--test-reporter=spec',
      ...chosen,
    ],
    { stdio: 'inherit' },
  );
  if (status !== 0) failed = true;
}
process.exitCode = failed ? 1 : 0;
