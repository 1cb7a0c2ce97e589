/**
 * Which of the trace formats that share the keys timestamp, input_length, output_length and hash_ids a file has: the
 * block size tells (512 tokens an id in Mooncake, 16 in Bailian and in vLLM's timed traces), and with it the unit.
 */
import type { Sample } from '../format.js';

/** The block size of most rows that have ids; null = no row tells. */
export function sampledBlockSize(sample: Sample): 16 | 512 | null {
  let small = 0;
  let large = 0;
  for (const line of sample.bytes.toString('utf8').split('\n')) {
    const row = parsed(line);
    const input = row?.['input_length'];
    const ids = row?.['hash_ids'];
    if (typeof input !== 'number' || !Array.isArray(ids)) continue;
    if (ids.length === Math.ceil(input / 16)) small += 1;
    if (ids.length === Math.ceil(input / 512)) large += 1;
  }
  if (small === large) return null;
  return small > large ? 16 : 512;
}

/** A line's object; null when it is none, as the cut last line of a sample. */
function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}
