/** What a synthesis with sessions will do beyond its classes: how many requests follow first turns, and what to tell. */
import { CumulativeRate } from '../../stats/rate-curve.js';
import type { WorkloadModel } from '../../types.js';
import { formatDurationSec, formatRatio, significant } from '../../units.js';

/** Expected requests when `firstTurns` first turns are expected within `durationSec`. */
export function withLaterTurns(
  { sessions, durationSec: periodSec }: WorkloadModel,
  firstTurns: number,
  durationSec: number,
): number {
  if (!sessions) return firstTurns;
  if (sessions.pool !== null) {
    return firstTurns + new CumulativeRate(sessions.pool.visits, periodSec).at(durationSec);
  }
  const { requests, continuations } = sessions;
  return requests > continuations ? firstTurns * (requests / (requests - continuations)) : firstTurns;
}

/** Sentences about sessions for the user. */
export function sessionNotes({ sessions, durationSec }: WorkloadModel, lengthSec: number): string[] {
  if (!sessions || sessions.continuations === 0) return [];
  const notes: string[] = [];
  if (lengthSec > 1.001 * durationSec && sessions.pool === null) {
    const share = formatRatio(sessions.continuations / sessions.requests);
    notes.push(
      `sessions go on over the end of the fitted window of ${formatDurationSec(durationSec)}, whose first turns include the later turns of sessions from before it: past it there are more later turns than the ${share} of the source`,
    );
  }
  const { basis, answer } = sessions.think;
  if (basis === 'start_to_start' && sessions.pool === null) {
    notes.push(
      `the source has no durations: think times are the times between arrivals less an assumed answer time of ${significant(answer.baseSec)} s + ${significant(answer.secPerOutputToken * 1_000)} ms per token`,
    );
  }
  return notes;
}
