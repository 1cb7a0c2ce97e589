/** Tables that more than one kind of report shows: metric percentiles, SLO results, gauges, provenance. Pure. */
import type { MetricId, MetricSummary, MetricSummaryMap } from '../types/run-support.js';
import type { GaugeSummary, Manifest, SloResult } from '../types.js';
import { formatCount } from '../units.js';
import { METRIC_DEFINITIONS } from './definitions.js';
import { type Html, html } from './html.js';
import { copyBlock, facts, passMark, type Section, table } from './parts.js';
import { bytesValue, countValue, inUnit, msValue, numberValue, percentileValue, UNKNOWN } from './values.js';

/** Order in which metrics are read. */
export const METRIC_ORDER: readonly MetricId[] = [
  'ttft',
  'ttfa',
  'e2e',
  'tpot',
  'itl',
  'ntpot',
  'queue_wait',
  'response.ttft',
  'response.e2e',
  'send_lag',
];

/** Every metric that has a summary, with its formula, n, percentiles and what was left out of them. */
export function metricTable(metrics: MetricSummaryMap, ids: readonly MetricId[] = METRIC_ORDER): Html {
  const present = ids.flatMap((id) => {
    const summary = metrics[id];
    return summary === undefined ? [] : [summary];
  });
  const rough = present.some((summary) => summary.n > 0 && summary.n * 0.001 < 5);
  return html`${table({
    caption: 'Percentiles (linear interpolation between raw samples)',
    columns: [
      { title: 'metric' },
      ...['n', 'mean', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'max'].map((title) => ({ title, numeric: true })),
      { title: 'left out', words: true },
    ],
    rows: present.map((summary) => [
      html`<abbr title="${METRIC_DEFINITIONS[summary.id].name}: ${METRIC_DEFINITIONS[summary.id].formula}">${summary.id}</abbr>`,
      countValue(summary.n),
      msValue(summary.mean),
      percentileValue(summary.p50, summary.n, 0.5),
      percentileValue(summary.p90, summary.n, 0.9),
      percentileValue(summary.p95, summary.n, 0.95),
      percentileValue(summary.p99, summary.n, 0.99),
      percentileValue(summary.p999, summary.n, 0.999),
      msValue(summary.max),
      excludedText(summary),
    ]),
  })}${rough ? html`<p class="note">* fewer than five samples lie above this percentile: a rough value.</p>` : null}`;
}

/** `12 timeout_idle, 3 http_error`, or nothing. */
export function excludedText(summary: MetricSummary): string {
  const parts = Object.entries(summary.excluded)
    .filter(([, count]) => count > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([reason, count]) => `${formatCount(count)} ${reason}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

export function sloTable(results: readonly SloResult[]): Html {
  return table({
    caption: 'Service-level objectives',
    captionHidden: true,
    columns: [
      { title: 'objective' },
      { title: 'measured', numeric: true },
      { title: 'limit', numeric: true },
      { title: 'n', numeric: true },
      { title: 'result' },
    ],
    rows: results.map((result) => [
      html`<code>${result.term}</code>`,
      inUnit(result.value, result.unit),
      inUnit(result.limit, result.unit),
      countValue(result.n),
      passMark(result.met),
    ]),
  });
}

export function gaugeTable(gauges: readonly GaugeSummary[]): Html {
  return table({
    caption:
      'The server’s own metrics, scraped while it was measured; failed scrapes are counted, never read as zero',
    columns: [
      { title: 'gauge' },
      ...['mean', 'max', 'last, or growth of a counter', 'samples', 'failed scrapes'].map((title) => ({
        title,
        numeric: true,
      })),
      { title: 'the server’s name' },
    ],
    rows: gauges.map((gauge) => [
      html`<code>${gauge.name}</code>`,
      numberValue(gauge.mean),
      numberValue(gauge.max),
      numberValue(gauge.last),
      countValue(gauge.samples),
      countValue(gauge.failedScrapes),
      gauge.source === undefined ? UNKNOWN : html`<code>${gauge.source}</code>`,
    ]),
  });
}

/** Who made the document, from what, with which options. */
export function provenanceSection(
  manifest: Manifest,
  extra: readonly (readonly [string, Html | string])[],
): Section {
  return {
    id: 'reproduce',
    title: 'How to reproduce',
    nav: 'Reproduce',
    intro:
      'The options below, as the manifest keeps them, and the inputs by hash determine the result. Credentials are never recorded.',
    body: html`${copyBlock('Command', commandLine(manifest), 'command')}
${facts([
  ['tokentide', manifest.version],
  ['seed', manifest.seed ?? 'none'],
  ['made', manifest.createdUtc ?? 'not recorded (the file is reproducible byte by byte)'],
  ...extra,
])}
${
  manifest.inputs.length === 0
    ? null
    : table({
        caption: 'Inputs',
        columns: [{ title: 'file' }, { title: 'size', numeric: true }, { title: 'SHA-256' }],
        rows: manifest.inputs.map((input) => [
          input.name,
          bytesValue(input.bytes),
          html`<code class="hash">${input.sha256}</code>`,
        ]),
      })
}`,
  };
}

/** The command with its recorded options as a shell line. */
export function commandLine(manifest: Manifest): string {
  const words = ['tokentide', manifest.command, ...manifest.inputs.map((input) => shellWord(input.name))];
  for (const [key, value] of Object.entries(manifest.options)) {
    if (value === null || value === false) continue;
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    words.push(value === true ? flag : `${flag} ${shellWord(String(value))}`);
  }
  if (manifest.seed !== null && manifest.options['seed'] === undefined)
    words.push(`--seed ${shellWord(manifest.seed)}`);
  return words.join(' ');
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}
