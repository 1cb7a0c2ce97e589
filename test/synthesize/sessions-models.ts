/** Hand-written session and prefix models for tests, and the rows that they give. */
import { type StreamOptions, synthesizeTrace } from '../../src/synthesize/synthesize.js';
import { rowsOfBatch } from '../../src/trace/batch.js';
import type {
  ConditionalTable,
  PrefixModel,
  QuantileCurve,
  SessionModel,
  TraceRow,
  WorkloadModel,
} from '../../src/types.js';
import { familyLengths, workloadClass, workloadModel } from './models.js';

export function curve(...values: readonly number[]): QuantileCurve {
  const last = values.length - 1;
  return { n: 100, probs: values.map((_, k) => (last === 0 ? 0 : k / last)), values };
}

/** Outputs spread evenly over [from, to], whatever the input. */
export function evenOutputs(from: number, to: number): ConditionalTable[] {
  return [
    {
      inputFrom: 0,
      inputTo: 2_147_483_647,
      output: { n: 100, atoms: [], probs: [0, 1], values: [from, to] },
    },
  ];
}

const EVERY_INPUT = { inputFrom: 0, inputTo: 2_147_483_647 };

/** Chat: goes on with probability .6, 10 to 30 s after the answer, which takes 1 s. */
export function chatSessions(overrides: Partial<SessionModel> = {}): SessionModel {
  return {
    linkedBy: 'session_id',
    kind: 'chat',
    requests: 1_000,
    continuations: 600,
    continuation: {
      byTurn: [{ turn: 1, requests: 1_000, followed: 600, hazard: 0.6, baseline: 0.6 }],
      leastInputTokens: 0,
      byInput: [{ ...EVERY_INPUT, afterFirst: 1, afterLater: 1 }],
    },
    pool: null,
    think: {
      basis: 'after_answer',
      byTurn: [{ turnFrom: 1, curve: curve(10, 30) }],
      families: [],
      answer: { source: 'fitted', baseSec: 1, secPerOutputToken: 0 },
    },
    growth: {
      byTurn: [{ turnFrom: 1, curve: curve(5, 100) }],
      medianTokens: 50,
      negativeShare: 0,
      answerSpearman: 0.5,
    },
    outputGivenInput: evenOutputs(20, 400),
    persistence: { think: 0, growth: 0, output: 0 },
    window: { tokens: 1_000_000, policy: 'end_session' },
    ...overrides,
  };
}

/** Documents that many read: a visit per second, most prompts become documents. */
export function documentSessions(overrides: Partial<SessionModel> = {}): SessionModel {
  return chatSessions({
    linkedBy: 'block_hashes',
    kind: 'documents',
    pool: {
      visits: { stepSec: 30, ratePerSec: [1], bandwidthSec: null },
      byInput: [{ ...EVERY_INPUT, share: 0.7 }],
      reuseGapSec: curve(1, 20, 120),
    },
    growth: {
      byTurn: [{ turnFrom: 1, curve: curve(-15, 15) }],
      medianTokens: 0,
      negativeShare: 0.5,
      answerSpearman: 0,
    },
    ...overrides,
  });
}

export const BLOCK_SIZE = 32;

export function prefixModel(overrides: Partial<PrefixModel> = {}): PrefixModel {
  return {
    blockSize: BLOCK_SIZE,
    heads: [],
    branches: null,
    kept: { wholeShare: 1, part: null },
    repeatByVisit: [],
    source: { references: 0, distinctBlocks: 0, hitRatio: 0, tokenHitRatio: 0, lru: [] },
    ...overrides,
  };
}

/** Two clients with first turns of 40 to some thousand tokens, ten minutes. */
export function sessionWorkload(
  sessions: SessionModel,
  prefixes: PrefixModel | null = prefixModel(),
  durationSec = 600,
): WorkloadModel {
  const lengths = familyLengths({ family: 'lognormal', params: { s: 0.8, scale: 400 }, min: 40, max: 4_000 });
  const classes = [
    workloadClass({ id: 'a', clientId: 'a', ratePerSec: [1], lengths }),
    workloadClass({ id: 'b', clientId: 'b', ratePerSec: [0.5], lengths }),
  ];
  return { ...workloadModel(classes, durationSec), sessions, prefixes };
}

export function rowsOf(options: StreamOptions): TraceRow[] {
  return [...synthesizeTrace(options)].flatMap((batch) => [...rowsOfBatch(batch)]);
}

/** Rows of each session, in order. */
export function bySession(rows: readonly TraceRow[]): Map<string, TraceRow[]> {
  const sessions = new Map<string, TraceRow[]>();
  for (const row of rows) {
    const turns = sessions.get(row.sessionId!);
    if (turns === undefined) sessions.set(row.sessionId!, [row]);
    else turns.push(row);
  }
  return sessions;
}

/** Block ids as text. */
export function blocksOf(row: TraceRow): string[] {
  return row.blockHashes!.map(String);
}

/** Number of leading blocks that two rows have in common. */
export function sharedBlocks(a: TraceRow, b: TraceRow): number {
  const [x, y] = [a.blockHashes!, b.blockHashes!];
  let shared = 0;
  while (shared < x.length && shared < y.length && x[shared] === y[shared]) shared += 1;
  return shared;
}
