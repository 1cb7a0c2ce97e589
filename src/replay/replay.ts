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
import type { Agent } from 'undici';
import { createRunLog, RUN_LOG_NAME } from '../trace/run-log.js';
import { openSortedRunLog } from '../trace/run-log-sorted.js';
import type { EngineLimits, RunSummary, ServerSample } from '../types.js';
import { formatDurationSec, nsToMs } from '../units.js';
import { headerOf } from './header.js';
import { LiveTally } from './live.js';
import { chooseSenders, openSourceFor, planLoad } from './load-plan.js';
import { drainOf, type LiveRun, measure } from './measure.js';
import { checkReplayOptions, limitsOf, REPLAY_DEFAULTS, type ReplayOptions, sloOf } from './options.js';
import type { SendPlan } from './plan.js';
import { prepareEndpoint } from './prepare.js';
import { protocolNamed } from './protocols/index.js';
import { Recorder } from './recorder.js';
import { checkRunFolder, clearRunFolder, finishRun } from './run-folder.js';
import { openScraper, type Scraper, scrapersTogether } from './scrape.js';
import { readServerLimits } from './server-limits.js';
import { ServerLog } from './server-log.js';
import { type RunHeader, summarizeRun } from './summary.js';
import { parseTarget, type Target } from './target.js';
import { TokenTally } from './token-tally.js';
import { createAgent } from './transports/agent.js';

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
  const source = await openSourceFor(options, protocol);
  try {
    const plan = await planLoad(source, options, protocol);
    const prepared = await prepareEndpoint(options, given, protocol, plan);
    const { target } = prepared;
    const serverLog = new ServerLog(options.outDir);
    const scraper = await scraperOf(options, target, serverLog);
    const serverLimits = await limitsTold(options, target);
    const senders = chooseSenders(options, plan);
    const salt = saltOf(options);
    const header = headerOf({
      options,
      source,
      plan,
      target,
      protocol,
      prepared,
      senders,
      salt,
      serverLimits,
    });
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
      turnTokens: prepared.turnTokens,
      pool: prepared.pool,
    };
    await clearRunFolder(options.outDir);
    const tally = options.live == null ? null : liveTallyOf(plan, options);
    const live = await record(options, header, tally, (recorder) =>
      measure({
        options,
        plan,
        target,
        protocol,
        recorder,
        scraper,
        senders,
        bodies,
        onTick: (input) => {
          if (options.live?.due === true) options.live.show(tally!.state(input));
        },
      }),
    );
    await serverLog.close();
    const log = await openSortedRunLog(join(options.outDir, RUN_LOG_NAME));
    try {
      return await finishRun(options.outDir, log, (makeSamples) =>
        summarizeRun({
          header,
          slo,
          records: log,
          interrupted: live.interrupted,
          health: live.health,
          run: live.run,
          connectLimitMs: limitsOf(options).connectNs === null ? null : nsToMs(limitsOf(options).connectNs!),
          moreSenders: Math.max(0, availableParallelism() - 1 - senders),
          gauges: live.gauges,
          extraNotes: live.cancelled
            ? [
                `requests that had not ended ${formatDurationSec(drainOf(options))} after the last one was sent were cancelled (--drain)`,
              ]
            : [],
          makeSamples,
        }),
      );
    } finally {
      log.close();
    }
  } finally {
    source.close();
  }
}

/** What the live view is made of; with turns that wait for answers or a closed loop there is no plan to compare with. */
function liveTallyOf(plan: SendPlan, options: ReplayOptions): LiveTally {
  const isPlanned = plan.turns == null && options.closedLoop !== true;
  return new LiveTally({ intendedNs: isPlanned ? plan.schedule.intendedNs : null, total: plan.count });
}

/** Runs `live` with a recorder on a log. A log without records is removed when it fails. */
async function record(
  options: ReplayOptions,
  header: RunHeader,
  seen: LiveTally | null,
  live: (recorder: Recorder) => Promise<LiveRun>,
): Promise<LiveRun> {
  const logPath = join(options.outDir, RUN_LOG_NAME);
  const log = await createRunLog(logPath, JSON.stringify(header));
  const tally = new TokenTally(options.encoding ?? REPLAY_DEFAULTS.encoding);
  const recorder = new Recorder(log, tally, seen === null ? null : (one) => seen.add(one));
  let result: LiveRun;
  try {
    result = await live(recorder);
  } catch (error) {
    // What has come is kept for `recover`; why the run failed is what counts.
    await recorder.flush().catch(() => undefined);
    await log.close();
    if (recorder.recorded === 0) await rm(logPath, { force: true });
    throw error;
  } finally {
    await tally.close();
  }
  await log.close();
  return result;
}

async function scraperOf(options: ReplayOptions, target: Target, log: ServerLog): Promise<Scraper | null> {
  const onSample = (sample: ServerSample): void => log.append(sample);
  const { metricsUrl, dcgmUrl } = options;
  const origins = [target.url, ...target.otherPlaces.map(({ url }) => url)].map((url) => new URL(url).origin);
  const pages =
    metricsUrl == null ? [...new Set(origins)].map((origin) => `${origin}/metrics`) : metricsUrl.split(',');
  const agent = createAgent(target.connection);
  // Pages of the endpoint itself are reached as it is: with its certificates and keys, through its socket.
  const isOwn = (url: string): boolean => URL.canParse(url) && origins.includes(new URL(url).origin);
  const dispatcherOf = (url: string): Agent | undefined => (isOwn(url) ? agent : undefined);
  const headersOf = (url: string): readonly string[] => (isOwn(url) ? target.headers : []);
  const server =
    metricsUrl === 'none'
      ? null
      : await openScraper(pages, metricsUrl != null, { onSample, source: 'server', dispatcherOf, headersOf });
  const gpu =
    dcgmUrl == null
      ? null
      : await openScraper(dcgmUrl.split(','), true, { onSample, source: 'gpu', flag: '--dcgm-url' });
  return scrapersTogether([server, gpu]);
}

/** What each address says of its limits, in their order, unless their own metrics are not wanted. */
async function limitsTold({ metricsUrl }: ReplayOptions, target: Target): Promise<Partial<EngineLimits>[]> {
  if (metricsUrl === 'none') return [];
  const { headers, connection } = target;
  const dispatcher = createAgent(connection);
  const pages = metricsUrl?.split(',') ?? [];
  try {
    const told = [target, ...target.otherPlaces].map(({ url }, i) =>
      readServerLimits(url, { metricsUrl: pages[i], headers, dispatcher }),
    );
    return (await Promise.all(told)).map(({ limits }) => limits);
  } finally {
    await dispatcher.destroy();
  }
}

function saltOf(options: ReplayOptions): string | null {
  const salt = options.salt ?? REPLAY_DEFAULTS.salt;
  if (salt === 'none') return null;
  return salt === 'random' ? randomBytes(6).toString('hex') : salt;
}
