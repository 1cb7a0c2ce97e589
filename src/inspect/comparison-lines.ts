/** Comparisons on one screen: two traces, two runs, two fleets. Pure. */
import type { FleetComparison, RunComparison, TraceComparison } from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import { provenanceLine } from './provenance.js';
import { clip, nameValues, textTable } from './text.js';

const SHOWN_ROWS = 16;
const SHOWN_NOTES = 3;

const number = (value: number | null): string => (value === null ? '–' : significant(value));

/** Two traces: verdict, what both are, and the metrics that failed first. */
export function traceComparisonLines(comparison: TraceComparison): string[] {
  const { verdict, serving, metrics } = comparison;
  const trace = ({ name, rows, durationSec, ratePerSec }: TraceComparison['a']): string =>
    `${name}, ${formatCount(rows)} requests over ${formatDurationSec(durationSec)}, ${significant(ratePerSec)}/s`;
  const judged = metrics.filter(({ pass }) => pass !== null);
  const shown = [...judged].sort((x, y) => Number(x.pass) - Number(y.pass)).slice(0, SHOWN_ROWS);
  const capacity = serving?.capacity;
  return [
    ...nameValues([
      ['verdict', `${verdict.verdict}: ${verdict.because}`],
      ['next', verdict.recommendation],
      ['a, real', trace(comparison.a)],
      ['b', trace(comparison.b)],
      ['judged', `${comparison.passed} of ${comparison.judged} metrics within the real trace's own noise`],
      [
        'capacity',
        capacity === undefined || capacity.ratio === null
          ? null
          : `b needs ${significant(capacity.ratio)} × the engine speed of a for ${serving!.objective}`,
      ],
      ['made by', provenanceLine(comparison.manifest)],
    ]),
    '',
    ...textTable(
      [
        { title: 'metric' },
        ...['a', 'b', 'distance', 'limit'].map((title) => ({ title, right: true })),
        { title: '' },
      ],
      shown.map(({ label, a, b, value, limit, pass }) => [
        clip(label, 38),
        number(a),
        number(b),
        number(value),
        number(limit),
        pass === true ? 'ok' : 'DIFFERS',
      ]),
    ),
    ...moreLine(judged.length - shown.length, 'metrics within their limits'),
    ...noteLines(comparison.notes),
  ];
}

/** Two runs: verdict and the judged differences with their intervals. */
export function runComparisonLines(comparison: RunComparison): string[] {
  const { verdict, bootstrap, differences } = comparison;
  const run = ({ name, model, offered, ok, valid, startedUtc }: RunComparison['a']): string =>
    `${name}, ${model ?? 'model not named'}, ${formatCount(ok)} of ${formatCount(offered)} ok${valid ? '' : ', INVALID'}, ${startedUtc}`;
  const value = (x: number | null, unit: string): string =>
    x === null ? '–' : unit === 'ms' ? formatMs(x) : unit === 'ratio' ? formatRatio(x) : significant(x);
  const shown = [...differences]
    .sort((x, y) => Number(y.change !== null) - Number(x.change !== null))
    .slice(0, SHOWN_ROWS);
  return [
    ...nameValues([
      ['verdict', `${verdict.verdict.replaceAll('_', ' ')}: ${verdict.because}`],
      ['next', verdict.recommendation],
      ['a', run(comparison.a)],
      ['b', run(comparison.b)],
      ['objective', comparison.slo],
      [
        'method',
        `${formatCount(bootstrap.resamples)} resamples of ${formatCount(bootstrap.blocks)} blocks of ${formatDurationSec(bootstrap.blockSec)}${bootstrap.paired ? ', the same requests in both' : ''}`,
      ],
      ['made by', provenanceLine(comparison.manifest)],
      ['marks', '= no difference shown; unmarked: not judged'],
    ]),
    '',
    ...textTable(
      [
        { title: 'quantity' },
        ...['a', 'b', 'b − a', '95 % from', 'to'].map((title) => ({ title, right: true })),
        { title: '' },
      ],
      shown.map(({ id, statistic, unit, a, b, difference, low, high, change }) => [
        statistic === null ? id : `${id} ${statistic}`,
        value(a, unit),
        value(b, unit),
        value(difference, unit),
        value(low, unit),
        value(high, unit),
        change === null ? '' : change === 'worse' ? 'WORSE' : change === 'better' ? 'better' : '=',
      ]),
    ),
    ...moreLine(differences.length - shown.length, 'more quantities in the file'),
    ...noteLines(comparison.notes),
  ];
}

/** Two fleets on one trace: what changed for the same requests, and what it cost. */
export function fleetComparisonLines(comparison: FleetComparison): string[] {
  const { base, other, paired } = comparison;
  const fleet = ({ replicas, engine, scaling, disaggregated, goodput }: FleetComparison['base']): string => {
    const kind =
      disaggregated === undefined
        ? `${formatCount(replicas)} × ${engine.name}${scaling === undefined ? '' : ' at most, autoscaled'}`
        : `${formatCount(disaggregated.prefill.replicas)} × ${disaggregated.prefill.engine} prefill, ${formatCount(disaggregated.decode.replicas)} × ${disaggregated.decode.engine} decode`;
    const hours = scaling === undefined ? '' : `, ${significant(scaling.replicaHours)} replica-hours`;
    return `${kind}${hours}${goodput === null ? '' : `, goodput ${formatRatio(goodput)}`}`;
  };
  const signed = (value: number, text: string): string => (value > 0 ? `+${text}` : text);
  return [
    ...nameValues([
      ['trace', `${base.trace.name}, ${formatCount(base.counts.offered)} requests`],
      ['base', fleet(base)],
      ['other', fleet(other)],
      [
        'goodput',
        comparison.goodput === null
          ? null
          : `${signed(comparison.goodput, significant(comparison.goodput * 100))} points on the other`,
      ],
      [
        'hours',
        comparison.replicaHours === null
          ? null
          : `${signed(comparison.replicaHours, significant(comparison.replicaHours))} replica-hours on the other`,
      ],
      ['made by', provenanceLine(comparison.manifest)],
    ]),
    '',
    ...textTable(
      [
        { title: 'other − base' },
        ...['n', 'mean', 'p5', 'p50', 'p95', 'faster', 'slower'].map((title) => ({ title, right: true })),
      ],
      paired.map(({ metric, n, meanMs, p05Ms, p50Ms, p95Ms, fasterRatio, slowerRatio }) => [
        metric,
        formatCount(n),
        ...[meanMs, p05Ms, p50Ms, p95Ms].map(formatMs),
        ...[fasterRatio, slowerRatio].map((ratio) => (ratio === null ? '–' : formatRatio(ratio))),
      ]),
    ),
    ...noteLines([...new Set([...base.notes, ...other.notes])]),
  ];
}

function moreLine(count: number, what: string): string[] {
  return count > 0 ? [`and ${formatCount(count)} ${what}`] : [];
}

function noteLines(notes: readonly string[]): string[] {
  if (notes.length === 0) return [];
  return [
    '',
    ...nameValues(notes.slice(0, SHOWN_NOTES).map((note) => ['note', note] as const)),
    ...moreLine(notes.length - SHOWN_NOTES, 'more notes in the file'),
  ];
}
