/** The screen text of a calibration. Notes are one line each, however long: who prints breaks them. */
import type { EngineModel } from '../types.js';
import { formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import type { EngineFit } from './calibrate.js';

/** The end table of `tokentide calibrate`: coefficients, limits, and how well they explain what was measured. */
export function formatEngineFit(fit: EngineFit): string {
  const { engine } = fit;
  const lines = [
    `${engine.name}: from ${fit.observations} ${fit.method}, ${formatRatio(fit.usedRatio)} of them used`,
    '',
    ...stepLines(engine),
    ...limitLines(engine),
    '',
    'measured and simulated at the calibration loads',
    `${'rate/s'.padStart(8)}  ${'metric'.padEnd(9)}${'measured'.padStart(10)}${'simulated'.padStart(11)}${'error'.padStart(9)}`,
  ];
  for (const error of engine.calibration?.errors ?? []) {
    const metric = `p${100 * error.percentile} ${error.metric}`;
    const ratio = error.simulatedMs / error.measuredMs - 1;
    lines.push(
      `${significant(error.ratePerSec).padStart(8)}  ${metric.padEnd(9)}${formatMs(error.measuredMs).padStart(10)}${formatMs(error.simulatedMs).padStart(11)}${`${ratio >= 0 ? '+' : '−'}${(100 * Math.abs(ratio)).toFixed(1)} %`.padStart(9)}`,
    );
  }
  for (const warning of fit.warnings) lines.push(`note: ${warning}`);
  return lines.join('\n');
}

function stepLines({ step }: EngineModel): string[] {
  return [
    `an iteration     ${formatDurationSec(step.baseSec)}`,
    `+ prompt token   ${formatDurationSec(step.perPrefillTokenSec)}`,
    `+ sequence       ${formatDurationSec(step.perDecodeSeqSec)}`,
    `+ context token  ${formatDurationSec(step.perKvTokenSec)}`,
    `noise            ${step.noiseCv === 0 ? 'none seen' : `${formatRatio(step.noiseCv)} (coefficient of variation)`}`,
  ];
}

function limitLines({ limits }: EngineModel): string[] {
  return [
    `limits           ${limits.maxBatchedTokens} tokens and ${limits.maxSeqs} sequences an iteration,`,
    `                 ${limits.kvBlocks} KV blocks of ${limits.blockSize} tokens`,
  ];
}
