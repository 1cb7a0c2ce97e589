/**
 * perf_analyzer's profile_export.json: an experiment with the raw instants of its requests, ns since the epoch.
 * Texts are not kept by a run, so response outputs are empty.
 */
import { completed, type ExportedRun, epochNs, failed } from './quantities.js';

/** The export. Requests that did not complete have a timestamp and no responses. */
export function perfAnalyzerExport(run: ExportedRun): object {
  const { summary } = run;
  const capped = summary.load.concurrency !== null;
  const at = (ns: number): bigint => epochNs(run, ns);
  const requests = [...completed(run), ...failed(run)]
    .filter((record) => record.sentNs !== null)
    .sort((a, b) => a.sentNs! - b.sentNs!)
    .map((record) => {
      const chunks = record.chunkNs ?? (record.lastTokenNs === null ? [] : [record.lastTokenNs]);
      const responses = record.status !== 'ok' ? [] : record.stream ? chunks : [record.endNs!];
      return {
        timestamp: at(record.sentNs!),
        request_inputs: {},
        response_timestamps: responses.map(at),
        response_outputs: responses.map(() => ({})),
      };
    });
  const ends = run.records.map((record) => record.endNs ?? record.intendedNs);
  const starts = run.records.map((record) => record.sentNs ?? record.intendedNs);
  const windows =
    run.records.length === 0
      ? []
      : [at(starts.reduce((a, b) => Math.min(a, b))), at(ends.reduce((a, b) => Math.max(a, b)))];
  return {
    version: 'tokentide',
    service_kind: 'openai',
    endpoint: summary.target.url,
    experiments: [
      {
        experiment: {
          mode: capped ? 'concurrency' : 'custom',
          value: capped ? summary.load.concurrency : summary.load.plannedRatePerSec,
        },
        requests,
        window_boundaries: windows,
      },
    ],
  };
}
