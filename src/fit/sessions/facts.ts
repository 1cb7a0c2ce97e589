/** What the parts of the session fit read: threads with the lengths, times and class of each row. */
import type { SessionKind, SessionModel } from '../../types.js';
import type { Threads } from './threads.js';

export interface SessionFacts {
  readonly kind: SessionKind;
  readonly linkedBy: SessionModel['linkedBy'];
  readonly threads: Threads;
  /** −1 = unknown. */
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
  /** Seconds from the window's start, within it; not sorted where a coarse clock was spread. */
  readonly timeSec: Float64Array;
  /** Time from each row to its successor where there is one, else the time that was left to see one. */
  readonly waitSec: Float64Array;
  /** Length of the window. */
  readonly durationSec: number;
  /** Class of each row, −1 = none. */
  readonly classOf: Int32Array;
  readonly classIds: readonly string[];
}
