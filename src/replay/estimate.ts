/** What a replay would send, before anything is sent: requests, tokens, time and money. */
import { NS_PER_SEC, SEC_PER_HOUR } from '../units.js';
import { chooseSenders, openSourceFor, planLoad } from './load-plan.js';
import { checkReplayOptions, REPLAY_DEFAULTS, type ReplayOptions } from './options.js';
import { protocolNamed } from './protocols/index.js';

export interface Prices {
  /** Of the endpoint, per hour. */
  readonly perHour: number | null;
  /** Per million prompt and output tokens. */
  readonly perMillionTokens: { readonly input: number; readonly output: number } | null;
}

export interface ReplayEstimate {
  readonly traceName: string;
  readonly requests: number;
  /** Rows that would not be sent, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Requests that would differ from their row, by what is changed. */
  readonly changed: Readonly<Record<string, number>>;
  readonly inputTokens: number;
  /** Asked for; requests without a known length are not in it. */
  readonly outputTokens: number;
  readonly outputUnknown: number;
  /** First to last intended send, s; null = the answers decide (closed loop, sessions that wait). */
  readonly durationSec: number | null;
  readonly ratePerSec: number | null;
  /** Requests of the busiest second; null as above. */
  readonly busiestSecond: number | null;
  readonly senders: number;
  /** null = no price given, or no duration. */
  readonly cost: number | null;
}

/** Plans a replay and sends nothing; the endpoint is not contacted. Throws BAD_VALUE, NO_ROWS, BAD_TRACE. */
export async function estimateReplay(
  options: ReplayOptions,
  prices: Prices = { perHour: null, perMillionTokens: null },
): Promise<ReplayEstimate> {
  checkReplayOptions(options);
  const protocol = protocolNamed(options.protocol ?? REPLAY_DEFAULTS.protocol);
  const source = await openSourceFor(options, protocol);
  try {
    const plan = await planLoad(source, options, protocol);
    const { schedule, count } = plan;
    const isPlanned = options.closedLoop !== true && plan.turns == null;
    let inputTokens = 0;
    let outputTokens = 0;
    let outputUnknown = 0;
    for (let i = 0; i < count; i++) {
      inputTokens += plan.inputTokens[i];
      if (plan.maxOutputTokens[i] < 0) outputUnknown += 1;
      else outputTokens += plan.maxOutputTokens[i];
    }
    const durationSec = isPlanned ? schedule.durationSec : null;
    return {
      traceName: source.name,
      requests: count,
      leftOut: plan.leftOut,
      changed: plan.changed,
      inputTokens,
      outputTokens,
      outputUnknown,
      durationSec,
      ratePerSec: isPlanned ? schedule.ratePerSec : null,
      busiestSecond: isPlanned ? busiestSecond(schedule.intendedNs, count) : null,
      senders: chooseSenders(options, plan),
      cost: costOf(prices, durationSec, inputTokens, outputTokens),
    };
  } finally {
    source.close();
  }
}

function busiestSecond(intendedNs: Float64Array, count: number): number {
  let most = 0;
  let first = 0;
  for (let i = 0; i < count; i++) {
    while (intendedNs[i] - intendedNs[first] >= NS_PER_SEC) first += 1;
    most = Math.max(most, i - first + 1);
  }
  return most;
}

/** By time and by tokens together; null where nothing has a price. */
export function costOf(
  { perHour, perMillionTokens }: Prices,
  durationSec: number | null,
  inputTokens: number,
  outputTokens: number,
): number | null {
  const byTime = perHour === null || durationSec === null ? null : (perHour * durationSec) / SEC_PER_HOUR;
  const byTokens =
    perMillionTokens === null
      ? null
      : (perMillionTokens.input * inputTokens + perMillionTokens.output * outputTokens) / 1e6;
  return byTime === null && byTokens === null ? null : (byTime ?? 0) + (byTokens ?? 0);
}
