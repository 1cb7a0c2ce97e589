/** The row being read: a format fills it, the reader checks it and appends it to a block of columns. */
import type { Operation, TraceStatus } from '../types.js';
import { U64List } from './record.js';
import type { TimeReader } from './time.js';
import type { LocalKind } from './zone.js';

/** Trace columns beside the arrival. */
export type RowField =
  | 'inputTokens'
  | 'outputTokens'
  | 'cachedTokens'
  | 'reasoningTokens'
  | 'maxOutputTokens'
  | 'requestId'
  | 'sessionId'
  | 'parentId'
  | 'turn'
  | 'thinkNs'
  | 'clientId'
  | 'model'
  | 'adapter'
  | 'operation'
  | 'stream'
  | 'images'
  | 'blockHashes'
  | 'status'
  | 'httpStatus'
  | 'ttftNs'
  | 'durationNs';

/** The row being read. null = unknown. */
export class StagedRow {
  /** Arrival: whole seconds and nanoseconds since 1970 or since the trace's start, and how it was written. */
  sec = 0;
  nanos = 0;
  places = 0;
  isDate = false;
  hasZone = true;
  localKind: LocalKind = 'plain';
  inputTokens: number | null = null;
  outputTokens: number | null = null;
  cachedTokens: number | null = null;
  reasoningTokens: number | null = null;
  maxOutputTokens: number | null = null;
  requestId: string | null = null;
  sessionId: string | null = null;
  parentId: string | null = null;
  turn: number | null = null;
  thinkNs: bigint | null = null;
  clientId: string | null = null;
  model: string | null = null;
  adapter: string | null = null;
  operation: Operation | null = null;
  stream: boolean | null = null;
  images: number | null = null;
  /** Set to `hashes` when the row has block ids. */
  blockHashes: U64List | null = null;
  status: TraceStatus | null = null;
  httpStatus: number | null = null;
  ttftNs: bigint | null = null;
  durationNs: bigint | null = null;
  /** Texts as JSON, set by formats that hold them inside other fields and only when they are asked for. */
  promptText: string | null = null;
  answerText: string | null = null;
  /** Storage for block ids, reused from row to row. */
  readonly hashes = new U64List();

  /** Takes over the time just read as the arrival. */
  setArrival(time: TimeReader): void {
    this.sec = time.sec;
    this.nanos = time.nanos;
    this.places = time.places;
    this.isDate = time.isDate;
    this.hasZone = time.hasZone;
    this.localKind = time.localKind;
  }

  /** Everything unknown but the arrival. */
  clear(): void {
    this.inputTokens = null;
    this.outputTokens = null;
    this.cachedTokens = null;
    this.reasoningTokens = null;
    this.maxOutputTokens = null;
    this.requestId = null;
    this.sessionId = null;
    this.parentId = null;
    this.turn = null;
    this.thinkNs = null;
    this.clientId = null;
    this.model = null;
    this.adapter = null;
    this.operation = null;
    this.stream = null;
    this.images = null;
    this.blockHashes = null;
    this.status = null;
    this.httpStatus = null;
    this.ttftNs = null;
    this.durationNs = null;
    this.promptText = null;
    this.answerText = null;
  }
}
