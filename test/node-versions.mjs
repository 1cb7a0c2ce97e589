// Runs a cross-section of the tests on the other Node versions that the package supports (npm's `node` package brings
// them) and the demo's first steps through the command line. Skips with a printed reason when one cannot be installed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSIONS = [22, 24];
// What touches the runtime: native modules, workers, child processes, sockets, streams, typed arrays, the loader.
const CROSS_SECTION = [
  'trace/',
  'random',
  'metrics',
  'cli/main',
  'interop/',
  'serve/server',
  'replay/endings',
  'replay/sse',
  'synthesize/synthesize.test',
  'tokens/',
];

const root = fileURLToPath(new URL('..', import.meta.url));
let failed = false;
for (const version of VERSIONS) {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-node-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{}');
    const install = spawnSync('npm', ['install', '--no-save', '--silent', `node@${version}`], {
      cwd: folder,
      encoding: 'utf8',
    });
    const node = join(folder, 'node_modules', 'node', 'bin', 'node');
    const found = install.status === 0 ? spawnSync(node, ['--version'], { encoding: 'utf8' }) : install;
    if (found.status !== 0) {
      console.log(`node ${version}: skipped, it could not be installed`);
      continue;
    }
    console.log(`node ${found.stdout.trim()}`);
    const { status } = spawnSync(node, [join(root, 'test', 'run.mjs'), ...CROSS_SECTION], {
      stdio: 'inherit',
    });
    if (status !== 0) failed = true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
process.exitCode = failed ? 1 : 0;
