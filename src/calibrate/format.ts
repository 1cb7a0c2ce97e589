/** The screen text of a calibration. Notes are one line each, however long: who prints breaks them. */
import type { CalibrationError, EngineModel, LimitSource, StepCostIntervals } from '../types.js';
import { formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import type { EngineFit } from './calibrate.js';

/** The end table of `tokentide calibrate`: coefficients, limits, and how well they explain what was measured. */
export function formatEngineFit(fit: EngineFit): string {
  const { engine } = fit;
  const { errors = [], heldOut, intervals = null } = engine.calibration ?? {};
  const lines = [
    `${engine.name}: from ${fit.observations} ${fit.method}, ${formatRatio(fit.usedRatio)} of them used`,
    '',
    ...stepLines(engine, intervals),
    ...limitLines(engine),
    '',
    'measured, and simulated by the model that saw these loads',
    ...errorLines(errors),
  ];
  if (heldOut !== undefined) {
    lines.push('', 'held out: each load predicted from the other loads alone', ...errorLines(heldOut));
    lines.push(`largest held-out error: ${worstText(heldOut)}`);
  }
  for (const warning of fit.warnings) lines.push(`note: ${warning}`);
  return lines.join('\n');
}

function stepLines({ step }: EngineModel, intervals: StepCostIntervals | null): string[] {
  const line = (
    label: string,
    key: 'baseSec' | 'perPrefillTokenSec' | 'perDecodeSeqSec' | 'perKvTokenSec',
  ): string => {
    const text = `${label.padEnd(17)}${formatDurationSec(step[key]).padEnd(11)}`;
    if (intervals === null) return text.trimEnd();
    const [low, high] = intervals[key].map(formatDurationSec);
    return `${text}${formatRatio(intervals.level)}: ${low} to ${high}`;
  };
  return [
    line('an iteration', 'baseSec'),
    line('+ prompt token', 'perPrefillTokenSec'),
    line('+ sequence', 'perDecodeSeqSec'),
    line('+ context token', 'perKvTokenSec'),
    `noise            ${step.noiseCv === 0 ? 'none seen' : `${formatRatio(step.noiseCv)} (coefficient of variation)`}`,
  ];
}

const SOURCE_WORDS: Readonly<Record<LimitSource, string>> = {
  given: 'given',
  server: 'told by the server',
  base: 'from the base model',
  seen: 'seen in the runs',
  assumed: 'assumed',
};

function limitLines({ limits, calibration }: EngineModel): string[] {
  const sources = calibration?.limitSources;
  const line = (label: string, key: keyof typeof limits): string => {
    const text = `${label.padEnd(17)}${limits[key]}`;
    return sources === undefined ? text : `${text.padEnd(28)}${SOURCE_WORDS[sources[key]]}`;
  };
  return [
    line('token budget', 'maxBatchedTokens'),
    line('most sequences', 'maxSeqs'),
    line('KV blocks', 'kvBlocks'),
    line('tokens a block', 'blockSize'),
    line('longest context', 'maxModelLen'),
  ];
}

function errorLines(errors: readonly CalibrationError[]): string[] {
  const head = `${'rate/s'.padStart(8)}  ${'metric'.padEnd(9)}${'measured'.padStart(10)}${'simulated'.padStart(11)}${'error'.padStart(9)}`;
  return [
    head,
    ...errors.map((error) => {
      const metric = `p${100 * error.percentile} ${error.metric}`;
      return `${significant(error.ratePerSec).padStart(8)}  ${metric.padEnd(9)}${formatMs(error.measuredMs).padStart(10)}${formatMs(error.simulatedMs).padStart(11)}${errorText(error).padStart(9)}`;
    }),
  ];
}

function errorText(error: CalibrationError): string {
  const ratio = relative(error);
  return `${ratio >= 0 ? '+' : '−'}${(100 * Math.abs(ratio)).toFixed(1)} %`;
}

function worstText(errors: readonly CalibrationError[]): string {
  const worst = errors.reduce((most, one) =>
    Math.abs(relative(one)) > Math.abs(relative(most)) ? one : most,
  );
  return `${errorText(worst)} (p${100 * worst.percentile} ${worst.metric} at ${significant(worst.ratePerSec)}/s)`;
}

const relative = (error: CalibrationError): number => error.simulatedMs / error.measuredMs - 1;
