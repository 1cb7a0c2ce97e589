/**
 * SGLang's two events of a request, received and finished, joined by request id in whatever order they come; shared by the
 * JSON and the text form of its log.
 */
import type { Operation, TraceStatus } from '../../types.js';
import type { RowField, StagedRow } from '../rows.js';
import type { TimeReader } from '../time.js';
import { backdate } from './instants.js';
import type { Emit, ManyRowsContext } from './many-rows.js';
import { statusOfHttp } from './status.js';

export const SGLANG_FILLS: readonly RowField[] = [
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'reasoningTokens',
  'maxOutputTokens',
  'requestId',
  'operation',
  'stream',
  'status',
  'httpStatus',
  'durationNs',
];

/** The server asks itself whether it is well: no load of anybody's. */
export function isHealthCheck(requestId: string): boolean {
  return requestId.startsWith('HEALTH_CHECK');
}

/** How a request ended: an abort with an HTTP status is a refusal or an error, one without is a client that left. */
export function endStatus(
  finishReason: string | null,
  httpStatus: number | null,
): Pick<SglangEnd, 'status' | 'httpStatus'> {
  if (finishReason !== 'abort') return { status: 'ok', httpStatus: null };
  return { status: statusOfHttp(httpStatus) ?? 'cancelled', httpStatus };
}

/** An instant as the source wrote it. */
export type Stamp = Pick<StagedRow, 'sec' | 'nanos' | 'places' | 'isDate' | 'hasZone' | 'localKind'>;

/** The time just read, kept. */
export function stampOf({ sec, nanos, places, isDate, hasZone, localKind }: TimeReader): Stamp {
  return { sec, nanos, places, isDate, hasZone, localKind };
}

/** What both events say; null = not logged. */
export interface SglangEvent {
  readonly id: string;
  readonly stamp: Stamp;
  readonly stream: boolean | null;
  readonly maxOutputTokens: number | null;
  readonly operation: Operation | null;
  readonly prompt: string | null;
}

/** What the end of a request says. */
export interface SglangEnd {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly durationNs: bigint | null;
  readonly status: TraceStatus;
  readonly httpStatus: number | null;
  readonly answer: string | null;
}

interface Pending extends Omit<SglangEvent, 'id' | 'stamp'>, SglangEnd {
  readonly received: Stamp | null;
  readonly finished: Stamp | null;
}

const NOTHING: Pending = {
  received: null,
  finished: null,
  stream: null,
  maxOutputTokens: null,
  operation: null,
  prompt: null,
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null,
  reasoningTokens: null,
  durationNs: null,
  status: 'unknown',
  httpStatus: null,
  answer: null,
};

/** Joins events into rows. */
export class SglangJoin {
  readonly #context: ManyRowsContext;
  readonly #open = new Map<string, Pending>();

  constructor(context: ManyRowsContext) {
    this.#context = context;
  }

  received(event: SglangEvent, row: StagedRow, emit: Emit): void {
    const known = this.#merged(event);
    this.#settle(event.id, { ...known, received: known.received ?? event.stamp }, row, emit);
  }

  finished(event: SglangEvent, end: SglangEnd, row: StagedRow, emit: Emit): void {
    const known = this.#merged(event);
    if (known.received === null && end.durationNs !== null) {
      // A duration that cannot be is refused here, where its line is known, and not when all lines are read.
      Object.assign(row, known.finished ?? event.stamp);
      backdate(row, end.durationNs);
      row.clear();
    }
    this.#settle(event.id, { ...known, ...end, finished: known.finished ?? event.stamp }, row, emit);
  }

  /** What is open at the end was received and not seen to finish, or finished and not seen to arrive. */
  finish(row: StagedRow, emit: Emit): void {
    for (const [id, pending] of this.#open) this.#emit(id, pending, row, emit);
    this.#open.clear();
  }

  #merged({ id, stream, maxOutputTokens, operation, prompt }: SglangEvent): Pending {
    const known = this.#open.get(id) ?? NOTHING;
    return {
      ...known,
      stream: known.stream ?? stream,
      maxOutputTokens: known.maxOutputTokens ?? maxOutputTokens,
      operation: known.operation ?? operation,
      prompt: this.#context.keepsText === true ? (known.prompt ?? prompt) : null,
    };
  }

  #settle(id: string, pending: Pending, row: StagedRow, emit: Emit): void {
    if (pending.received === null || pending.finished === null) {
      this.#open.set(id, pending);
      return;
    }
    this.#open.delete(id);
    this.#emit(id, pending, row, emit);
  }

  #emit(id: string, pending: Pending, row: StagedRow, emit: Emit): void {
    const { received, finished, prompt, answer, ...known } = pending;
    Object.assign(row, known, received ?? finished);
    row.requestId = this.#context.pseudonyms.of('request', id);
    if (received === null && pending.durationNs !== null) backdate(row, pending.durationNs);
    if (this.#context.keepsText === true) {
      row.promptText = prompt === null ? null : JSON.stringify(prompt);
      row.answerText = answer === null ? null : JSON.stringify(answer);
    }
    emit();
  }
}
