/** The report of one run: is it valid, did it meet its objectives, and the evidence for both. Pure. */
import type { MetricId } from '../types/run-support.js';
import type { RunRecord, RunSummary } from '../types.js';
import { formatCount, formatDurationSec, nsToSec, significant } from '../units.js';
import { METRIC_DEFINITIONS } from './definitions.js';
import { runHeadline } from './headline.js';
import { type Html, html, prose } from './html.js';
import type { RunReportInput } from './input.js';
import type { Page } from './page.js';
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
import { arrangeRun, type RunData, shadeNote } from './run-data.js';
import { ecdfFigure, sendLagFigure, ttftByInput } from './run-shape-figures.js';
import { inFlightOverTime, latencyOverTime, ratesOverTime } from './run-time-figures.js';
import { type RunWindow, serverFigures } from './server-figures.js';
import { gaugeTable, metricTable, provenanceSection, sloTable } from './shared-sections.js';
import {
  countValue,
  inUnit,
  msValue,
  numberValue,
  percentileValue,
  perSecValue,
  ratioValue,
  tokensPerSecValue,
  UNKNOWN,
} from './values.js';

/** Builds the page of a run. Without records the figures are left out and the page says so. */
export function runPage(input: RunReportInput): Page {
  const { summary, records } = input;
  const data = records === null || records.length === 0 ? null : arrangeRun(records, summary.slo);
  const overTime =
    data === null
      ? []
      : present([
          latencyOverTime(data, 'ttft'),
          latencyOverTime(data, 'e2e'),
          ratesOverTime(data),
          inFlightOverTime(data),
        ]);
  const shapes =
    data === null
      ? []
      : present([
          ecdfFigure(data, 'ttft', 'response.ttft'),
          ecdfFigure(data, 'tpot', null),
          ecdfFigure(data, 'e2e', 'response.e2e'),
          ttftByInput(data),
        ]);
  const lag = data === null ? [] : present([sendLagFigure(data)]);
  const server = serverFigures(input.server ?? [], windowOf(input, data));
  const sections: (Section | null)[] = [
    summary.slo.length === 0
      ? null
      : {
          id: 'objectives',
          title: 'Objectives',
          intro:
            summary.validity.verdict === 'invalid' ? 'The run is invalid: these results do not count.' : null,
          body: sloTable(summary.slo),
        },
    validitySection(summary),
    figureSection('time', 'Latency and load over time', overTime, {
      nav: 'Over time',
      intro: `Drag across a chart to zoom into a stretch of time; all of them follow.${shadeNote(data)}`,
    }),
    {
      id: 'latency',
      title: 'Latency distributions',
      nav: 'Distributions',
      intro:
        'Requests that failed or timed out have no latency; the last column counts them. response.* is the same latency counted from the instant that the schedule asked for.',
      body: html`${metricTable(summary.metrics)}${figureGrid(shapes)}`,
    },
    sendingSection(summary, lag),
    endingsSection(summary, data),
    flowSection(summary),
    serverSection(summary, server),
    noteSection('Notes', summary.notes),
    provenanceSection(summary.manifest, [
      [
        'trace',
        html`${summary.load.traceName}, content hash <code class="hash">${summary.load.traceHash}</code>`,
      ],
      ['prompt salt', summary.load.salt === null ? 'none' : html`<code>${summary.load.salt}</code>`],
    ]),
  ];
  return {
    subject: 'Run',
    name: input.name,
    context: html`${summary.load.traceName} → ${summary.target.model ?? 'model not named'} at <code>${summary.target.url}</code> (${summary.target.protocol}), started ${summary.startedUtc}`,
    headline: runHeadline(summary),
    tiles: runTiles(summary),
    sections: present(sections),
    charts: [...overTime, ...shapes, ...lag, ...server].map((item) => item.chart),
    footer: html`Made by tokentide ${summary.manifest.version}${
      data === null
        ? '. Without the run’s requests.parquet there are no charts: this page shows the summary only'
        : ''
    }.`,
  };
}

function runTiles(summary: RunSummary): Tile[] {
  const { metrics, counts, load } = summary;
  const latency = (id: MetricId): Tile[] => {
    const found = metrics[id];
    if (found === undefined || found.n === 0) return [];
    return [
      {
        label: METRIC_DEFINITIONS[id].name,
        value: msValue(found.p50),
        detail: html`median; p99 ${percentileValue(found.p99, found.n, 0.99)}, n = ${countValue(found.n)}`,
      },
    ];
  };
  const ok = counts.byStatus.ok ?? 0;
  return [
    ...latency('ttft'),
    ...latency('tpot'),
    ...latency('e2e'),
    {
      label: 'Requests ok',
      value: counts.offered > 0 ? ratioValue(ok / counts.offered) : UNKNOWN,
      detail: html`${countValue(ok)} of ${countValue(counts.offered)} offered`,
      tone: ok === counts.offered ? 'good' : 'warn',
    },
    ...(summary.goodput === null
      ? []
      : [{ label: 'Goodput', value: ratioValue(summary.goodput), detail: 'met every objective ÷ offered' }]),
    {
      label: 'Planned rate',
      value: perSecValue(load.plannedRatePerSec),
      detail: html`${countValue(counts.offered - (counts.byStatus.unsent ?? 0))} of ${countValue(counts.offered)} sent`,
    },
  ];
}

function validitySection(summary: RunSummary): Section {
  const { validity, client } = summary;
  return {
    id: 'validity',
    title: 'Is this run valid?',
    nav: 'Validity',
    intro: html`${passMark(validity.verdict === 'valid', ['valid', 'invalid'])} ${prose(validity.because)}`,
    body: html`${table({
      caption: 'Checks that the measurement had to pass',
      columns: [
        { title: 'check' },
        { title: 'measured', numeric: true },
        { title: 'limit', numeric: true },
        { title: 'result' },
        { title: 'what to change', words: true },
      ],
      rows: validity.checks.map((check) => [
        check.check,
        inUnit(check.value, check.unit),
        inUnit(check.limit, check.unit),
        passMark(check.pass, ['pass', 'fail']),
        check.pass ? '' : prose(check.advice),
      ]),
      rowClass: (i) => (validity.checks[i].pass ? null : 'bad'),
    })}
${facts([
  ['senders', countValue(client.senders)],
  ['event-loop delay, p99', msValue(client.loopDelayP99Ms)],
  ['event-loop delay, max', msValue(client.loopDelayMaxMs)],
  ['garbage collection, total', msValue(client.gcTotalMs)],
  ['garbage collection, longest', msValue(client.gcMaxMs)],
  ['CPU of the busiest sender', ratioValue(client.cpuShare)],
  ['time ready to run but without a core, worst sender', ratioValue(client.cpuWaitShare)],
  ['connections opened', countValue(client.connectionsOpened)],
])}`,
  };
}

function sendingSection(summary: RunSummary, figures: readonly FigureOptions[]): Section {
  return {
    id: 'sending',
    title: 'Did our client send on time?',
    nav: 'Sending',
    intro:
      'If response.ttft is much larger than ttft, the client held requests back and the server’s latency alone flatters the result.',
    body: html`${metricTable(summary.metrics, ['send_lag', 'ttft', 'response.ttft', 'e2e', 'response.e2e'])}
${figureGrid(figures)}`,
  };
}

function endingsSection(summary: RunSummary, data: RunData | null): Section {
  const { offered, byStatus } = summary.counts;
  const rows = Object.entries(byStatus)
    .filter(([, count]) => count > 0)
    .sort((a, b) => Number(b[0] === 'ok') - Number(a[0] === 'ok') || b[1] - a[1]);
  const errors = data === null ? [] : commonErrors(data.measured, 8);
  const { promptTokens } = summary;
  return {
    id: 'endings',
    title: 'How requests ended',
    nav: 'Endings',
    body: html`${table({
      caption: `Terminal states of the ${formatCount(offered)} requests offered`,
      columns: [{ title: 'status' }, { title: 'requests', numeric: true }, { title: 'share', numeric: true }],
      rows: rows.map(([status, count]) => [
        html`<code>${status}</code>`,
        countValue(count),
        offered > 0 ? ratioValue(count / offered) : UNKNOWN,
      ]),
      rowClass: (i) => (rows[i][0] === 'ok' ? 'good' : 'bad'),
    })}
${
  errors.length === 0
    ? null
    : table({
        caption: 'Most frequent messages of failed requests',
        columns: [
          { title: 'status' },
          { title: 'HTTP', numeric: true },
          { title: 'message', words: true },
          { title: 'requests', numeric: true },
        ],
        rows: errors.map((error) => [
          html`<code>${error.status}</code>`,
          error.httpStatus === null ? UNKNOWN : String(error.httpStatus),
          error.message,
          countValue(error.count),
        ]),
      })
}
${facts([
  [
    'prompt lengths equal to the trace’s, by the server’s count',
    promptTokens.compared === 0
      ? 'the server counted none'
      : html`${countValue(promptTokens.exact)} of ${countValue(promptTokens.compared)}`,
  ],
  ['mean signed error of prompt length', signedTokens(promptTokens.meanSignedError)],
])}`,
  };
}

function signedTokens(tokens: number | null): Html {
  return tokens === null ? UNKNOWN : html`${numberValue(tokens)} tokens`;
}

interface ErrorCount {
  readonly status: string;
  readonly httpStatus: number | null;
  readonly message: string;
  readonly count: number;
}

/** The most frequent failures by status, HTTP status and message. */
export function commonErrors(records: readonly RunRecord[], limit: number): ErrorCount[] {
  const counts = new Map<string, ErrorCount>();
  for (const record of records) {
    if (record.status === 'ok') continue;
    const message = (record.error ?? 'no message').slice(0, 200);
    const key = `${record.status}\u0000${record.httpStatus}\u0000${message}`;
    const seen = counts.get(key)?.count ?? 0;
    counts.set(key, { status: record.status, httpStatus: record.httpStatus, message, count: seen + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).slice(0, limit);
}

function flowSection(summary: RunSummary): Section {
  const { throughput, load, goodput, counts } = summary;
  const window = `first intended send → last end, ${formatDurationSec(throughput.windowSec)}`;
  const rows: (readonly [string, Html, string, string])[] = [
    ['planned rate', perSecValue(load.plannedRatePerSec), 'requests of the schedule', 'the schedule'],
    ['sent rate', perSecValue(throughput.sentPerSec), 'requests sent', window],
    ['completed rate', perSecValue(throughput.okPerSec), 'requests that ended ok', window],
    [
      'output throughput',
      tokensPerSecValue(throughput.okOutputTokensPerSec),
      'output tokens of ok requests',
      window,
    ],
    [
      'output throughput, all',
      tokensPerSecValue(throughput.allOutputTokensPerSec),
      'output tokens of all requests, partial ones included',
      window,
    ],
    ['input throughput', tokensPerSecValue(throughput.inputTokensPerSec), 'prompt tokens', window],
  ];
  return {
    id: 'throughput',
    title: 'Throughput and goodput',
    nav: 'Throughput',
    intro:
      'The window ends with the last answer, so a sent rate below the planned one is the drain after the last send, not lateness.',
    body: html`${table({
      caption: 'Each flow with its numerator and its window',
      columns: [
        { title: 'flow' },
        { title: 'value', numeric: true },
        { title: 'numerator' },
        { title: 'window' },
      ],
      rows,
    })}
${facts([
  [
    'goodput',
    goodput === null
      ? 'no objective was set'
      : html`${ratioValue(goodput)} of ${countValue(counts.offered)} offered requests met every objective; failed and unsent ones count as misses`,
  ],
  [
    'load',
    `${formatCount(load.rows)} requests of the trace over ${formatDurationSec(load.durationSec)}, speed ×${significant(load.speed)}${load.rate === null ? '' : `, rate ${load.rate}`}${load.window === null ? '' : `, window ${load.window}`}${load.concurrency === null ? ', open loop' : `, at most ${load.concurrency} in flight`}, ${formatCount(load.warmupRequests)} warm-up requests`,
  ],
])}`,
  };
}

/** The time that the figures of a run cover; of one without records that of its scrapes. */
function windowOf({ server = [] }: RunReportInput, data: RunData | null): RunWindow {
  if (data !== null) return { fromSec: data.bins.fromSec, toSec: data.bins.toSec, shades: data.shades };
  const sec = server.map((sample) => nsToSec(sample.atNs));
  return { fromSec: Math.min(0, ...sec), toSec: Math.max(1, ...sec), shades: [] };
}

function serverSection(summary: RunSummary, figures: readonly FigureOptions[]): Section {
  const gauges = summary.server?.gauges ?? [];
  return {
    id: 'server',
    title: 'What the server said of itself',
    nav: 'Server',
    body:
      gauges.length === 0
        ? html`<p>No gauges were scraped: the endpoint offered no Prometheus metrics, or none was named.</p>`
        : html`${figureGrid(figures)}${gaugeTable(gauges)}`,
  };
}
