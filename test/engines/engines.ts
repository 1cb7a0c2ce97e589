/**
 * Real servers that install by package name and run without a GPU: where they are looked for, how they are started and
 * stopped, and one replay against them. Each has a folder of its own in `.venv/engines` (or TOKENTIDE_ENGINES); the
 * tests say how it is filled.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomOf } from '../../src/random.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { RunRecord, RunSummary, TraceRow } from '../../src/types.js';
import { untilAnswering } from '../replay/processes.js';

/** Test sources that are no TypeScript: models in Python. */
export const MODELS = fileURLToPath(new URL('../../../test/engines/models/', import.meta.url));

/** The folder of an engine, or null when `file` is not in it. */
export function findEngine(name: string, file: string): string | null {
  const named = process.env['TOKENTIDE_ENGINES'];
  const root =
    named !== undefined && named !== ''
      ? named
      : fileURLToPath(new URL('../../../.venv/engines', import.meta.url));
  const folder = join(root, name);
  return existsSync(join(folder, file)) ? folder : null;
}

export interface Started {
  /** What it printed so far. */
  log(): string;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly command: string;
  readonly words: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly folder: string;
  /** Answers 200 once the server is up. */
  readonly readyUrl: string;
  readonly limitSec: number;
}

/** Starts a server in a process group of its own and waits until it answers. Rejects with its log when it does not. */
export async function startEngine(options: StartOptions): Promise<Started> {
  const child = spawn(options.command, options.words, {
    cwd: options.folder,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const signalAll = (signal: NodeJS.Signals): void => {
    try {
      // The group: servers have workers of their own.
      process.kill(-child.pid!, signal);
    } catch {
      // It has ended.
    }
  };
  const stop = async (): Promise<void> => {
    signalAll('SIGTERM');
    const patience = setTimeout(() => signalAll('SIGKILL'), 8_000);
    await closed;
    clearTimeout(patience);
    signalAll('SIGKILL');
  };
  let limit: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_, reject) => {
    const fail = (why: string): void => reject(new Error(`${options.command} ${why}: ${text.slice(-2_000)}`));
    child.once('error', reject);
    child.once('exit', (code) => fail(`ended with ${code}`));
    limit = setTimeout(() => fail(`did not answer within ${options.limitSec} s`), options.limitSec * 1_000);
  });
  try {
    await Promise.race([untilAnswering(options.readyUrl), failed]);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(limit);
  }
  failed.catch(() => undefined);
  return { log: () => text, stop };
}

/** A folder that goes away with the tests. */
export function scratchFolder(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `tokentide-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Poisson arrivals; every prompt length occurs once, so a request is known by it in the server's log. */
export function distinctRows(seed: string, requests: number, ratePerSec: number): TraceRow[] {
  const rng = randomOf(seed, 'arrivals');
  let sec = 0;
  return Array.from({ length: requests }, (_, i) => {
    sec += rng.exponential() / ratePerSec;
    return emptyRow({
      arrivalNs: BigInt(Math.round(sec * 1e9)),
      inputTokens: 5 + ((i * 37) % requests),
      outputTokens: 1 + rng.int(16),
      operation: 'chat',
    });
  });
}

/** Replays rows without the trial request, which would stand in the server's log too. */
export async function replayed(
  outDir: string,
  rows: readonly TraceRow[],
  options: Partial<ReplayOptions> & { readonly url: string },
): Promise<{ readonly summary: RunSummary; readonly records: readonly RunRecord[] }> {
  await replayTrace({
    trace: { name: 'engines', rows, blockSize: null },
    outDir,
    trial: false,
    drainSec: 30,
    metricsUrl: null,
    ...options,
  });
  return readRun(outDir);
}

/** All requests ended well; the message names those that did not. */
export function assertAllOk(records: readonly RunRecord[], requests: number): void {
  assert.equal(records.length, requests);
  assert.deepEqual(
    records.filter(({ status }) => status !== 'ok').map(({ status, error }) => [status, error]),
    [],
  );
}
