/** Sessions and shared prefixes for the terminal: what was recovered, how sessions go on, what a cache would find. */
import { quantileAt } from '../../stats/quantile-curve.js';
import type { ModelChoice, PrefixModel, SessionModel, WorkloadModel } from '../../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../../units.js';
import type { FittedSessions, FoundSessions } from './fit-sessions.js';

const NAMES: Readonly<Record<SessionModel['kind'], string>> = {
  chat: 'chat sessions',
  documents: 'documents that are read again',
  independent: 'sessions of unrelated prompts',
};

const LINKED_BY: Readonly<Record<SessionModel['linkedBy'], string>> = {
  session_id: 'session ids',
  parent_id: 'parent ids',
  block_hashes: 'prefix block hashes',
};

/** What the data chose, for the model's list of choices. */
export function sessionChoice({ links }: FoundSessions): ModelChoice {
  const { kind, linkedBy, evidence, threads } = links;
  const chosen = threads.continuations === 0 ? 'no sessions, shared prefixes only' : NAMES[kind];
  if (evidence === null) {
    return {
      about: 'sessions',
      chosen,
      because: 'no request follows another one',
      score: '',
      candidates: [],
    };
  }
  const scores = [
    ['median growth beyond prompt and answer, tokens', evidence.medianTokens],
    ['rank correlation of the previous answer with the growth', evidence.answerSpearman],
    ['rank correlation of consecutive prompts', evidence.promptSpearman],
  ] as const;
  return {
    about: 'sessions',
    chosen,
    because: `links by ${LINKED_BY[linkedBy]}: prompts grow by a median of ${significant(evidence.medianTokens)} tokens beyond the prompt and answer before, and ${correlation(evidence.answerSpearman)} with that answer's length`,
    score:
      'chat: median growth from 0 and correlation with the answer above 0.3; documents: prompts above 0.3',
    candidates: scores.flatMap(([name, score]) =>
      score === null ? [] : [{ name, score: Number(score.toPrecision(4)) }],
    ),
  };
}

function correlation(spearman: number | null): string {
  return spearman === null ? 'without correlation' : `with rank correlation ${spearman.toFixed(2)}`;
}

/** What a reader must know before using the sessions of a model. */
export function sessionWarnings(fitted: FittedSessions | null): string[] {
  if (fitted === null || fitted.sessions.continuations === 0) return [];
  const { think, pool, linkedBy, kind } = fitted.sessions;
  const warnings: string[] = [];
  if (think.basis === 'start_to_start' && pool === null) {
    warnings.push(
      `no durations: times between turns are from arrival to arrival; think times assume answers of ${significant(think.answer.baseSec)} s + ${significant(1_000 * think.answer.secPerOutputToken)} ms per token`,
    );
  }
  if (linkedBy === 'block_hashes' && kind === 'chat') {
    warnings.push(
      'sessions were recovered from block hashes: those that began before the window, or with less than two whole blocks, count as new',
    );
  }
  return warnings;
}

const SHOWN_FAMILIES = 3;

/** Lines of the fit report; none without sessions. */
export function sessionLines({ sessions, prefixes }: WorkloadModel): string[] {
  if (!sessions) return [];
  return [
    ...(sessions.continuations > 0 ? turnLines(sessions) : []),
    ...(prefixes ? prefixLines(prefixes) : []),
  ];
}

function turnLines(sessions: SessionModel): string[] {
  const { kind, linkedBy, requests, continuations, continuation, growth, persistence, pool } = sessions;
  const { byTurn } = continuation;
  const cells = (of: (turn: (typeof byTurn)[number]) => string): string =>
    byTurn.map((turn) => of(turn).padStart(7)).join('');
  const share = formatRatio(continuations / requests);
  return [
    '',
    `${NAMES[kind]}, from ${LINKED_BY[linkedBy]}:`,
    `  ${formatCount(continuations)} of ${formatCount(requests)} requests follow another one (${share})`,
    `  ${kind === 'documents' ? 'read again after' : 'goes on after'}${cells(({ turn }) => String(turn)).slice(2)}${byTurn.length > 1 ? '+' : ''}`,
    `    requests    ${cells((turn) => formatCount(turn.requests))}`,
    `    seen going on${cells((turn) => ratio(turn.followed, turn.requests)).slice(1)}`,
    `    probability ${cells((turn) => turn.hazard.toFixed(3))}`,
    ...waitLines(sessions),
    ...(kind === 'independent'
      ? []
      : [
          `  new text per turn: median ${significant(growth.medianTokens)} tokens, ${formatRatio(growth.negativeShare)} below 0; rank`,
          `  correlation of growth with the answer before ${growth.answerSpearman?.toFixed(2) ?? 'undefined'}`,
        ]),
    `  from turn to turn, correlation of output ${persistence.output.toFixed(2)}, growth ${persistence.growth.toFixed(2)}, time ${persistence.think.toFixed(2)}`,
    ...(pool === null
      ? []
      : [
          `  drawn as visits: ${significant(Math.min(...pool.visits.ratePerSec))} to ${significant(Math.max(...pool.visits.ratePerSec))}/s, ${spread(pool.reuseGapSec)} after the last use`,
        ]),
  ];
}

function waitLines({ think, kind }: SessionModel): string[] {
  const [first] = think.byTurn;
  if (first === undefined) return [];
  const from = think.basis === 'after_answer' ? 'after the answer' : 'start to start';
  const families = [...think.families]
    .sort((a, b) => a.ksDistance - b.ksDistance)
    .slice(0, SHOWN_FAMILIES)
    .map(({ family, ksDistance }) => `${family.replaceAll('_', ' ')} ${ksDistance.toFixed(3)}`);
  return [
    `  time to the next ${kind === 'documents' ? 'reader' : 'turn'}, ${from}: ${spread(first.curve)}`,
    `  nearest by KS: ${families.join(', ')}`,
    ...(think.byInput === undefined
      ? []
      : [
          `  behind prompts from ${formatCount(think.byInput.at(-1)!.inputFrom)} tokens × ${significant(think.byInput.at(-1)!.afterFirst)}, behind short ones × ${significant(think.byInput[0].afterFirst)}`,
        ]),
  ];
}

function prefixLines({ blockSize, heads, branches, source }: PrefixModel): string[] {
  const cells = (of: (size: (typeof source.lru)[number]) => string): string =>
    source.lru.map((size) => of(size).padStart(8)).join('');
  return [
    '',
    `prefixes in blocks of ${blockSize} tokens: ${formatCount(source.references)} references to ${formatCount(source.distinctBlocks)} blocks`,
    `  LRU blocks${cells(({ blocks }) => formatCount(blocks))}       ∞`,
    `  found     ${cells(({ hitRatio }) => formatRatio(hitRatio))}  ${formatRatio(source.hitRatio)}`,
    ...(heads.length === 0
      ? ['  no beginning is shared by 1 % of requests']
      : heads
          .slice(0, 6)
          .map(
            ({ name, blocks, share }) =>
              `  ${name}: ${formatCount(blocks)} block${blocks === 1 ? '' : 's'}, ${formatRatio(share)} of first turns`,
          )),
    ...(branches === null
      ? []
      : [`  branches off earlier requests: ${spread(branches.reuseGapSec)} after its last use`]),
    '',
  ];
}

function spread(curve: Parameters<typeof quantileAt>[0]): string {
  return `median ${formatDurationSec(quantileAt(curve, 0.5))}, p95 ${formatDurationSec(quantileAt(curve, 0.95))}`;
}

function ratio(part: number, whole: number): string {
  return whole === 0 ? '–' : (part / whole).toFixed(3);
}
