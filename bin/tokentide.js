#!/usr/bin/env node
// Launcher: loads the compiled command line. `npm run build` makes it.
import { existsSync } from 'node:fs';

const compiled = new URL('../dist/src/cli/main.js', import.meta.url);
if (!existsSync(compiled)) {
  process.stderr.write('tokentide: not compiled yet\n  hint: run `npm run build` in the package folder\n');
  process.exit(1);
}
const { main } = await import(compiled.href);
process.exitCode = await main(process.argv.slice(2));
