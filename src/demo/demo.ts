/**
 * The whole picture on a bundled log: each step is a command that the reader can type, run as a process of its own,
 * with its own output. Only the sizes are chosen here, so that everything takes about a minute.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, ToolError } from '../errors.js';
import { PACKAGE_ROOT } from '../manifest.js';
import { makeFolder } from '../trace/files.js';
import { formatDurationSec } from '../units.js';

export interface DemoOptions {
  /** Folder for everything that the demo writes. */
  readonly folder: string;
  /** Takes each line of text. */
  readonly print: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** One command of the demo. `accept`: exit statuses that are an answer, not a failure. */
interface DemoStep {
  readonly title: string;
  readonly args: readonly string[];
  readonly accept?: readonly number[];
}

export interface DemoResult {
  readonly folder: string;
  readonly seconds: number;
  /** Command lines in order, with their exit status. */
  readonly steps: readonly {
    readonly command: string;
    readonly exitCode: number;
    readonly seconds: number;
  }[];
  /** Files to open, most telling first. */
  readonly files: readonly string[];
}

const SLO = 'p99(ttft) < 500ms, p99(tpot) < 30ms';
const ENGINE = 'small-demo';
const LAUNCHER = fileURLToPath(new URL('bin/tokentide.js', PACKAGE_ROOT));

/** Runs the demo. Throws what a step refuses, and INTERRUPTED. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { folder, print, signal } = options;
  const startedMs = performance.now();
  makeFolder(folder);
  const at = (name: string): string => relative(process.cwd(), join(folder, name)) || name;
  const bundled = (name: string): string =>
    relative(process.cwd(), fileURLToPath(new URL(name, PACKAGE_ROOT)));
  const steps: { command: string; exitCode: number; seconds: number }[] = [];
  const run = async (step: DemoStep): Promise<void> => {
    signal?.throwIfAborted();
    const command = `tokentide ${step.args.map(shellWord).join(' ')}`;
    print(`\n── ${step.title}\n$ ${command}`);
    const stepMs = performance.now();
    const exitCode = await runCommand(step.args, print, signal);
    steps.push({ command, exitCode, seconds: (performance.now() - stepMs) / 1_000 });
    if (exitCode !== EXIT.ok && !step.accept?.includes(exitCode)) throw stepFailure(command, exitCode);
  };

  await run({
    title: 'read an invented gateway log: 25 minutes, two tenants, a burst, some broken lines',
    args: [
      'ingest',
      bundled('traces/demo-gateway.csv'),
      '--map',
      bundled('traces/demo-gateway.map.yaml'),
      '-o',
      at('trace.parquet'),
    ],
  });
  await run({
    title: 'fit a workload model to it, one class per tenant',
    args: ['fit', at('trace.parquet'), '--by', 'client', '-o', at('workload.json')],
  });
  await run({
    title: 'draw four minutes of new traffic from the model',
    args: [
      'synthesize',
      at('workload.json'),
      '--seed',
      '42',
      '--duration',
      '4m',
      '-o',
      at('synthetic.parquet'),
    ],
  });
  const server = await startServer(print, signal);
  try {
    await run({
      title: 'replay it against the embedded engine, on exact time, at twelve times the speed',
      args: [
        'replay',
        at('synthetic.parquet'),
        '--url',
        server.url,
        '--speed',
        '12',
        '--slo',
        SLO,
        '--force',
        '-o',
        at('run'),
      ],
      accept: [EXIT.sloMissed, EXIT.runInvalid],
    });
    await run({
      title: 'find the load at which the engine stops meeting the SLO',
      args: [
        'profile',
        at('trace.parquet'),
        '--url',
        server.url,
        '--slo',
        SLO,
        '--rates',
        'auto',
        '--start-rate',
        '6',
        '--duration',
        '5s',
        '--max-duration',
        '7s',
        '--min-requests',
        '20',
        '--max-levels',
        '6',
        '--resolution',
        '0.2',
        '-o',
        at('engine.profile.json'),
      ],
      accept: [EXIT.sloMissed],
    });
  } finally {
    await server.close();
  }
  await run({
    title: 'plan a fleet for forty times that traffic, on the engine as it was measured',
    args: [
      'plan',
      at('trace.parquet'),
      '--profile',
      at('engine.profile.json'),
      '--growth',
      '40',
      '--slo',
      SLO,
      '--price',
      '2.5/h',
      '--cold-start',
      '30s',
      '-o',
      at('plan'),
    ],
    accept: [EXIT.sloMissed],
  });
  await run({ title: 'write the reports', args: ['report', at('run'), '-o', at('run.html')] });
  await run({
    title: 'and the profile’s',
    args: ['report', at('engine.profile.json'), '-o', at('profile.html')],
  });

  const seconds = (performance.now() - startedMs) / 1_000;
  const files = [
    'plan/report.html',
    'run.html',
    'profile.html',
    'plan/hpa.yaml',
    'plan/keda.yaml',
    'workload.json',
  ].map(at);
  print(`\n── done in ${formatDurationSec(seconds)}. Open:\n${files.map((file) => `  ${file}`).join('\n')}`);
  return { folder, seconds, steps, files };
}

function runCommand(
  args: readonly string[],
  print: (text: string) => void,
  signal?: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const stop = (): void => void child.kill('SIGINT');
    signal?.addEventListener('abort', stop, { once: true });
    eachLine(child, print);
    child.on('error', reject);
    child.on('close', (code) => {
      signal?.removeEventListener('abort', stop);
      resolve(code ?? EXIT.interrupted);
    });
  });
}

/** The embedded engine's server on a free port, in a process of its own so that it does not share our event loop. */
function startServer(
  print: (text: string) => void,
  signal?: AbortSignal,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const args = ['serve', '--engine', ENGINE, '--port', '0'];
  print(`\n── start the embedded engine: an OpenAI-compatible server\n$ tokentide ${args.join(' ')} &`);
  const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGINT');
    await closed;
  };
  signal?.addEventListener('abort', () => void child.kill('SIGINT'), { once: true });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => reject(stepFailure('tokentide serve', code ?? EXIT.bug)));
    eachLine(child, (line) => {
      print(line);
      const url = /at (http:\/\/\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve({ url, close });
    });
  });
}

function eachLine(child: ChildProcess, take: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(`  ${line}`);
    });
    stream?.on('end', () => {
      if (rest !== '') take(`  ${rest}`);
    });
  }
}

function shellWord(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word}'`;
}

function stepFailure(command: string, exitCode: number): ToolError {
  return new ToolError({
    code: exitCode === EXIT.interrupted ? 'INTERRUPTED' : 'BAD_RUN',
    message: `the demo stopped: \`${command}\` ended with status ${exitCode}`,
    hint: 'its own message is above; run the command alone to look closer',
  });
}
