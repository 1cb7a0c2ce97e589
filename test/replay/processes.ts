/** Runs our command line in processes of its own, for end-to-end tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';

const MAIN = JSON.stringify(new URL('../../src/cli/main.js', import.meta.url).href);
const SCRIPT = `import { main } from ${MAIN}; process.exitCode = await main(process.argv.slice(1));`;

/** `tokentide …words` as a child process. */
export function startCommand(words: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, '--', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
}

/** Runs a command to its end. */
export function runCommand(words: readonly string[]): Promise<CommandResult> {
  return resultOf(startCommand(words));
}

/** Waits for a command's end. */
export function resultOf(child: ChildProcess): Promise<CommandResult> {
  const pieces: Buffer[] = [];
  child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout: Buffer.concat(pieces).toString('utf8') }));
  });
}

/** A port that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Resolves once GET answers 200. */
export async function untilAnswering(url: string): Promise<void> {
  for (;;) {
    const status = await new Promise<number>((resolve) => {
      get(url, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).once('error', () => resolve(0));
    });
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Processes that burn a core each until ended. */
export function startHogs(count: number): ChildProcess[] {
  return Array.from({ length: count }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
}

/** Busy share of the machine's cores over the next second, 0–1; null where the system does not tell. */
export async function busyShare(): Promise<number | null> {
  const before = cpuTicks();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const after = cpuTicks();
  if (before === null || after === null) return null;
  return (after.busy - before.busy) / (after.all - before.all);
}

function cpuTicks(): { readonly busy: number; readonly all: number } | null {
  try {
    const [user, nice, system, idle, waiting, ...rest] = readFileSync('/proc/stat', 'latin1')
      .split('\n')[0]
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const busy = user + nice + system + rest.slice(0, 3).reduce((sum, ticks) => sum + ticks, 0);
    return { busy, all: busy + idle + waiting };
  } catch {
    return null;
  }
}
