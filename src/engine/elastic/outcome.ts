/**
 * How well a scaled fleet did: SLO attainment over time, breaches and recovery, flapping. Base part, pure.
 *
 * Attainment of an interval counts the requests that arrived in it. Flaps are changes of direction: a rise less than
 * ten minutes after a fall (or a fall after a rise) undoes what was just done.
 */
import { isGood, type Slo } from '../../slo.js';
import type {
  AttainmentSample,
  BreachEpisode,
  ReplicaLife,
  RequestInstants,
  ScaleEvent,
} from '../../types.js';
import { nsToSec } from '../../units.js';

/** Interval of attainment over time, seconds. */
export const ATTAINMENT_SEC = 60;

const FLAP_WINDOW_SEC = 600;

/** Good requests ÷ offered requests per interval of arrival, from the first arrival on, without gaps. */
export function attainmentOverTime(
  slo: Slo,
  requests: readonly RequestInstants[],
  intervalSec = ATTAINMENT_SEC,
): readonly AttainmentSample[] {
  if (requests.length === 0) return [];
  const startSec = nsToSec(requests[0].intendedNs);
  const offered: number[] = [];
  const good: number[] = [];
  for (const request of requests) {
    const at = Math.floor((nsToSec(request.intendedNs) - startSec) / intervalSec);
    while (offered.length <= at) {
      offered.push(0);
      good.push(0);
    }
    offered[at] += 1;
    if (isGood(slo, request)) good[at] += 1;
  }
  return offered.map((count, i) => ({
    fromSec: startSec + i * intervalSec,
    offered: count,
    good: good[i],
    ratio: count === 0 ? null : good[i] / count,
  }));
}

/** The share of good requests that an SLO asks for: its goodput term, else that of its strictest percentile. */
export function attainmentGoal(slo: Slo): number {
  let goal: number | null = null;
  for (const term of slo.terms) {
    if (term.kind === 'goodput') return term.limit;
    if (term.kind === 'latency' && term.statistic.kind === 'percentile')
      goal = Math.max(goal ?? 0, term.statistic.p);
  }
  return goal ?? 1;
}

/** Times in which attainment lay below the goal. Intervals without requests neither begin nor end one. */
export function breachEpisodes(
  attainment: readonly AttainmentSample[],
  goal: number,
  scaleEvents: readonly ScaleEvent[],
  lives: readonly ReplicaLife[],
): readonly BreachEpisode[] {
  const episodes: BreachEpisode[] = [];
  let fromSec: number | null = null;
  let worst = 1;
  const close = (recoveredSec: number | null): void => {
    if (fromSec === null) return;
    const began = fromSec;
    const rise = scaleEvents.find((event) => event.atSec >= began && event.to > event.from);
    const scaledUpSec = rise?.atSec ?? null;
    const ready = lives
      .filter((life) => scaledUpSec !== null && life.createdSec >= scaledUpSec && life.readySec !== null)
      .map((life) => life.readySec!);
    episodes.push({
      fromSec: began,
      recoveredSec,
      worst,
      scaledUpSec,
      readySec: ready.length === 0 ? null : Math.min(...ready),
    });
    fromSec = null;
    worst = 1;
  };
  for (const { fromSec: atSec, ratio } of attainment) {
    if (ratio === null) continue;
    if (ratio >= goal) close(atSec);
    else {
      fromSec ??= atSec;
      worst = Math.min(worst, ratio);
    }
  }
  close(null);
  return episodes;
}

/** Changes of direction within ten minutes. */
export function countFlaps(scaleEvents: readonly ScaleEvent[]): number {
  let flaps = 0;
  for (let i = 1; i < scaleEvents.length; i++) {
    const [before, now] = [scaleEvents[i - 1], scaleEvents[i]];
    const turned = before.to > before.from !== now.to > now.from;
    if (turned && now.atSec - before.atSec < FLAP_WINDOW_SEC) flaps += 1;
  }
  return flaps;
}
