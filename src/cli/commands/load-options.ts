/** The shape of a load: the options of `tokentide replay` that say what leaves when, and what they mean. */
import { ToolError } from '../../errors.js';
import type { LoopSpec, RampSpec } from '../../replay/load-shape.js';
import type { ReplayOptions } from '../../replay/options.js';
import { parseDurationSec, parseRate, type RateSpec } from '../../units.js';
import type { OptionSpec } from '../command.js';

export const LOAD_OPTIONS: readonly OptionSpec[] = [
  { key: 'speed', type: 'number', description: 'time runs so many times faster; 0.5 = half as fast' },
  {
    key: 'rate',
    type: 'string',
    value: '<x2|20/s|1..50/60s|max>',
    description:
      'factor of the trace’s rate, or mean rate to reach, by scaling time, so bursts keep their shape; a..b/t rises from a to b requests/s in t; max: closed loop, --concurrency requests in flight all the time',
  },
  {
    key: 'ramp',
    type: 'duration',
    description: 'the rate rises linearly from nothing over this time, then stays',
  },
  {
    key: 'window',
    type: 'window',
    value: '<a..b>',
    description: 'part of the trace, in its own time, e.g. 10m..20m',
  },
  {
    key: 'loop',
    type: 'string',
    value: '<n|duration>',
    description: 'passes over the trace (3), or how long to go on (2h); later passes have other prompts',
  },
  {
    key: 'maxGap',
    type: 'duration',
    description: 'longest gap between two sends, in replay time; longer ones are cut to it',
  },
  { key: 'requests', type: 'integer', description: 'at most so many requests of the trace' },
  { key: 'maxOutput', type: 'integer', description: 'longest output asked for, tokens' },
  {
    key: 'concurrency',
    type: 'integer',
    description: 'most requests in flight; the wait for a place is its own figure (queue_wait)',
  },
  {
    key: 'sessions',
    type: 'string',
    choices: ['open', 'closed', 'hybrid'],
    default: 'open',
    description:
      'turns of a session leave: open, at their recorded instants (a slow server is not spared load); closed, their think time after the answer before; hybrid, at the later of the recorded instant and that answer',
  },
  {
    key: 'history',
    type: 'string',
    choices: ['real', 'synthetic'],
    default: 'real',
    description:
      'closed and hybrid: the conversation holds the real answers, or words of the recorded lengths',
  },
  {
    key: 'thinkScale',
    type: 'number',
    description: 'factor on think times; they run with --speed and --rate when left out',
  },
  {
    key: 'onFailedTurn',
    type: 'string',
    choices: ['end', 'continue'],
    default: 'end',
    description:
      'closed and hybrid: after a failed turn the rest of its session is skipped, or sent all the same',
  },
  {
    key: 'retries',
    type: 'integer',
    default: 0,
    description:
      'attempts beyond the first on 408, 425, 429, 5xx and broken connections; each waits for twice as long as the one before (from 0.5 s to 8 s), for Retry-After if that is longer (at most 60 s), and for a seeded part of half that backoff more',
  },
];

/** The replay options behind `LOAD_OPTIONS`. Throws BAD_VALUE. */
export function loadSettings(options: Readonly<Record<string, unknown>>): Partial<ReplayOptions> {
  return {
    speed: options['speed'] as number | undefined,
    ...rateSettings(options['rate'] as string | undefined, options['ramp'] as number | undefined),
    window: options['window'] as { fromSec: number; toSec: number | null } | undefined,
    loop: loopOf(options['loop'] as string | undefined),
    maxGapSec: options['maxGap'] as number | undefined,
    requests: options['requests'] as number | undefined,
    maxOutput: options['maxOutput'] as number | undefined,
    concurrency: options['concurrency'] as number | undefined,
    sessions: options['sessions'] as ReplayOptions['sessions'],
    history: options['history'] as ReplayOptions['history'],
    thinkScale: options['thinkScale'] as number | undefined,
    onFailedTurn: options['onFailedTurn'] as ReplayOptions['onFailedTurn'],
    retries: options['retries'] as number | undefined,
  };
}

/** What --rate and --ramp ask for. Throws BAD_VALUE. */
export function rateSettings(
  text: string | undefined,
  rampSec: number | undefined,
): { readonly rate?: RateSpec; readonly ramp?: RampSpec; readonly closedLoop?: boolean } {
  const plain: RampSpec | undefined = rampSec === undefined ? undefined : { sec: rampSec, rates: null };
  if (text === undefined) return { ramp: plain };
  if (/^(max|inf)$/i.test(text.trim())) {
    if (plain !== undefined) throw twoShapes('--rate max', '--ramp');
    return { closedLoop: true };
  }
  const between = /^\s*(\d+(?:\.\d+)?)\s*\.\.\s*(\d+(?:\.\d+)?)\s*\/\s*(.+)$/.exec(text);
  if (between === null) return { rate: parseRate(text), ramp: plain };
  if (plain !== undefined) throw twoShapes('--rate a..b/t', '--ramp');
  const rates = { fromPerSec: Number(between[1]), toPerSec: Number(between[2]) };
  return { ramp: { sec: parseDurationSec(between[3]), rates } };
}

/** A whole number is passes, everything else a duration. Throws BAD_VALUE. */
export function loopOf(text: string | undefined): LoopSpec | null {
  if (text === undefined) return null;
  if (/^\d+$/.test(text.trim())) return { kind: 'passes', passes: Number(text) };
  return { kind: 'until', sec: parseDurationSec(text) };
}

const twoShapes = (one: string, other: string): ToolError =>
  new ToolError({
    code: 'BAD_VALUE',
    message: `expected ${one} or ${other}, got both`,
    hint: 'leave one of them out',
  });
