/**
 * When a sender may tell the run what has ended. Telling costs up to a few ms when it wakes the run's process on the
 * same core, so it belongs into a gap between sends; but what has not been told is lost when the run is killed.
 *
 * The gap that is asked for shrinks with the wait: from one that holds the whole cost to none. Told within 60 ms, looked
 * at every 10 ms, written within 20 ms (recorder.ts): a killed run loses less than 100 ms.
 */
import { NS_PER_MS } from '../units.js';

/** How often to look. */
export const LOOK_MS = 10;
/** Sooner would be more messages than a reader of progress needs. */
const SHORTEST_WAIT_NS = 25 * NS_PER_MS;
const LONGEST_WAIT_NS = 60 * NS_PER_MS;
/** Holds the whole cost of telling. */
const CLEAR_NS = 3 * NS_PER_MS;

/** `waitedNs` = since the last time; `gapNs` = until the next send, infinite when none is due. */
export function mayTell(waitedNs: number, gapNs: number): boolean {
  if (waitedNs < SHORTEST_WAIT_NS) return false;
  const left = (LONGEST_WAIT_NS - waitedNs) / (LONGEST_WAIT_NS - SHORTEST_WAIT_NS);
  return left <= 0 || gapNs > CLEAR_NS * left;
}
