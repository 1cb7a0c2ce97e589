/** From a replay's options to its plan: which columns, which rows, passes, ramp, closed loop, and how many senders. */
import { availableParallelism } from 'node:os';
import { loopPlan, rampFactors, rampPlan } from './load-shape.js';
import type { ReplayOptions } from './options.js';
import { planReplay, type SendPlan } from './plan.js';
import type { Protocol } from './protocol.js';
import { openSource, type ReplaySource } from './source.js';
import type { SessionOptions } from './turn-plan.js';

/** How turns leave; null = all by the schedule. */
function sessionsOf(options: ReplayOptions, protocol: Protocol): SessionOptions | null {
  const mode = options.sessions ?? 'open';
  if (mode === 'open') return null;
  const { history, thinkScale } = options;
  return {
    mode,
    answers: history ?? 'real',
    thinkScale: thinkScale ?? null,
    histories: protocol.operation !== 'embedding',
  };
}

/** Opens the trace with the columns that the load needs. Throws what opening a trace throws. */
export async function openSourceFor(options: ReplayOptions, protocol: Protocol): Promise<ReplaySource> {
  return openSource(options.trace, { turns: sessionsOf(options, protocol) !== null });
}

/** The plan of the load: the trace's own, then passes, then the ramp; or all at once for a closed loop. */
export async function planLoad(
  source: ReplaySource,
  options: ReplayOptions,
  protocol: Protocol,
): Promise<SendPlan> {
  let plan = await planReplay(source.batches(), {
    ...options,
    sessions: sessionsOf(options, protocol),
    stream: protocol.streams === false ? 'never' : (options.stream ?? 'trace'),
    operation: protocol.operation,
    blockSize: source.blockSize ?? options.blockSize ?? null,
  });
  if (options.loop != null) plan = loopPlan(plan, options.loop);
  if (options.ramp != null) plan = rampPlan(plan, rampFactors(options.ramp, plan.schedule.ratePerSec));
  if (options.closedLoop !== true) return plan;
  const intendedNs = new Float64Array(plan.count);
  return { ...plan, schedule: { ...plan.schedule, intendedNs, durationSec: 0, ratePerSec: null } };
}

/** Chunks per second that one sender takes in with room to spare (measured ceiling: 30 000). */
const CHUNKS_PER_SENDER = 20_000;
/** Requests per second that one sender sends with room to spare. */
const REQUESTS_PER_SENDER = 4_000;

/** Sender processes for a plan, by its chunks and requests per second. */
export function chooseSenders(options: ReplayOptions, plan: SendPlan): number {
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
