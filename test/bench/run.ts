/** `npm run bench [name…]`: runs the benchmarks one after the other and prints what they measure. Asserts nothing. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const words = process.argv.slice(2);
const benches = readdirSync(folder)
  .filter((file) => file.endsWith('.bench.js'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();

for (const bench of benches) {
  process.stdout.write(`\n=== ${bench.replace('.bench.js', '')}\n`);
  const { status } = spawnSync(process.execPath, ['--expose-gc', folder + bench], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
