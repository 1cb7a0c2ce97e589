/** The report of a simulation: did this fleet meet the SLO, how full was it, how did its autoscaler drive it. Pure. */
import type { PoolSummary, ScalingSummary, SimulationDocument } from '../types.js';
import { formatCount, formatMs, formatRatio, significant } from '../units.js';
import { scalingFigures } from './fleet-figures.js';
import { type Html, html } from './html.js';
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
import { percentileFigure } from './percentile-figure.js';
import { clockText } from './run-data.js';
import { metricTable, provenanceSection, sloTable } from './shared-sections.js';
import {
  countValue,
  inUnit,
  msValue,
  numberValue,
  perSecValue,
  ratioValue,
  secValue,
  textInUnit,
  tokensPerSecValue,
  UNKNOWN,
} from './values.js';

const SIMULATED = ['ttft', 'e2e', 'tpot', 'itl', 'ntpot'] as const;

/** Builds the page of a simulation. */
export function simulationPage(name: string, document: SimulationDocument): Page {
  const { scaling, disaggregated } = document;
  const overTime =
    scaling === undefined ? [] : scalingFigures(scaling, { n: requestsText(document), key: 'fleet' });
  const latency = present([
    percentileFigure(
      [{ label: fleetText(document), metrics: document.metrics }],
      requestsText(document),
      windowText(document),
    ),
  ]);
  const sections: (Section | null)[] = [
    latencySection(document, latency),
    figureSection('fleet', 'The fleet over time', overTime, { nav: 'Over time' }),
    scaling === undefined ? null : scalingSection(scaling),
    loadSection(document),
    disaggregated === undefined
      ? null
      : {
          id: 'pools',
          title: 'Prefill and decode',
          nav: 'Pools',
          body: html`${poolTable([
            ['prefill', disaggregated.prefill],
            ['decode', disaggregated.decode],
          ])}${facts([['mean transfer of a prompt’s KV', msValue(disaggregated.meanTransferMs)]])}`,
        },
    noteSection('Before you trust this simulation', document.notes),
    provenanceSection(document.manifest, [['trace', html`<code class="hash">${document.trace.hash}</code>`]]),
  ];
  return {
    subject: 'Simulation',
    name,
    context: html`${document.trace.name} on ${fleetText(document)}, router ${document.router}`,
    headline: headlineOf(document),
    tiles: tilesOf(document),
    sections: present(sections),
    charts: [...latency, ...overTime].map((item) => item.chart),
    footer: html`Made by tokentide ${document.manifest.version}.`,
  };
}

export const requestsText = (document: SimulationDocument): string =>
  `${formatCount(document.counts.offered)} simulated requests`;
export const windowText = (document: SimulationDocument): string =>
  `${clockText(document.makespanSec)} of virtual time`;

const SCALERS = { hpa: 'HPA', keda: 'KEDA', knative: 'Knative', static: 'Fixed' } as const;

/** `4 × engine`, or the autoscaler and its range. */
export function fleetText({ replicas, engine, scaling }: SimulationDocument): string {
  return scaling === undefined
    ? `${formatCount(replicas)} × ${engine.name}`
    : `${SCALERS[scaling.autoscaler.kind]} fleet of at most ${formatCount(scaling.peakReplicas)} × ${engine.name}`;
}

function headlineOf(document: SimulationDocument): Headline {
  const { slo, sloMet, counts, waiting, utilisation, replicas, scaling } = document;
  const missed = slo.filter((term) => !term.met);
  const terms = (list: typeof slo): string =>
    list.map((term) => `${term.term}: ${textInUnit(term.value, term.unit)}`).join('; ');
  const refused =
    counts.refused === 0 ? '' : `; ${formatCount(counts.refused)} requests were longer than the engine takes`;
  const load = `busy ${formatRatio(utilisation)} of the time, at most ${significant(waiting.max ?? 0)} requests waiting per replica`;
  if (sloMet === null) {
    return {
      tone: 'plain',
      verdict: `Simulated on ${fleetText(document)}; no objective was set`,
      because: `${load}${refused}`,
      next: 'say what is good enough: `--slo "p99(ttft) < 500ms"`.',
    };
  }
  const cut =
    scaling === undefined || scaling.cutOff + scaling.unserved === 0
      ? ''
      : `; ${formatCount(scaling.cutOff + scaling.unserved)} requests were cut off or never served`;
  return sloMet
    ? {
        tone: 'good',
        verdict: `${fleetText(document)} meets the objective`,
        because: `${terms(slo)}; ${load}${refused}${cut}`,
        next:
          scaling === undefined
            ? replicas > 1
              ? `see whether fewer suffice: \`--replicas ${replicas - 1}\`, or let \`tokentide plan\` search.`
              : 'see how much more it carries: `--rate x1.5`.'
            : 'compare it with a fixed fleet on the same requests: `--versus replicas=n`.',
      }
    : {
        tone: 'bad',
        verdict: `${fleetText(document)} misses ${missed.length === slo.length ? 'the objective' : `${missed.length} of ${slo.length} objectives`}`,
        because: `${terms(missed)}; ${load}${refused}${cut}`,
        next:
          scaling === undefined
            ? `add replicas: \`--replicas ${replicas + 1}\`, or let \`tokentide plan\` find the number.`
            : 'lower the autoscaler’s target, raise its minimum, or shorten the cold start.',
      };
}

function tilesOf(document: SimulationDocument): Tile[] {
  const { goodput, metrics, sloMet, utilisation, kvUsage, scaling, slo } = document;
  const [first] = slo;
  return [
    ...(first === undefined
      ? []
      : [
          {
            label: first.term,
            value: inUnit(first.value, first.unit),
            detail: html`limit ${inUnit(first.limit, first.unit)}`,
            tone: first.met ? 'good' : 'bad',
          } as const,
        ]),
    {
      label: 'Goodput',
      value: ratioValue(goodput),
      detail: goodput === null ? 'needs an objective' : 'requests that met every limit ÷ offered',
      tone: sloMet === null ? 'plain' : sloMet ? 'good' : 'bad',
    },
    {
      label: 'ttft p50 and p99',
      value: html`${msValue(metrics.ttft?.p50)} · ${msValue(metrics.ttft?.p99)}`,
      detail: html`n = ${countValue(metrics.ttft?.n)}`,
    },
    scaling === undefined
      ? {
          label: 'Busy',
          value: ratioValue(utilisation),
          detail: html`KV cache at most ${ratioValue(kvUsage.max)} full`,
        }
      : {
          label: 'Replica-hours',
          value: numberValue(scaling.replicaHours),
          detail: html`${numberValue(scaling.meanReplicas)} replicas on average, ${countValue(scaling.peakReplicas)} at most`,
        },
  ];
}

function latencySection(document: SimulationDocument, figures: readonly FigureOptions[]): Section {
  const { queueWaitMs } = document;
  return {
    id: 'latency',
    title: 'Latency',
    intro:
      'In virtual time every request is sent when it is due; what a network and a client add is not in these numbers.',
    body: html`${document.slo.length === 0 ? null : sloTable(document.slo)}${figureGrid(figures)}${metricTable(document.metrics, SIMULATED)}
<p class="note">Wait for a place in a batch: median ${formatMs(queueWaitMs.p50)}, p99 ${formatMs(queueWaitMs.p99)}, at most ${formatMs(queueWaitMs.max)} (n = ${formatCount(queueWaitMs.n)}).</p>`,
  };
}

function loadSection(document: SimulationDocument): Section {
  const { counts } = document;
  const excluded = Object.entries(counts.excluded).filter(([, rows]) => rows > 0);
  return {
    id: 'load',
    title: 'Load and fleet',
    nav: 'Load',
    body: facts([
      [
        'requests',
        html`${countValue(counts.offered)} offered, ${countValue(counts.ok)} ok, ${countValue(counts.refused)} refused`,
      ],
      [
        'rows left out',
        excluded.length === 0
          ? 'none'
          : excluded.map(([why, rows]) => `${formatCount(rows)} ${why}`).join(', '),
      ],
      ['offered rate', perSecValue(document.offeredPerSec)],
      ['times divided by', numberValue(document.speed)],
      ['output', tokensPerSecValue(document.outputTokensPerSec)],
      [
        'prompt and generated tokens',
        html`${countValue(document.promptTokens)} and ${countValue(document.generatedTokens)}`,
      ],
      ['busy share of the replicas', ratioValue(document.utilisation)],
      [
        'running per replica',
        html`${numberValue(document.running.mean)} on average, ${numberValue(document.running.max)} at most`,
      ],
      [
        'waiting per replica',
        html`${numberValue(document.waiting.mean)} on average, ${numberValue(document.waiting.max)} at most`,
      ],
      [
        'KV cache used',
        html`${ratioValue(document.kvUsage.mean)} on average, ${ratioValue(document.kvUsage.max)} at most`,
      ],
      ['preemptions', countValue(document.preemptions)],
      ['prefix cache hits', ratioValue(document.prefixHitRatio)],
      ['virtual time', secValue(document.makespanSec)],
      ['where the engine’s numbers come from', document.engine.source],
    ]),
  };
}

function scalingSection(scaling: ScalingSummary): Section {
  const { scaleEvents, breaches } = scaling;
  const shown = scaleEvents.slice(0, 60);
  return {
    id: 'autoscaler',
    title: 'How the autoscaler drove it',
    nav: 'Autoscaler',
    body: html`${facts([
      ['autoscaler', scaling.autoscaler.kind],
      ['replicas at the start', countValue(scaling.initialReplicas)],
      ['time between scrapes', secValue(scaling.scrapeSec)],
      ['replica-hours', numberValue(scaling.replicaHours)],
      ['accelerator-hours', numberValue(scaling.acceleratorHours)],
      ['changes of direction within ten minutes', countValue(scaling.flaps)],
      [
        'requests cut off, and never served',
        html`${countValue(scaling.cutOff)} and ${countValue(scaling.unserved)}`,
      ],
      [
        'longest time below the goal',
        scaling.goal === null
          ? UNKNOWN
          : breaches.length === 0
            ? 'never below'
            : scaling.timeToRecoverSec === null
              ? 'not recovered'
              : secValue(scaling.timeToRecoverSec),
      ],
    ])}
${
  breaches.length === 0
    ? null
    : table({
        caption: 'Times in which the SLO was missed',
        columns: [
          { title: 'from' },
          ...['recovered', 'worst attainment', 'scaled up', 'replica ready'].map((title) => ({
            title,
            numeric: true,
          })),
        ],
        rows: breaches.map((one) => [
          clockText(one.fromSec),
          timeOr(one.recoveredSec, 'not recovered'),
          ratioValue(one.worst),
          timeOr(one.scaledUpSec, 'not'),
          timeOr(one.readySec, 'not'),
        ]),
      })
}
${table({
  caption: `Decisions${shown.length < scaleEvents.length ? `, the first ${shown.length} of ${formatCount(scaleEvents.length)}` : ''}`,
  columns: [
    { title: 'at' },
    { title: 'from', numeric: true },
    { title: 'to', numeric: true },
    { title: 'because', words: true },
  ],
  rows: shown.map((event) => [
    clockText(event.atSec),
    countValue(event.from),
    countValue(event.to),
    event.because,
  ]),
})}`,
  };
}

const timeOr = (sec: number | null, word: string): Html | string =>
  sec === null ? word : html`${clockText(sec)}`;

function poolTable(pools: readonly (readonly [string, PoolSummary])[]): Html {
  return table({
    caption: 'Both pools',
    captionHidden: true,
    columns: [
      { title: 'pool' },
      { title: 'engine' },
      ...['replicas', 'busy', 'running', 'waiting', 'KV max', 'preempted', 'queue wait p99'].map((title) => ({
        title,
        numeric: true,
      })),
    ],
    rows: pools.map(([name, pool]) => [
      name,
      pool.engine,
      countValue(pool.replicas),
      ratioValue(pool.utilisation),
      numberValue(pool.running.mean),
      numberValue(pool.waiting.mean),
      ratioValue(pool.kvUsage.max),
      countValue(pool.preemptions),
      msValue(pool.queueWaitMs.p99),
    ]),
  });
}
