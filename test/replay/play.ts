/** Plays one script against the sender on a fake clock and returns how each request ended, in ms from its sending. */
import { FakeScheduler } from '../../src/clock.js';
import type { ExchangeLimits, Outcome } from '../../src/replay/exchange.js';
import { recordOf } from '../../src/replay/outcome.js';
import { protocolNamed } from '../../src/replay/protocols/index.js';
import { Sender } from '../../src/replay/sender.js';
import { createFakeTransport, type FakeTransport } from '../../src/replay/testing/fake-transport.js';
import type { Script, ScriptedAnswer } from '../../src/replay/testing/script.js';
import type { RunRecord } from '../../src/types.js';

export const MS = 1_000_000;
/** Origin of the fake clock: not zero, so that absolute and relative times cannot be confused. */
export const T0_NS = 5_000 * MS;

export const NO_LIMITS: ExchangeLimits = {
  connectNs: null,
  firstByteNs: null,
  idleNs: null,
  totalNs: null,
  graceNs: 2_000 * MS,
  lingerNs: 250 * MS,
};

const FACTS = {
  row: 0,
  intendedNs: 0,
  requestId: null,
  sessionId: null,
  phase: 'measure',
  inputTokensAsked: 7,
  maxOutputTokens: 128,
} as const;

export interface PlayOptions {
  readonly script: Script;
  /** Intended instants, ms. Default one request at 0. */
  readonly intendedMs?: readonly number[];
  readonly stream?: boolean;
  readonly protocol?: string;
  /** Default `prompt` and the request's number. */
  readonly body?: string;
  readonly limits?: Partial<ExchangeLimits>;
  readonly concurrency?: number | null;
  readonly connectMs?: number;
  /** How long to play, ms. Default 100 s. */
  readonly forMs?: number;
  /** Called on the way: at ms, with the sender. */
  readonly during?: readonly { readonly atMs: number; readonly call: (sender: Sender) => void }[];
}

export interface Played {
  readonly outcomes: readonly Outcome[];
  readonly transport: FakeTransport;
  readonly sender: Sender;
}

/** Plays scripts to their end. */
export function play(options: PlayOptions): Played {
  const scheduler = new FakeScheduler(T0_NS);
  const transport = createFakeTransport({ scheduler, script: options.script, connectMs: options.connectMs });
  const outcomes: Outcome[] = [];
  const sender = new Sender({
    scheduler,
    housekeeping: scheduler,
    transport,
    protocol: protocolNamed(options.protocol ?? 'openai-chat'),
    limits: { ...NO_LIMITS, ...options.limits },
    concurrency: options.concurrency ?? null,
    keepChunks: true,
    onSettled: (outcome) => outcomes.push(outcome),
  });
  sender.addJobs(
    (options.intendedMs ?? [0]).map((ms, index) => ({
      index,
      intendedNs: ms * MS,
      body: Buffer.from(options.body ?? `prompt ${index}`),
      stream: options.stream ?? true,
    })),
  );
  for (const { atMs, call } of options.during ?? []) scheduler.callAt(T0_NS + atMs * MS, () => call(sender));
  sender.start(T0_NS);
  scheduler.advance((options.forMs ?? 100_000) * MS);
  return { outcomes, transport, sender };
}

/** Plays one answer and gives its outcome, with instants in ms after sending, and the instants that metrics take. */
export function playOne(
  steps: ScriptedAnswer['steps'],
  options: Partial<PlayOptions> & Omit<ScriptedAnswer, 'steps'> = {},
): { outcome: Outcome; ms: Record<string, number | null>; record: RunRecord; transport: FakeTransport } {
  const { status, contentType, headers, headAtMs, ...rest } = options;
  const played = play({ script: () => ({ status, contentType, headers, headAtMs, steps }), ...rest });
  if (played.outcomes.length !== 1) throw new Error(`${played.outcomes.length} outcomes`);
  const [outcome] = played.outcomes;
  const since = (ns: number | null): number | null => (ns === null ? null : (ns - outcome.sentNs!) / MS);
  return {
    outcome,
    ms: {
      firstByte: since(outcome.firstByteNs),
      firstToken: since(outcome.firstTokenNs),
      firstAnswer: since(outcome.firstAnswerTokenNs),
      lastToken: since(outcome.lastTokenNs),
      end: since(outcome.endNs),
    },
    record: recordOf(outcome, FACTS, T0_NS, 0, null),
    transport: played.transport,
  };
}
