/**
 * Start-up: wall time of `--help` and of each command's `--help`, beside a bare `node -e 0` in the same rounds.
 * The target is 110 ms where a bare node starts in 75 ms, so a ratio of 1.47.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../../src/cli/registry.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';

const ROUNDS = 9;
const TARGET_RATIO = 110 / 75;
const BIN = fileURLToPath(new URL('bin/tokentide.js', PACKAGE_ROOT));

const calls = [
  { name: 'bare node', words: ['-e', '0'] },
  { name: '--help', words: [BIN, '--help'] },
  ...COMMANDS.map(({ name }) => ({ name: `${name} --help`, words: [BIN, name, '--help'] })),
];
const timesMs = new Map<string, number[]>(calls.map(({ name }) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const { name, words } of calls) {
    const started = performance.now();
    const { status } = spawnSync(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) throw new Error(`${name} ended with ${status}`);
    timesMs.get(name)!.push(performance.now() - started);
  }
}
const bareMs = median('bare node');
console.log(`start-up, median of ${ROUNDS} rounds; target ${TARGET_RATIO.toFixed(2)} × bare node`);
for (const { name } of calls) {
  const ms = median(name);
  console.log(`  ${name.padEnd(20)} ${ms.toFixed(0).padStart(4)} ms  ${(ms / bareMs).toFixed(2)} ×`);
}

function median(name: string): number {
  return [...timesMs.get(name)!].sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}
