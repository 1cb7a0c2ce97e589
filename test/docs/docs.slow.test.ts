/** Every terminal session of the documentation is run as it stands, each page in a folder of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../../src/errors.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { missingLine, type ShownCommand, shownCommands, shownScripts } from './console.js';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).href;
const base = mkdtempSync(join(tmpdir(), 'tokentide-docs-'));
const background: ChildProcess[] = [];
after(() => {
  for (const child of background) child.kill('SIGKILL');
  rmSync(base, { recursive: true, force: true });
});

const PAGES = [
  'README.md',
  ...readdirSync(new URL('src/docs/', PACKAGE_ROOT)).map((name) => `src/docs/${name}`),
].filter((page) => shownCommands(readFileSync(new URL(page, PACKAGE_ROOT), 'utf8')).length > 0);

/** Puts `tokentide` on the path, as an installation would. */
function install(): string {
  const bin = join(base, 'bin');
  mkdirSync(bin);
  const script = `#!${process.execPath}\nimport(${JSON.stringify(MAIN)}).then(async ({ main }) => { process.exitCode = await main(process.argv.slice(2)); });\n`;
  writeFileSync(join(bin, 'tokentide'), script);
  chmodSync(join(bin, 'tokentide'), 0o755);
  return bin;
}

const bin = install();

async function run(command: ShownCommand, cwd: string): Promise<{ status: number; printed: string }> {
  const child = spawn('bash', ['-c', `exec 2>&1; ${command.background ? 'exec ' : ''}${command.text}`], {
    cwd,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}`, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let printed = '';
  child.stdout.on('data', (data: Buffer) => (printed += data.toString()));
  if (!command.background) {
    const status = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
    return { status, printed };
  }
  background.push(child);
  const port = /--port (\d+)/.exec(command.text)?.[1] ?? '8000';
  const reachable = await listens(Number(port));
  return { status: reachable ? 0 : 1, printed };
}

async function listens(port: number): Promise<boolean> {
  for (let tries = 0; tries < 300; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => resolve(true)).on('error', () =>
        resolve(false),
      );
      socket.on('connect', () => socket.end());
    });
    if (open) return true;
    await delay(100);
  }
  return false;
}

/** A folder for a page, with what the package brings. */
function folderOf(page: string): string {
  const cwd = join(base, page.replace(/\W+/g, '-'));
  mkdirSync(cwd);
  for (const folder of ['traces', 'models'])
    symlinkSync(fileURLToPath(new URL(folder, PACKAGE_ROOT)), join(cwd, folder));
  return cwd;
}

test('src/docs/library.md: every example runs', { timeout: 300_000 }, () => {
  const cwd = folderOf('library');
  const library = new URL('../../src/index.js', import.meta.url).href;
  for (const { line, text } of shownScripts(
    readFileSync(new URL('src/docs/library.md', PACKAGE_ROOT), 'utf8'),
  )) {
    writeFileSync(join(cwd, 'example.mjs'), text.replaceAll("from 'tokentide'", `from '${library}'`));
    const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], {
      cwd,
      encoding: 'utf8',
    });
    assert.equal(status, 0, `library.md:${line}\n${stdout}${stderr}`);
    assert.ok(
      stdout.trim() !== '' && !/\b(undefined|NaN)\b/.test(stdout),
      `library.md:${line} printed ${stdout}`,
    );
  }
});

for (const page of PAGES) {
  test(`${page}: every command runs and prints what is shown`, { timeout: 300_000 }, async () => {
    const cwd = folderOf(page);
    for (const command of shownCommands(readFileSync(new URL(page, PACKAGE_ROOT), 'utf8'))) {
      const { status, printed } = await run(command, cwd);
      const place = `${page}:${command.line}: ${command.text}\n${printed}`;
      // Whether this machine keeps up is measured elsewhere; here a run that it spoilt is still a run.
      const spoilt = status === EXIT.runInvalid && command.text.includes('tokentide replay');
      if (!spoilt) assert.equal(status, command.exitStatus, place);
      const missing = missingLine(command.output, printed);
      assert.equal(missing, null, `not printed: ${missing}\n${place}`);
    }
    for (const child of background.splice(0)) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      await ended;
    }
  });
}
