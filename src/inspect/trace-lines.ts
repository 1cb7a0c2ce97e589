/** A trace on one screen. Pure: facts and metadata → lines of at most 80 columns. */
import type { TraceMeta, TraceQuality } from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';
import { provenanceLine } from './provenance.js';
import { barChart, clip, nameValues, textTable } from './text.js';
import { LENGTH_PROBS, type LengthFacts, TIMELINE_CELLS, type TraceFacts } from './trace-scan.js';

/** What a person should know before using the trace. */
export function traceLines(meta: TraceMeta, facts: TraceFacts): string[] {
  return [
    ...nameValues([
      ['requests', requestsText(facts)],
      ['rate', rateText(facts)],
      ['bursts', dispersionText(meta, facts)],
      ['starts', meta.startUtc ?? 'unknown: the source has only relative time'],
      ['clock', clockText(meta, facts)],
      ['tokens', tokensText(facts)],
      ['known', knownText(facts)],
      ['zeros', zerosText(facts)],
      ['who', whoText(facts)],
      ['endings', countsText(facts.statuses, 'unknown')],
      ['prefixes', prefixText(meta, facts)],
      ...qualityPairs(meta),
      ['made by', provenanceLine(meta.manifest)],
      ['content', `sha256 ${meta.contentHash.slice(0, 32)}…`],
    ]),
    ...paragraph(facts.rows === 0 ? [] : lengthTable(facts)),
    ...paragraph([...timelineLines(facts), ...histogramLines(facts)]),
    ...paragraph(quarterTable(facts)),
    ...paragraph(noteLines(meta)),
  ];
}

/** Lines with an empty one before them; nothing for nothing. */
const paragraph = (lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : ['', ...lines]);

function requestsText(facts: TraceFacts): string {
  if (facts.rows === 0) return 'none: the trace is empty';
  const span = facts.spanSec === null ? 'at one instant' : `over ${formatDurationSec(facts.spanSec)}`;
  return `${formatCount(facts.rows)} ${span}`;
}

function tokensText(facts: TraceFacts): string | null {
  const { input, output } = facts;
  if (input.known + output.known === 0) return null;
  return `${formatCount(input.sum)} prompt + ${formatCount(output.sum)} output`;
}

function zerosText({ input, output }: TraceFacts): string | null {
  const parts = [
    input.zero > 0 ? `${formatCount(input.zero)} requests with 0 prompt tokens` : '',
    output.zero > 0 ? `${formatCount(output.zero)} with 0 output tokens` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? null : parts.join(', ');
}

/** Columns with values: those known in every row first, then the others with their share. */
function knownText(facts: TraceFacts): string | null {
  if (facts.rows === 0) return null;
  const entries = Object.entries(facts.known).filter(([, rows]) => rows > 0);
  const always = entries.filter(([, rows]) => rows === facts.rows).map(([name]) => name);
  const partly = entries
    .filter(([, rows]) => rows < facts.rows)
    .map(([name, rows]) => `${name} ${formatRatio(rows / facts.rows)}`);
  return [always.join(' '), ...partly].filter((part) => part !== '').join(', ');
}

function rateText(facts: TraceFacts): string | null {
  if (facts.rows === 0) return null;
  const mean =
    facts.meanRatePerSec === null ? 'no mean' : `${significant(facts.meanRatePerSec)}/s on average`;
  return `${mean}, busiest minute ${significant(facts.peakMinute / 60)}/s, busiest second ${formatCount(facts.peakSecond)}`;
}

const GRIDS_PER_WINDOW = 10;

/** How much more counts vary than those of a Poisson stream, by window. */
function dispersionText(meta: TraceMeta, { dispersion }: TraceFacts): string | null {
  // Counts in windows not much longer than the clock's steps show the clock.
  const leastSec = (GRIDS_PER_WINDOW * (meta.quality?.clock.gridNs ?? 0)) / 1e9;
  const known = dispersion.filter(({ windowSec, value }) => value !== null && windowSec >= leastSec);
  if (known.length === 0) return null;
  const parts = known.map(({ windowSec, value }) => `${significant(value!)} in ${windowSec} s`);
  return `index of dispersion ${parts.join(', ')} (1 = Poisson, more = bursts)`;
}

function clockText(meta: TraceMeta, facts: TraceFacts): string {
  const basis = {
    arrival: 'times are arrivals',
    end: 'times are ends of answers',
    log_write: 'times are log writes',
    synthetic: 'times are drawn from a model',
    unknown: 'meaning of times unknown',
  }[meta.arrivalBasis];
  const resolution =
    meta.timeResolutionNs === null ? '' : `, resolution ${formatDurationSec(meta.timeResolutionNs / 1e9)}`;
  const ties = facts.tieShare === null ? '' : `, ${formatRatio(facts.tieShare)} of gaps are zero`;
  const grid = meta.quality?.clock.gridNs
    ? `; COARSE: steps of ${formatDurationSec(meta.quality.clock.gridNs / 1e9)}`
    : '';
  return `${basis}${resolution}${ties}${grid}`;
}

function whoText(facts: TraceFacts): string | null {
  const parts = [
    facts.clients === null ? null : `${formatCount(facts.clients)} clients`,
    facts.sessions === null ? null : `${formatCount(facts.sessions)} sessions`,
    facts.models.length === 0
      ? null
      : facts.models.length <= 3
        ? `model ${facts.models.join(', ')}`
        : `${formatCount(facts.models.length)} models`,
    Object.keys(facts.operations).some((name) => name !== 'other')
      ? countsText(facts.operations, null)
      : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(' · ');
}

/** `ok 12 000, http_error 31`, most frequent first; null when only `silent` occurs. */
function countsText(counts: Readonly<Record<string, number>>, silent: string | null): string | null {
  const entries = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  if (entries.every(([name]) => name === silent)) return null;
  return entries.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ');
}

function prefixText(meta: TraceMeta, facts: TraceFacts): string | null {
  if (facts.prefix === null) return null;
  const { requests, blocks, repeated } = facts.prefix;
  const size = meta.blockSize === null ? '' : ` of ${formatCount(meta.blockSize)} tokens`;
  const share =
    repeated === null
      ? 'share of repeats not counted: too many distinct blocks'
      : `${formatRatio(repeated / blocks)} seen before: the most that a prefix cache can hit`;
  return `${formatCount(requests)} requests with ${formatCount(blocks)} blocks${size}, ${share}`;
}

/** The rest of the ingest's report: what came in, what was left out and where, what stands out. */
function qualityPairs({ quality, droppedRows }: TraceMeta): (readonly [string, string | null])[] {
  const rejects = quality?.rejects ?? [];
  const told = new Set(rejects.map(({ reason }) => reason));
  const others = Object.entries(droppedRows).filter(([reason, rows]) => rows > 0 && !told.has(reason));
  const dropped = [
    ...rejects.map(
      ({ reason, rows, firstFile, firstLine, example }) =>
        `${formatCount(rows)} × ${reason}${example === null ? '' : `: ${/^\d+ characters$/.test(example) ? example : `'${example}'`}`}${placeText(firstFile, firstLine)}`,
    ),
    ...others.map(([reason, rows]) => `${formatCount(rows)} ${reason}`),
  ];
  if (quality === null) return dropped.map((text) => ['dropped', text]);
  const http = Object.entries(quality.httpStatusCounts ?? {}).sort((a, b) => b[1] - a[1]);
  return [
    ['source', sourceText(quality)],
    ...(dropped.length === 0 ? ['no rows'] : dropped).map((text) => ['dropped', text] as const),
    ['order', orderText(quality)],
    ['zone', quality.zoneRule],
    [
      'http',
      http.length === 0 ? null : http.map(([code, rows]) => `${code} ${formatCount(rows)}`).join(', '),
    ],
    [
      'silence',
      (quality.silences ?? []).length === 0
        ? null
        : quality
            .silences!.map(
              ({ fromNs, lengthNs }) =>
                `${formatDurationSec(lengthNs / 1e9)} at ${formatDurationSec(fromNs / 1e9)}`,
            )
            .join(', '),
    ],
  ];
}

function placeText(file: string | null, line: number | null): string {
  if (file === null) return '';
  return line === null ? ` (first in ${file})` : ` (first: ${file}, line ${formatCount(line)})`;
}

function sourceText({ rowsIn, rowsOut, recordsIn = rowsIn, estimatedRows = 0 }: TraceQuality): string {
  const records = recordsIn === rowsIn ? '' : ` from ${formatCount(recordsIn)} records`;
  const estimated = estimatedRows === 0 ? '' : `, lengths of ${formatCount(estimatedRows)} estimated`;
  return `${formatCount(rowsIn)} rows in${records}, ${formatCount(rowsOut)} kept${estimated}`;
}

function orderText(quality: TraceQuality): string {
  const { duplicateRows = 0, lookAlikeRows = 0, outOfOrderRows, tiedRows = 0 } = quality;
  const counted = [
    [outOfOrderRows, 'out of order'],
    [duplicateRows, 'delivered twice'],
    [lookAlikeRows, 'look alike'],
    [tiedRows, 'at the instant of the one before'],
  ] as const;
  return counted.map(([rows, what]) => `${formatCount(rows)} ${what}`).join(', ');
}

function tokens(value: number | null): string {
  if (value === null) return '–';
  if (value >= 1e6) return `${significant(value / 1e6)}M`;
  if (value >= 1e5) return `${significant(value / 1e3)}k`;
  return value >= 1_000 ? formatCount(value) : significant(value, 4);
}

function lengthTable(facts: TraceFacts): string[] {
  const titles = LENGTH_PROBS.map((p) => (p === 0 ? 'min' : p === 1 ? 'max' : `p${p * 100}`));
  const row = (name: string, length: LengthFacts): string[] => [
    name,
    formatCount(length.known),
    ...(length.known === 0
      ? [...titles, ''].map(() => '–')
      : [tokens(length.mean), ...length.quantiles.map(tokens)]),
  ];
  return textTable(
    [
      { title: 'tokens' },
      { title: 'known', right: true },
      { title: 'mean', right: true },
      ...titles.map((title) => ({ title, right: true })),
    ],
    [row('input', facts.input), row('output', facts.output)],
  );
}

const CHART_ROWS = 3;
/** What stands to the right of a chart. */
const ASIDE_COLUMNS = 15;

/** A chart with its name on the left, its largest value at the top right and its scale at the bottom right. */
function chartLines(name: string, values: readonly number[], most: string, scale: string): string[] {
  const width = TIMELINE_CELLS;
  return barChart(values, CHART_ROWS).map((line, row) => {
    const label = row === 0 ? name : '';
    const aside = row === 0 ? most : row === CHART_ROWS - 1 ? scale : '';
    return `${label.padEnd(9)}${line.padEnd(width)}  ${clip(aside, ASIDE_COLUMNS)}`.trimEnd();
  });
}

function histogramLines(facts: TraceFacts): string[] {
  return (
    [
      ['input', facts.input],
      ['output', facts.output],
    ] as const
  ).flatMap(([name, length]) => {
    const smallest = length.quantiles[0];
    const largest = length.quantiles[length.quantiles.length - 1];
    if (length.histogram.length === 0 || smallest === null || largest === null) return [];
    const from = length.zero > 0 ? 1 : smallest;
    const most = Math.max(...length.histogram) / Math.max(1, length.known);
    return chartLines(
      name,
      length.histogram,
      `top ${formatRatio(most)}`,
      `${tokens(from)}–${tokens(largest)}, log`,
    );
  });
}

function timelineLines(facts: TraceFacts): string[] {
  if (facts.spanSec === null) return [];
  const stepSec = facts.spanSec / TIMELINE_CELLS;
  const most = Math.max(...facts.timeline) / stepSec;
  return chartLines(
    'arrivals',
    facts.timeline,
    `top ${significant(most)}/s`,
    `${formatDurationSec(stepSec)} a cell`,
  );
}

function quarterTable(facts: TraceFacts): string[] {
  if (facts.spanSec === null) return [];
  const quarterSec = facts.spanSec / 4;
  return textTable(
    [
      { title: 'quarter' },
      { title: 'requests', right: true },
      { title: 'rate', right: true },
      { title: 'input mean', right: true },
      { title: 'output mean', right: true },
    ],
    facts.quarters.map((quarter, i) => [
      `${i + 1}: to ${formatDurationSec(quarterSec * (i + 1))}`,
      formatCount(quarter.requests),
      quarter.ratePerSec === null ? '–' : `${significant(quarter.ratePerSec)}/s`,
      tokens(quarter.meanInputTokens),
      tokens(quarter.meanOutputTokens),
    ]),
  );
}

function noteLines({ quality }: TraceMeta): string[] {
  if (quality === null) return [];
  return nameValues([quality.clock.finding, ...quality.notes].map((note) => ['note', note] as const));
}
