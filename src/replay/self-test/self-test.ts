/**
 * `replay --self-test`: what this machine can measure. Replays against a null server in a process of its own, at rising
 * rates, for whole answers and for streams, with the same sender processes, transport and verdict as any run; the highest
 * rate whose run is valid and whose timing is right is what a measurement from here can be trusted up to.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { percentileSorted } from '../../metrics.js';
import { emptyRow } from '../../trace/batch.js';
import type { ProgressListener, RunRecord, RunSummary, TraceRow } from '../../types.js';
import { NS_PER_SEC, nsToMs } from '../../units.js';
import type { ReplayOptions } from '../options.js';
import { readNullServerId } from './null-server.js';

export type SelfTestLoad = 'short' | 'streams';

export interface SelfTestOptions {
  /** How a load is replayed and read back: `replayTrace` and `readRun`. */
  readonly replay: (
    options: ReplayOptions,
  ) => Promise<{ readonly summary: RunSummary; readonly records: readonly RunRecord[] }>;
  /** A folder for the runs. */
  readonly workDir: string;
  /** Per step. Default 3. */
  readonly secPerStep?: number;
  readonly senders?: number | 'auto';
  /** Requests/s to try, rising. */
  readonly rates?: Readonly<Partial<Record<SelfTestLoad, readonly number[]>>>;
  readonly progress?: ProgressListener;
  readonly signal?: AbortSignal | null;
}

export interface SelfTestStep {
  readonly load: SelfTestLoad;
  readonly ratePerSec: number;
  readonly chunksPerSec: number;
  /** Planned span of the sends ÷ real span. */
  readonly achievedRatio: number | null;
  readonly sendLagP50Ms: number | null;
  readonly sendLagP99Ms: number | null;
  readonly sendLagLimitMs: number;
  /** Client TTFT − the server's own. null = not streamed. */
  readonly ttftErrorP99Ms: number | null;
  readonly loopDelayP99Ms: number | null;
  readonly gcMaxMs: number | null;
  readonly cpuShare: number | null;
  readonly cpuWaitShare: number | null;
  readonly senders: number;
  readonly pass: boolean;
  /** Why not; null = it passed. */
  readonly because: string | null;
}

export interface SelfTestResult {
  readonly steps: readonly SelfTestStep[];
  /** Highest rate that passed, with all below it; null = none did. */
  readonly highestPerSec: Readonly<Record<SelfTestLoad, number | null>>;
  /** A rate failed, so that the ceiling was found; false = the machine can do more than was tried. */
  readonly ceilingFound: Readonly<Record<SelfTestLoad, boolean>>;
}

const RATES: Readonly<Record<SelfTestLoad, readonly number[]>> = {
  short: [250, 500, 1_000, 2_000, 3_000, 4_000, 6_000, 8_000],
  streams: [25, 50, 100, 200, 400, 600, 800],
};
/** The shape of a stream: as many chunks, so far apart. */
export const STREAM_TOKENS = 48;
export const STREAM_GAP_MS = 20;
/** A step is tried again once: something else may have taken a core. */
const TRIES = 2;
/** Timing of first tokens that can still be called right. */
export const TTFT_ERROR_LIMIT_MS = 5;

/** Runs the self-test. Throws what replaying throws. */
export async function selfTest(options: SelfTestOptions): Promise<SelfTestResult> {
  const steps: SelfTestStep[] = [];
  const highest: Record<SelfTestLoad, number | null> = { short: null, streams: null };
  const found: Record<SelfTestLoad, boolean> = { short: false, streams: false };
  const server = await startServer();
  try {
    for (const load of ['short', 'streams'] as const) {
      const rates = options.rates?.[load] ?? RATES[load];
      for (const [i, ratePerSec] of rates.entries()) {
        options.progress?.({ stage: `self-test, ${load}`, done: i, total: rates.length, unit: 'rates' });
        const step = await bestOf(TRIES, () => runStep(options, server.port, load, ratePerSec));
        steps.push(step);
        if (!step.pass) {
          found[load] = true;
          break;
        }
        highest[load] = ratePerSec;
      }
    }
  } finally {
    server.child.disconnect();
  }
  return { steps, highestPerSec: highest, ceilingFound: found };
}

async function bestOf(tries: number, run: () => Promise<SelfTestStep>): Promise<SelfTestStep> {
  let step = await run();
  for (let i = 1; i < tries && !step.pass; i++) step = await run();
  return step;
}

async function runStep(
  options: SelfTestOptions,
  port: number,
  load: SelfTestLoad,
  ratePerSec: number,
): Promise<SelfTestStep> {
  const stream = load === 'streams';
  const { summary, records } = await options.replay({
    trace: {
      name: `self-test ${load} ${ratePerSec}/s`,
      rows: rowsAt(ratePerSec, options.secPerStep ?? 3, stream),
      blockSize: null,
    },
    url: `http://127.0.0.1:${port}`,
    outDir: join(options.workDir, `${load}-${ratePerSec}`),
    force: true,
    model: 'null',
    metricsUrl: 'none',
    trial: false,
    salt: 'none',
    drainSec: 10,
    preconnect: stream ? 0 : 16,
    senders: options.senders,
    signal: options.signal,
  });
  const value = (name: string): number | null =>
    summary.validity.checks.find(({ check }) => check === name)?.value ?? null;
  const ttftErrorP99Ms = stream ? percentileSorted(ttftErrorsMs(records), 0.99) : null;
  const isValid = summary.validity.verdict === 'valid';
  const isRight = ttftErrorP99Ms === null || ttftErrorP99Ms <= TTFT_ERROR_LIMIT_MS;
  return {
    load,
    ratePerSec,
    chunksPerSec: stream ? ratePerSec * STREAM_TOKENS : ratePerSec,
    achievedRatio: value('achieved_rate'),
    sendLagP50Ms: value('send_lag_p50'),
    sendLagP99Ms: value('send_lag_p99'),
    sendLagLimitMs: summary.validity.checks.find(({ check }) => check === 'send_lag_p99')!.limit,
    ttftErrorP99Ms,
    loopDelayP99Ms: summary.client.loopDelayP99Ms,
    gcMaxMs: summary.client.gcMaxMs,
    cpuShare: summary.client.cpuShare,
    cpuWaitShare: summary.client.cpuWaitShare,
    senders: summary.client.senders,
    pass: isValid && isRight,
    because: isValid
      ? isRight
        ? null
        : `first tokens were stamped late: p99 ${ttftErrorP99Ms!.toFixed(1)} ms, limit ${TTFT_ERROR_LIMIT_MS} ms`
      : summary.validity.because,
  };
}

/** Client TTFT less the server's own, ms, rising. */
export function ttftErrorsMs(records: readonly RunRecord[]): Float64Array {
  const errors = records.flatMap((record) => {
    const server = readNullServerId(record.responseId);
    if (server === null || record.firstTokenNs === null || record.sentNs === null) return [];
    return [nsToMs(record.firstTokenNs - record.sentNs - server.ttftNs)];
  });
  return Float64Array.from(errors).sort();
}

function rowsAt(ratePerSec: number, sec: number, stream: boolean): TraceRow[] {
  return Array.from({ length: Math.round(ratePerSec * sec) }, (_, i) =>
    emptyRow({
      arrivalNs: BigInt(Math.round((i * NS_PER_SEC) / ratePerSec)),
      inputTokens: 50,
      outputTokens: stream ? STREAM_TOKENS : 1,
      operation: 'chat',
      stream,
    }),
  );
}

async function startServer(): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const program = fileURLToPath(new URL('./null-server-process.js', import.meta.url));
  const child = fork(program, [String(STREAM_GAP_MS)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the null server ended (status ${code})`)));
  });
  return { child, port };
}
