// Runs the compiled test files with node's own runner. Arguments narrow the choice: `npm test -- engine random`.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../dist/test/', import.meta.url));
const words = process.argv.slice(2).filter((word) => !/^(--|\d+$)/.test(word));
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
const TIMED = /\/(llama|engines|plan|profile|replay|transports|serve|calibrate)\/[^/]*$/;
/**
 * What timed files take at worst, s, on a machine half as fast as the one that they were written on: with a limit
 * (`--seconds 300`) only what surely ends in time is begun, and what is not is named. The longest come last.
 */
const WORST_SEC = [
  [/(round-trip|confirm|predict|endpoint)\.slow/, 240],
  [/replay\/serve\.slow/, 160],
  [/(self-test|two-clocks|transports\/chaos)\.slow/, 35],
];
const worstSec = (file) => WORST_SEC.find(([pattern]) => pattern.test(file))?.[1] ?? 60;
const limitAt = process.argv.indexOf('--seconds');
const limitSec = limitAt < 0 ? Number.POSITIVE_INFINITY : Number(process.argv[limitAt + 1]);

let failed = false;
const runFiles = (chosen, concurrency) => {
  if (chosen.length === 0) return;
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
};

if (!slow) runFiles(files, 2);
else {
  const secondsLeft = () => limitSec - performance.now() / 1_000;
  runFiles(
    files.filter((file) => !TIMED.test(file)),
    2,
  );
  const timed = files.filter((file) => TIMED.test(file)).sort((a, b) => worstSec(a) - worstSec(b));
  for (const file of timed) {
    if (secondsLeft() >= worstSec(file)) runFiles([file], 1);
    else console.log(`left out, the time is up: ${file.slice(root.length)} (npm run test:slow runs it)`);
  }
}
process.exitCode = failed ? 1 : 0;
