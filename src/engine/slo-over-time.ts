/**
 * SLO attainment over time: every window of arrivals judged as if it were a run of its own. Base part, pure.
 *
 * A run's percentile hides when it was missed: one bad quarter of an hour in a good day is 1 % of the requests. A window
 * meets the SLO when every term holds for the requests that arrived in it.
 */
import { isGood, judgeSlo, type Slo } from '../slo.js';
import type { AttainmentOverTime, AttainmentWindow, RequestInstants } from '../types.js';
import { nsToSec } from '../units.js';

/** Window lengths that are chosen from, seconds. */
const WINDOWS_SEC = [60, 300, 900, 3_600] as const;
const MOST_WINDOWS = 1_500;

/** One minute, or longer for traces so long that nobody would read that many windows. */
export function attainmentWindowSec(durationSec: number): number {
  return WINDOWS_SEC.find((sec) => durationSec / sec <= MOST_WINDOWS) ?? 86_400;
}

/** Judges windows of arrival, from the first arrival on. `requests` in order of arrival. Cost O(n log n). */
export function sloOverTime(
  slo: Slo,
  requests: readonly RequestInstants[],
  windowSec: number,
): AttainmentOverTime {
  const windows: AttainmentWindow[] = [];
  const startSec = requests.length === 0 ? 0 : nsToSec(requests[0].intendedNs);
  for (let from = 0; from < requests.length; ) {
    const fromSec = startSec + windows.length * windowSec;
    let to = from;
    const endSec = startSec + (windows.length + 1) * windowSec;
    while (to < requests.length && nsToSec(requests[to].intendedNs) < endSec) to += 1;
    windows.push(judgeWindow(slo, requests.slice(from, to), fromSec));
    from = to;
  }
  const judged = windows.filter((window) => window.met !== null);
  return {
    windowSec,
    windows,
    metRatio: judged.length === 0 ? null : judged.filter((window) => window.met).length / judged.length,
    worst: judged.reduce<AttainmentWindow | null>(
      (worst, window) => (worst === null || window.ratio! < worst.ratio! ? window : worst),
      null,
    ),
  };
}

function judgeWindow(slo: Slo, requests: readonly RequestInstants[], fromSec: number): AttainmentWindow {
  const offered = requests.length;
  if (offered === 0) return { fromSec, offered, good: 0, ratio: null, met: null };
  const good = requests.filter((request) => isGood(slo, request)).length;
  const allOk = requests.every((request) => request.status === 'ok');
  // A term without samples says nothing about answers that have no such metric, and is missed where answers failed.
  const met = judgeSlo(slo, requests).every((term) => (term.value === null ? allOk : term.met));
  return { fromSec, offered, good, ratio: good / offered, met };
}
