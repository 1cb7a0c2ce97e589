/**
 * Shapes of load that are made from a planned one: passes over the trace, and ramps. Pure.
 *
 * A ramp warps time: with the rate m(t) times the planned one, what was planned for instant τ leaves at the t with
 * Λ(t) = ∫₀ᵗ m = τ. For m rising linearly from m₀ to m₁ in T and staying there, Λ is a quadratic with the root below. So
 * bursts keep their shape, and the trace is not thinned.
 */
import { ToolError } from '../errors.js';
import { NS_PER_SEC } from '../units.js';
import type { SendPlan } from './plan.js';
import type { Schedule } from './schedule.js';
import { childrenOf, type TurnPlan } from './turn-plan.js';

/** Passes, or how long to go on. */
export type LoopSpec =
  | { readonly kind: 'passes'; readonly passes: number }
  | { readonly kind: 'until'; readonly sec: number };

/** Rates in requests/s; null = the planned rate at the end and none at the start. */
export interface RampSpec {
  readonly sec: number;
  readonly rates: { readonly fromPerSec: number; readonly toPerSec: number } | null;
}

/** Factors on the planned rate. */
export interface RampFactors {
  readonly from: number;
  readonly to: number;
  readonly sec: number;
}

/** The plan, pass after pass, with a mean gap between passes. Prompts of a later pass are other texts. */
export function loopPlan(plan: SendPlan, loop: LoopSpec): SendPlan {
  const { count, schedule } = plan;
  if (schedule.ratePerSec === null) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: '--loop needs a trace with requests at two instants at least: it has no length to repeat',
      hint: 'leave --loop out, or widen --window',
    });
  }
  const periodNs = Math.round((count * NS_PER_SEC) / schedule.ratePerSec);
  const untilNs = loop.kind === 'until' ? loop.sec * NS_PER_SEC : Number.POSITIVE_INFINITY;
  const passes = loop.kind === 'passes' ? loop.passes : Math.max(1, Math.ceil(untilNs / periodNs));
  let total = count * passes;
  if (loop.kind === 'until') {
    const startNs = (passes - 1) * periodNs;
    let last = 0;
    while (last < count && startNs + schedule.intendedNs[last] < untilNs) last += 1;
    total = (passes - 1) * count + last;
  }
  const intendedNs = new Float64Array(total);
  const row = new Uint32Array(total);
  const stride = plan.row[count - 1] + 1;
  for (let i = 0; i < total; i++) {
    const pass = Math.floor(i / count);
    intendedNs[i] = pass * periodNs + schedule.intendedNs[i % count];
    row[i] = plan.row[i % count] + pass * stride;
  }
  const texts = (column: SendPlan['requestId']): SendPlan['requestId'] =>
    column === null ? null : { dictionary: column.dictionary, codes: repeated(column.codes, total) };
  return {
    ...plan,
    count: total,
    passes,
    schedule: rescheduled(schedule, intendedNs),
    row,
    inputTokens: repeated(plan.inputTokens, total),
    maxOutputTokens: repeated(plan.maxOutputTokens, total),
    stream: repeated(plan.stream, total),
    requestId: texts(plan.requestId),
    sessionId: texts(plan.sessionId),
    ...loopedBlocks(plan, total),
    turns: plan.turns == null ? null : loopedTurns(plan.turns, count, total),
  };
}

/** The ramp as factors on a planned rate. */
export function rampFactors(ramp: RampSpec, plannedPerSec: number | null): RampFactors {
  if (ramp.rates === null) return { from: 0, to: 1, sec: ramp.sec };
  if (plannedPerSec === null) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: 'a ramp between rates needs requests at two instants at least, the trace has fewer',
      hint: 'widen --window, or write --ramp 60s alone',
    });
  }
  const { fromPerSec, toPerSec } = ramp.rates;
  return { from: fromPerSec / plannedPerSec, to: toPerSec / plannedPerSec, sec: ramp.sec };
}

/** The plan with its rate ramped. Think times are people's own and stay. */
export function rampPlan(plan: SendPlan, factors: RampFactors): SendPlan {
  const intendedNs = plan.schedule.intendedNs.map((ns) => Math.round(warp(ns, factors)));
  return { ...plan, ramp: factors, schedule: rescheduled(plan.schedule, intendedNs) };
}

/** When what was planned for τ leaves, both ns. */
function warp(tauNs: number, { from, to, sec }: RampFactors): number {
  const rampNs = sec * NS_PER_SEC;
  const wholeNs = (rampNs * (from + to)) / 2;
  if (tauNs >= wholeNs) return rampNs + (tauNs - wholeNs) / to;
  if (tauNs === 0) return 0;
  return (2 * tauNs) / (from + Math.sqrt(from * from + (2 * (to - from) * tauNs) / rampNs));
}

function rescheduled(schedule: Schedule, intendedNs: Float64Array): Schedule {
  const lastNs = intendedNs[intendedNs.length - 1] ?? 0;
  return {
    ...schedule,
    intendedNs,
    durationSec: lastNs / NS_PER_SEC,
    ratePerSec: lastNs > 0 ? ((intendedNs.length - 1) * NS_PER_SEC) / lastNs : null,
  };
}

function repeated<T extends Int32Array | Uint8Array>(column: T, total: number): T {
  const result = new (column.constructor as new (length: number) => T)(total);
  for (let from = 0; from < total; from += column.length) {
    result.set(column.subarray(0, Math.min(column.length, total - from)) as never, from);
  }
  return result;
}

/** Blocks of later passes have other hashes, alike within a pass: a pass must not meet the cache of the one before. */
function loopedBlocks(plan: SendPlan, total: number): Pick<SendPlan, 'blockOffsets' | 'blockHashes'> {
  const { count } = plan;
  const blockOffsets = new Uint32Array(total + 1);
  for (let i = 0; i < total; i++) {
    const at = i % count;
    blockOffsets[i + 1] = blockOffsets[i] + plan.blockOffsets[at + 1] - plan.blockOffsets[at];
  }
  const blockHashes = new BigUint64Array(blockOffsets[total]);
  for (let from = 0; from < total; from += count) {
    const key = BigInt.asUintN(64, BigInt(from / count) * 0x9e37_79b9_7f4a_7c15n);
    const start = blockOffsets[from];
    const blocks = blockOffsets[Math.min(total, from + count)] - start;
    for (let b = 0; b < blocks; b++) blockHashes[start + b] = plan.blockHashes[b] ^ key;
  }
  return { blockOffsets, blockHashes };
}

function loopedTurns(turns: TurnPlan, count: number, total: number): TurnPlan {
  const parent = new Int32Array(total);
  const thinkNs = new Float64Array(total);
  const gapNs = new Float64Array(total);
  let roots = 0;
  for (let i = 0; i < total; i++) {
    const at = i % count;
    parent[i] = turns.parent[at] < 0 ? -1 : turns.parent[at] + i - at;
    if (parent[i] < 0) roots += 1;
    thinkNs[i] = turns.thinkNs[at];
    gapNs[i] = turns.gapNs[at];
  }
  return {
    ...turns,
    parent,
    thinkNs,
    gapNs,
    newTokens: repeated(turns.newTokens, total),
    answerTokens: repeated(turns.answerTokens, total),
    ...childrenOf(parent),
    roots,
  };
}
