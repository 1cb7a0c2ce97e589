/**
 * From a trace to everything that will be sent, as data: instants, lengths, sharing, what was left out and why.
 *
 * Columns are typed arrays (about 30 bytes a request, plus 8 per prefix block), so a million requests are planned in
 * tens of megabytes and the garbage collector has nothing to look at while the clock runs.
 */
import { ToolError } from '../errors.js';
import type { StringColumn, TraceBatch } from '../types.js';
import { NS_PER_SEC } from '../units.js';
import { Growing, GrowingStrings, growingInt32 } from './growing.js';
import type { RampFactors } from './load-shape.js';
import { planSchedule, type Schedule, type ScheduleOptions } from './schedule.js';
import { planTurns, type SessionOptions, TurnColumns, type TurnPlan } from './turn-plan.js';

export interface PlanOptions extends ScheduleOptions {
  /** Seconds of the trace's time, `toSec` exclusive. */
  readonly window?: { readonly fromSec: number; readonly toSec: number | null } | null;
  /** At most so many requests. */
  readonly requests?: number | null;
  /** Longest output that is asked for. */
  readonly maxOutput?: number | null;
  /** `trace` streams unless the row says that it was not streamed. */
  readonly stream: 'trace' | 'always' | 'never';
  /** Which rows the endpoint can be asked for. Default generation. */
  readonly operation?: 'generation' | 'embedding';
  /** Tokens per prefix block; null = the trace has none. */
  readonly blockSize: number | null;
  /** Turns leave after answers; null or absent = by the schedule. */
  readonly sessions?: SessionOptions | null;
}

export interface SendPlan {
  readonly count: number;
  readonly schedule: Schedule;
  /** Row of the trace, 0-based. */
  readonly row: Uint32Array;
  /** Prompt length in the trace; −1 = the row had none (never sent with −1: such rows are left out). */
  readonly inputTokens: Int32Array;
  /** Output length to ask for; −1 = left to the server. */
  readonly maxOutputTokens: Int32Array;
  readonly stream: Uint8Array;
  readonly requestId: StringColumn | null;
  readonly sessionId: StringColumn | null;
  /** Blocks of request i: values[offsets[i] … offsets[i + 1]); empty = a text of its own. */
  readonly blockOffsets: Uint32Array;
  readonly blockHashes: BigUint64Array;
  readonly blockSize: number | null;
  /** What waits for what; null or absent = nothing does. */
  readonly turns?: TurnPlan | null;
  /** Passes over the trace; absent = 1. */
  readonly passes?: number;
  /** How its rate was ramped; absent = it was not. */
  readonly ramp?: RampFactors;
  /** Rows left out, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Requests that differ from their row, by what was changed. */
  readonly changed: Readonly<Record<string, number>>;
}

/** Operations that an endpoint of a kind can be asked for. */
const REPLAYABLE = {
  generation: new Set(['chat', 'completion', 'other']),
  embedding: new Set(['embedding', 'other']),
};

/** Plans a replay. Batches are read to the end of the window or of `requests`. Throws NO_ROWS when nothing is left. */
export async function planReplay(
  batches: Iterable<TraceBatch> | AsyncIterable<TraceBatch>,
  options: PlanOptions,
): Promise<SendPlan> {
  const collector = new PlanCollector(options);
  for await (const batch of batches) if (!collector.add(batch)) break;
  return collector.finish();
}

class PlanCollector {
  readonly #options: PlanOptions;
  readonly #arrivalNs = new Growing((length) => new Float64Array(length));
  readonly #row = growingInt32();
  readonly #inputTokens = growingInt32();
  readonly #maxOutputTokens = growingInt32();
  readonly #stream = growingInt32();
  readonly #requestId = new GrowingStrings();
  readonly #sessionId = new GrowingStrings();
  readonly #blockOffsets = growingInt32();
  #blockHashes = new BigUint64Array(1_024);
  #blocks = 0;
  #rowsSeen = 0;
  #firstNs: bigint | null = null;
  readonly #turns: TurnColumns | null;
  readonly #leftOut: Record<string, number> = {};
  readonly #changed: Record<string, number> = {};

  constructor(options: PlanOptions) {
    this.#options = options;
    this.#turns = options.sessions == null ? null : new TurnColumns();
    this.#blockOffsets.push(0);
  }

  /** Returns false when no later row can matter. */
  add(batch: TraceBatch): boolean {
    const { window, requests } = this.#options;
    const fromNs = (window?.fromSec ?? 0) * NS_PER_SEC;
    const toNs = window?.toSec == null ? Number.POSITIVE_INFINITY : window.toSec * NS_PER_SEC;
    for (let i = 0; i < batch.rowCount; i++) {
      if (requests != null && this.#arrivalNs.length >= requests) return false;
      this.#firstNs ??= batch.arrivalNs[i];
      const offsetNs = Number(batch.arrivalNs[i] - this.#firstNs);
      if (offsetNs >= toNs) return false;
      const row = this.#rowsSeen;
      this.#rowsSeen += 1;
      if (offsetNs >= fromNs) this.#addRow(batch, i, row, offsetNs);
    }
    return true;
  }

  finish(): SendPlan {
    const count = this.#arrivalNs.length;
    if (count === 0) throw this.#nothingLeft();
    const arrivalNs = this.#arrivalNs.take();
    const schedule = planSchedule(arrivalNs, this.#options);
    const inputTokens = this.#inputTokens.take();
    const requestId = this.#requestId.take();
    const sessionId = this.#sessionId.take();
    const turns =
      this.#turns === null
        ? null
        : planTurns({
            ...this.#options.sessions!,
            columns: this.#turns,
            arrivalNs,
            scheduledNs: schedule.intendedNs,
            speed: schedule.speed,
            inputTokens,
            requestId,
            sessionId,
            hasBlocks: this.#blocks > 0,
            changed: this.#changed,
          });
    return {
      count,
      schedule,
      turns,
      row: Uint32Array.from(this.#row.take()),
      inputTokens,
      maxOutputTokens: this.#maxOutputTokens.take(),
      stream: Uint8Array.from(this.#stream.take()),
      requestId,
      sessionId,
      blockOffsets: Uint32Array.from(this.#blockOffsets.take()),
      blockHashes: this.#blockHashes.slice(0, this.#blocks),
      blockSize: this.#blocks > 0 ? this.#options.blockSize : null,
      leftOut: this.#leftOut,
      changed: this.#changed,
    };
  }

  #addRow(batch: TraceBatch, i: number, row: number, offsetNs: number): void {
    const operation = textAt(batch.operation, i) ?? 'other';
    if (!REPLAYABLE[this.#options.operation ?? 'generation'].has(operation)) {
      count(this.#leftOut, `operation ${operation}`);
      return;
    }
    const inputTokens = intAt(batch.inputTokens, i);
    if (inputTokens === null) {
      count(this.#leftOut, 'no prompt length');
      return;
    }
    this.#arrivalNs.push(offsetNs);
    this.#row.push(row);
    if (inputTokens < 1) count(this.#changed, 'prompt of 0 tokens sent as 1');
    this.#inputTokens.push(inputTokens);
    this.#maxOutputTokens.push(this.#outputToAsk(batch, i));
    this.#stream.push(this.#streamed(batch, i) ? 1 : 0);
    this.#requestId.push(textAt(batch.requestId, i));
    this.#sessionId.push(textAt(batch.sessionId, i));
    this.#turns?.add(batch, i);
    this.#addBlocks(batch, i, row, inputTokens);
  }

  #outputToAsk(batch: TraceBatch, i: number): number {
    const produced = intAt(batch.outputTokens, i);
    const wanted = produced ?? intAt(batch.maxOutputTokens, i);
    const cap = this.#options.maxOutput ?? null;
    if (this.#options.operation === 'embedding') return -1;
    if (wanted === null) {
      if (cap === null) count(this.#changed, 'no output length: left to the server');
      else count(this.#changed, 'no output length: --max-output asked for');
      return cap ?? -1;
    }
    if (wanted < 1) count(this.#changed, 'output of 0 tokens asked as 1');
    if (cap !== null && wanted > cap) count(this.#changed, 'output shortened to --max-output');
    return Math.max(1, cap === null ? wanted : Math.min(wanted, cap));
  }

  #streamed(batch: TraceBatch, i: number): boolean {
    if (this.#options.stream !== 'trace') return this.#options.stream === 'always';
    const column = batch.stream;
    if (column === undefined || (column.valid !== null && column.valid[i] === 0)) return true;
    return column.values[i] !== 0;
  }

  #addBlocks(batch: TraceBatch, i: number, row: number, inputTokens: number): void {
    const column = batch.blockHashes;
    const known = column !== undefined && (column.valid === null || column.valid[i] !== 0);
    const { blockSize } = this.#options;
    if (known && blockSize === null) count(this.#changed, 'block hashes without a block size: not shared');
    if (known && blockSize !== null) {
      const hashes = column.values.subarray(column.offsets[i], column.offsets[i + 1]);
      if (hashes.length !== Math.ceil(inputTokens / blockSize)) {
        throw new ToolError({
          code: 'BAD_TRACE',
          message: `row ${row} has ${hashes.length} block hashes for ${inputTokens} tokens in blocks of ${blockSize}, expected ${Math.ceil(inputTokens / blockSize)}`,
          hint: 'is the block size of the trace right? `tokentide inspect` shows it',
        });
      }
      if (this.#blocks + hashes.length > this.#blockHashes.length) {
        const larger = new BigUint64Array(
          Math.max(this.#blockHashes.length * 2, this.#blocks + hashes.length),
        );
        larger.set(this.#blockHashes);
        this.#blockHashes = larger;
      }
      this.#blockHashes.set(hashes, this.#blocks);
      this.#blocks += hashes.length;
    }
    this.#blockOffsets.push(this.#blocks);
  }

  #nothingLeft(): ToolError {
    const reasons = Object.entries(this.#leftOut).map(([reason, rows]) => `${rows} with ${reason}`);
    const why =
      this.#rowsSeen === 0
        ? 'the trace has no rows'
        : reasons.length > 0
          ? `every row of the window was left out: ${reasons.join(', ')}`
          : `no row of the trace lies in the window`;
    return new ToolError({
      code: 'NO_ROWS',
      message: `nothing to send: ${why}`,
      hint: 'choose another --window; `tokentide inspect` shows what the trace holds',
    });
  }
}

function count(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}

function intAt(column: TraceBatch['inputTokens'], i: number): number | null {
  if (column === undefined || (column.valid !== null && column.valid[i] === 0)) return null;
  return column.values[i];
}

function textAt(column: StringColumn | undefined, i: number): string | null {
  return column === undefined || column.codes[i] < 0 ? null : column.dictionary[column.codes[i]];
}
