/** Workload models and engine models on one screen. Pure. */
import { stepSeconds } from '../engine/cost.js';
import type {
  EngineModel,
  FamilyDistribution,
  FitSummary,
  LengthModel,
  ParametricLengthModel,
  QuantileTable,
  WorkloadClass,
  WorkloadModel,
} from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';
import { provenanceLine } from './provenance.js';
import { clip, nameValues, sparkline, textTable, wrap } from './text.js';

const SHOWN_CLASSES = 8;
const SHOWN_WARNINGS = 3;

/** A workload model: source, rate, classes, how well it fits. */
export function workloadModelLines(model: WorkloadModel): string[] {
  const { source, classes } = model;
  const shown = [...classes].sort((a, b) => b.requests - a.requests).slice(0, SHOWN_CLASSES);
  const rest = classes.length - shown.length;
  return [
    ...nameValues([
      [
        'fitted to',
        source === null
          ? 'nothing: written by hand'
          : `${source.name}, ${formatCount(source.rows)} requests${source.startUtc === null ? '' : ` from ${source.startUtc}`}`,
      ],
      ['licence', source?.licence ?? null],
      ['cite', source?.citation ?? null],
      [
        'window',
        `${formatDurationSec(model.durationSec)} at ${significant(model.meanRatePerSec)}/s on average`,
      ],
      ['classes', `${formatCount(classes.length)}, by ${model.by}`],
      ['trace', source === null ? null : `content sha256 ${source.traceHash.slice(0, 32)}…`],
      ['made by', provenanceLine(model.manifest)],
    ]),
    '',
    ...textTable(
      [
        { title: 'class' },
        { title: 'requests', right: true },
        { title: 'rate', right: true },
        { title: 'gaps' },
        { title: 'cv', right: true },
        { title: 'in p50', right: true },
        { title: 'p99', right: true },
        { title: 'out p50', right: true },
        { title: 'p99', right: true },
      ],
      shown.map((one) => classRow(one, model.durationSec)),
    ),
    ...(rest > 0 ? [`and ${formatCount(rest)} smaller classes`] : []),
    '',
    ...rateLines(shown[0]),
    ...fitLines(shown[0]),
    ...dispersionLines(shown[0]),
    ...driftLines(model),
    ...warningLines(model.warnings),
  ];
}

function classRow(one: WorkloadClass, durationSec: number): string[] {
  const { gaps, bursts } = one.arrivals;
  return [
    clip(one.id, 14),
    formatCount(one.requests),
    durationSec > 0 ? `${significant(one.requests / durationSec)}/s` : '–',
    bursts ? `bursts/${bursts.mean.length}` : shortFamily(gaps.family),
    significant(gaps.cv),
    ...lengthCells(one.lengths),
  ];
}

function lengthCells(lengths: LengthModel | ParametricLengthModel): string[] {
  if (lengths.kind === 'parametric') return [family(lengths.input), '', family(lengths.output), ''];
  const outputs = mergedOutput(lengths);
  return [
    significant(tableQuantile(lengths.input, 0.5)),
    significant(tableQuantile(lengths.input, 0.99)),
    significant(mixtureQuantile(outputs, 0.5)),
    significant(mixtureQuantile(outputs, 0.99)),
  ];
}

const family = (one: FamilyDistribution): string => shortFamily(one.family);

/** Narrow enough for a column. */
const shortFamily = (name: string): string =>
  name.replace('hyperexponential', 'hyperexp').replace('lognormal_mixture', 'lognorm_mix');
const mergedOutput = (lengths: LengthModel): readonly QuantileTable[] =>
  lengths.outputGivenInput.map((table) => table.output);

/** Share of draws ≤ x: atoms at or below x, and the sketch up to x in the share that atoms leave. */
export function tableCdf(table: QuantileTable, x: number): number {
  const atomShare = table.atoms.reduce((sum, [, count]) => sum + count, 0) / Math.max(1, table.n);
  const below = table.atoms.reduce((sum, [value, count]) => (value <= x ? sum + count : sum), 0);
  return below / Math.max(1, table.n) + (1 - atomShare) * sketchCdf(table, x);
}

function sketchCdf({ probs, values }: QuantileTable, x: number): number {
  const last = values.length - 1;
  if (last < 0 || x < values[0]) return 0;
  if (x >= values[last]) return 1;
  let i = 0;
  while (values[i + 1] <= x) i += 1;
  const width = values[i + 1] - values[i];
  return probs[i] + (width > 0 ? ((x - values[i]) / width) * (probs[i + 1] - probs[i]) : 0);
}

/** Smallest whole number that at least a share p of draws do not exceed. */
export function tableQuantile(table: QuantileTable, p: number): number {
  return mixtureQuantile([table], p);
}

/** The same for a mixture of tables, each weighted by its n. */
export function mixtureQuantile(tables: readonly QuantileTable[], p: number): number {
  const total = tables.reduce((sum, table) => sum + table.n, 0);
  const values = tables.flatMap((table) => [...table.values, ...table.atoms.map(([value]) => value)]);
  if (values.length === 0 || total === 0) return 0;
  let low = Math.floor(Math.min(...values)) - 1;
  let high = Math.ceil(Math.max(...values));
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const share = tables.reduce((sum, table) => sum + (table.n / total) * tableCdf(table, middle), 0);
    if (share >= p - 1e-12) high = middle;
    else low = middle;
  }
  return high;
}

function rateLines(one: WorkloadClass): string[] {
  const { ratePerSec, stepSec, bandwidthSec } = one.arrivals.rate;
  if (ratePerSec.length < 2) return [];
  const cells = Math.min(60, ratePerSec.length);
  const means = Array.from({ length: cells }, (_, i) => {
    const part = ratePerSec.slice(
      Math.floor((i * ratePerSec.length) / cells),
      Math.floor(((i + 1) * ratePerSec.length) / cells),
    );
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const kernel = bandwidthSec === null ? '' : `, kernel ${formatDurationSec(bandwidthSec)}`;
  return [
    `rate     ${sparkline(means)}`,
    `         ${significant(Math.min(...ratePerSec))}–${significant(Math.max(...ratePerSec))}/s, ${formatCount(ratePerSec.length)} knots ${formatDurationSec(stepSec)} apart${kernel}`,
  ];
}

function fitLines(one: WorkloadClass): string[] {
  const lengths = one.lengths.kind === 'pairs' ? one.lengths : null;
  const best = (name: string, fits: readonly FitSummary[]): readonly [string, string][] => {
    const [first, second] = [...fits].sort((a, b) => a.bic - b.bic);
    if (first === undefined) return [];
    const next = second === undefined ? '' : `; next ${second.family}, KS ${significant(second.ksDistance)}`;
    return [[name, `best family by BIC ${first.family}, KS ${significant(first.ksDistance)}${next}`]];
  };
  return nameValues([
    ...best('gaps', one.arrivals.gaps.candidates),
    ...(lengths === null ? [] : best('input', lengths.inputFits)),
    ...(lengths === null ? [] : best('output', lengths.outputFits)),
    ...(lengths === null || lengths.spearman === null
      ? []
      : [['pairs', `rank correlation of input and output ${lengths.spearman.toFixed(3)}`] as const]),
  ]);
}

function dispersionLines(one: WorkloadClass): string[] {
  const { dispersion } = one.arrivals;
  if (dispersion.length === 0) return [];
  const cells = dispersion.map(
    ({ windowSec, source, model }) =>
      `${formatDurationSec(windowSec)}: ${significant(source)}${model === null ? '' : ` → ${significant(model)}`}`,
  );
  return nameValues([['bursts', `variance of counts ÷ mean, source → model: ${cells.join(', ')}`]]);
}

function driftLines(model: WorkloadModel): string[] {
  const drift = model.drift ?? [];
  if (drift.length === 0) return [];
  const cells = drift.map(
    ({ metric, value, floor }) =>
      `${metric} ${significant(value)}${floor === null ? '' : ` (chance ${significant(floor)})`}`,
  );
  return nameValues([['drift', `second half against first: ${cells.join(', ')}`]]);
}

function warningLines(warnings: readonly string[]): string[] {
  if (warnings.length === 0) return [];
  const more = warnings.length - SHOWN_WARNINGS;
  return [
    '',
    ...nameValues(warnings.slice(0, SHOWN_WARNINGS).map((warning) => ['warning', warning] as const)),
    ...(more > 0 ? [`and ${more} more warnings in the file`] : []),
  ];
}

/** An engine model: costs, limits, and what they mean in tokens per second. */
export function engineModelLines(engine: EngineModel): string[] {
  const { step, limits, calibration } = engine;
  const kvTokens = limits.kvBlocks * limits.blockSize;
  const rows = [1, 8, 32, 128, limits.maxSeqs]
    .filter((seqs, i, all) => seqs <= limits.maxSeqs && all.indexOf(seqs) === i)
    .map((seqs) => {
      const sec = stepSeconds(step, { prefillTokens: 0, decodeSeqs: seqs, kvTokens: seqs * 1_000 }, 1);
      return [
        formatCount(seqs),
        formatDurationSec(sec),
        `${significant(1 / sec)}/s`,
        `${significant(seqs / sec)}/s`,
        formatRatio(Math.min(1, (seqs * 1_000) / kvTokens)),
      ];
    });
  const prefillSec = stepSeconds(
    step,
    { prefillTokens: limits.maxBatchedTokens, decodeSeqs: 0, kvTokens: 0 },
    1,
  );
  return [
    ...wrap(engine.source),
    '',
    ...nameValues([
      [
        'iteration',
        `${formatDurationSec(step.baseSec)} fixed, + ${formatDurationSec(step.perPrefillTokenSec)} per prompt token, + ${formatDurationSec(step.perDecodeSeqSec)} per decoding sequence, + ${formatDurationSec(step.perKvTokenSec)} per token of context; noise cv ${significant(step.noiseCv)}`,
      ],
      [
        'prefill',
        `${significant(limits.maxBatchedTokens / prefillSec)} tokens/s at the full budget of ${formatCount(limits.maxBatchedTokens)} tokens`,
      ],
      [
        'KV cache',
        `${formatCount(kvTokens)} tokens = ${formatCount(limits.kvBlocks)} blocks of ${limits.blockSize}, admission ${engine.kvAdmission}, prefix caching ${engine.prefixCaching ? 'on' : 'off'}`,
      ],
      [
        'limits',
        `${formatCount(limits.maxSeqs)} sequences at once, prompt + output up to ${formatCount(limits.maxModelLen)} tokens`,
      ],
      ['cold start', formatDurationSec(engine.coldStartSec)],
      [
        'calibrated',
        calibration === null
          ? 'no: compare with a profile of your own endpoint before you trust it'
          : `on ${formatCount(calibration.samples)} requests of ${formatCount(calibration.runs)} runs`,
      ],
      ...doubtLines(engine),
      ['made by', provenanceLine(engine.manifest)],
    ]),
    '',
    'decoding at 1 000 tokens of context:',
    ...textTable(
      [
        { title: 'sequences', right: true },
        { title: 'iteration', right: true },
        { title: 'tokens each', right: true },
        { title: 'tokens in all', right: true },
        { title: 'KV cache', right: true },
      ],
      rows,
    ),
    ...calibrationLines(engine),
  ];
}

/** How sure a fitted model is: held-out errors where there are any, and how it does at its own loads. */
function calibrationLines({ calibration }: EngineModel): string[] {
  if (calibration === null || calibration.errors.length === 0) return [];
  const { errors, heldOut } = calibration;
  const all = heldOut ?? errors;
  const shown = all.slice(0, 12);
  const error = ({ simulatedMs, measuredMs }: (typeof all)[number]): number => simulatedMs / measuredMs - 1;
  const worst = Math.max(...errors.map((one) => Math.abs(error(one))));
  return [
    '',
    heldOut === undefined
      ? 'at the loads that it was fitted to (nothing held out):'
      : `each load predicted from the others (worst at its own loads ${formatRatio(worst)}):`,
    ...textTable(
      [
        { title: 'percentile' },
        { title: 'load', right: true },
        { title: 'measured', right: true },
        { title: 'simulated', right: true },
        { title: 'error', right: true },
      ],
      shown.map((one) => [
        `p${significant(one.percentile * 100)} ${one.metric}`,
        `${significant(one.ratePerSec)}/s`,
        formatDurationSec(one.measuredMs / 1_000),
        formatDurationSec(one.simulatedMs / 1_000),
        one.measuredMs > 0 ? `${(error(one) * 100).toFixed(1)} %` : '–',
      ]),
    ),
    ...(all.length > shown.length ? [`and ${all.length - shown.length} more`] : []),
  ];
}

/** 95 % intervals of the coefficients, and limits that nobody told. */
function doubtLines({ calibration }: EngineModel): [string, string][] {
  const lines: [string, string][] = [];
  const intervals = calibration?.intervals;
  if (intervals !== undefined) {
    const span = ([low, high]: readonly [number, number]): string =>
      `${formatDurationSec(low)} to ${formatDurationSec(high)}`;
    lines.push([
      'sure to',
      `${formatRatio(intervals.level)}: fixed ${span(intervals.baseSec)}, prompt token ${span(intervals.perPrefillTokenSec)}, sequence ${span(intervals.perDecodeSeqSec)}, token of context ${span(intervals.perKvTokenSec)}`,
    ]);
  }
  const assumed = Object.entries(calibration?.limitSources ?? {})
    .filter(([, source]) => source === 'assumed')
    .map(([limit]) => LIMIT_WORDS[limit as keyof EngineModel['limits']]);
  if (assumed.length > 0) lines.push(['assumed', `${assumed.join(', ')}: the runs do not show it`]);
  return lines;
}

const LIMIT_WORDS: Readonly<Record<keyof EngineModel['limits'], string>> = {
  maxBatchedTokens: 'token budget',
  maxSeqs: 'sequences at once',
  kvBlocks: 'KV blocks',
  blockSize: 'tokens a block',
  maxModelLen: 'longest context',
};
