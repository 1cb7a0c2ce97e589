/** A result file of another tool as a run that can be compared: its requests, and plainly what it does not say. */
import { ToolError } from '../errors.js';
import type { OtherToolResult } from '../types.js';
import { nsToSec } from '../units.js';
import type { RunInput } from './runs.js';

/** Throws BAD_RUN for a file without a single request. */
export function runOfOther(name: string, hash: string, result: OtherToolResult): RunInput {
  const { tool, records } = result;
  if (records === null || records.length === 0) {
    throw new ToolError({
      code: 'BAD_RUN',
      message: `${name} (${tool}) holds no requests`,
      hint: 'files with requests are: vllm bench --save-result --save-detailed, AIPerf profile_export.jsonl, perf_analyzer profile_export.json',
    });
  }
  const lastNs = records.reduce((last, record) => Math.max(last, record.intendedNs), 0);
  const durationSec = nsToSec(lastNs);
  return {
    name,
    tool,
    records,
    notes: result.notes,
    summary: {
      target: { url: result.url ?? 'not told', protocol: tool, model: result.model },
      load: {
        traceName: name,
        traceHash: hash,
        rows: records.length,
        durationSec,
        speed: 1,
        rate: null,
        window: null,
        concurrency: null,
        warmupRequests: 0,
        salt: null,
        plannedRatePerSec: durationSec > 0 ? records.length / durationSec : 0,
      },
      startedUtc: result.startedUtc,
      interrupted: false,
      counts: {
        offered: records.length,
        byStatus: { ok: records.filter((record) => record.status === 'ok').length },
      },
      slo: [],
      validity: {
        verdict: 'valid',
        because: `${tool} does not tell whether its client kept up`,
        recommendation: 'replay the same trace with `tokentide replay`',
      },
    },
  };
}
