/**
 * vLLM's text log with `--enable-log-requests`: a line as each request arrives, and, depending on version and flags, lines
 * with its prompt, its answer and its end, joined by request id. The lines lack the year and the zone, so that only the
 * times between requests are known; prompt lengths come from logged token ids, or from the prompt's text where a tokenizer
 * is given. Logs without end lines say nothing of how requests ended. The HTTP server's access lines, which alone have a
 * status, share no key with the others and cannot be joined; engine statistics are no requests.
 */
import type { Operation, TraceStatus } from '../../types.js';
import type { Detection, Sample } from '../format.js';
import { RowReject } from '../record.js';
import type { StagedRow } from '../rows.js';
import type { Emit, ManyRowsContext, ManyRowsFormat, ManyRowsHandler } from './many-rows.js';
import { LINE, textLines } from './text-lines.js';
import {
  parseVllmLine,
  parseVllmRequestLine,
  type VllmLine,
  type VllmRequestLine,
  type VllmStamp,
} from './vllm-line.js';
import { YearlessCalendar } from './yearless-calendar.js';

/** Requests held open for their end lines; beyond it the oldest is taken as it is, so that memory does not grow. */
const MOST_OPEN = 100_000;

export const vllmLog: ManyRowsFormat = {
  name: 'vllm-log',
  title: 'vLLM text log with request lines',
  sourceUrl: 'https://docs.vllm.ai',
  ...textLines(
    '`Received request <id>: …` (else `Added request <id>`): time, id, max_tokens, prompt or token ids where logged; `Finished`, `Aborted` and `Generated response` lines end it',
  ),
  fills: [
    'inputTokens',
    'outputTokens',
    'maxOutputTokens',
    'requestId',
    'adapter',
    'operation',
    'status',
    'durationNs',
  ],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  texts: { prompt: [], answer: [] },
  joins: true,
  detect,
  open: (context) => new LineJoin(context),
};

function detect(sample: Sample): Detection {
  if (sample.shape !== 'text' && sample.shape !== 'csv') return { score: 0, reason: 'it is no text log' };
  const lines = sample.bytes.toString('utf8').split('\n');
  const found = lines.some((line) => parseVllmRequestLine(line) !== null);
  if (found) return { score: 1, reason: 'it has lines `Received request …: params: …Params(…)`' };
  return lines.some((line) => parseVllmLine(line)?.kind === 'added')
    ? { score: 1, reason: 'it has lines `Added request …`' }
    : { score: 0, reason: 'it has no line `Received request …` or `Added request …`' };
}

const NS_PER_SEC = 1_000_000_000n;

interface Instant {
  readonly sec: number;
  readonly nanos: number;
  readonly places: number;
}

/** What the lines of one request said; null = not seen. */
interface OpenRequest {
  readonly arrival: Instant;
  readonly operation: Operation | null;
  readonly adapter: string | null;
  readonly maxOutputTokens: number | null;
  inputTokens: number | null;
  prompt: string | null;
  outputTokens: number | null;
  answer: string | null;
}

class LineJoin implements ManyRowsHandler {
  readonly #context: ManyRowsContext;
  readonly #calendar = new YearlessCalendar();
  readonly #open = new Map<string, OpenRequest>();
  /** Whether requests are announced by the server: what the engine adds is then known, perhaps under a longer id. */
  #isAnnounced = false;

  constructor(context: ManyRowsContext) {
    this.#context = context;
  }

  readAll(record: { text(column: number): string | null }, row: StagedRow, emit: Emit): boolean {
    const line = parseVllmLine(record.text(LINE) ?? '');
    if (line === null) return false;
    const instant = this.#instantOf(line);
    const known = this.#open.get(line.requestId);
    if (line.kind === 'received' || line.kind === 'added') {
      if (line.kind === 'received') this.#isAnnounced = true;
      else if (this.#isAnnounced || SAMPLE_OF_ANOTHER.test(line.requestId)) return false;
      // An id that comes again is another request.
      if (known !== undefined) this.#close(line.requestId, known, null, 'unknown', row, emit);
      this.#begin(line.kind === 'received' ? line : { ...NOTHING_SAID, ...line }, instant, row, emit);
      return true;
    }
    // What began before the log has no arrival: its other lines say nothing that could be used.
    if (known === undefined) return false;
    if (line.kind === 'details') {
      known.inputTokens ??= line.promptTokenIds;
      known.prompt ??= line.prompt;
      return true;
    }
    if (line.kind === 'generated') this.#addAnswer(known, line);
    const status = statusOf(line);
    if (status !== null) this.#close(line.requestId, known, instant, status, row, emit);
    return true;
  }

  finish(row: StagedRow, emit: Emit): void {
    for (const [id, request] of this.#open) this.#close(id, request, null, 'unknown', row, emit);
  }

  #instantOf({ month, day, clock }: VllmStamp): Instant {
    const sec = this.#calendar.secondsOf(month, day, clock);
    if (sec === null) throw new RowReject('the line has no valid date and time');
    const fraction = clock.slice(9);
    return {
      sec,
      nanos: Number(fraction.padEnd(9, '0').slice(0, 9)),
      places: Math.min(fraction.length, 9),
    };
  }

  #begin(line: VllmRequestLine, arrival: Instant, row: StagedRow, emit: Emit): void {
    this.#open.set(line.requestId, {
      arrival,
      operation: operationOf(line.requestId) ?? (line.isPooling ? 'embedding' : null),
      adapter: line.adapter,
      maxOutputTokens: line.maxTokens,
      inputTokens: line.promptTokenIds,
      prompt: line.prompt,
      outputTokens: null,
      answer: null,
    });
    if (this.#open.size <= MOST_OPEN) return;
    const [oldest] = this.#open;
    this.#close(oldest[0], oldest[1], null, 'unknown', row, emit);
  }

  /** Parts of a streamed answer add up; the whole answer stands for all of them. */
  #addAnswer(request: OpenRequest, line: VllmLine & { kind: 'generated' }): void {
    if (line.outputTokenIds !== null)
      request.outputTokens = line.isDelta
        ? (request.outputTokens ?? 0) + line.outputTokenIds
        : line.outputTokenIds;
    if (line.output !== null)
      request.answer = line.isDelta ? (request.answer ?? '') + line.output : line.output;
  }

  #close(
    id: string,
    request: OpenRequest,
    end: Instant | null,
    status: TraceStatus,
    row: StagedRow,
    emit: Emit,
  ): void {
    const { countTokens, pseudonyms, keepsText } = this.#context;
    const { arrival, prompt, answer } = request;
    this.#open.delete(id);
    Object.assign(row, arrival);
    row.isDate = false;
    row.hasZone = true;
    row.localKind = 'plain';
    row.inputTokens = request.inputTokens ?? (prompt === null ? null : (countTokens?.(prompt) ?? null));
    row.outputTokens = request.outputTokens ?? (answer === null ? null : (countTokens?.(answer) ?? null));
    row.maxOutputTokens = request.maxOutputTokens;
    row.requestId = pseudonyms.of('request', id);
    row.adapter = request.adapter;
    row.operation = request.operation;
    row.status = status;
    if (end !== null) row.durationNs = spanNs(arrival, end);
    if (keepsText) {
      row.promptText = prompt === null ? null : JSON.stringify(prompt);
      row.answerText = answer === null ? null : JSON.stringify(answer);
    }
    emit();
  }
}

/** One request for several answers is several to the engine: `1_chatcmpl-…`. */
const SAMPLE_OF_ANOTHER = /^\d+_/;

const NOTHING_SAID = {
  prompt: null,
  promptTokenIds: null,
  maxTokens: null,
  isPooling: false,
  adapter: null,
} satisfies Partial<VllmRequestLine>;

/** How a line ends its request; null = it does not. */
function statusOf(line: VllmLine): TraceStatus | null {
  if (line.kind === 'finished') return 'ok';
  if (line.kind === 'aborted') return 'cancelled';
  if (line.kind !== 'generated' || (line.finishReason === null && line.isDelta)) return null;
  return line.finishReason === 'abort' ? 'cancelled' : line.finishReason === 'error' ? 'stream_error' : 'ok';
}

function spanNs(from: Instant, to: Instant): bigint | null {
  const ns = BigInt(to.sec - from.sec) * NS_PER_SEC + BigInt(to.nanos - from.nanos);
  return ns < 0n ? null : ns;
}

/** vLLM names requests after the endpoint that took them. */
function operationOf(requestId: string): Operation | null {
  if (requestId.startsWith('chatcmpl-') || requestId.startsWith('resp_')) return 'chat';
  if (requestId.startsWith('cmpl-')) return 'completion';
  if (requestId.startsWith('embd-')) return 'embedding';
  return /^(rerank|score)-/.test(requestId) ? 'rerank' : null;
}
