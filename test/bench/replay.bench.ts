/**
 * How well the replay client keeps time and what it costs, against its targets and against an asyncio/aiohttp client of
 * the usual kind, on one server in one run. Not a test: run `npm run bench replay` on a quiet machine. The server (a
 * process of its own on the same machine) stamps its own clock into every answer.
 *
 *   node dist/test/bench/replay.bench.js [seconds per step] [requests of the memory run]
 *
 * PYTHON names the interpreter of the rival (with aiohttp); without it the rival is left out, and that is printed.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ToolError } from '../../src/errors.js';
import { percentileSorted } from '../../src/metrics.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import { STREAM_GAP_MS, STREAM_TOKENS, ttftErrorsMs } from '../../src/replay/self-test/self-test.js';
import { emptyRow } from '../../src/trace/batch.js';
import type { RunRecord, RunSummary } from '../../src/types.js';
import { formatBytes, formatCount, NS_PER_SEC, significant } from '../../src/units.js';

const seconds = Number(process.argv[2] ?? 8);
const memoryRequests = Number(process.argv[3] ?? 1_000_000);
/** The timing at which rates are compared: p99 of TTFT errors, ms. */
const EQUAL_ERROR_MS = 5;
const RIVAL_RATES = [50, 100, 150, 200, 250, 300, 350, 400];
const OUR_RATES = [100, 200, 400, 600, 800, 900, 1_000, 1_100, 1_200];

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const ms = (value: number | null): string => (value === null ? '–' : `${significant(value)} ms`);
const p99 = (values: ArrayLike<number>): number | null =>
  percentileSorted(Float64Array.from(values).sort(), 0.99);

const work = await mkdtemp(join(tmpdir(), 'tokentide-bench-'));

async function startServer(gapMs: number): Promise<{ child: ChildProcess; url: string }> {
  const program = fileURLToPath(
    new URL('../../src/replay/self-test/null-server-process.js', import.meta.url),
  );
  const child = fork(program, [String(gapMs)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const port = await new Promise<number>((resolve) =>
    child.once('message', (message) => resolve((message as { port: number }).port)),
  );
  return { child, url: `http://127.0.0.1:${port}` };
}

interface Ours {
  readonly summary: RunSummary;
  readonly records: readonly RunRecord[];
}

async function replayAt(
  url: string,
  ratePerSec: number,
  stream: boolean,
  sec: number,
  realTime = false,
): Promise<Ours> {
  const outDir = join(work, 'run');
  const rows = Array.from({ length: Math.round(ratePerSec * sec) }, (_, i) =>
    emptyRow({
      arrivalNs: BigInt(Math.round((i * NS_PER_SEC) / ratePerSec)),
      inputTokens: 50,
      outputTokens: stream ? STREAM_TOKENS : 1,
      operation: 'chat',
      stream,
    }),
  );
  const summary = await replayTrace({
    trace: { name: 'bench', rows, blockSize: null },
    url,
    outDir,
    force: true,
    model: 'null',
    metricsUrl: 'none',
    trial: false,
    salt: 'none',
    senders: 1,
    realTime,
    preconnect: stream ? 0 : 16,
    drainSec: 20,
  });
  return { summary, records: (await readRun(outDir)).records };
}

const lagP99 = ({ summary }: Ours): number | null =>
  summary.validity.checks.find(({ check }) => check === 'send_lag_p99')!.value;

async function sendLag(url: string, realTime: boolean): Promise<void> {
  for (const [rate, targetMs] of [
    [1_000, 0.5],
    [3_000, 1],
  ]) {
    const run = await replayAt(url, rate, false, seconds, realTime);
    const cpu = run.summary.client.cpuShare ?? 0;
    say(
      `send lag p99 at ${formatCount(rate)} short requests/s${realTime ? ' with real-time priority' : ''}: ${ms(lagP99(run))} (target ${targetMs} ms), sender ${significant(cpu * 100)} % of a core`,
    );
  }
}

async function ttftAt10kChunks(url: string): Promise<void> {
  const rate = 10_000 / STREAM_TOKENS;
  const run = await replayAt(url, rate, true, seconds);
  say(
    `client TTFT − server TTFT at 10 000 chunks/s: p99 ${ms(p99(ttftErrorsMs(run.records)))} (target 1 ms), n ${formatCount(run.records.length)}`,
  );
}

/** Highest rate whose TTFT error stays within the bound, and the CPU that the client took per chunk there. */
interface Ceiling {
  readonly ratePerSec: number;
  readonly errorP99Ms: number;
  readonly cpuUsPerChunk: number;
}

async function ourCeiling(url: string): Promise<Ceiling | null> {
  let best: Ceiling | null = null;
  for (const rate of OUR_RATES) {
    const { summary, records } = await replayAt(url, rate, true, seconds);
    const errorP99Ms = p99(ttftErrorsMs(records)) ?? Number.POSITIVE_INFINITY;
    const cpuSec = (summary.client.cpuShare ?? 0) * summary.throughput.windowSec;
    const cpuUsPerChunk = (cpuSec * 1e6) / (records.length * STREAM_TOKENS);
    say(
      `  tokentide ${formatCount(rate)} streams/s: error p99 ${ms(errorP99Ms)}, ${significant(cpuUsPerChunk)} µs of CPU a chunk`,
    );
    if (errorP99Ms >= EQUAL_ERROR_MS) break;
    best = { ratePerSec: rate, errorP99Ms, cpuUsPerChunk };
  }
  return best;
}

function rivalCeiling(url: string, python: string): Ceiling | null {
  const script = fileURLToPath(new URL('../../../test/bench/asyncio-client.py', import.meta.url));
  let best: Ceiling | null = null;
  for (const rate of RIVAL_RATES) {
    const words = [
      script,
      `${url}/v1/chat/completions`,
      String(rate),
      String(seconds),
      String(STREAM_TOKENS),
    ];
    const { stdout, status, stderr } = spawnSync(python, words, { encoding: 'utf8', maxBuffer: 1 << 28 });
    if (status !== 0) {
      say(`  the rival failed: ${stderr.trim().split('\n').at(-1)}`);
      return best;
    }
    const { errorsMs, cpuSec } = JSON.parse(stdout) as { errorsMs: number[]; cpuSec: number };
    const errorP99Ms = p99(errorsMs) ?? Number.POSITIVE_INFINITY;
    const cpuUsPerChunk = (cpuSec * 1e6) / (rate * seconds * STREAM_TOKENS);
    say(
      `  aiohttp   ${formatCount(rate)} streams/s: error p99 ${ms(errorP99Ms)}, ${significant(cpuUsPerChunk)} µs of CPU a chunk`,
    );
    if (errorP99Ms >= EQUAL_ERROR_MS) break;
    best = { ratePerSec: rate, errorP99Ms, cpuUsPerChunk };
  }
  return best;
}

async function againstRival(url: string): Promise<void> {
  say(
    `streams of ${STREAM_TOKENS} chunks ${STREAM_GAP_MS} ms apart, highest rate with a TTFT error p99 below ${EQUAL_ERROR_MS} ms, one core each:`,
  );
  const python = process.env['PYTHON'];
  const hasRival = python !== undefined && spawnSync(python, ['-c', 'import aiohttp']).status === 0;
  const rival = hasRival ? rivalCeiling(url, python) : null;
  const ours = await ourCeiling(url);
  if (!hasRival) {
    say('  no rival in this run: PYTHON must name an interpreter that has aiohttp');
    return;
  }
  if (ours === null || rival === null) {
    say('  no ratio: one of the two reached no rate on time; is the machine quiet?');
    return;
  }
  say(
    `ratio: ${significant(ours.ratePerSec / rival.ratePerSec)} × the streams per second (target 3, prize 5), ${significant(rival.cpuUsPerChunk / ours.cpuUsPerChunk)} × less CPU a chunk`,
  );
}

/** A closed loop of short requests in a process of its own, whose peak memory is asked afterwards. */
async function constantMemory(url: string): Promise<void> {
  const program = `
    const { replayTrace } = await import(${JSON.stringify(new URL('../../src/replay/replay.js', import.meta.url).href)});
    const { emptyRow } = await import(${JSON.stringify(new URL('../../src/trace/batch.js', import.meta.url).href)});
    const [url, outDir, passes] = process.argv.slice(1);
    const rows = Array.from({ length: 1000 }, (_, i) =>
      emptyRow({ arrivalNs: BigInt(i) * 1000000n, inputTokens: 20, outputTokens: 1, operation: 'chat', stream: false }));
    let live = 0;
    const timer = setInterval(() => { live = Math.max(live, process.memoryUsage().rss); }, 250);
    let liveAtEnd = 0;
    const summary = await replayTrace({ trace: { name: 'memory', rows, blockSize: null }, url, outDir, force: true,
      model: 'null', metricsUrl: 'none', trial: false, salt: 'none', closedLoop: true, concurrency: 64,
      loop: { kind: 'passes', passes: Number(passes) },
      progress: () => { liveAtEnd = live; } });
    clearInterval(timer);
    process.stdout.write(JSON.stringify({ counts: summary.counts, okPerSec: summary.throughput.okPerSec,
      liveBytes: liveAtEnd, peakBytes: process.resourceUsage().maxRSS * 1024 }));
    process.exit(0);`;
  for (const requests of [memoryRequests / 10, memoryRequests]) {
    const words = [
      '--input-type=module',
      '-e',
      program,
      '--',
      url,
      join(work, 'memory'),
      String(requests / 1_000),
    ];
    const { stdout, status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    if (status !== 0) {
      say(`memory: the run failed: ${stderr.trim().split('\n').at(-1)}`);
      return;
    }
    const { counts, okPerSec, liveBytes, peakBytes } = JSON.parse(stdout) as {
      counts: RunSummary['counts'];
      okPerSec: number;
      liveBytes: number;
      peakBytes: number;
    };
    say(
      `memory: ${formatCount(counts.byStatus.ok ?? 0)} of ${formatCount(requests)} requests ok at ${formatCount(Math.round(okPerSec))}/s; run process at most ${formatBytes(liveBytes)} while sending, ${formatBytes(peakBytes)} with the finish`,
    );
  }
}

const server = await startServer(STREAM_GAP_MS);
try {
  await sendLag(server.url, false);
  await sendLag(server.url, true).catch((error: unknown) => {
    if (!(error instanceof ToolError)) throw error;
    say(`no send lag with real-time priority: ${error.message}`);
  });
  await ttftAt10kChunks(server.url);
  await againstRival(server.url);
  await constantMemory(server.url);
} finally {
  server.child.disconnect();
  await rm(work, { recursive: true, force: true });
}
