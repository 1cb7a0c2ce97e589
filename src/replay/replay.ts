/**
 * replay: a trace → requests to an endpoint on exact time → a run: raw instants, a summary, and a verdict on itself.
 *
 *   trace ─plan (pure)─► instants and lengths ─feeder─► bodies ─IPC─► senders (clock, sockets) ─► protocol
 *                                                                        │ outcomes
 *                              run.json ◄─summary─ records ◄─log─────────┘
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createManifest } from '../manifest.js';
import { createRunLog, RUN_LOG_NAME, readRunLog } from '../trace/run-log.js';
import type { GaugeSummary, RunSummary } from '../types.js';
import { formatCount, formatDurationSec, significant } from '../units.js';
import { BodyBuilder, type BodyOptions } from './bodies.js';
import { Feeder } from './feeder.js';
import type { SenderHealth } from './messages.js';
import { checkReplayOptions, limitsOf, REPLAY_DEFAULTS, type ReplayOptions, sloOf } from './options.js';
import { runPhase } from './phase.js';
import { planReplay, type SendPlan } from './plan.js';
import type { Protocol } from './protocol.js';
import { protocolNamed } from './protocols/index.js';
import { Recorder } from './recorder.js';
import { finishRunFolder, prepareRunFolder, sortRecords } from './run-folder.js';
import { openScraper, type Scraper } from './scrape.js';
import { SenderPool } from './sender-pool.js';
import { openSource, type ReplaySource } from './source.js';
import { type RunHeader, summarizeRun } from './summary.js';
import { parseTarget, type Target } from './target.js';
import { TokenTally } from './token-tally.js';
import { calibratePrompts, reachEndpoint, tryEndpoint } from './trial.js';

/** What the endpoint told before the run. */
interface Preparation {
  readonly model: string;
  readonly ignoreEos: boolean;
  readonly templateTokens: number;
  readonly notes: readonly string[];
}

/**
 * Replays a trace and writes the run's folder. Returns the summary, also when the run is invalid, misses its SLO or is
 * interrupted after t0: the caller decides the exit status.
 *
 * Throws BAD_VALUE, NO_ROWS, OUTPUT_UNWRITABLE, what opening the trace throws, ENDPOINT_UNREACHABLE before any load, and
 * the signal's reason when aborted before t0.
 */
export async function replayTrace(options: ReplayOptions): Promise<RunSummary> {
  checkReplayOptions(options);
  const slo = sloOf(options);
  const protocol = protocolNamed(options.protocol ?? REPLAY_DEFAULTS.protocol);
  const target = parseTarget({
    url: options.url,
    protocol,
    apiKey: options.apiKey,
    headers: options.headers,
  });
  const source = await openSource(options.trace);
  try {
    const plan = await planReplay(source.batches(), {
      ...options,
      stream: options.stream ?? 'trace',
      blockSize: source.blockSize ?? options.blockSize ?? null,
    });
    await prepareRunFolder(options.outDir, options.force ?? false);
    const prepared = await prepareEndpoint(options, target, protocol, plan);
    const senders = chooseSenders(options, plan);
    const salt = saltOf(options);
    const header = headerOf({ options, source, plan, target, protocol, prepared, senders, salt });
    const logPath = join(options.outDir, RUN_LOG_NAME);
    const log = await createRunLog(logPath, JSON.stringify(header));
    const tally = new TokenTally(options.encoding ?? REPLAY_DEFAULTS.encoding);
    const recorder = new Recorder(log, tally);
    const scraper = await scraperOf(options, target);
    const live = await measure({
      options,
      plan,
      target,
      protocol,
      recorder,
      scraper,
      senders,
      bodies: {
        plan,
        protocol,
        model: prepared.model,
        ignoreEos: prepared.ignoreEos,
        extraBody: options.extraBody ?? null,
        seed: String(options.seed ?? REPLAY_DEFAULTS.seed),
        salt,
        templateTokens: prepared.templateTokens,
      },
    }).finally(async () => {
      await tally.close();
      await log.close();
    });
    const records = sortRecords((await readRunLog(logPath)).records);
    const summary = summarizeRun({
      header,
      slo,
      records,
      interrupted: live.interrupted,
      health: live.health,
      moreSenders: Math.max(0, availableParallelism() - 1 - senders),
      gauges: live.gauges,
      extraNotes: live.cancelled
        ? [
            `requests that had not ended ${formatDurationSec(drainOf(options))} after the last one was sent were cancelled (--drain)`,
          ]
        : [],
    });
    await finishRunFolder(options.outDir, { summary, records });
    return summary;
  } finally {
    source.close();
  }
}

interface LiveRun {
  readonly interrupted: boolean;
  readonly cancelled: boolean;
  readonly health: readonly SenderHealth[];
  readonly gauges: readonly GaugeSummary[] | null;
}

interface MeasureOptions {
  readonly options: ReplayOptions;
  readonly plan: SendPlan;
  readonly target: Target;
  readonly protocol: Protocol;
  readonly recorder: Recorder;
  readonly scraper: Scraper | null;
  readonly senders: number;
  readonly bodies: BodyOptions;
}

async function measure(context: MeasureOptions): Promise<LiveRun> {
  const { options, plan, protocol, recorder, scraper } = context;
  const signal = options.signal ?? null;
  const pool = new SenderPool({
    senders: context.senders,
    init: {
      target: { url: context.target.url, headers: context.target.headers },
      protocol: protocol.name,
      limits: limitsOf(options),
      concurrency: capPerSender(options.concurrency ?? null, context.senders),
      keepChunks: options.keepChunks ?? true,
      preconnect: options.preconnect ?? 0,
      warmUpCode: options.warmUpCode ?? true,
    },
    onOutcomes: (outcomes, sender) => recorder.take(outcomes, sender),
  });
  try {
    await pool.start();
    const common = { pool, recorder, drainSec: drainOf(options), progress: options.progress ?? null, signal };
    if ((options.warmup ?? 0) > 0) {
      const warmUp = warmUpPlan(plan, options.warmup!);
      const bodies = new BodyBuilder({
        ...context.bodies,
        plan: warmUp,
        salt: `${context.bodies.salt} warm-up`,
      });
      const feeder = new Feeder({ plan: warmUp, bodies, sink: pool });
      await runPhase({
        ...common,
        name: 'warm-up',
        plan: warmUp,
        feeder,
        measureFrom: warmUp.count,
        isMeasurement: false,
      });
    }
    signal?.throwIfAborted();
    const feeder = new Feeder({ plan, bodies: new BodyBuilder(context.bodies), sink: pool });
    const result = await runPhase({
      ...common,
      name: 'replay',
      plan,
      feeder,
      measureFrom: options.unmeasured ?? 0,
      isMeasurement: true,
      onStart: () => scraper?.start(),
    });
    const health = await pool.finish();
    if (result.interrupted) recorder.recordUnsent();
    await recorder.flush();
    return { ...result, health, gauges: (await scraper?.stop()) ?? null };
  } finally {
    pool.kill();
    await scraper?.stop();
  }
}

async function prepareEndpoint(
  options: ReplayOptions,
  target: Target,
  protocol: Protocol,
  plan: SendPlan,
): Promise<Preparation> {
  const signal = options.signal ?? null;
  const models = await reachEndpoint(target, signal);
  const model = options.model ?? models[0] ?? 'default';
  const notes: string[] = [];
  if (options.model == null && models.length > 1) {
    notes.push(`the endpoint lists ${models.length} models; ${model} was used (--model chooses)`);
  }
  const trial = {
    target,
    protocol,
    model,
    stream: plan.stream[0] === 1,
    ignoreEos: options.ignoreEos ?? true,
    extraBody: options.extraBody ?? null,
    signal,
  };
  let { ignoreEos } = trial;
  if (options.trial ?? true) {
    const result = await tryEndpoint(trial);
    ignoreEos = result.ignoreEos;
    notes.push(...result.notes);
  }
  let templateTokens = 0;
  if (options.calibratePrompts === true) {
    const { templateTokens: found, differences } = await calibratePrompts({ ...trial, ignoreEos });
    if (found !== null) {
      templateTokens = found;
      notes.push(
        `the server adds ${found} tokens to every prompt; they were taken off (--calibrate-prompts)`,
      );
    } else {
      notes.push(
        `prompt lengths could not be calibrated: the server counted ${differences.length === 0 ? 'nothing' : `${differences.join(', ')} more than asked`}`,
      );
    }
  }
  return { model, ignoreEos, templateTokens, notes };
}

/** Gap between warm-up requests: the trace's mean gap, but a warm-up is not made to wait. */
const MOST_WARM_UP_GAP_NS = 50e6;

/** The first requests of the plan (again from its start when it is short), evenly spaced. */
function warmUpPlan(plan: SendPlan, count: number): SendPlan {
  const gapNs = Math.min(MOST_WARM_UP_GAP_NS, Math.round(1e9 / (plan.schedule.ratePerSec ?? 1e9)));
  const from = (i: number): number => i % plan.count;
  const pick = <T extends Int32Array | Uint32Array | Uint8Array>(column: T): T =>
    column.constructor === Int32Array
      ? (Int32Array.from({ length: count }, (_, i) => column[from(i)]) as T)
      : column.constructor === Uint32Array
        ? (Uint32Array.from({ length: count }, (_, i) => column[from(i)]) as T)
        : (Uint8Array.from({ length: count }, (_, i) => column[from(i)]) as T);
  return {
    ...plan,
    count,
    schedule: { ...plan.schedule, intendedNs: Float64Array.from({ length: count }, (_, i) => i * gapNs) },
    row: pick(plan.row),
    inputTokens: pick(plan.inputTokens),
    maxOutputTokens: pick(plan.maxOutputTokens),
    stream: pick(plan.stream),
    requestId: null,
    sessionId: null,
    blockOffsets: new Uint32Array(count + 1),
  };
}

/** Chunks per second that one sender takes in with room to spare (measured ceiling: 30 000). */
const CHUNKS_PER_SENDER = 20_000;
/** Requests per second that one sender sends with room to spare. */
const REQUESTS_PER_SENDER = 4_000;

function chooseSenders(options: ReplayOptions, plan: SendPlan): number {
  if (options.senders !== undefined && options.senders !== 'auto') return options.senders;
  // A cap over several senders would have to be split; one keeps it whole.
  if (options.concurrency != null) return 1;
  const seconds = Math.max(1, plan.schedule.durationSec);
  let chunks = 0;
  for (let i = 0; i < plan.count; i++)
    chunks += plan.stream[i] === 1 ? Math.max(1, plan.maxOutputTokens[i]) : 1;
  const wanted = Math.ceil(
    Math.max(chunks / seconds / CHUNKS_PER_SENDER, plan.count / seconds / REQUESTS_PER_SENDER),
  );
  return Math.max(1, Math.min(wanted, availableParallelism() - 1));
}

function capPerSender(concurrency: number | null, senders: number): number | null {
  return concurrency === null ? null : Math.max(1, Math.floor(concurrency / senders));
}

async function scraperOf(options: ReplayOptions, target: Target): Promise<Scraper | null> {
  if (options.metricsUrl === 'none') return null;
  return openScraper(options.metricsUrl ?? `${target.origin}/metrics`, options.metricsUrl != null);
}

function saltOf(options: ReplayOptions): string | null {
  const salt = options.salt ?? REPLAY_DEFAULTS.salt;
  if (salt === 'none') return null;
  return salt === 'random' ? randomBytes(6).toString('hex') : salt;
}

const drainOf = (options: ReplayOptions): number => options.drainSec ?? REPLAY_DEFAULTS.drainSec;

interface HeaderInput {
  readonly options: ReplayOptions;
  readonly source: ReplaySource;
  readonly plan: SendPlan;
  readonly target: Target;
  readonly protocol: Protocol;
  readonly prepared: Preparation;
  readonly senders: number;
  readonly salt: string | null;
}

function headerOf(input: HeaderInput): RunHeader {
  const { options, source, plan, target, protocol, prepared, senders, salt } = input;
  const { schedule } = plan;
  return {
    manifest: createManifest({
      command: 'replay',
      options: {
        url: target.shownUrl,
        protocol: protocol.name,
        model: prepared.model,
        speed: options.speed,
        rate: rateText(options),
        window: windowText(options),
        maxGapSec: options.maxGapSec,
        requests: options.requests,
        maxOutput: options.maxOutput,
        stream: options.stream,
        ignoreEos: prepared.ignoreEos,
        concurrency: options.concurrency,
        warmup: options.warmup,
        unmeasured: options.unmeasured,
        templateTokens: prepared.templateTokens,
        salt,
      },
      seed: String(options.seed ?? REPLAY_DEFAULTS.seed),
      inputs: source.inputs,
      timestamp: true,
    }),
    target: { url: target.shownUrl, protocol: protocol.name, model: prepared.model },
    load: {
      traceName: source.name,
      traceHash: source.hash,
      rows: plan.count,
      durationSec: schedule.durationSec,
      speed: schedule.speed,
      rate: rateText(options),
      window: windowText(options),
      concurrency: options.concurrency ?? null,
      warmupRequests: (options.warmup ?? 0) + (options.unmeasured ?? 0),
      salt,
      plannedRatePerSec: options.plannedRatePerSec ?? schedule.ratePerSec ?? 0,
    },
    startedUtc: new Date().toISOString(),
    slo: options.slo ?? [],
    senders,
    notes: [...planNotes(options, plan, salt, senders), ...prepared.notes],
  };
}

function planNotes(options: ReplayOptions, plan: SendPlan, salt: string | null, senders: number): string[] {
  const { schedule } = plan;
  const notes: string[] = [];
  if (options.rate != null && schedule.speed !== 1) {
    notes.push(
      `the rate was reached by running time ${significant(schedule.speed)} times as fast: bursts and lulls keep their shape, think times and session gaps shrink too`,
    );
  }
  if (schedule.cappedGaps > 0)
    notes.push(
      `${formatCount(schedule.cappedGaps)} gaps were cut to ${formatDurationSec(options.maxGapSec!)}`,
    );
  for (const [reason, rows] of Object.entries(plan.leftOut))
    notes.push(`${formatCount(rows)} rows left out: ${reason}`);
  for (const [what, rows] of Object.entries(plan.changed))
    notes.push(`${formatCount(rows)} requests: ${what}`);
  notes.push(
    salt === null
      ? 'prompts are not salted: a second run of this seed finds them in the server’s prefix cache'
      : `prompts are salted with '${salt}' (--salt ${salt} repeats them)`,
  );
  if (senders > 1 && options.concurrency != null) {
    notes.push(`the cap of ${options.concurrency} is split evenly over ${senders} senders`);
  }
  return notes;
}

function rateText(options: ReplayOptions): string | null {
  if (options.rate == null) return null;
  return options.rate.kind === 'factor' ? `x${options.rate.factor}` : `${options.rate.ratePerSec}/s`;
}

function windowText(options: ReplayOptions): string | null {
  if (options.window == null) return null;
  return `${options.window.fromSec}s..${options.window.toSec === null ? '' : `${options.window.toSec}s`}`;
}
