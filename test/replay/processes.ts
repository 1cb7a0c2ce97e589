/** Runs our command line in processes of its own, for end-to-end tests. */
import { type ChildProcess, spawn } from 'node:child_process';
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
