/** The report of a workload model: what the fit chose, what each choice beat, how well it fits, where it drifts. Pure. */
import type {
  ArrivalModel,
  DriftCheck,
  FamilyDistribution,
  ModelChoice,
  WorkloadClass,
  WorkloadModel,
} from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';
import { type Html, html, prose } from './html.js';
import { dispersionFigures, lengthFigures, rateFigure } from './model-figures.js';
import { familyTable, sessionSection } from './model-tables.js';
import type { Headline, Page } from './page.js';
import {
  type FigureOptions,
  facts,
  figureGrid,
  figureSection,
  noteSection,
  present,
  type Section,
  type Tile,
  table,
} from './parts.js';
import { provenanceSection } from './shared-sections.js';
import { countValue, numberValue, perSecValue, ratioValue, secValue, UNKNOWN } from './values.js';

/** Builds the page of a workload model. */
export function modelPage(name: string, model: WorkloadModel): Page {
  const arrivals = present([rateFigure(model), ...dispersionFigures(model)]);
  const lengths = lengthFigures(model);
  const { sessions, prefixes } = model;
  const sections: (Section | null)[] = [
    noteSection('Where this model holds', model.warnings),
    choiceSection(model.choices ?? []),
    driftSection(model.drift ?? []),
    arrivalSection(model, arrivals),
    figureSection('lengths', 'Lengths', lengths),
    lengthFitSection(model.classes),
    sessions === null || sessions === undefined ? null : sessionSection(sessions, prefixes ?? null),
    classSection(model.classes),
    sourceSection(model),
    provenanceSection(model.manifest, []),
  ];
  return {
    subject: 'Workload model',
    name,
    context: html`${model.source === null ? 'written by hand' : html`fitted to ${countValue(model.source.rows)} requests of ${model.source.name}`}; ${secValue(model.durationSec)} at ${perSecValue(model.meanRatePerSec)}`,
    headline: headlineOf(name, model),
    tiles: tilesOf(model),
    sections: present(sections),
    charts: [...arrivals, ...lengths].map((item) => item.chart),
    footer: html`Made by tokentide ${model.manifest.version}.`,
  };
}

const drifting = (drift: readonly DriftCheck[]): DriftCheck[] =>
  drift.filter((check) => check.floor !== null && check.value > check.floor);

/** The arrival process of all classes together, or of the largest class. */
function leadingArrivals(model: WorkloadModel): Omit<ArrivalModel, 'rate'> {
  return model.shared ?? [...model.classes].sort((a, b) => b.requests - a.requests)[0].arrivals;
}

function arrivalWords(arrivals: Omit<ArrivalModel, 'rate'>): string {
  if (arrivals.bursts) return `a chain of ${arrivals.bursts.mean.length} load states`;
  const { family, cv } = arrivals.gaps;
  return `a rate curve with ${family.replace(/_/g, ' ')} gaps (cv ${significant(cv, 2)})`;
}

function headlineOf(name: string, model: WorkloadModel): Headline {
  const { source, classes, sessions, drift = [] } = model;
  const moved = drifting(drift);
  const parts = [
    `${formatCount(classes.length)} ${classes.length === 1 ? 'class' : 'classes'} of requests`,
    arrivalWords(leadingArrivals(model)),
    ...(sessions ? ['sessions'] : []),
    ...(model.prefixes ? ['shared prompt beginnings'] : []),
  ];
  const known = drift.filter((check) => check.floor !== null).length;
  const stable =
    known === 0
      ? 'whether its source was stable is not known'
      : moved.length === 0
        ? `the source’s second half is no further from its first than chance (${known} checks)`
        : `the source itself moved: ${moved.map((check) => check.metric).join(', ')} differ more between its halves than chance`;
  return {
    tone: source === null ? 'plain' : moved.length > 0 ? 'warn' : 'good',
    verdict:
      source === null
        ? `Written by hand: ${formatDurationSec(model.durationSec)} at ${significant(model.meanRatePerSec)} requests/s`
        : moved.length > 0
          ? 'Fitted; valid for its window only: the source drifted'
          : 'Fitted; valid for windows like the fitted one',
    because: `${parts.join(', ')}${source === null ? '' : `; ${stable}`}`,
    next: `draw a trace and judge it: \`tokentide synthesize ${name} -o synthetic.parquet\`, then \`tokentide compare\` with the real one.`,
  };
}

function tilesOf(model: WorkloadModel): Tile[] {
  const arrivals = leadingArrivals(model);
  const worst = arrivals.dispersion
    .filter((one) => one.model !== null && one.model > 0 && one.source > 0)
    .map((one) => ({ windowSec: one.windowSec, ratio: one.model! / one.source }))
    .sort((a, b) => Math.abs(Math.log(b.ratio)) - Math.abs(Math.log(a.ratio)))[0];
  const { source } = model;
  return [
    {
      label: 'Mean rate',
      value: perSecValue(model.meanRatePerSec),
      detail: html`${countValue(model.meanRatePerSec * model.durationSec)} requests in ${secValue(model.durationSec)}`,
    },
    worst === undefined
      ? { label: 'Burstiness', value: UNKNOWN, detail: 'not measured' }
      : {
          label: 'Burstiness, model ÷ source',
          value: ratioValue(worst.ratio),
          detail: html`at the window where they differ most, ${secValue(worst.windowSec)}`,
        },
    {
      label: 'Classes',
      value: countValue(model.classes.length),
      detail: { client: 'by client', model: 'by model', latent: 'by similar lengths', none: 'no division' }[
        model.by
      ],
    },
    {
      label: 'Rows fitted',
      value: countValue(source?.rowsUsed),
      detail:
        source === null
          ? 'written by hand'
          : source.rowsUsed === source.rows
            ? 'all rows of the source'
            : html`of ${countValue(source.rows)}; the others count as arrivals only`,
    },
  ];
}

function choiceSection(choices: readonly ModelChoice[]): Section | null {
  if (choices.length === 0) return null;
  return {
    id: 'choices',
    title: 'What the fit chose, and what it beat',
    nav: 'Choices',
    body: table({
      caption: 'Choices',
      captionHidden: true,
      columns: [
        { title: 'about' },
        { title: 'chosen' },
        { title: 'because', words: true },
        { title: 'candidates with scores', words: true },
      ],
      rows: choices.map((choice) => [
        choice.about,
        html`<strong>${choice.chosen}</strong>`,
        prose(choice.because),
        choice.candidates.length === 0
          ? UNKNOWN
          : html`${choice.score}: ${choice.candidates.map((one, i) => html`${i === 0 ? null : ', '}${one.name} ${numberValue(one.score)}`)}`,
      ]),
    }),
  };
}

function driftSection(drift: readonly DriftCheck[]): Section | null {
  if (drift.length === 0) return null;
  return {
    id: 'drift',
    title: 'First half against second half',
    nav: 'Drift',
    intro:
      'A perfect copy of the first half would be this far from the second. No model of this window predicts the next one better.',
    body: table({
      caption: 'Drift',
      captionHidden: true,
      columns: [
        { title: 'metric' },
        { title: 'second against first half', numeric: true },
        { title: 'chance gives up to', numeric: true },
        { title: 'finding' },
      ],
      rows: drift.map((check) => [
        check.metric,
        numberValue(check.value),
        numberValue(check.floor),
        check.floor === null
          ? 'for information'
          : check.value > check.floor
            ? 'moved'
            : 'no more than chance',
      ]),
      rowClass: (i) => {
        const { value, floor } = drift[i];
        return floor !== null && value > floor ? 'bad' : null;
      },
    }),
  };
}

function arrivalSection(model: WorkloadModel, figures: readonly FigureOptions[]): Section {
  const shared = model.shared ?? null;
  const processes: readonly (readonly [string, Omit<ArrivalModel, 'rate'>])[] =
    shared === null
      ? [...model.classes]
          .sort((a, b) => b.requests - a.requests)
          .slice(0, 6)
          .map((one) => [one.id, one.arrivals] as const)
      : [['all classes together', shared] as const];
  const rate = model.classes[0].arrivals.rate;
  return {
    id: 'arrivals',
    title: 'Arrivals',
    intro: html`${prose(`arrivals are ${arrivalWords(leadingArrivals(model))}`)} ${rate.bandwidthSec === null ? null : html`The rate curve is smoothed with a kernel of ${secValue(rate.bandwidthSec)}.`}`,
    body: html`${figureGrid(figures)}${processes.map(
      ([id, arrivals]) =>
        html`<h3>${processes.length === 1 && shared === null ? 'Process' : id}</h3>${facts([
          ['law of the gaps, in operational time', arrivals.gaps.family],
          ['coefficient of variation', numberValue(arrivals.gaps.cv)],
          ['gaps of exactly zero', ratioValue(arrivals.gaps.zeroShare ?? 0)],
          ['dispersion left after the slow rate (10 s)', numberValue(arrivals.burstIndex)],
          [
            'drawn from',
            arrivals.bursts
              ? html`${countValue(arrivals.bursts.mean.length)} load states, bins of ${secValue(arrivals.bursts.binSec)}`
              : arrivals.gapsByTime
                ? 'gaps whose law changes with time'
                : 'rate curve and gaps',
          ],
        ])}${familyTable('Laws of the gaps that were tried, best first', arrivals.gaps.candidates, arrivals.gaps.family)}${stateTable(arrivals)}`,
    )}`,
  };
}

function stateTable({ bursts }: Omit<ArrivalModel, 'rate'>): Html | null {
  if (!bursts) return null;
  return html`${table({
    caption: `Load states, counts per ${significant(bursts.binSec)} s`,
    columns: [
      { title: 'state' },
      { title: 'mean count', numeric: true },
      { title: 'size of the negative binomial', numeric: true },
      { title: 'stays from bin to bin', numeric: true },
    ],
    rows: bursts.mean.map((mean, i) => [
      countValue(i + 1),
      numberValue(mean),
      bursts.size[i] === null ? 'Poisson' : numberValue(bursts.size[i]),
      ratioValue(bursts.transition[i][i]),
    ]),
  })}${table({
    caption: 'Numbers of states that were tried; the lowest BIC wins',
    columns: [
      { title: 'states' },
      { title: 'log-likelihood', numeric: true },
      { title: 'BIC', numeric: true },
    ],
    rows: bursts.candidates.map((one) => [
      countValue(one.states),
      numberValue(one.logLikelihood),
      numberValue(one.bic),
    ]),
    rowClass: (i) => (bursts.candidates[i].states === bursts.mean.length ? 'strong' : null),
  })}`;
}

function lengthFitSection(classes: readonly WorkloadClass[]): Section | null {
  const largest = [...classes].sort((a, b) => b.requests - a.requests)[0];
  if (largest.lengths.kind === 'parametric') return parametricSection(classes);
  const { inputFits, outputFits, dependence } = largest.lengths;
  if (inputFits.length + outputFits.length === 0) return null;
  return {
    id: 'families',
    title: 'How well families fit the lengths',
    nav: 'Families',
    intro: html`For comparison only: lengths are drawn from the quantile tables above.${classes.length > 1 ? html` Of the largest class, <code>${largest.id}</code>.` : null}${dependence === undefined ? null : html` Output given input: ${prose(dependence.because)}`}`,
    body: html`${familyTable('Input lengths, best family first', inputFits, null)}${familyTable('Output lengths, best family first', outputFits, null)}`,
  };
}

/** Laws of lengths that a person wrote down. */
function parametricSection(classes: readonly WorkloadClass[]): Section {
  const law = ({ family, params, min, max }: FamilyDistribution): string =>
    `${family.replace(/_/g, ' ')} ${Object.entries(params)
      .map(([name, value]) => `${name} ${significant(value)}`)
      .join(', ')}${min === null && max === null ? '' : ` within ${min ?? 1}–${max ?? '∞'}`}`;
  const shown = classes.flatMap(({ id, lengths }) =>
    lengths.kind === 'parametric' ? [{ id, lengths }] : [],
  );
  return {
    id: 'lengths',
    title: 'Lengths',
    body: table({
      caption: 'Laws of the lengths',
      captionHidden: true,
      columns: [
        { title: 'class' },
        { title: 'input tokens' },
        { title: 'output tokens' },
        { title: 'correlation', numeric: true },
      ],
      rows: shown.map(({ id, lengths }) => [
        id,
        law(lengths.input),
        law(lengths.output),
        numberValue(lengths.copulaRho),
      ]),
    }),
  };
}

function classSection(classes: readonly WorkloadClass[]): Section | null {
  if (classes.length < 2) return null;
  const shown = [...classes].sort((a, b) => b.requests - a.requests).slice(0, 100);
  const total = classes.reduce((sum, one) => sum + one.requests, 0);
  return {
    id: 'classes',
    title: 'Classes',
    intro:
      shown.length < classes.length ? `The ${shown.length} largest of ${formatCount(classes.length)}.` : null,
    body: table({
      caption: 'Classes',
      captionHidden: true,
      columns: [
        { title: 'class' },
        ...['requests', 'share', 'gap cv', 'Spearman input–output'].map((title) => ({
          title,
          numeric: true,
        })),
        { title: 'failures' },
      ],
      rows: shown.map((one) => [
        html`<code>${one.id}</code>`,
        countValue(one.requests),
        ratioValue(one.requests / Math.max(1, total)),
        numberValue(one.arrivals.gaps.cv),
        numberValue(one.lengths.kind === 'pairs' ? one.lengths.spearman : one.lengths.copulaRho),
        one.failures === undefined
          ? 'none'
          : Object.entries(one.failures.byStatus)
              .map(([status, share]) => `${formatRatio(share)} ${status}`)
              .join(', '),
      ]),
    }),
  };
}

function sourceSection({ source, locality, by }: WorkloadModel): Section {
  const excluded = Object.entries(source?.excluded ?? {});
  return {
    id: 'source',
    title: 'Source',
    body: facts([
      ...(source === null
        ? [['source', 'written by hand'] as const]
        : ([
            ['source', source.name],
            ['licence', source.licence ?? UNKNOWN],
            ['citation', source.citation ?? UNKNOWN],
            ['rows', countValue(source.rows)],
            [
              'kept out of the length fit',
              excluded.length === 0
                ? 'none'
                : excluded.map(([why, rows]) => `${formatCount(rows)} ${why}`).join(', '),
            ],
            ['starts', source.startUtc ?? 'relative time only'],
            ['content hash', html`<code class="hash">${source.traceHash}</code>`],
          ] as const)),
      ['classes are made by', by],
      [
        'lengths that come back soon',
        locality
          ? html`${ratioValue(locality.inputRepeatShare)} repeat one of the ${countValue(locality.windowRequests)} before`
          : 'no more than their distribution implies',
      ],
    ]),
  };
}
