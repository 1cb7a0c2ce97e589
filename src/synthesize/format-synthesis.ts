/** What a scaling did to burstiness, for the terminal. */
import { formatDurationSec, significant } from '../units.js';
import type { ScaledDispersion } from './synthesize-file.js';

/** Dispersion and peaks of the scaled trace beside the unscaled model's. */
export function formatDispersion({ unscaled, scaled }: ScaledDispersion): string {
  const cell = (value: number | null): string => (value === null ? '–' : significant(value)).padStart(10);
  return [
    '  counts in     dispersion (Poisson = 1)     peak ÷ mean',
    '  windows of      unscaled     scaled      unscaled    scaled',
    ...scaled.map(
      (after, k) =>
        `  ${formatDurationSec(after.windowSec).padEnd(14)}${cell(unscaled[k].dispersion)} ${cell(after.dispersion)}    ${cell(unscaled[k].peakToMean)}${cell(after.peakToMean)}`,
    ),
  ].join('\n');
}
