/** `serve` as a step: a process of its own beside the steps that follow, so that it shares no event loop with them. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { EXIT, ToolError } from '../../errors.js';
import type { CommandIo } from '../command.js';
import type { ExperimentStep } from './file.js';
import { commandLine, wordsOf } from './words.js';

export interface RunningServer {
  readonly url: string;
  /** Ends it as Ctrl-C would and waits. Returns its exit status. */
  stop(): Promise<number>;
}

/** A server that loads nothing but its engine listens within a second; a busy machine may need some more. */
const START_LIMIT_MS = 30_000;

/** Starts the server and resolves when it listens. Throws what the server said when it ends before that. */
export async function startServer(step: ExperimentStep, io: CommandIo): Promise<RunningServer> {
  const words = wordsOf(step.spec, step.args, step.given);
  const main = new URL('../main.js', import.meta.url).href;
  const code = `const { main } = await import(${JSON.stringify(main)}); process.exitCode = await main(process.argv.slice(1));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, '--', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (status) => resolve(status ?? EXIT.bug));
  });
  const complaints: string[] = [];
  createInterface(child.stderr).on('line', (line) => {
    complaints.push(line);
    io.note(`${step.name}: ${line}`);
  });
  const url = await new Promise<string>((resolve, reject) => {
    const limit = setTimeout(() => reject(failed('it did not listen within 30 s')), START_LIMIT_MS);
    const settle =
      <T>(use: (value: T) => void) =>
      (value: T) => {
        clearTimeout(limit);
        use(value);
      };
    createInterface(child.stdout).on('line', (line) => {
      const listening = /^serving .* at (http\S+)$/.exec(line);
      if (listening) settle(resolve)(listening[1]);
    });
    child.once('error', (cause) => settle(reject)(failed(cause.message)));
    void ended.then(() => settle(reject)(failed(complaints.join('; ') || 'it ended at once')));
  }).catch(async (error: unknown) => {
    child.kill('SIGTERM');
    await ended;
    throw error;
  });
  return {
    url,
    async stop() {
      child.kill('SIGINT');
      return ended;
    },
  };

  function failed(why: string): ToolError {
    return new ToolError({
      code: 'ENDPOINT_UNREACHABLE',
      message: `step ${step.name} does not serve: ${why}`,
      hint: `try it alone: tokentide ${commandLine(words)}`,
    });
  }
}
