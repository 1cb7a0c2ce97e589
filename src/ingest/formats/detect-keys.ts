/**
 * Detection of JSON logs whose lines differ from one another: failed requests, chunks, and lines of other kinds lack
 * fields that their neighbours have, so the whole sample is looked at, not its first record.
 */
import type { Detection, LogFormat, Sample } from '../format.js';
import { spellings } from '../format.js';

/** The share of required fields whose key is somewhere in the sample (the last step of a dotted path). */
export function detectByKeys(format: Pick<LogFormat, 'columns'>, sample: Sample): Detection {
  if (sample.shape !== 'jsonl') return { score: 0, reason: 'it is not JSON Lines' };
  const text = sample.bytes.toString('latin1');
  const required = format.columns.filter((column) => column.required);
  const missing = required.filter(
    (column) =>
      !spellings(column).some((path) => text.includes(`"${path.slice(path.lastIndexOf('.') + 1)}"`)),
  );
  const names = (missing.length === 0 ? required : missing).map((column) => column.name).join(', ');
  return {
    score: (required.length - missing.length) / Math.max(1, required.length),
    reason: missing.length === 0 ? `it has ${names}` : `it lacks ${names}`,
  };
}
