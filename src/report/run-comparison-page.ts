/** The report of two compared runs: what changed, with intervals, and whether that is better or worse. Pure. */
import type { MetricId } from '../types/run-support.js';
import type { ComparedRun, RunChange, RunComparison, RunDifference } from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import { chartData, chartOf } from './chart.js';
import { METRIC_DEFINITIONS } from './definitions.js';
import { type Html, html } from './html.js';
import type { Headline, Page } from './page.js';
import { pairedEcdf, type SideNames } from './paired-figures.js';
import {
  columnTable,
  type FigureOptions,
  figureGrid,
  figureSection,
  noteSection,
  passMark,
  present,
  type Section,
  type Tile,
  table,
} from './parts.js';
import type { IntervalRow } from './pictures.js';
import { clockText } from './run-data.js';
import { provenanceSection } from './shared-sections.js';
import { countValue, msValue, numberValue, ratioValue, UNKNOWN } from './values.js';

const NAMES: SideNames = ['first run', 'second run'];

/** Builds the page of a comparison of two runs. */
export function runComparisonPage(name: string, comparison: RunComparison): Page {
  const changes = present([changeFigure(comparison)]);
  const ecdfs = present(comparison.quantiles.map((pair) => ecdfOf(comparison, pair)));
  const times = (comparison.overTime ?? []).map((one) => overTimeFigure(comparison, one));
  const sections: (Section | null)[] = [
    changeSection(comparison, changes),
    figureSection('time', 'Latency over time', times, {
      nav: 'Over time',
      intro:
        'Each run from its own first measured request. A difference that grows is saturation; one that is steady is the target.',
    }),
    figureSection('distributions', 'Distributions', ecdfs),
    noteSection('Before you trust this comparison', comparison.notes),
    runsSection(comparison),
    provenanceSection(comparison.manifest, [['seed of the resamples', comparison.seed]]),
  ];
  return {
    subject: 'Comparison of two runs',
    name,
    context: html`second run <code>${comparison.b.name}</code> against first run <code>${comparison.a.name}</code>`,
    headline: headlineOf(comparison),
    tiles: tilesOf(comparison),
    sections: present(sections),
    charts: [...changes, ...times, ...ecdfs].map((item) => item.chart),
    footer: html`Made by tokentide ${comparison.manifest.version}.`,
  };
}

function headlineOf({ verdict, a, b }: RunComparison): Headline {
  const words: Readonly<Record<typeof verdict.verdict, readonly [Headline['tone'], string]>> = {
    better: ['good', `Better: ${b.name} improves on ${a.name}`],
    worse: ['bad', `Worse: ${b.name} falls behind ${a.name}`],
    mixed: ['warn', `Mixed: ${b.name} is better in some ways and worse in others`],
    no_difference_shown: ['plain', `No difference shown between ${a.name} and ${b.name}`],
    not_comparable: ['warn', 'Not comparable: no judgement is possible'],
  };
  const [tone, text] = words[verdict.verdict];
  return { tone, verdict: text, because: verdict.because, next: verdict.recommendation };
}

const nameOf = ({ id, statistic }: RunDifference): string =>
  [statistic, id.replace(/_/g, ' ')].filter((part) => part !== null).join(' ');

function valueIn({ unit }: RunDifference, value: number | null): Html {
  if (value === null) return UNKNOWN;
  return unit === 'ms' ? msValue(value) : unit === 'ratio' ? ratioValue(value) : numberValue(value);
}

function signedText({ unit }: RunDifference, value: number | null): string {
  if (value === null) return '–';
  const size = Math.abs(value);
  const text = unit === 'ms' ? formatMs(size) : unit === 'ratio' ? formatRatio(size) : significant(size);
  return value === 0 ? text : `${value > 0 ? '+' : '−'}${text}`;
}

function tilesOf({ differences, bootstrap, a, b }: RunComparison): Tile[] {
  const wanted = ['p50 ttft', 'p99 ttft', 'p99 e2e', 'error rate'];
  const shown = wanted.flatMap((name) => differences.filter((one) => nameOf(one) === name));
  return [
    ...shown.map(
      (one): Tile => ({
        label: nameOf(one),
        value:
          one.unit === 'ratio' || one.relative === null
            ? signedText(one, one.difference)
            : html`<data value="${one.relative}">${signedPercent(one.relative)}</data>`,
        detail: html`${valueIn(one, one.a)} → ${valueIn(one, one.b)}${one.change === null ? null : html`: ${changeWords(one.change)}`}`,
        tone: one.change === 'better' ? 'good' : one.change === 'worse' ? 'bad' : 'plain',
      }),
    ),
    {
      label: 'Requests',
      value: countValue(b.offered),
      detail: html`first run ${countValue(a.offered)}; ${bootstrap.paired ? html`paired by ${countValue(bootstrap.pairedRows)} rows of the trace` : 'not the same rows'}`,
    },
  ];
}

const changeWords = (change: RunChange): string => change.replace(/_/g, ' ');

function signedPercent(ratio: number): string {
  const size = Math.abs(ratio) * 100;
  const text = `${significant(size, size < 10 ? 2 : 3)} %`;
  return size < 0.05 ? '0 %' : `${ratio > 0 ? '+' : '−'}${text}`;
}

/** Widest change drawn; bars beyond are cut, with an arrow. */
const MOST_CHANGE = 1;

/** Relative change of everything that has an interval. */
function changeFigure(comparison: RunComparison): FigureOptions | null {
  const drawn = comparison.differences.filter(
    (one) => one.relative !== null && one.a !== null && one.a !== 0 && one.low !== null && one.high !== null,
  );
  if (drawn.length === 0) return null;
  const rows = drawn.map(
    (one): IntervalRow => ({
      label: nameOf(one),
      low: one.low! / one.a!,
      high: one.high! / one.a!,
      point: one.relative,
      text: `${signedPercent(one.relative!)} (95 % interval ${signedPercent(one.low! / one.a!)} to ${signedPercent(one.high! / one.a!)}${one.change === null ? '' : `, ${changeWords(one.change)}`})`,
      tone: one.change === 'better' ? 'good' : one.change === 'worse' ? 'bad' : 'plain',
    }),
  );
  const ends = rows.flatMap((row) => [row.low!, row.high!, row.point!]);
  const { bootstrap } = comparison;
  const shown = drawn.filter((one) => one.change === 'better' || one.change === 'worse').length;
  return {
    chart: {
      id: 'changes',
      picture: 'intervals',
      xLabel: 'change from the first run to the second',
      unit: 'percent',
      from: Math.max(-MOST_CHANGE, Math.min(-0.05, ...ends) * 1.08),
      to: Math.min(MOST_CHANGE, Math.max(0.05, ...ends) * 1.08),
      line: { at: 0, label: 'no change' },
      rows,
    },
    title: 'What changed',
    reading: `Bars are 95 % intervals of the change. ${shown === 0 ? 'No judged quantity changed beyond chance.' : `${shown} judged ${shown === 1 ? 'quantity changed' : 'quantities changed'} beyond chance: a disc is better, a cross is worse.`}`,
    note: 'Blue rows are for information or show no difference. The verdict rests on wider intervals that hold for all judged quantities at once (in the table).',
    n: `${formatCount(comparison.a.offered)} and ${formatCount(comparison.b.offered)} requests`,
    window: `${formatCount(bootstrap.resamples)} block resamples, ${formatCount(bootstrap.blocks)} blocks of ${formatDurationSec(bootstrap.blockSec)}`,
    definitions: ['run_change'],
    table: columnTable('Changes', [
      { title: 'quantity', cells: drawn.map(nameOf) },
      { title: 'change', cells: drawn.map((one) => ratioValue(one.relative)) },
      { title: 'low', cells: rows.map((row) => ratioValue(row.low)) },
      { title: 'high', cells: rows.map((row) => ratioValue(row.high)) },
    ]),
    wide: true,
  };
}

function changeSection(comparison: RunComparison, figures: readonly FigureOptions[]): Section {
  const { differences, slo, bootstrap } = comparison;
  return {
    id: 'changes',
    title: 'Differences',
    intro: html`Differences are second − first, with ${bootstrap.paired ? 'paired' : 'independent'} block-bootstrap intervals.${slo === null ? null : html` Goodput counts <code>${slo}</code>.`}`,
    body: html`${figureGrid(figures)}${table({
      caption: 'Every quantity of both runs; “for all” intervals hold for every judged quantity at once',
      columns: [
        { title: 'quantity' },
        ...['n', 'first', 'second', 'difference', 'relative', '95 % interval', 'for all'].map((title) => ({
          title,
          numeric: true,
        })),
        { title: 'result' },
      ],
      rows: differences.map((one) => [
        nameOf(one),
        html`${countValue(one.nA)} / ${countValue(one.nB)}`,
        valueIn(one, one.a),
        valueIn(one, one.b),
        one.difference === null
          ? UNKNOWN
          : html`<data value="${one.difference}">${signedText(one, one.difference)}</data>`,
        one.relative === null
          ? UNKNOWN
          : html`<data value="${one.relative}">${signedPercent(one.relative)}</data>`,
        rangeOf(one, one.low, one.high),
        rangeOf(one, one.familyLow, one.familyHigh),
        resultOf(one.change),
      ]),
      rowClass: (i) =>
        differences[i].change === 'worse' ? 'bad' : differences[i].change === null ? 'muted' : null,
    })}`,
  };
}

function rangeOf(one: RunDifference, low: number | null, high: number | null): Html {
  return low === null || high === null ? UNKNOWN : html`${signedText(one, low)} to ${signedText(one, high)}`;
}

function resultOf(change: RunChange | null): Html {
  if (change === 'better' || change === 'worse') return passMark(change === 'better', ['better', 'worse']);
  return html`<span class="unknown">${change === null ? 'for information' : changeWords(change)}</span>`;
}

function ecdfOf(comparison: RunComparison, pair: RunComparison['quantiles'][number]): FigureOptions | null {
  const { id } = pair;
  const { name } = METRIC_DEFINITIONS[id];
  const counts = comparison.differences.find((one) => one.id === id);
  const at = (p: number): string => {
    const k = pair.probs.indexOf(p);
    return `${formatMs(pair.a[k])} and ${formatMs(pair.b[k])}`;
  };
  return pairedEcdf({ ...pair, label: id, unit: 'ms', value: msValue }, NAMES, {
    id: `ecdf-${id.replace('.', '-')}`,
    title: name,
    reading: `Median ${at(0.5)}, p99 ${at(0.99)}.`,
    n:
      counts === undefined
        ? 'not recorded'
        : `${formatCount(counts.nA)} and ${formatCount(counts.nB)} samples`,
    window: 'both runs’ measured requests',
    definitions: [id as MetricId],
  });
}

function overTimeFigure(
  { a, b }: RunComparison,
  one: NonNullable<RunComparison['overTime']>[number],
): FigureOptions {
  const { name } = METRIC_DEFINITIONS[one.id];
  const columns = [one.a.p50, one.a.p99, one.b.p50, one.b.p99];
  const titles = [`${NAMES[0]} p50`, `${NAMES[0]} p99`, `${NAMES[1]} p50`, `${NAMES[1]} p99`];
  const middles = one.x.map((start) => start + one.binSec / 2);
  return {
    chart: chartOf({
      id: `time-${one.id}`,
      x: { label: 'time from the first measured request', unit: 'clock', scale: 'linear' },
      y: { label: one.id, unit: 'ms', scale: 'linear' },
      data: chartData(middles, ...columns),
      series: titles.map((label, i) => ({
        label,
        colour: i < 2 ? 'blue' : 'orange',
        style: 'line',
        dashed: i % 2 === 1,
      })),
      group: 'runs-time',
    }),
    title: `${name} over time`,
    reading: `Median and p99 of the requests due in each bin of ${formatDurationSec(one.binSec)}.`,
    n: `${formatCount(a.offered)} and ${formatCount(b.offered)} requests`,
    window: `${clockText(one.x.at(-1)! + one.binSec)} of either run, bins of ${formatDurationSec(one.binSec)}`,
    definitions: [one.id],
    table: columnTable(name, [
      { title: 'from', cells: one.x.map(clockText) },
      ...columns.map((cells, i) => ({ title: titles[i], cells: cells.map((value) => msValue(value)) })),
    ]),
    wide: true,
  };
}

function runsSection({ a, b }: RunComparison): Section {
  const rows: readonly (readonly [string, (run: ComparedRun) => Html | string])[] = [
    ['name', (run) => html`<code>${run.name}</code>`],
    ['target', (run) => run.url],
    ['model', (run) => run.model ?? 'not named'],
    ['trace', (run) => run.traceName],
    ['started', (run) => run.startedUtc ?? 'not told'],
    ['measured by', (run) => run.tool ?? 'tokentide'],
    ['valid', (run) => passMark(run.valid, ['valid', 'invalid'])],
    ['requests offered', (run) => countValue(run.offered)],
    ['ended ok', (run) => countValue(run.ok)],
  ];
  return {
    id: 'runs',
    title: 'The two runs',
    nav: 'Runs',
    body: table({
      caption: 'Both runs',
      captionHidden: true,
      columns: [{ title: 'property' }, { title: NAMES[0] }, { title: NAMES[1] }],
      rows: rows.map(([title, value]) => [title, value(a), value(b)]),
    }),
  };
}
