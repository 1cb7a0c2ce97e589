/**
 * replay: a trace → requests to an endpoint on exact time → a run: raw instants, a summary, and a verdict on itself.
 *
 *   trace ─plan (pure)─► instants and lengths ─feeder─► bodies ─IPC─► senders (clock, sockets) ─► protocol
 *                                                                        │ outcomes
 *                              run.json ◄─summary─ records ◄─log─────────┘
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createRunLog, RUN_LOG_NAME, readRunLog } from '../trace/run-log.js';
import type { GaugeSummary, RunRecord, RunSummary } from '../types.js';
import { formatDurationSec } from '../units.js';
import { BodyBuilder, type BodyOptions } from './bodies.js';
import { Feeder } from './feeder.js';
import { headerOf } from './header.js';
import type { SenderHealth } from './messages.js';
import { checkReplayOptions, limitsOf, REPLAY_DEFAULTS, type ReplayOptions, sloOf } from './options.js';
import { runPhase } from './phase.js';
import { planReplay, type SendPlan } from './plan.js';
import { prepareEndpoint } from './prepare.js';
import type { Protocol } from './protocol.js';
import { protocolNamed } from './protocols/index.js';
import { Recorder } from './recorder.js';
import { checkRunFolder, clearRunFolder, finishRunFolder, sortRecords } from './run-folder.js';
import { openScraper, type Scraper } from './scrape.js';
import { SenderPool } from './sender-pool.js';
import { openSource } from './source.js';
import { type RunHeader, summarizeRun } from './summary.js';
import { parseTarget, type Target, transportTargetOf } from './target.js';
import { TokenTally } from './token-tally.js';
import { placeOf } from './transports/places.js';
import { warmUpPlan } from './warm-up-plan.js';

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
  const { url, otherUrls, apiKey, headers, connection } = options;
  const given = parseTarget({ url, otherUrls, protocol, apiKey, headers, connection });
  await checkRunFolder(options.outDir, options.force ?? false);
  const source = await openSource(options.trace);
  try {
    const plan = await planReplay(source.batches(), {
      ...options,
      stream: protocol.streams === false ? 'never' : (options.stream ?? 'trace'),
      operation: protocol.operation,
      blockSize: source.blockSize ?? options.blockSize ?? null,
    });
    const prepared = await prepareEndpoint(options, given, protocol, plan);
    const { target } = prepared;
    const scraper = await scraperOf(options, target);
    const senders = chooseSenders(options, plan);
    const salt = saltOf(options);
    const header = headerOf({ options, source, plan, target, protocol, prepared, senders, salt });
    const bodies = {
      plan,
      protocol,
      model: prepared.model,
      ignoreEos: prepared.ignoreEos,
      conceded: prepared.conceded,
      extraBody: options.extraBody ?? null,
      seed: String(options.seed ?? REPLAY_DEFAULTS.seed),
      salt,
      templateTokens: prepared.templateTokens,
    };
    await clearRunFolder(options.outDir);
    const live = await record(options, header, (recorder) =>
      measure({ options, plan, target, protocol, recorder, scraper, senders, bodies }),
    );
    const { records } = live;
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

/** Runs `live` with a recorder on a log, and returns what the log holds in the end. A log without records is removed. */
async function record(
  options: ReplayOptions,
  header: RunHeader,
  live: (recorder: Recorder) => Promise<LiveRun>,
): Promise<LiveRun & { readonly records: RunRecord[] }> {
  const logPath = join(options.outDir, RUN_LOG_NAME);
  const log = await createRunLog(logPath, JSON.stringify(header));
  const tally = new TokenTally(options.encoding ?? REPLAY_DEFAULTS.encoding);
  const recorder = new Recorder(log, tally);
  let result: LiveRun;
  try {
    result = await live(recorder);
  } catch (error) {
    await log.close();
    if (recorder.recorded === 0) await rm(logPath, { force: true });
    throw error;
  } finally {
    await tally.close();
  }
  await log.close();
  return { ...result, records: sortRecords((await readRunLog(logPath)).records) };
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
      target: transportTargetOf(context.target),
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
      const feeder = new Feeder({ plan: warmUp, bodies, sink: pool, placeOf: placeChooser(context, warmUp) });
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
    const feeder = new Feeder({
      plan,
      bodies: new BodyBuilder(context.bodies),
      sink: pool,
      placeOf: placeChooser(context, plan),
    });
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

/** Which address serves which request. */
function placeChooser(context: MeasureOptions, plan: SendPlan): (i: number) => number {
  const places = [context.target, ...context.target.otherPlaces].map(({ url }) => url);
  const affinity = context.options.affinity ?? 'round-robin';
  const sessions = plan.sessionId;
  return (i) => {
    const code = sessions?.codes[i] ?? -1;
    return placeOf(i, code < 0 ? null : sessions!.dictionary[code], places, affinity);
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
