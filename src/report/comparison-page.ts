/** The report of two compared traces: is the synthetic one faithful, what fails, what it means for capacity. Pure. */
import type { FidelityGroup, FidelityMetric, ServingCheck, TraceComparison } from '../types.js';
import { formatCount, formatRatio, significant } from '../units.js';
import {
  burstFigures,
  countsFigure,
  heatFigure,
  metricFigure,
  prefixFigures,
  quantileFigures,
} from './comparison-figures.js';
import { type Html, html } from './html.js';
import type { Headline, Page } from './page.js';
import {
  type FigureOptions,
  facts,
  figureGrid,
  figureSection,
  noteSection,
  passMark,
  present,
  type Section,
  type Tile,
  table,
} from './parts.js';
import { provenanceSection } from './shared-sections.js';
import { countValue, numberValue, perSecValue, ratioValue, secValue, UNKNOWN } from './values.js';

/** Builds the page of a trace comparison. */
export function comparisonPage(name: string, comparison: TraceComparison): Page {
  const metrics = present([metricFigure(comparison)]);
  const lengths = [
    ...quantileFigures(comparison, 'input_tokens'),
    ...quantileFigures(comparison, 'output_tokens'),
    ...present([heatFigure(comparison)]),
  ];
  const arrivals = [
    ...present([countsFigure(comparison)]),
    ...burstFigures(comparison),
    ...quantileFigures(comparison, 'gap_sec'),
  ];
  const prefixes = prefixFigures(comparison);
  const serving = quantileFigures(comparison, 'ttft_sec');
  const sections: (Section | null)[] = [
    metricSection(comparison, metrics),
    figureSection('lengths', 'Lengths', lengths),
    figureSection('arrivals', 'Arrivals', arrivals),
    comparison.serving === null ? null : servingSection(comparison.serving, comparison, serving),
    figureSection('prefixes', 'Prompts that share their beginnings', prefixes, { nav: 'Prefixes' }),
    noteSection('Before you trust this comparison', comparison.notes),
    tracesSection(comparison),
    provenanceSection(comparison.manifest, [['seed of halves, resamples and engine noise', comparison.seed]]),
  ];
  return {
    subject: 'Comparison of two traces',
    name,
    context: html`<code>${comparison.b.name}</code> held against the real trace <code>${comparison.a.name}</code>`,
    headline: headlineOf(comparison),
    tiles: tilesOf(comparison),
    sections: present(sections),
    charts: [...metrics, ...lengths, ...arrivals, ...serving, ...prefixes].map((item) => item.chart),
    footer: html`Made by tokentide ${comparison.manifest.version}.`,
  };
}

function headlineOf({ verdict, judged, passed, serving }: TraceComparison): Headline {
  const capacityFails = serving?.capacity.pass === false;
  const words = {
    faithful: `Faithful: ${judged === passed ? `all ${judged}` : `${passed} of ${judged}`} metrics are within the real trace’s own noise`,
    different:
      passed === judged && capacityFails
        ? 'Different: it asks for another capacity than the real trace'
        : `Different: ${judged - passed} of ${judged} metrics are beyond the real trace’s own noise`,
    not_judged: 'Not judged: the real trace is too short to know its own noise',
  };
  return {
    tone: { faithful: 'good', different: 'bad', not_judged: 'warn' }[verdict.verdict] as Headline['tone'],
    verdict: words[verdict.verdict],
    because: `${verdict.because}${capacityMeaning(serving)}`,
    next: verdict.recommendation,
  };
}

/** What a plan made from the synthetic trace would get wrong. */
function capacityMeaning(serving: ServingCheck | null): string {
  const ratio = serving?.capacity.ratio ?? null;
  if (ratio === null || serving === null) return '';
  const size = `${significant(Math.abs(ratio - 1) * 100, 2)} %`;
  if (serving.capacity.pass) return ', so a plan made from it asks for the right capacity';
  return ratio > 1
    ? `, so a plan made from it would buy ${size} too much`
    : `, so a plan made from it would be ${size} too small`;
}

function tilesOf(comparison: TraceComparison): Tile[] {
  const { judged, passed, serving, metrics, a, b } = comparison;
  const drifted = metrics.filter(
    (metric) => metric.pass !== null && metric.drift !== null && metric.drift > metric.limit,
  ).length;
  return [
    {
      label: 'Metrics within the floor',
      value: html`${countValue(passed)} of ${countValue(judged)}`,
      detail: 'each against random halves of the real trace',
      tone: judged === 0 ? 'plain' : passed === judged ? 'good' : 'bad',
    },
    ...(serving === null ? [] : [capacityTile(serving)]),
    {
      label: 'Requests compared',
      value: html`${countValue(b.comparedRows)}`,
      detail: html`real ${countValue(a.comparedRows)} at ${perSecValue(a.ratePerSec)}; synthetic at ${perSecValue(b.ratePerSec)}`,
    },
    {
      label: 'Drift of the real trace',
      value: html`${countValue(drifted)} of ${countValue(judged)}`,
      detail: 'metrics by which its own second half would fail as a copy of the first',
    },
  ];
}

function capacityTile({ capacity, objective }: ServingCheck): Tile {
  const { ratio, pass, interval, speedA } = capacity;
  const band =
    interval === null || speedA === null
      ? html`at ${objective}`
      : html`block resamples of the real trace: ${ratioValue(interval.low / speedA)} to ${ratioValue(interval.high / speedA)}`;
  return {
    label: 'Engine needed, synthetic ÷ real',
    value: ratioValue(ratio),
    detail: band,
    tone: pass === null ? 'plain' : pass ? 'good' : 'bad',
  };
}

const GROUPS: Readonly<Record<FidelityGroup, string>> = {
  lengths: 'lengths',
  joint: 'lengths together',
  arrivals: 'arrivals',
  serving: 'serving',
  prefix: 'prefixes',
};

function metricSection(comparison: TraceComparison, figures: readonly FigureOptions[]): Section {
  const { metrics, floor } = comparison;
  const method =
    floor === null
      ? 'The real trace is too short to be split, so nothing is judged.'
      : `Floor: ${formatCount(floor.repeats)} random splits of the real trace into halves of ${formatCount(floor.blocksPerHalf)} blocks of ${significant(floor.blockSec)} s. The limit is the 95 % point, never below 0.02. Drift: the first half of the real trace against its second.`;
  return {
    id: 'metrics',
    title: 'The fidelity battery',
    nav: 'Metrics',
    intro: method,
    body: html`${figureGrid(figures)}${metricTableOf(metrics)}`,
  };
}

function metricTableOf(metrics: readonly FidelityMetric[]): Html {
  const statistic = (value: number | null, unit: string): Html =>
    value === null
      ? UNKNOWN
      : unit === 's'
        ? secValue(value)
        : unit === 'ratio'
          ? ratioValue(value)
          : numberValue(value);
  return table({
    caption: 'Every metric with both statistics, distance, floor, limit and drift',
    columns: [
      { title: 'metric' },
      { title: 'group' },
      { title: 'what it compares', words: true },
      ...['real', 'synthetic', 'distance', 'floor p50', 'floor p95', 'limit', 'drift'].map((title) => ({
        title,
        numeric: true,
      })),
      { title: 'result' },
    ],
    rows: metrics.map((metric) => [
      html`<code>${metric.id}</code>`,
      GROUPS[metric.group],
      metric.label,
      statistic(metric.a, metric.unit),
      statistic(metric.b, metric.unit),
      numberValue(metric.value),
      numberValue(metric.floorP50),
      numberValue(metric.floorP95),
      metric.pass === null ? UNKNOWN : numberValue(metric.limit),
      numberValue(metric.drift),
      metric.pass === null
        ? html`<span class="unknown">for information</span>`
        : passMark(metric.pass, ['within', 'beyond']),
    ]),
    rowClass: (i) => (metrics[i].pass === false ? 'bad' : metrics[i].pass === null ? 'muted' : null),
  });
}

function servingSection(
  serving: ServingCheck,
  comparison: TraceComparison,
  figures: readonly FigureOptions[],
): Section {
  const { capacity } = serving;
  const rows = comparison.metrics.filter((metric) => metric.group === 'serving');
  const sameUnit = (metric: FidelityMetric, value: number | null): Html =>
    metric.unit === 's' ? secValue(value) : numberValue(value);
  return {
    id: 'serving',
    title: 'What a serving engine feels',
    nav: 'Serving',
    intro: html`Both traces through engine <code>${serving.engine.name}</code> at the speed that just keeps <code>${serving.objective}</code> for the real one.`,
    body: html`${table({
      caption: 'Latencies of both traces in the same engine',
      columns: [
        { title: 'metric' },
        ...['real', 'synthetic', 'synthetic ÷ real'].map((title) => ({ title, numeric: true })),
        { title: 'result' },
      ],
      rows: rows.map((metric) => [
        metric.label,
        sameUnit(metric, metric.a),
        sameUnit(metric, metric.b),
        metric.a === null || metric.b === null || metric.a === 0 ? UNKNOWN : ratioValue(metric.b / metric.a),
        metric.pass === null ? UNKNOWN : passMark(metric.pass, ['within', 'beyond']),
      ]),
    })}
${facts([
  ['engine speed needed by the real trace', numberValue(capacity.speedA)],
  ['by the synthetic one', numberValue(capacity.speedB)],
  ['synthetic ÷ real', ratioValue(capacity.ratio)],
  [
    'by the real trace’s first and second half',
    html`${numberValue(capacity.speedHalves[0])} and ${numberValue(capacity.speedHalves[1])}`,
  ],
  [
    'by block resamples of the real trace, 5 % to 95 %',
    capacity.interval === null
      ? UNKNOWN
      : html`${numberValue(capacity.interval.low)} to ${numberValue(capacity.interval.high)} (${countValue(capacity.interval.resamples)} resamples, blocks of ${secValue(capacity.interval.blockSec)})`,
  ],
  [
    'capacity',
    capacity.pass === null
      ? 'not measured'
      : passMark(capacity.pass, ['within 5 % or the interval', 'beyond 5 % and the interval']),
  ],
  [
    'requests too long for the engine',
    html`${countValue(serving.refusedA)} real, ${countValue(serving.refusedB)} synthetic`,
  ],
  ['where the engine’s numbers come from', serving.engine.source],
])}
${figureGrid(figures)}`,
  };
}

function tracesSection({ a, b }: TraceComparison): Section {
  const rows = [a, b];
  return {
    id: 'traces',
    title: 'The two traces',
    nav: 'Traces',
    intro: `Compared over the same length of time. ${formatRatio(a.comparedRows / Math.max(1, a.rows))} of the real rows and ${formatRatio(b.comparedRows / Math.max(1, b.rows))} of the synthetic ones lie within.`,
    body: table({
      caption: 'Traces',
      captionHidden: true,
      columns: [
        { title: 'trace' },
        ...['rows', 'compared', 'with lengths', 'duration', 'rate', 'times spread over'].map((title) => ({
          title,
          numeric: true,
        })),
        { title: 'content hash' },
      ],
      rows: rows.map((trace, i) => [
        html`${i === 0 ? 'real' : 'synthetic'}: <code>${trace.name}</code>`,
        countValue(trace.rows),
        countValue(trace.comparedRows),
        countValue(trace.usableRows),
        secValue(trace.durationSec),
        perSecValue(trace.ratePerSec),
        trace.spreadGridSec === null ? 'as they are' : secValue(trace.spreadGridSec),
        html`<code class="hash">${trace.hash.slice(0, 16)}…</code>`,
      ]),
    }),
  };
}
