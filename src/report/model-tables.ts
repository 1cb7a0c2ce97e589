/** Tables of a workload model: families with their fits, sessions and shared prompt beginnings. Pure. */
import type { FitSummary, PrefixModel, SessionModel } from '../types.js';
import { significant } from '../units.js';
import { type Html, html } from './html.js';
import { facts, type Section, table } from './parts.js';
import { countValue, numberValue, ratioValue, secValue, UNKNOWN } from './values.js';

/** Families by rising BIC, each with its parameters and its distance from the sample; `chosen` stands out. */
export function familyTable(
  caption: string,
  fits: readonly FitSummary[],
  chosen: string | null,
): Html | null {
  if (fits.length === 0) return null;
  const sorted = [...fits].sort((a, b) => a.bic - b.bic);
  return table({
    caption,
    columns: [
      { title: 'family' },
      { title: 'parameters' },
      ...['n', 'log-likelihood', 'AIC', 'BIC', 'KS distance'].map((title) => ({ title, numeric: true })),
    ],
    rows: sorted.map((fit) => [
      fit.family.replace(/_/g, ' '),
      Object.entries(fit.params)
        .map(([name, value]) => `${name} ${significant(value)}`)
        .join(', '),
      countValue(fit.n),
      numberValue(fit.logLikelihood),
      numberValue(fit.aic),
      numberValue(fit.bic),
      numberValue(fit.ksDistance),
    ]),
    rowClass: (i) => (sorted[i].family === chosen ? 'strong' : null),
  });
}

const LINKED: Readonly<Record<SessionModel['linkedBy'], string>> = {
  session_id: 'the source’s session ids',
  parent_id: 'the source’s parent ids',
  block_hashes: 'prompts that begin like earlier ones (block hashes)',
};

/** Turns, think times, growth, and what prompts share. */
export function sessionSection(sessions: SessionModel, prefixes: PrefixModel | null): Section {
  const { continuation, think, growth, window } = sessions;
  const median = (values: readonly number[], probs: readonly number[]): number | null =>
    values[probs.findIndex((p) => p >= 0.5)] ?? null;
  return {
    id: 'sessions',
    title: 'Sessions and shared beginnings',
    nav: 'Sessions',
    body: html`${facts([
      ['linked by', LINKED[sessions.linkedBy]],
      ['kind', sessions.kind],
      [
        'requests that follow another',
        html`${countValue(sessions.continuations)} of ${countValue(sessions.requests)}`,
      ],
      [
        'think time, median',
        html`${secValue(median(think.byTurn[0]?.curve.values ?? [], think.byTurn[0]?.curve.probs ?? []))} (${think.basis === 'after_answer' ? 'after the answer' : 'from start to start'})`,
      ],
      [
        'time of an answer',
        html`${secValue(think.answer.baseSec)} + ${secValue(think.answer.secPerOutputToken)} per output token (${think.answer.source})`,
      ],
      ['a prompt grows by, median tokens', numberValue(growth.medianTokens)],
      ['context window', html`${countValue(window.tokens)} tokens, then ${window.policy.replace(/_/g, ' ')}`],
      ...(prefixes === null
        ? []
        : ([
            ['shared heads', prefixes.heads.length === 0 ? 'none' : countValue(prefixes.heads.length)],
            [
              'prompt blocks that an endless cache had seen before, in the source',
              ratioValue(prefixes.source.hitRatio),
            ],
          ] as const)),
    ])}
${table({
  caption: 'How conversations go on, by turn (the last row holds for later turns)',
  columns: [
    { title: 'turn' },
    ...['requests', 'followed', 'probability of another turn'].map((title) => ({ title, numeric: true })),
  ],
  rows: continuation.byTurn
    .slice(0, 30)
    .map((one) => [
      countValue(one.turn),
      countValue(one.requests),
      countValue(one.followed),
      ratioValue(one.hazard),
    ]),
})}
${
  prefixes === null || prefixes.heads.length === 0
    ? null
    : table({
        caption: 'Beginnings that at least 1 % of requests share',
        columns: [
          { title: 'head' },
          { title: 'blocks', numeric: true },
          { title: 'share of first turns', numeric: true },
          { title: 'extends' },
        ],
        rows: prefixes.heads
          .slice(0, 40)
          .map((head) => [
            html`<code>${head.name}</code>`,
            countValue(head.blocks),
            ratioValue(head.share),
            head.extends ?? UNKNOWN,
          ]),
      })
}`,
  };
}
