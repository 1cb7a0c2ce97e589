/** The live part of a replay: sender processes, the warm-up before t0, the measurement, and the server's own gauges. */
import type { GaugeSummary } from '../types.js';
import { BodyBuilder, type BodyOptions } from './bodies.js';
import { Feeder } from './feeder.js';
import { OwnHealth } from './health.js';
import type { LiveInput } from './live.js';
import type { SenderHealth } from './messages.js';
import { limitsOf, REPLAY_DEFAULTS, type ReplayOptions } from './options.js';
import { runPhase } from './phase.js';
import type { SendPlan } from './plan.js';
import type { Protocol } from './protocol.js';
import type { Recorder } from './recorder.js';
import type { Scraper } from './scrape.js';
import { SenderPool } from './sender-pool.js';
import { endpointsOf, type Target, transportTargetOf } from './target.js';
import { placeOf } from './transports/places.js';
import type { RunHealth } from './validity.js';
import { warmUpPlan } from './warm-up-plan.js';

/** What a run was beside its records. */
export interface LiveRun {
  readonly interrupted: boolean;
  readonly cancelled: boolean;
  readonly health: readonly SenderHealth[];
  /** This process. */
  readonly run: RunHealth | null;
  readonly gauges: readonly GaugeSummary[] | null;
}

export interface MeasureOptions {
  readonly options: ReplayOptions;
  readonly plan: SendPlan;
  readonly target: Target;
  readonly protocol: Protocol;
  readonly recorder: Recorder;
  readonly scraper: Scraper | null;
  readonly senders: number;
  readonly bodies: BodyOptions;
  readonly onTick?: (input: LiveInput) => void;
}

/** Starts the senders, warms up, measures, and ends the senders. */
export async function measure(context: MeasureOptions): Promise<LiveRun> {
  const { options, plan, protocol, recorder, scraper } = context;
  const signal = options.signal ?? null;
  const pool = new SenderPool({
    senders: context.senders,
    realTime: options.realTime,
    requestsPerSec: options.closedLoop === true ? null : plan.schedule.ratePerSec,
    init: {
      target: transportTargetOf(context.target),
      protocol: protocol.name,
      limits: limitsOf(options),
      concurrency: capPerSender(options.concurrency ?? null, context.senders),
      keepChunks: options.keepChunks ?? true,
      preconnect: options.preconnect ?? 0,
      warmUpCode: options.warmUpCode ?? true,
      closedLoop: options.closedLoop ?? false,
      retries: options.retries ?? 0,
      seed: context.bodies.seed,
      endOnFailure: (options.onFailedTurn ?? 'end') === 'end',
    },
    onOutcomes: (outcomes, sender) => recorder.take(outcomes, sender),
  });
  const own = new OwnHealth();
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
      const placeOf = placeChooser(context, warmUp);
      const feeder = new Feeder({ plan: warmUp, bodies, sink: pool, placeOf });
      await runPhase({
        ...common,
        name: 'warm-up',
        plan: warmUp,
        feeder,
        measureFrom: warmUp.count,
        endpointOf: endpointChooser(context, placeOf),
        isMeasurement: false,
      });
    }
    signal?.throwIfAborted();
    const placeOf = placeChooser(context, plan);
    const feeder = new Feeder({ plan, bodies: new BodyBuilder(context.bodies), sink: pool, placeOf });
    const result = await runPhase({
      ...common,
      name: 'replay',
      plan,
      feeder,
      measureFrom: options.unmeasured ?? 0,
      endpointOf: endpointChooser(context, placeOf),
      isMeasurement: true,
      onTick: context.onTick,
      onStart: (t0Ns) => {
        own.restart();
        scraper?.start(t0Ns);
      },
    });
    const run = own.read();
    const health = await pool.finish();
    if (result.interrupted) await recorder.recordUnsent();
    await recorder.flush();
    return { ...result, health, run, gauges: (await scraper?.stop()) ?? null };
  } finally {
    pool.kill();
    own.stop();
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

/** The same by name; null = there is one. */
function endpointChooser(
  { target }: MeasureOptions,
  placeOf: (i: number) => number,
): ((i: number) => string) | null {
  if (target.otherPlaces.length === 0) return null;
  const endpoints = endpointsOf(target);
  return (i) => endpoints[placeOf(i)];
}

function capPerSender(concurrency: number | null, senders: number): number | null {
  return concurrency === null ? null : Math.max(1, Math.floor(concurrency / senders));
}

/** How long requests in flight may take after the last one was sent, s. */
export const drainOf = (options: ReplayOptions): number => options.drainSec ?? REPLAY_DEFAULTS.drainSec;
