/**
 * Chrome trace events (chrome://tracing, Perfetto): requests as slices on lanes, so that those in flight together lie
 * side by side; queueing at the server until the first token and decoding are slices of their own. Times in µs.
 */
import { NS_PER_US } from '../units.js';
import { type ExportedRun, promptTokens } from './quantities.js';

/** The JSON object format, with a counter of requests in flight. */
export function chromeTrace(run: ExportedRun): object {
  const sent = run.records
    .filter((record) => record.sentNs !== null)
    .sort((a, b) => a.sentNs! - b.sentNs! || a.index - b.index);
  const laneEndsNs: number[] = [];
  const events: object[] = [
    { ph: 'M', pid: 1, tid: 0, name: 'process_name', args: { name: run.summary.target.url } },
  ];
  const changes: [number, number][] = [];
  for (const record of sent) {
    const sentNs = record.sentNs!;
    const endNs = record.endNs ?? sentNs;
    let lane = laneEndsNs.findIndex((freeNs) => freeNs <= sentNs);
    if (lane < 0) lane = laneEndsNs.length;
    laneEndsNs[lane] = endNs;
    const slice = (name: string, fromNs: number, toNs: number, args: object): object => ({
      ph: 'X',
      pid: 1,
      tid: lane + 1,
      name,
      cat: record.status,
      ts: fromNs / NS_PER_US,
      dur: (toNs - fromNs) / NS_PER_US,
      args,
    });
    events.push(
      slice(`request ${record.index}`, sentNs, endNs, {
        status: record.status,
        inputTokens: promptTokens(record),
        outputTokens: record.outputTokens,
        sendLagUs: (sentNs - record.intendedNs) / NS_PER_US,
      }),
    );
    if (record.firstTokenNs !== null && record.lastTokenNs !== null) {
      events.push(slice('until first token', sentNs, record.firstTokenNs, {}));
      events.push(slice('decode', record.firstTokenNs, record.lastTokenNs, {}));
    }
    changes.push([sentNs, 1], [endNs, -1]);
  }
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let inFlight = 0;
  for (const [ns, change] of changes) {
    inFlight += change;
    events.push({
      ph: 'C',
      pid: 1,
      tid: 0,
      name: 'in flight',
      ts: ns / NS_PER_US,
      args: { requests: inFlight },
    });
  }
  return { displayTimeUnit: 'ms', traceEvents: events };
}
