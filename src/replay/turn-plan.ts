/**
 * Which request waits for which, as data: from parents, sessions, turns and think times of a trace. Pure.
 *
 * A request follows the one that `parent_id` names; without one, the request before it in its session. What follows
 * nothing (first turns, and turns whose parent lies outside the window) leaves by the schedule, so that recorded session
 * starts are kept. A prompt holds the conversation so far when it is long enough for it: at least the parent's prompt and
 * answer and one token more; else the trace's prompt is a new one, and is sent as that.
 */
import { ToolError } from '../errors.js';
import type { StringColumn, TraceBatch } from '../types.js';
import { Growing, GrowingStrings, growingInt32 } from './growing.js';

export interface SessionOptions {
  /** `closed`: think time after the parent's answer. `hybrid`: the recorded instant, but never before that answer. */
  readonly mode: 'closed' | 'hybrid';
  /** What stands for answers in the conversation. */
  readonly answers: 'real' | 'synthetic';
  /** Factor on think times; null = they run with the load's own speed. */
  readonly thinkScale?: number | null;
  /** false = prompts of their own (embeddings have no conversation). */
  readonly histories: boolean;
}

export interface TurnPlan {
  readonly mode: 'closed' | 'hybrid';
  readonly answers: 'real' | 'synthetic';
  /** Place of the request that goes before; −1 = leaves by the schedule. Always a smaller place. */
  readonly parent: Int32Array;
  /** Followers of request i: children[offsets[i] … offsets[i + 1]). */
  readonly childOffsets: Uint32Array;
  readonly children: Uint32Array;
  /** ns after the parent's answer, scaled; NaN = unknown. */
  readonly thinkNs: Float64Array;
  /** Recorded gap between arrivals, scaled; used where think time is unknown. */
  readonly gapNs: Float64Array;
  /** New text behind the conversation so far; −1 = a prompt of its own. */
  readonly newTokens: Int32Array;
  /** Recorded length of the parent's answer. */
  readonly answerTokens: Int32Array;
  /** Requests that follow nothing. */
  readonly roots: number;
}

/** What a trace says of turns, row by row. */
export class TurnColumns {
  readonly parentId = new GrowingStrings();
  readonly turn = growingInt32();
  readonly outputTokens = growingInt32();
  /** NaN = unknown. */
  readonly thinkNs = new Growing((length) => new Float64Array(length));
  readonly durationNs = new Growing((length) => new Float64Array(length));

  add(batch: TraceBatch, i: number): void {
    const text = batch.parentId;
    this.parentId.push(text === undefined || text.codes[i] < 0 ? null : text.dictionary[text.codes[i]]);
    const int = (column: TraceBatch['turn']): number =>
      column === undefined || (column.valid !== null && column.valid[i] === 0) ? -1 : column.values[i];
    const long = (column: TraceBatch['thinkNs']): number =>
      column === undefined || (column.valid !== null && column.valid[i] === 0)
        ? Number.NaN
        : Number(column.values[i]);
    this.turn.push(int(batch.turn));
    this.outputTokens.push(int(batch.outputTokens));
    this.thinkNs.push(long(batch.thinkNs));
    this.durationNs.push(long(batch.durationNs));
  }
}

export interface TurnPlanInput extends SessionOptions {
  readonly columns: TurnColumns;
  /** Of the trace, unscaled. */
  readonly arrivalNs: Float64Array;
  readonly scheduledNs: Float64Array;
  readonly speed: number;
  readonly inputTokens: Int32Array;
  readonly requestId: StringColumn | null;
  readonly sessionId: StringColumn | null;
  /** Prompts name their prefix blocks, from which `ingest` can tell sessions. */
  readonly hasBlocks: boolean;
  /** Counts of what differs from the trace, for the run's notes; added to. */
  readonly changed: Record<string, number>;
}

/** Plans the turns. Throws BAD_VALUE when nothing in the trace follows anything. */
export function planTurns(input: TurnPlanInput): TurnPlan {
  const { columns, arrivalNs, scheduledNs, speed, inputTokens, changed } = input;
  const count = arrivalNs.length;
  const parent = parentsOf(input);
  const duration = columns.durationNs.take();
  const recordedThink = columns.thinkNs.take();
  const output = columns.outputTokens.take();
  const thinkNs = new Float64Array(count).fill(Number.NaN);
  const gapNs = new Float64Array(count);
  const newTokens = new Int32Array(count).fill(-1);
  const answerTokens = new Int32Array(count);
  const thinkFactor = input.thinkScale ?? 1 / speed;
  let roots = 0;
  for (let i = 0; i < count; i++) {
    const p = parent[i];
    if (p < 0) {
      roots += 1;
      continue;
    }
    gapNs[i] = scheduledNs[i] - scheduledNs[p];
    let think = recordedThink[i];
    if (Number.isNaN(think)) think = arrivalNs[i] - (arrivalNs[p] + duration[p]);
    if (Number.isNaN(think))
      count1(changed, 'no think time in the trace: the recorded gap between turns was kept');
    else thinkNs[i] = Math.max(0, think) * thinkFactor;
    answerTokens[i] = Math.max(0, output[p]);
    const fresh = inputTokens[i] - inputTokens[p] - answerTokens[i];
    if (!input.histories) continue;
    if (fresh >= 1) newTokens[i] = fresh;
    else count1(changed, 'shorter than the conversation before it: sent with a prompt of its own');
  }
  if (roots === count) throw noSessions(input.hasBlocks);
  return {
    mode: input.mode,
    answers: input.answers,
    parent,
    ...childrenOf(parent),
    thinkNs,
    gapNs,
    newTokens,
    answerTokens,
    roots,
  };
}

function parentsOf({ columns, requestId, sessionId, changed, arrivalNs }: TurnPlanInput): Int32Array {
  const count = arrivalNs.length;
  const parent = new Int32Array(count).fill(-1);
  const parentId = columns.parentId.take();
  const turn = columns.turn.take();
  const placeOfId = new Map<string, number>();
  const lastOfSession = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const session = sessionId?.codes[i] ?? -1;
    const named = parentId === null || parentId.codes[i] < 0 ? null : parentId.dictionary[parentId.codes[i]];
    if (named !== null) {
      parent[i] = placeOfId.get(named) ?? -1;
      if (parent[i] < 0) count1(changed, 'parent outside the window: sent at the recorded instant');
    } else if (session >= 0 && turn[i] !== 1) parent[i] = lastOfSession.get(session) ?? -1;
    if (session >= 0) lastOfSession.set(session, i);
    const code = requestId?.codes[i] ?? -1;
    if (code >= 0) placeOfId.set(requestId!.dictionary[code], i);
  }
  return parent;
}

/** Followers by parent, in order of place. */
export function childrenOf(parent: Int32Array): { childOffsets: Uint32Array; children: Uint32Array } {
  const count = parent.length;
  const childOffsets = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) if (parent[i] >= 0) childOffsets[parent[i] + 1] += 1;
  for (let i = 0; i < count; i++) childOffsets[i + 1] += childOffsets[i];
  const next = childOffsets.slice(0, count);
  const children = new Uint32Array(childOffsets[count]);
  for (let i = 0; i < count; i++) if (parent[i] >= 0) children[next[parent[i]]++] = i;
  return { childOffsets, children };
}

function count1(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}

const noSessions = (hasBlocks: boolean): ToolError =>
  new ToolError({
    code: 'BAD_VALUE',
    message:
      'closed and hybrid sessions need a trace whose requests follow from one another: no request of this one has a parent_id, or a session_id with a turn before it',
    hint: hasBlocks
      ? 'this trace has block ids, which show what continues what: make a trace with sessions by `tokentide ingest <this trace> --recover-sessions -o with-sessions.parquet`, and replay that'
      : 'leave --sessions out: requests then leave at their recorded instants; `tokentide inspect` shows which columns a trace has',
  });
