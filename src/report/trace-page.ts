/** The report of a trace: what its ingest kept and dropped, what its clock is worth, and what its rows look like. Pure. */
import { TRACE_COLUMNS } from '../trace/schema.js';
import type { LengthFacts, TraceMeta, TraceQuality } from '../types.js';
import { formatCount, formatDurationSec, formatRatio, nsToSec, significant } from '../units.js';
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
import { clockText } from './run-data.js';
import { provenanceSection } from './shared-sections.js';
import { FACT_PROBS, type Quantiles, type TraceFacts } from './trace-facts.js';
import { dispersionFigure, gapFigure, lengthFigure, rateFigure } from './trace-figures.js';
import { countValue, numberValue, perSecValue, ratioValue, secValue, UNKNOWN } from './values.js';

/** Shares of rows above which a page warns, and above which it says no. */
const WARN_SHARE = 0.01;
const BAD_SHARE = 0.2;

/** Builds the page of a trace. */
export function tracePage(name: string, found: TraceFacts): Page {
  const { meta } = found;
  const arrivals = present([rateFigure(found), dispersionFigure(found), gapFigure(found)]);
  const lengths = present([
    lengthFigure(found, 'input', found.inputTokens),
    lengthFigure(found, 'output', found.outputTokens),
  ]);
  const { quality } = meta;
  const sections: (Section | null)[] = [
    quality === null ? null : rowsSection(quality),
    quality === null ? null : clockSection(meta, quality),
    figureSection('arrivals', 'Arrivals', arrivals),
    lengthSection(lengths, quality),
    quality === null ? null : courseSection(quality),
    noteSection('Notes of the ingest', quality?.notes ?? []),
    contentsSection(found),
    provenanceSection(meta.manifest, [
      ['content hash of the rows', html`<code class="hash">${meta.contentHash}</code>`],
    ]),
  ];
  return {
    subject: 'Trace',
    name,
    context: html`${countValue(found.rows)} requests over ${secValue(found.durationSec)}${meta.startUtc === null ? ', relative time only' : html`, from ${meta.startUtc}`}`,
    headline: headlineOf(found),
    tiles: tilesOf(found),
    sections: present(sections),
    charts: [...arrivals, ...lengths].map((item) => item.chart),
    footer: html`Made by tokentide ${meta.manifest.version}.`,
  };
}

/** Records of the source that became no row. */
function droppedOf({ recordsIn, rowsIn, rowsOut }: TraceQuality): {
  readonly read: number;
  readonly dropped: number;
} {
  const read = recordsIn ?? rowsIn;
  return { read, dropped: Math.max(0, read - rowsOut) };
}

/** What keeps a trace from being taken as it is, most serious first. */
function concernsOf({ meta, rows }: TraceFacts): { readonly bad: string[]; readonly warn: string[] } {
  const bad: string[] = [];
  const warn: string[] = [];
  const share = (count: number, of: number, words: string): void => {
    if (of === 0 || count / of <= WARN_SHARE) return;
    (count / of > BAD_SHARE ? bad : warn).push(`${formatRatio(count / of)} ${words}`);
  };
  if (rows === 0) bad.push('the trace has no rows');
  const { quality } = meta;
  if (quality === null) return { bad, warn };
  const { read, dropped } = droppedOf(quality);
  share(dropped, read, 'of the source’s records were left out');
  share(quality.unknownInputRows, rows, 'of the rows have no input length');
  share(quality.unknownOutputRows, rows, 'of the rows have no output length');
  if (quality.clock.gridNs !== null)
    warn.push(
      `the clock ticks in steps of ${formatDurationSec(nsToSec(quality.clock.gridNs))}, so bursts below that cannot be seen`,
    );
  if (meta.arrivalBasis === 'end' || meta.arrivalBasis === 'log_write')
    warn.push(
      `its timestamps are ${meta.arrivalBasis === 'end' ? 'ends of requests' : 'times of writing the log'}, not arrivals`,
    );
  return { bad, warn };
}

function headlineOf(found: TraceFacts): Headline {
  const { meta, rows, durationSec } = found;
  const { bad, warn } = concernsOf(found);
  const rate = durationSec > 0 ? `, ${significant(rows / durationSec)}/s on average` : '';
  const size = `${formatCount(rows)} requests over ${formatDurationSec(durationSec)}${rate}`;
  const { quality } = meta;
  const kept =
    quality === null
      ? meta.arrivalBasis === 'synthetic'
        ? 'drawn from a model'
        : 'it carries no record of its ingest'
      : droppedOf(quality).dropped === 0
        ? 'every record of the source is in it'
        : `${formatCount(droppedOf(quality).dropped)} of ${formatCount(droppedOf(quality).read)} records were left out`;
  const concerns = [...bad, ...warn];
  return {
    tone: bad.length > 0 ? 'bad' : warn.length > 0 ? 'warn' : 'good',
    verdict:
      bad.length > 0
        ? `Not fit to plan with: ${bad[0]}`
        : warn.length > 0
          ? 'Usable with care'
          : `Ready: ${size}`,
    because:
      concerns.length === 0
        ? `${kept}, and arrivals and lengths are known`
        : `${concerns.join('; ')}; ${size}`,
    next:
      bad.length > 0
        ? 'see which rows were dropped and why below, correct the source or the mapping, and `tokentide ingest` again with `--strict` to stop at the first.'
        : meta.arrivalBasis === 'synthetic'
          ? 'hold it against the real trace with `tokentide compare`, or replay it with `tokentide replay`.'
          : 'fit a model of this trace with `tokentide fit`, or replay it as it is with `tokentide replay`.',
  };
}

function tilesOf({ meta, rows, durationSec, rate, inputTokens, outputTokens }: TraceFacts): Tile[] {
  const { quality } = meta;
  const median = (quantiles: Quantiles | null): Html =>
    quantiles === null ? UNKNOWN : countValue(quantiles.values[FACT_PROBS.indexOf(0.5)]);
  const p99 = (quantiles: Quantiles | null): Html =>
    quantiles === null ? UNKNOWN : countValue(quantiles.values[FACT_PROBS.indexOf(0.99)]);
  const dropped = quality === null ? null : droppedOf(quality);
  return [
    {
      label: 'Rows',
      value: countValue(rows),
      detail:
        dropped === null
          ? 'no record of an ingest'
          : html`of ${countValue(dropped.read)} records; ${countValue(dropped.dropped)} left out`,
      tone: dropped === null ? 'plain' : dropped.dropped > dropped.read * WARN_SHARE ? 'warn' : 'good',
    },
    {
      label: 'Rate',
      value: durationSec > 0 ? perSecValue(rows / durationSec) : UNKNOWN,
      detail: html`at most ${perSecValue(Math.max(0, ...rate.perSec))} in a bin of ${secValue(rate.binSec)}`,
    },
    { label: 'Input tokens, median', value: median(inputTokens), detail: html`p99 ${p99(inputTokens)}` },
    { label: 'Output tokens, median', value: median(outputTokens), detail: html`p99 ${p99(outputTokens)}` },
  ];
}

function rowsSection(quality: TraceQuality): Section {
  const { rejects } = quality;
  const counts = (title: string, by: Readonly<Record<string, number>> | undefined): Html | null => {
    const entries = Object.entries(by ?? {}).sort((x, y) => y[1] - x[1]);
    return entries.length === 0
      ? null
      : table({
          caption: title,
          columns: [{ title: 'status' }, { title: 'rows', numeric: true }, { title: 'share', numeric: true }],
          rows: entries.map(([status, rows]) => [
            status,
            countValue(rows),
            ratioValue(rows / Math.max(1, quality.rowsOut)),
          ]),
        });
  };
  return {
    id: 'rows',
    title: 'Rows in, rows out',
    nav: 'Rows',
    body: html`${facts([
      ['records read', countValue(droppedOf(quality).read)],
      ['rows kept', countValue(quality.rowsOut)],
      ['left out', countValue(droppedOf(quality).dropped)],
      ['deliveries of a request that was already there', countValue(quality.duplicateRows)],
      ['rows that look alike, kept', countValue(quality.lookAlikeRows)],
      ['out of order in the source', countValue(quality.outOfOrderRows)],
      ['lengths counted from text', countValue(quality.estimatedRows)],
      ['rows that produced no token', countValue(quality.zeroOutputRows)],
    ])}
${
  rejects.length === 0
    ? html`<p class="note">No record was refused.</p>`
    : table({
        caption: 'Records left out, by reason',
        columns: [
          { title: 'reason', words: true },
          { title: 'rows', numeric: true },
          { title: 'first line', numeric: true },
          { title: 'file' },
          { title: 'what was there', words: true },
        ],
        rows: rejects.map((reject) => [
          reject.reason,
          countValue(reject.rows),
          countValue(reject.firstLine),
          reject.firstFile ?? UNKNOWN,
          reject.example === null ? UNKNOWN : html`<code>${reject.example}</code>`,
        ]),
      })
}
${counts('How requests ended', quality.statusCounts)}${counts('HTTP status', quality.httpStatusCounts)}`,
  };
}

const BASIS: Readonly<Record<TraceMeta['arrivalBasis'], string>> = {
  arrival: 'arrivals',
  end: 'ends of requests',
  log_write: 'times of writing the log',
  synthetic: 'drawn from a model',
  unknown: 'not said by the source',
};

function clockSection(meta: TraceMeta, { clock, zoneRule, tiedRows }: TraceQuality): Section {
  return {
    id: 'clock',
    title: 'The source’s clock',
    nav: 'Clock',
    intro: html`${clock.finding}`,
    body: facts([
      ['what the timestamps mean', BASIS[meta.arrivalBasis]],
      ['smallest step as written', secValue(nsToSec(clock.resolutionNs))],
      ['grid of a coarse clock', clock.gridNs === null ? 'none found' : secValue(nsToSec(clock.gridNs))],
      ['gaps of exactly zero', ratioValue(clock.tieShare)],
      ['rows at the instant of the row before', countValue(tiedRows)],
      ['time zone', zoneRule],
      ['starts', meta.startUtc ?? 'relative time only'],
    ]),
  };
}

function lengthSection(figures: readonly FigureOptions[], quality: TraceQuality | null): Section | null {
  const known = [quality?.inputLengths, quality?.outputLengths];
  if (figures.length === 0 && known.every((one) => one === undefined)) return null;
  const rows: readonly (readonly [string, (length: LengthFacts) => Html])[] = [
    ['rows with a known length', (one) => countValue(one.knownRows)],
    ['unknown', (one) => countValue(one.unknownRows)],
    ['zero', (one) => countValue(one.zeroRows)],
    ['mean tokens', (one) => numberValue(one.meanTokens)],
    ['least and most', (one) => html`${countValue(one.minTokens)} to ${countValue(one.maxTokens)}`],
    [
      'cap: rows at the top',
      (one) =>
        one.cap === null
          ? html`none found`
          : html`${countValue(one.cap.rows)} at ${countValue(one.cap.fromTokens)}–${countValue(one.cap.toTokens)}`,
    ],
    [
      'floor: rows at the bottom',
      (one) =>
        one.floor === null
          ? html`none found`
          : html`${countValue(one.floor.rows)} at ${countValue(one.floor.tokens)}`,
    ],
    [
      'atoms: lengths far more frequent than their neighbours',
      (one) =>
        html`${countValue(one.atomCount)}${one.atoms.length === 0 ? null : html`; most frequent ${one.atoms.slice(0, 5).map((atom) => html`${atom === one.atoms[0] ? null : ', '}${countValue(atom.tokens)} (${countValue(atom.rows)} rows)`)}`}`,
    ],
  ];
  return {
    id: 'lengths',
    title: 'Lengths',
    body: html`${figureGrid(figures)}${
      known.every((one) => one === undefined)
        ? null
        : table({
            caption: 'What the ingest found about lengths',
            columns: [
              { title: 'finding' },
              { title: 'input', words: true },
              { title: 'output', words: true },
            ],
            rows: rows.map(([title, value]) => [
              title,
              ...known.map((one) => (one === undefined ? UNKNOWN : value(one))),
            ]),
          })
    }`,
  };
}

/** Quarters and silences: does the trace hold one regime? */
function courseSection({ quarters = [], silences = [] }: TraceQuality): Section | null {
  if (quarters.length === 0 && silences.length === 0) return null;
  return {
    id: 'course',
    title: 'From quarter to quarter',
    nav: 'Quarters',
    intro: 'A model of the whole trace describes its average; quarters that differ much are different loads.',
    body: html`${
      quarters.length === 0
        ? null
        : table({
            caption: 'Four equal parts of the trace’s time',
            columns: [
              { title: 'from' },
              ...['rows', 'rate', 'mean input tokens', 'mean output tokens'].map((title) => ({
                title,
                numeric: true,
              })),
            ],
            rows: quarters.map((quarter) => [
              clockText(nsToSec(quarter.fromNs)),
              countValue(quarter.rows),
              perSecValue(quarter.ratePerSec),
              numberValue(quarter.meanInputTokens),
              numberValue(quarter.meanOutputTokens),
            ]),
          })
    }${
      silences.length === 0
        ? null
        : table({
            caption: 'Stretches without arrivals that the mean rate does not explain',
            columns: [{ title: 'from' }, { title: 'length', numeric: true }],
            rows: silences.map((silence) => [
              clockText(nsToSec(silence.fromNs)),
              secValue(nsToSec(silence.lengthNs)),
            ]),
          })
    }`,
  };
}

const DISK_NAMES: ReadonlyMap<string, string> = new Map(TRACE_COLUMNS.map(({ code, disk }) => [code, disk]));

function contentsSection({ meta, columns }: TraceFacts): Section {
  return {
    id: 'contents',
    title: 'What the file holds',
    nav: 'Contents',
    body: facts([
      [
        'columns',
        html`${columns.map((column, i) => html`${i === 0 ? null : ', '}<code>${DISK_NAMES.get(column) ?? column}</code>`)}`,
      ],
      [
        'prefix block size',
        meta.blockSize === null ? 'no block hashes' : html`${countValue(meta.blockSize)} tokens`,
      ],
      ['name', meta.name],
    ]),
  };
}
