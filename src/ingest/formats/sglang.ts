/**
 * SGLang's `request.received` and `request.finished` events, joined by `rid` in whatever order they come (rotated files
 * need not be in order). What is open at the end was received and not seen to finish: a request of unknown end. What
 * finished without having been seen to arrive (the log began later, or level 0 was off) is placed by its latency.
 */
import type { TraceStatus } from '../../types.js';
import type { SourceColumn } from '../format.js';
import type { Pseudonyms } from '../pseudonyms.js';
import { RowReject, type SourceRecord } from '../record.js';
import type { RowField, StagedRow } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { backdate } from './instants.js';
import type { Emit, ManyRowsFormat, ManyRowsHandler } from './many-rows.js';

const TIME = 0;
const EVENT = 1;
const ID = 2;
const STREAM = 3;
const CAP = 4;
const INPUT = 5;
const OUTPUT = 6;
const CACHED = 7;
const LATENCY = 8;
const FINISH = 9;

const COLUMNS: readonly SourceColumn[] = [
  { name: 'timestamp', required: true, meaning: "when the event was logged, the server's local time" },
  { name: 'event', required: true, meaning: 'request.received or request.finished' },
  { name: 'rid', aliases: ['obj.rid'], required: true, meaning: 'the request; joins its two events' },
  { name: 'obj.stream', required: false, meaning: 'whether the answer was streamed' },
  { name: 'obj.sampling_params.max_new_tokens', required: false, meaning: 'cap on the output' },
  { name: 'out.meta_info.prompt_tokens', required: false, meaning: 'prompt tokens, cached ones inside' },
  { name: 'out.meta_info.completion_tokens', required: false, meaning: 'output tokens' },
  { name: 'out.meta_info.cached_tokens', required: false, meaning: 'cached part of the prompt' },
  { name: 'out.meta_info.e2e_latency', required: false, meaning: 'duration, s' },
  { name: 'out.meta_info.finish_reason.type', required: false, meaning: 'stop, length; abort = cancelled' },
];

const FILLS: readonly RowField[] = [
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'maxOutputTokens',
  'requestId',
  'stream',
  'status',
  'durationNs',
];

type Stamp = Pick<StagedRow, 'sec' | 'nanos' | 'places' | 'isDate' | 'hasZone' | 'localKind'>;

/** What one request's events said; null = not seen. */
interface Pending {
  received: Stamp | null;
  finished: Stamp | null;
  stream: boolean | null;
  maxOutputTokens: number | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cachedTokens: number | null;
  durationNs: bigint | null;
  status: TraceStatus;
}

export const sglang: ManyRowsFormat = {
  name: 'sglang',
  title: 'SGLang request log (JSON), received and finished joined',
  sourceUrl: 'https://github.com/sgl-project/sglang',
  shape: 'jsonl',
  columns: COLUMNS,
  fills: FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  detect: (sample) => detectByKeys(sglang, sample),
  open: ({ pseudonyms }) => new EventJoin(pseudonyms),
};

/** Joins events into rows. */
class EventJoin implements ManyRowsHandler {
  readonly #pseudonyms: Pseudonyms;
  readonly #open = new Map<string, Pending>();

  constructor(pseudonyms: Pseudonyms) {
    this.#pseudonyms = pseudonyms;
  }

  readAll(record: SourceRecord, row: StagedRow, emit: Emit): boolean {
    const event = record.text(EVENT);
    if (event !== 'request.received' && event !== 'request.finished') return false;
    const id = record.text(ID);
    if (id === null) throw new RowReject('rid is missing');
    const time = record.time(TIME, 'iso');
    if (time === null) throw new RowReject('timestamp is missing');
    const { sec, nanos, places, isDate, hasZone, localKind } = time;
    const stamp: Stamp = { sec, nanos, places, isDate, hasZone, localKind };
    const pending = this.#open.get(id) ?? newPending();
    pending.stream ??= record.flag(STREAM);
    pending.maxOutputTokens ??= record.count(CAP);
    if (event === 'request.received') pending.received ??= stamp;
    else {
      pending.finished ??= stamp;
      pending.inputTokens = record.count(INPUT);
      pending.outputTokens = record.count(OUTPUT);
      pending.cachedTokens = record.count(CACHED);
      pending.durationNs = record.durationNs(LATENCY, 's');
      pending.status = record.text(FINISH) === 'abort' ? 'cancelled' : 'ok';
    }
    if (pending.received === null || pending.finished === null) {
      this.#open.set(id, pending);
      return true;
    }
    this.#open.delete(id);
    this.#fill(id, pending, row);
    emit();
    return true;
  }

  finish(row: StagedRow, emit: Emit): void {
    for (const [id, pending] of this.#open) {
      this.#fill(id, pending, row);
      emit();
    }
    this.#open.clear();
  }

  #fill(id: string, pending: Pending, row: StagedRow): void {
    const { received, finished, ...known } = pending;
    Object.assign(row, known, received ?? finished);
    row.requestId = this.#pseudonyms.of('request', id);
    if (received === null && pending.durationNs !== null) backdate(row, pending.durationNs);
  }
}

function newPending(): Pending {
  return {
    received: null,
    finished: null,
    stream: null,
    maxOutputTokens: null,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    durationNs: null,
    status: 'unknown',
  };
}
