/** The screen text of a profile. Sentences are one line each, however long: who prints breaks them. */
import { parseSlo } from '../slo.js';
import { quantileAt } from '../stats/quantile-curve.js';
import type { LatencyProfile, LoadLevel, MlperfResult, QuantileCurve, SloResult } from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import { OWN_RATE_STEP, type ProfileEstimate } from './estimate.js';
import { isPercentile } from './mlperf.js';

/** The end table of `tokentide profile`: levels, knee, capacity, verdict. */
export function formatProfile(profile: LatencyProfile): string {
  const terms = profile.levels[0]?.slo.map((term) => term.term.split(/\s*[<>]/)[0]) ?? [];
  // Two terms fit beside the fixed columns; the others are in the file and the report.
  const shown = terms.slice(0, 2);
  const head = ['rate/s', 'done/s', 'n', ...shown, 'goodput', 'running', 'SLO'];
  const rows = profile.levels.map((level) => [
    significant(level.ratePerSec, 4),
    significant(level.completedPerSec),
    String(level.requests),
    ...level.slo.slice(0, shown.length).map(valueText),
    level.goodput === null ? '–' : formatRatio(level.goodput),
    runningText(level),
    resultText(level),
  ]);
  const { capacity, knee, verdict } = profile;
  const lines = [
    `${profile.workload.name} on ${profile.target.url}`,
    `SLO: ${profile.slo}`,
    '',
    ...aligned([head, ...rows]),
    ...intervalLines(profile),
    '',
    ...flowLines(profile),
    ...bandLines(profile),
    ...mlperfLines(profile),
    '',
    capacity.ratePerSec === null
      ? 'capacity: none'
      : `capacity: ${significant(capacity.ratePerSec)} requests/s${capacity.toleranceRatio === null ? '' : ` (bracket ±${significant(100 * capacity.toleranceRatio, 2)} %)`}`,
    `  ${capacity.because}`,
    `knee: ${knee.ratePerSec === null ? 'none' : `${significant(knee.ratePerSec)} requests/s`}`,
    `  ${knee.method}; ${knee.because}`,
    ...profile.warnings.map((warning) => `note: ${warning}`),
    '',
    `${verdict.verdict}: ${verdict.recommendation}`,
  ];
  return lines.join('\n');
}

/** The SLO's first percentile at each level, with its confidence interval. */
function intervalLines(profile: LatencyProfile): string[] {
  const term = parseSlo(profile.slo).terms.find(isPercentile);
  if (term === undefined) return [];
  const rows = profile.levels.flatMap((level) => {
    const found = level.intervals?.find(
      (one) => one.metric === term.metric && one.percentile === term.statistic.p,
    );
    if (found === undefined) return [];
    const high = found.highMs === null ? 'no bound: too few samples' : formatMs(found.highMs);
    const cells = [significant(level.ratePerSec, 4), String(found.n), formatMs(found.valueMs)];
    return [[...cells, `${formatMs(found.lowMs)} to ${high}`]];
  });
  if (rows.length === 0) return [];
  const name = term.text.split(/\s*[<>]/)[0];
  return ['', ...aligned([['rate/s', 'n', name, '95 % interval'], ...rows])];
}

/** What went through the server at each level. */
function flowLines(profile: LatencyProfile): string[] {
  const gauge = (level: LoadLevel, name: string): number | null =>
    level.gauges.find((one) => one.name === name)?.mean ?? null;
  const count = (value: number | null): string => (value === null ? '–' : significant(value));
  const share = (value: number | null): string => (value === null ? '–' : formatRatio(value));
  const priced = profile.levels.some((level) => level.cost !== undefined);
  const money = (value: number | null | undefined): string => (value == null ? '–' : value.toFixed(2));
  const rows = profile.levels.map((level) => [
    significant(level.ratePerSec, 4),
    count(level.throughput.inputTokensPerSec),
    count(level.throughput.okOutputTokensPerSec),
    count(level.inFlightMean),
    count(gauge(level, 'waiting')),
    share(gauge(level, 'kv_usage')),
    share(level.errorRatio),
    ...(priced ? [money(level.cost?.perMillionTokens), money(level.cost?.perMillionOutputTokens)] : []),
  ]);
  const head = ['rate/s', 'tokens/s in', 'out', 'in flight', 'waiting', 'KV used', 'errors'];
  if (priced) head.push('$/M', '$/M out');
  return aligned([head, ...rows]);
}

/** Who waits how long, by prompt length, at the highest level that met the SLO (else the lowest). */
function bandLines(profile: LatencyProfile): string[] {
  const valid = profile.levels.filter((level) => level.valid && level.bands !== undefined);
  const level = valid.filter((one) => one.sloMet).at(-1) ?? valid[0];
  const bands = level?.bands?.filter((band) => band.requests > 0) ?? [];
  if (bands.length < 2) return [];
  const at = (curve: QuantileCurve | null, p: number): string =>
    curve === null ? '–' : formatMs(quantileAt(curve, p));
  const rows = bands.map((band) => [
    band.toTokens === null ? `from ${band.fromTokens}` : `${band.fromTokens} to ${band.toTokens - 1}`,
    String(band.requests),
    at(band.ttft, 0.5),
    at(band.ttft, 0.9),
    at(band.tpot, 0.5),
    band.goodput === null ? '–' : formatRatio(band.goodput),
  ]);
  const head = ['prompt tokens', 'n', 'p50(ttft)', 'p90(ttft)', 'p50(tpot)', 'goodput'];
  return ['', `by prompt length, at ${significant(level.ratePerSec, 4)}/s`, ...aligned([head, ...rows])];
}

/** The highest rate whose run counts by LoadGen's rules. */
function mlperfLines(profile: LatencyProfile): string[] {
  if (profile.mode !== 'mlperf') return [];
  const best = profile.levels.filter((level) => level.mlperf?.verdict === 'VALID').at(-1);
  const failed = profile.levels
    .filter((level) => level.mlperf?.verdict === 'INVALID')
    .map((level) => {
      const { checks, earlyStopping } = level.mlperf!;
      const text = [
        ...checks
          .filter((one) => !one.pass && !one.check.startsWith('early_stopping'))
          .map(
            (one) =>
              `${one.check} ${significant(one.value ?? 0, 4)} of ${significant(one.limit, 4)} ${one.unit}`,
          ),
        ...earlyStopping.filter((one) => !one.met).map(overText),
      ];
      return `  INVALID at ${significant(level.ratePerSec, 4)}/s: ${text.join('; ')}`;
    });
  const over = best?.mlperf?.earlyStopping.map(overText).join('; ');
  return [
    '',
    best === undefined
      ? 'MLPerf: no VALID level'
      : `MLPerf: VALID at ${significant(best.ratePerSec, 4)}/s, seed ${best.seed}: ${over ?? ''}`,
    ...failed,
  ];
}

const overText = (one: MlperfResult['earlyStopping'][number]): string =>
  `${one.over} of ${one.queries} over ${one.term} (${one.queriesNeeded} queries needed)`;

/** What a profile would send, for `--dry-run`. */
export function formatProfileEstimate(estimate: ProfileEstimate): string {
  const { search, levels, total, mostLevels } = estimate;
  const most = search ? 'at most ' : '';
  const rows = levels.map((level) => [
    significant(level.ratePerSec, 4),
    formatCount(level.requests),
    formatCount(level.inputTokens),
    formatCount(level.outputTokens),
    formatDurationSec(level.durationSec),
  ]);
  return [
    `would send levels of ${estimate.workloadName}, and sends nothing`,
    search
      ? `levels    at most ${mostLevels}: the rate doubles while the SLO is met, then halves in`
      : `levels    ${mostLevels}, as asked for`,
    '',
    ...aligned([['rate/s', 'requests', 'prompt tokens', 'output', 'time'], ...rows]),
    '',
    `requests  ${most}${formatCount(total.requests)}, warm-up included`,
    `tokens    ${most}${formatCount(total.inputTokens)} prompt + ${formatCount(total.outputTokens)} output`,
    `time      ${timeText(estimate)}`,
  ].join('\n');
}

/** The same in one line, before a profile starts. */
export function expectedTime(estimate: ProfileEstimate): string {
  const { levels } = estimate;
  const shortest = Math.min(...levels.map((level) => level.durationSec));
  const longest = Math.max(...levels.map((level) => level.durationSec));
  const span =
    longest - shortest < 1
      ? formatDurationSec(longest)
      : `${formatDurationSec(shortest)} to ${formatDurationSec(longest)}`;
  const { search, mostLevels } = estimate;
  return `${search ? 'up to ' : ''}${mostLevels} level${mostLevels === 1 ? '' : 's'} of ${span}: ${timeText(estimate)}`;
}

function timeText({ likelySec, total, levels }: ProfileEstimate): string {
  const most = formatDurationSec(total.durationSec);
  if (likelySec === null) return `about ${most}`;
  const rate = levels[Math.min(OWN_RATE_STEP, levels.length - 1)].ratePerSec;
  return `about ${formatDurationSec(likelySec)} if the capacity is near ${significant(rate)}/s, at most ${most}`;
}

/** One line when a level ends. */
export function formatLevel(level: LoadLevel): string {
  const again = level.attempt > 1 ? ' (repeated)' : '';
  const outcome = level.valid ? level.because : `does not count: ${level.invalidBecause ?? 'invalid run'}`;
  return `${significant(level.ratePerSec, 4)}/s${again}: ${outcome}`;
}

function resultText(level: LoadLevel): string {
  if (!level.valid) return 'INVALID';
  if (level.sloMet) return 'met';
  return level.steady ? 'MISSED' : 'MISSED, backlog';
}

function runningText(level: LoadLevel): string {
  const gauge = level.gauges.find((one) => one.name === 'running')?.mean ?? level.inFlightMean;
  return gauge === null ? '–' : significant(gauge);
}

function valueText(term: SloResult): string {
  if (term.value === null) return '–';
  return term.unit === 'ms' ? formatMs(term.value) : formatRatio(term.value);
}

/** Columns to the right, the last one to the left. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}
