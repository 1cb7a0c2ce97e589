/** The report of two fleets on the same requests: which serves them better, at what cost in replica-hours. Pure. */
import type { FleetComparison, SimulationDocument } from '../types.js';
import { formatCount, formatMs, formatRatio, significant } from '../units.js';
import { scalingFigures } from './fleet-figures.js';
import { type Html, html } from './html.js';
import type { Headline, Page } from './page.js';
import {
  figureGrid,
  figureSection,
  noteSection,
  passMark,
  present,
  type Section,
  type Tile,
  table,
} from './parts.js';
import { percentileFigure } from './percentile-figure.js';
import { provenanceSection } from './shared-sections.js';
import { fleetText, requestsText, windowText } from './simulation-page.js';
import { countValue, msValue, numberValue, ratioValue, UNKNOWN } from './values.js';

/** Builds the page of a comparison of fleets. */
export function fleetComparisonPage(name: string, comparison: FleetComparison): Page {
  const { base, other } = comparison;
  const latency = present(
    (['ttft', 'e2e'] as const).map((id) =>
      percentileFigure(
        [
          { label: 'first fleet', metrics: base.metrics },
          { label: 'other fleet', metrics: other.metrics },
        ],
        requestsText(base),
        windowText(base),
        id,
      ),
    ),
  );
  const ofFleet = (document: SimulationDocument, key: string) =>
    document.scaling === undefined
      ? []
      : scalingFigures(document.scaling, { n: requestsText(document), key });
  const ofBase = ofFleet(base, 'first');
  const ofOther = ofFleet(other, 'other');
  const sections: (Section | null)[] = [
    pairedSection(comparison),
    fleetSection(comparison),
    { id: 'latency', title: 'Latency', body: figureGrid(latency) },
    figureSection('first', 'The first fleet over time', ofBase, { nav: 'First fleet' }),
    figureSection('other', 'The other fleet over time', ofOther, { nav: 'Other fleet' }),
    noteSection('Before you trust this comparison', [
      ...base.notes.map((note) => `first fleet: ${note}`),
      ...other.notes.map((note) => `other fleet: ${note}`),
    ]),
    provenanceSection(comparison.manifest, []),
  ];
  return {
    subject: 'Comparison of two fleets',
    name,
    context: html`${base.trace.name}: ${fleetText(base)} and ${fleetText(other)}`,
    headline: headlineOf(comparison),
    tiles: tilesOf(comparison),
    sections: present(sections),
    charts: [...latency, ...ofBase, ...ofOther].map((item) => item.chart),
    footer: html`Made by tokentide ${comparison.manifest.version}.`,
  };
}

function headlineOf({ base, other, goodput, replicaHours, paired }: FleetComparison): Headline {
  const ttft = paired.find((one) => one.metric === 'ttft');
  const parts = [
    ...(goodput === null ? [] : [`goodput ${signed(goodput * 100)} points`]),
    ...(replicaHours === null ? [] : [`${signed(replicaHours)} replica-hours`]),
    ...(ttft === undefined || ttft.fasterRatio === null || ttft.slowerRatio === null
      ? []
      : [
          `${formatRatio(ttft.fasterRatio)} of the requests get their first token sooner, ${formatRatio(ttft.slowerRatio)} later`,
        ]),
  ];
  const because = `other − first: ${parts.length === 0 ? 'nothing can be compared' : parts.join('; ')}`;
  if (base.sloMet === null || other.sloMet === null)
    return {
      tone: 'plain',
      verdict: 'Two fleets on the same requests; no objective was set',
      because,
      next: 'say what is good enough: `--slo "p99(ttft) < 500ms"`.',
    };
  if (base.sloMet !== other.sloMet) {
    const met = other.sloMet ? 'other' : 'first';
    return {
      tone: other.sloMet ? 'good' : 'bad',
      verdict: `Only the ${met} fleet meets the objective`,
      because,
      next: `take the ${met} one, or change the one that misses and simulate again.`,
    };
  }
  if (!base.sloMet)
    return {
      tone: 'bad',
      verdict: 'Neither fleet meets the objective',
      because,
      next: 'let `tokentide plan` find a size that does.',
    };
  const cheaper = replicaHours === null || replicaHours === 0 ? null : replicaHours < 0 ? 'other' : 'first';
  return {
    tone: 'good',
    verdict:
      cheaper === null
        ? 'Both fleets meet the objective'
        : `Both fleets meet the objective; the ${cheaper} one uses fewer replica-hours`,
    because,
    next: 'try the cheaper one on a busier day before you rely on it: `--rate x1.3`.',
  };
}

const signed = (value: number): string =>
  value === 0 ? '0' : `${value > 0 ? '+' : '−'}${significant(Math.abs(value))}`;

function tilesOf({ base, other, goodput, replicaHours, paired }: FleetComparison): Tile[] {
  const ttft = paired.find((one) => one.metric === 'ttft');
  return [
    {
      label: 'Goodput, other − first',
      value:
        goodput === null ? UNKNOWN : html`<data value="${goodput}">${signed(goodput * 100)} points</data>`,
      detail: html`${ratioValue(base.goodput)} → ${ratioValue(other.goodput)}`,
      tone: goodput === null || goodput === 0 ? 'plain' : goodput > 0 ? 'good' : 'bad',
    },
    {
      label: 'Replica-hours, other − first',
      value:
        replicaHours === null ? UNKNOWN : html`<data value="${replicaHours}">${signed(replicaHours)}</data>`,
      detail: 'over the simulated time',
    },
    {
      label: 'ttft p99',
      value: msValue(other.metrics.ttft?.p99),
      detail: html`first fleet ${msValue(base.metrics.ttft?.p99)}`,
    },
    {
      label: 'ttft per request, median change',
      value:
        ttft?.p50Ms === undefined || ttft.p50Ms === null
          ? UNKNOWN
          : html`<data value="${ttft.p50Ms}">${signedMs(ttft.p50Ms)}</data>`,
      detail: html`n = ${countValue(ttft?.n)}`,
    },
  ];
}

const signedMs = (ms: number): string =>
  ms === 0 ? '0 s' : `${ms > 0 ? '+' : '−'}${formatMs(Math.abs(ms))}`;

function pairedSection({ paired }: FleetComparison): Section {
  const change = (ms: number | null): Html =>
    ms === null ? UNKNOWN : html`<data value="${ms}">${signedMs(ms)}</data>`;
  return {
    id: 'paired',
    title: 'Request by request',
    intro: 'The value of each request on the other fleet less that on the first one.',
    body: table({
      caption: 'Paired differences',
      captionHidden: true,
      columns: [
        { title: 'metric' },
        ...['n', 'mean', 'p5', 'median', 'p95', 'sooner on the other', 'later on the other'].map((title) => ({
          title,
          numeric: true,
        })),
      ],
      rows: paired.map((one) => [
        one.metric,
        countValue(one.n),
        change(one.meanMs),
        change(one.p05Ms),
        change(one.p50Ms),
        change(one.p95Ms),
        ratioValue(one.fasterRatio),
        ratioValue(one.slowerRatio),
      ]),
    }),
  };
}

function fleetSection({ base, other }: FleetComparison): Section {
  const hours = ({ scaling, replicas, makespanSec }: SimulationDocument): number =>
    scaling === undefined ? (replicas * makespanSec) / 3_600 : scaling.replicaHours;
  const rows: readonly (readonly [string, (document: SimulationDocument) => Html | string])[] = [
    ['fleet', fleetText],
    ['router', (one) => one.router],
    ['objective', (one) => (one.sloMet === null ? UNKNOWN : passMark(one.sloMet))],
    ...base.slo.map(
      (term) =>
        [
          term.term,
          (one: SimulationDocument) => {
            const found = one.slo.find((candidate) => candidate.term === term.term);
            return found === undefined ? UNKNOWN : passMark(found.met);
          },
        ] as const,
    ),
    ['goodput', (one) => ratioValue(one.goodput)],
    ['replica-hours', (one) => numberValue(hours(one))],
    ['ttft p50', (one) => msValue(one.metrics.ttft?.p50)],
    ['ttft p99', (one) => msValue(one.metrics.ttft?.p99)],
    ['tpot p99', (one) => msValue(one.metrics.tpot?.p99)],
    ['e2e p99', (one) => msValue(one.metrics.e2e?.p99)],
    ['busy', (one) => ratioValue(one.utilisation)],
    ['waiting per replica, most', (one) => numberValue(one.waiting.max)],
    ['KV cache, most', (one) => ratioValue(one.kvUsage.max)],
    ['preemptions', (one) => countValue(one.preemptions)],
    ['requests', (one) => formatCount(one.counts.offered)],
  ];
  return {
    id: 'fleets',
    title: 'Both fleets',
    nav: 'Fleets',
    body: table({
      caption: 'Both fleets',
      captionHidden: true,
      columns: [{ title: 'quantity' }, { title: 'first' }, { title: 'other' }],
      rows: rows.map(([title, value]) => [title, value(base), value(other)]),
    }),
  };
}
