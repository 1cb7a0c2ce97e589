/** Refuses session and prefix models that cannot be drawn from, naming every wrong key; part of the model check. */
import type { PrefixModel, QuantileCurve, SessionModel, TurnCurve } from '../../types.js';
import {
  anything,
  both,
  list,
  number,
  object,
  oneOf,
  optional,
  orNull,
  type Rule,
  record,
  text,
} from '../model-schema.js';

const LARGEST_TOKENS = 2_147_483_647;
const MOST_BLOCK_TOKENS = 65_536;
const share = number({ min: 0, max: 1 });
const tokens = number({ min: 0, max: LARGEST_TOKENS, integer: true });
const count = number({ min: 0, integer: true });

const isRising = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value >= values[i - 1]);

/** A curve whose values lie within bounds. */
function curve(bounds: { readonly min?: number; readonly max?: number } = {}): Rule {
  return both(
    object({ n: number({ min: 0 }), probs: list(share, 1), values: list(number(bounds), 1) }),
    (value, path, problems) => {
      const { probs, values } = value as QuantileCurve;
      if (probs.length !== values.length) problems.push(`${path}.probs and .values must be equally long`);
      if (!isRising(probs)) problems.push(`${path}.probs must rise`);
      if (!isRising(values)) problems.push(`${path}.values must not fall`);
      if (probs[0] !== 0 || (probs.length > 1 && probs.at(-1) !== 1))
        problems.push(`${path}.probs must run from 0 to 1`);
    },
  );
}

/** Curves by turn: from turn 1 on, in order. */
function turnCurves(values: Rule): Rule {
  return both(
    list(object({ turnFrom: number({ min: 1, integer: true }), curve: values })),
    (value, path, problems) => {
      const curves = value as readonly TurnCurve[];
      const isOrdered = curves.every(({ turnFrom }, k) =>
        k === 0 ? turnFrom === 1 : turnFrom > curves[k - 1].turnFrom,
      );
      if (!isOrdered) problems.push(`${path} must begin with turnFrom 1 and rise`);
    },
  );
}

/** Ranges of prompt lengths without gaps, with further keys. */
function ranges(rules: Readonly<Record<string, Rule>>): Rule {
  return both(list(object({ inputFrom: tokens, inputTo: tokens, ...rules }), 1), (value, path, problems) => {
    const bins = value as readonly { readonly inputFrom: number; readonly inputTo: number }[];
    bins.forEach(({ inputFrom, inputTo }, k) => {
      const wanted = k === 0 ? 0 : bins[k - 1].inputTo + 1;
      if (inputFrom !== wanted)
        problems.push(`${path}[${k}].inputFrom must be ${wanted}, it is ${inputFrom}`);
      if (inputTo < inputFrom) problems.push(`${path}[${k}].inputTo must not be below .inputFrom`);
    });
  });
}

/** Entries from a time on: the first from 0, in order. */
function startsRise(value: unknown, path: string, problems: string[]): void {
  const starts = value as readonly { readonly fromSec: number }[];
  const isOrdered = starts.every(({ fromSec }, k) =>
    k === 0 ? fromSec === 0 : fromSec > starts[k - 1].fromSec,
  );
  if (!isOrdered) problems.push(`${path} must begin with fromSec 0 and rise`);
}

const odds = number({ min: 0, max: 1e6 });
const timeFactor = number({ min: 0, max: 1e6 });

const continuation = object({
  byTurn: list(
    object({
      turn: number({ min: 1, integer: true }),
      requests: count,
      followed: count,
      hazard: share,
      // Sessions must end.
      baseline: number({ min: 0, max: 0.999 }),
    }),
  ),
  leastInputTokens: tokens,
  byInput: ranges({ afterFirst: odds, afterLater: odds }),
  byClass: optional(record(odds)),
  byStart: optional(both(list(object({ fromSec: number({ min: 0 }), odds }), 1), startsRise)),
});

const think = object({
  basis: oneOf('after_answer', 'start_to_start'),
  byTurn: turnCurves(curve({ min: 0 })),
  byInput: optional(ranges({ afterFirst: timeFactor, afterLater: timeFactor })),
  families: list(anything),
  answer: object({
    source: oneOf('fitted', 'assumed'),
    baseSec: number({ min: 0 }),
    secPerOutputToken: number({ min: 0 }),
  }),
});

/** The rule of `sessions`; `conditionalTable` and `rateCurve` are the model's own. */
export function sessionRule(conditionalTable: Rule, rateCurve: Rule): Rule {
  return both(
    object({
      linkedBy: oneOf('session_id', 'parent_id', 'block_hashes'),
      kind: oneOf('chat', 'documents', 'independent'),
      requests: count,
      continuations: count,
      continuation,
      pool: orNull(
        object({
          visits: rateCurve,
          visitsByInput: optional(ranges({ visits: rateCurve })),
          byInput: ranges({ share }),
          reuseGapSec: curve({ min: 0 }),
          reuseGapByTime: optional(
            both(list(object({ fromSec: number({ min: 0 }), curve: curve({ min: 0 }) }), 1), startsRise),
          ),
        }),
      ),
      think,
      growth: object({
        byTurn: turnCurves(curve({ min: -LARGEST_TOKENS, max: LARGEST_TOKENS })),
        medianTokens: number(),
        negativeShare: share,
        answerSpearman: orNull(number({ min: -1, max: 1 })),
      }),
      outputGivenInput: list(conditionalTable),
      persistence: object({
        think: number({ min: -1, max: 1 }),
        growth: number({ min: -1, max: 1 }),
        output: number({ min: -1, max: 1 }),
      }),
      window: object({
        tokens: number({ min: 1, max: LARGEST_TOKENS, integer: true }),
        policy: oneOf('end_session', 'truncate_history'),
      }),
    }),
    (value, path, problems) => {
      const {
        continuation: goesOn,
        pool,
        think: waits,
        growth,
        outputGivenInput,
        requests,
        continuations,
      } = value as SessionModel;
      if (continuations >= requests && requests > 0)
        problems.push(`${path}.continuations must be below .requests`);
      const follows = pool !== null || goesOn.byTurn.some(({ baseline }) => baseline > 0);
      if (!follows) return;
      if (pool === null && waits.byTurn.length === 0)
        problems.push(`${path}.think.byTurn must have a curve, sessions go on`);
      if (growth.byTurn.length === 0)
        problems.push(`${path}.growth.byTurn must have a curve, sessions go on`);
      if (outputGivenInput.length === 0)
        problems.push(`${path}.outputGivenInput must have a table, sessions go on`);
    },
  );
}

/** The rule of `prefixes`. */
export const prefixRule: Rule = both(
  object({
    blockSize: number({ min: 1, max: MOST_BLOCK_TOKENS, integer: true }),
    heads: list(
      object({
        name: text,
        blocks: number({ min: 1, integer: true }),
        extends: orNull(text),
        sharedBlocks: count,
        share,
        shareByClass: optional(record(share)),
      }),
    ),
    branches: orNull(
      object({
        byInput: ranges({ share, depth: orNull(curve({ min: 0, max: 1 })) }),
        depth: orNull(curve({ min: 0, max: 1 })),
        repeatShare: share,
        reuseGapSec: curve({ min: 0 }),
      }),
    ),
    kept: object({ wholeShare: share, part: orNull(curve({ min: 0, max: 1 })) }),
    repeatByVisit: list(share),
    source: record(anything),
  }),
  (value, path, problems) => {
    const { heads } = value as PrefixModel;
    const total = heads.reduce((sum, head) => sum + head.share, 0);
    if (total > 1 + 1e-3)
      problems.push(`${path}.heads must have shares that sum to at most 1, they sum to ${total}`);
    heads.forEach((head, k) => {
      const at = `${path}.heads[${k}]`;
      const base = heads.slice(0, k).find(({ name }) => name === head.extends);
      if (head.extends !== null && base === undefined)
        problems.push(`${at}.extends must name an earlier head, it is ${head.extends}`);
      if (head.sharedBlocks > Math.min(head.blocks, base?.blocks ?? 0))
        problems.push(`${at}.sharedBlocks must not exceed the blocks of either head`);
    });
  },
);
