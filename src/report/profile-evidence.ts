/** What stands behind a profile's levels: confidence intervals, latency by prompt length, MLPerf verdicts. Pure. */
import type { LatencyProfile, LengthBand, LoadLevel } from '../types.js';
import { formatCount, formatMs, formatRatio } from '../units.js';
import { html, prose } from './html.js';
import {
  columnTable,
  type FigureOptions,
  figureGrid,
  passMark,
  present,
  type Section,
  table,
} from './parts.js';
import type { IntervalPicture, IntervalRow } from './pictures.js';
import { countValue, inUnit, msValue, numberValue, perSecValue, ratioValue } from './values.js';

/** Sections and figures of whatever the profile carries; none for older files. */
export function evidenceSections(profile: LatencyProfile): {
  readonly sections: readonly Section[];
  readonly figures: readonly FigureOptions[];
} {
  const levels = profile.levels.filter((level) => level.valid);
  const figures = present([intervalFigure(levels)]);
  return {
    sections: present([
      intervalSection(levels, figures),
      bandSection(edgeLevel(profile, levels)),
      mlperfSection(profile.levels),
    ]),
    figures,
  };
}

/** The highest level that met the objective, else the lowest of all. */
function edgeLevel(profile: LatencyProfile, levels: readonly LoadLevel[]): LoadLevel | null {
  return levels.find((level) => level.ratePerSec === profile.capacity.metAtPerSec) ?? levels[0] ?? null;
}

/** p99 of TTFT at each level with its interval. */
function intervalFigure(levels: readonly LoadLevel[]): FigureOptions | null {
  const found = levels.flatMap((level) =>
    (level.intervals ?? [])
      .filter((one) => one.metric === 'ttft' && one.percentile === 0.99)
      .map((one) => ({ level, one })),
  );
  if (found.length < 2) return null;
  const known = found.map(({ one }) => one.highMs ?? one.valueMs);
  const longest = Math.max(...known) / 1_000;
  const met = found.findLast(({ level }) => level.sloMet) ?? found[0];
  const chart: IntervalPicture = {
    id: 'intervals-ttft',
    picture: 'intervals',
    xLabel: 'p99 of ttft, seconds',
    unit: 'number',
    from: 0,
    to: longest * 1.05,
    line: { at: met.one.valueMs / 1_000, label: `${formatMs(met.one.valueMs)}` },
    rows: found.map(
      ({ level, one }): IntervalRow => ({
        label: `${level.ratePerSec}/s`,
        low: one.lowMs / 1_000,
        high: one.highMs === null ? longest * 1.05 : one.highMs / 1_000,
        point: one.valueMs / 1_000,
        text: `${formatMs(one.valueMs)} (${formatRatio(one.level)} interval ${formatMs(one.lowMs)} to ${one.highMs === null ? 'unknown' : formatMs(one.highMs)})`,
        tone: level.sloMet ? 'good' : 'bad',
      }),
    ),
  };
  return {
    chart,
    title: 'How sure the p99 of TTFT is',
    reading:
      'Bars are confidence intervals from whole blocks of time. Discs met the objective, crosses missed it. The dashed line is the highest level that met it; levels whose bars overlap may be alike.',
    n: `${found.map(({ one }) => formatCount(one.n)).join(', ')} requests`,
    window: 'each level’s measured part',
    definitions: ['ttft'],
    table: columnTable('p99 of ttft by level', [
      { title: 'offered', cells: found.map(({ level }) => perSecValue(level.ratePerSec)) },
      { title: 'p99', cells: found.map(({ one }) => msValue(one.valueMs)) },
      { title: 'low', cells: found.map(({ one }) => msValue(one.lowMs)) },
      { title: 'high', cells: found.map(({ one }) => msValue(one.highMs)) },
    ]),
    wide: true,
  };
}

function intervalSection(levels: readonly LoadLevel[], figures: readonly FigureOptions[]): Section | null {
  const rows = levels.flatMap((level) => (level.intervals ?? []).map((one) => ({ level, one })));
  if (rows.length === 0) return null;
  return {
    id: 'intervals',
    title: 'Confidence of the percentiles',
    nav: 'Confidence',
    intro:
      'An upper end that is unknown means too few samples beyond the percentile: it may lie above the largest one.',
    body: html`${figureGrid(figures)}${table({
      caption: 'Percentiles with their confidence intervals, by level',
      columns: [
        { title: 'offered' },
        { title: 'percentile' },
        ...['n', 'value', 'low', 'high', 'confidence'].map((title) => ({ title, numeric: true })),
      ],
      rows: rows.map(({ level, one }) => [
        perSecValue(level.ratePerSec),
        `p${Number((one.percentile * 100).toPrecision(6))} ${one.metric}`,
        countValue(one.n),
        msValue(one.valueMs),
        msValue(one.lowMs),
        msValue(one.highMs),
        ratioValue(one.level),
      ]),
    })}`,
  };
}

function bandSection(level: LoadLevel | null): Section | null {
  const bands = level?.bands ?? [];
  if (level === null || bands.length === 0) return null;
  const total = bands.reduce((sum, band) => sum + band.requests, 0);
  const at = (curve: LengthBand['ttft'], p: number): number | null => {
    const k = curve?.probs.findIndex((one) => one >= p) ?? -1;
    return k < 0 ? null : (curve?.values[k] ?? null);
  };
  return {
    id: 'bands',
    title: 'By prompt length',
    nav: 'Lengths',
    intro: html`At ${perSecValue(level.ratePerSec)}. Traffic with another mix of lengths has other percentiles: these are what a plan corrects with.`,
    body: table({
      caption: 'Requests by prompt length',
      captionHidden: true,
      columns: [
        { title: 'input tokens' },
        ...[
          'requests',
          'share',
          'mean output',
          'failed',
          'goodput',
          'ttft p50',
          'ttft p99',
          'tpot p50',
          'e2e p99',
        ].map((title) => ({ title, numeric: true })),
      ],
      rows: bands.map((band) => [
        band.toTokens === null
          ? `${formatCount(band.fromTokens)} and more`
          : `${formatCount(band.fromTokens)} to ${formatCount(band.toTokens - 1)}`,
        countValue(band.requests),
        ratioValue(total === 0 ? null : band.requests / total),
        numberValue(band.meanOutputTokens),
        countValue(band.failed),
        ratioValue(band.goodput),
        msValue(at(band.ttft, 0.5)),
        msValue(at(band.ttft, 0.99)),
        msValue(at(band.tpot, 0.5)),
        msValue(at(band.e2e, 0.99)),
      ]),
    }),
  };
}

function mlperfSection(levels: readonly LoadLevel[]): Section | null {
  const judged = levels.flatMap((level) =>
    level.mlperf === undefined ? [] : [{ level, mlperf: level.mlperf }],
  );
  if (judged.length === 0) return null;
  return {
    id: 'mlperf',
    title: 'By the rules of MLPerf LoadGen',
    nav: 'MLPerf',
    body: html`${judged.map(
      ({ level, mlperf }) =>
        html`<h3>At ${perSecValue(level.ratePerSec)}: ${passMark(mlperf.verdict === 'VALID', ['VALID', 'INVALID'])}</h3>${table(
          {
            caption: 'Rules',
            captionHidden: true,
            columns: [
              { title: 'rule' },
              { title: 'value', numeric: true },
              { title: 'limit', numeric: true },
              { title: 'result' },
              { title: 'advice', words: true },
            ],
            rows: [
              ...mlperf.checks.map((check) => [
                check.check,
                inUnit(check.value, check.unit),
                inUnit(check.limit, check.unit),
                passMark(check.pass),
                check.pass ? '' : prose(check.advice),
              ]),
              ...mlperf.earlyStopping.map((one) => [
                html`early stopping, <code>${one.term}</code>`,
                html`${countValue(one.queries)} queries, ${countValue(one.over)} over`,
                html`${countValue(one.queriesNeeded)} needed`,
                passMark(one.met),
                '',
              ]),
            ],
          },
        )}`,
    )}`,
  };
}
