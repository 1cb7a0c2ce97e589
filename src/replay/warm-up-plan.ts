/** Requests that go before the measurement: of the plan's own kind, with text that the measured ones never meet. */
import type { SendPlan } from './plan.js';

/** Gap between warm-up requests: the trace's mean gap, but a warm-up is not made to wait. */
const MOST_WARM_UP_GAP_NS = 50e6;

/** The first requests of the plan (again from its start when it is short), evenly spaced. */
export function warmUpPlan(plan: SendPlan, count: number): SendPlan {
  const gapNs = Math.min(MOST_WARM_UP_GAP_NS, Math.round(1e9 / (plan.schedule.ratePerSec ?? 1e9)));
  const from = (i: number): number => i % plan.count;
  const pick = <T extends Int32Array | Uint32Array | Uint8Array>(column: T): T =>
    column.constructor === Int32Array
      ? (Int32Array.from({ length: count }, (_, i) => column[from(i)]) as T)
      : column.constructor === Uint32Array
        ? (Uint32Array.from({ length: count }, (_, i) => column[from(i)]) as T)
        : (Uint8Array.from({ length: count }, (_, i) => column[from(i)]) as T);
  return {
    ...plan,
    count,
    schedule: { ...plan.schedule, intendedNs: Float64Array.from({ length: count }, (_, i) => i * gapNs) },
    row: pick(plan.row),
    inputTokens: pick(plan.inputTokens),
    maxOutputTokens: pick(plan.maxOutputTokens),
    stream: pick(plan.stream),
    requestId: null,
    sessionId: null,
    blockOffsets: new Uint32Array(count + 1),
    turns: null,
  };
}
