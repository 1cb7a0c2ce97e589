/** Sessions and shared prompt beginnings of a hand-written model. */
import type {
  ConditionalTable,
  PrefixModel,
  QuantileTable,
  SessionModel,
  SharedHead,
  TurnContinuation,
} from '../../types.js';
import { parseLaw } from './law.js';
import { curveOfLaw, tableOfLaw } from './law-table.js';
import { badSpec, choiceAt, numberAt, type Place, parseSeconds, recordAt, textAt, under } from './words.js';

export const SESSION_KEYS = [
  'kind',
  'turns',
  'continue',
  'think',
  'new_tokens',
  'output',
  'answer',
  'window',
  'at_window',
];
export const ANSWER_KEYS = ['base', 'per_token'];
export const PREFIX_KEYS = ['block', 'system_prompts'];
export const PROMPT_KEYS = ['name', 'tokens', 'share'];

const LARGEST_TOKENS = 2_147_483_647;
const NOMINAL_REQUESTS = 1_000_000;
/** Turns whose hazards are written out. */
const MOST_TURNS = 64;
export const SESSION_KINDS = ['chat', 'documents', 'independent'] as const;
export const AT_WINDOW = ['end_session', 'truncate_history'] as const;

export interface SpecSessions {
  readonly sessions: SessionModel;
  /** Requests per session on average. */
  readonly meanTurns: number;
}

/** `output` is the law of first answers, used for later ones unless the words say otherwise. */
export function sessionsOfWords(value: unknown, place: Place, output: QuantileTable): SpecSessions {
  const words = recordAt(value, place, SESSION_KEYS);
  const kind =
    words['kind'] === undefined ? 'chat' : choiceAt(words['kind'], under(place, 'kind'), SESSION_KINDS);
  const hazards = hazardsOf(words, place);
  const meanTurns = expectedTurns(hazards);
  const law = (key: string, unit: 'number' | 'time') =>
    parseLaw(textAt(words[key], under(place, key)), under(place, key), unit);
  const goesOn = hazards.some((hazard) => hazard > 0);
  if (goesOn && words['think'] === undefined)
    throw badSpec(
      under(place, 'think'),
      'is missing: how long users take for their next prompt',
      'write it like "lognormal p50 20s p99 5m"',
    );
  if (goesOn && words['new_tokens'] === undefined)
    throw badSpec(
      under(place, 'new_tokens'),
      'is missing: tokens that each turn adds to the prompt',
      'write it like "lognormal p50 40 p99 800"',
    );
  const growth = goesOn ? curveOfLaw(law('new_tokens', 'number'), 0) : null;
  const think = goesOn ? curveOfLaw(law('think', 'time'), 0) : null;
  const later =
    words['output'] === undefined ? output : tableOfLaw(law('output', 'number'), 1, under(place, 'output'));
  const answer = answerOf(words['answer'], under(place, 'answer'));
  const continuations = Math.round(NOMINAL_REQUESTS * (1 - 1 / meanTurns));
  return {
    meanTurns,
    sessions: {
      linkedBy: 'session_id',
      kind,
      requests: NOMINAL_REQUESTS,
      continuations,
      continuation: {
        byTurn: hazards.map(
          (hazard, k): TurnContinuation => ({
            turn: k + 1,
            requests: 0,
            followed: 0,
            hazard,
            baseline: hazard,
          }),
        ),
        leastInputTokens: 0,
        byInput: [{ inputFrom: 0, inputTo: LARGEST_TOKENS, afterFirst: 1, afterLater: 1 }],
      },
      pool: null,
      think: {
        basis: 'after_answer',
        byTurn: think === null ? [] : [{ turnFrom: 1, curve: think }],
        families: [],
        answer,
      },
      growth: {
        byTurn: growth === null ? [] : [{ turnFrom: 1, curve: growth }],
        medianTokens: growth === null ? 0 : growth.values[growth.values.length >> 1],
        negativeShare: 0,
        answerSpearman: null,
      },
      outputGivenInput: [{ inputFrom: 0, inputTo: LARGEST_TOKENS, output: later } satisfies ConditionalTable],
      persistence: { think: 0, growth: 0, output: 0 },
      window: {
        tokens:
          words['window'] === undefined
            ? LARGEST_TOKENS
            : numberAt(words['window'], under(place, 'window'), {
                min: 1,
                max: LARGEST_TOKENS,
                integer: true,
              }),
        policy:
          words['at_window'] === undefined
            ? 'end_session'
            : choiceAt(words['at_window'], under(place, 'at_window'), AT_WINDOW),
      },
    },
  };
}

/** No turns after the first: what shared prompt beginnings alone need. */
export function singleTurns(output: QuantileTable): SessionModel {
  return sessionsOfWords({ turns: 1 }, 'sessions', output).sessions;
}

/** Probability of going on after each turn; the last holds for all later ones. */
function hazardsOf(words: Readonly<Record<string, unknown>>, place: Place): number[] {
  const { turns, continue: goOn } = words;
  if (turns !== undefined && goOn !== undefined)
    throw badSpec(place, 'turns and continue say the same: give one of them');
  if (goOn !== undefined) {
    const list = Array.isArray(goOn) ? goOn : [goOn];
    if (list.length === 0 || list.length > MOST_TURNS)
      throw badSpec(under(place, 'continue'), `expected 1 to ${MOST_TURNS} probabilities`);
    return list.map((value, k) =>
      numberAt(value, `${under(place, 'continue')}[${k}]`, { min: 0, max: 0.999 }),
    );
  }
  if (turns === undefined)
    throw badSpec(
      under(place, 'turns'),
      'is missing: the mean number of turns, or continue with probabilities',
      'write it like "turns: 4"',
    );
  const mean = numberAt(turns, under(place, 'turns'), { min: 1, max: 1_000 });
  // Geometric: the same chance of going on after every turn.
  return [1 - 1 / mean];
}

function expectedTurns(hazards: readonly number[]): number {
  let turns = 0;
  let reached = 1;
  hazards.forEach((hazard, k) => {
    turns += reached;
    if (k === hazards.length - 1) turns += (reached * hazard) / (1 - hazard);
    reached *= hazard;
  });
  return turns;
}

function answerOf(value: unknown, place: Place): SessionModel['think']['answer'] {
  if (value === undefined) return { source: 'assumed', baseSec: 0.5, secPerOutputToken: 0.033 };
  const words = recordAt(value, place, ANSWER_KEYS);
  return {
    source: 'assumed',
    baseSec: parseSeconds(words['base'] ?? 0, under(place, 'base')),
    secPerOutputToken: parseSeconds(words['per_token'] ?? 0, under(place, 'per_token')),
  };
}

/** `{block: 512, system_prompts: [{tokens: 900, share: 1}]}`. */
export function prefixesOfWords(value: unknown, place: Place): PrefixModel {
  const words = recordAt(value, place, PREFIX_KEYS);
  const blockSize =
    words['block'] === undefined
      ? 512
      : numberAt(words['block'], under(place, 'block'), { min: 1, max: 65_536, integer: true });
  const prompts = words['system_prompts'] ?? [];
  if (!Array.isArray(prompts)) throw badSpec(under(place, 'system_prompts'), 'expected a list');
  const heads = prompts.flatMap((prompt, k): SharedHead[] => {
    const at = `${under(place, 'system_prompts')}[${k}]`;
    const own = recordAt(prompt, at, PROMPT_KEYS);
    const tokens = numberAt(own['tokens'], under(at, 'tokens'), { min: 1, max: LARGEST_TOKENS });
    const blocks = Math.floor(tokens / blockSize);
    if (blocks === 0)
      throw badSpec(
        under(at, 'tokens'),
        `is shorter than a block of ${blockSize} tokens: nothing can be shared`,
        'choose a smaller block',
      );
    return [
      {
        name: own['name'] === undefined ? `system-${k + 1}` : textAt(own['name'], under(at, 'name')),
        blocks,
        extends: null,
        sharedBlocks: 0,
        share:
          own['share'] === undefined
            ? 1 / prompts.length
            : numberAt(own['share'], under(at, 'share'), { min: 0, max: 1 }),
      },
    ];
  });
  return prefixModel(blockSize, heads);
}

export function prefixModel(blockSize: number, heads: readonly SharedHead[]): PrefixModel {
  return {
    blockSize,
    heads,
    branches: null,
    kept: { wholeShare: 1, part: null },
    repeatByVisit: [],
    source: { references: 0, distinctBlocks: 0, hitRatio: 0, tokenHitRatio: 0, lru: [] },
  };
}
