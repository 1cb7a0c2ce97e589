/**
 * OpenTelemetry GenAI spans in OTLP JSON files, as the collector's file exporter and gateways write them, vLLM's own
 * spans among them. A span that calls a model is a request; spans of agents and tools are not. Both the present names
 * (`gen_ai.usage.input_tokens`) and the old ones (`…prompt_tokens`) are read, the present ones first. Cached tokens are
 * inside the input count.
 */
import type { Operation, TraceStatus } from '../../types.js';
import type { Pseudonyms } from '../pseudonyms.js';
import { RowReject } from '../record.js';
import type { RowField, StagedRow } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { elapsedNs, setArrivalNs } from './instants.js';
import type { ManyRowsFormat } from './many-rows.js';
import { type AttributeValue, type OtlpSpan, parseOtlpSpans } from './otlp-spans.js';
import { httpStatusOf, statusOfHttp } from './status.js';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  chat: 'chat',
  generate_content: 'chat',
  text_completion: 'completion',
  embeddings: 'embedding',
};

const NS_PLACES = 9;
const INT32_MAX = 2_147_483_647;

const FILLS: readonly RowField[] = [
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'reasoningTokens',
  'maxOutputTokens',
  'requestId',
  'sessionId',
  'model',
  'operation',
  'stream',
  'status',
  'httpStatus',
  'ttftNs',
  'durationNs',
];

const REQUEST = 0;

export const otlpGenAi: ManyRowsFormat = {
  name: 'otlp-genai',
  title: 'OpenTelemetry GenAI spans (OTLP JSON)',
  sourceUrl: 'https://github.com/open-telemetry/semantic-conventions/blob/main/docs/gen-ai/gen-ai-spans.md',
  shape: 'jsonl',
  columns: [
    {
      name: 'resourceSpans',
      required: true,
      meaning:
        'spans: startTimeUnixNano, endTimeUnixNano, status, attributes gen_ai.operation.name, gen_ai.usage.…, gen_ai.request.…',
    },
  ],
  fills: FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  detect: (sample) => {
    const found = detectByKeys(otlpGenAi, sample);
    if (found.score < 1) return found;
    return sample.bytes.includes('gen_ai.')
      ? { score: 1, reason: 'it has resourceSpans with gen_ai attributes' }
      : { score: 0.5, reason: 'it has resourceSpans, but no gen_ai attributes' };
  },
  open: ({ pseudonyms }) => ({
    readAll(record, row, emit) {
      let calls = 0;
      for (const span of parseOtlpSpans(`{"resourceSpans":${record.text(REQUEST) ?? '[]'}}`)) {
        if (!fillFromSpan(span, row, pseudonyms)) continue;
        emit();
        calls += 1;
      }
      return calls > 0;
    },
  }),
};

/** Fills the row from a span; false when the span is no model call. */
function fillFromSpan(span: OtlpSpan, row: StagedRow, pseudonyms: Pseudonyms): boolean {
  const { attributes } = span;
  const operation = text(attributes, 'gen_ai.operation.name');
  row.inputTokens = count(attributes, 'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens');
  row.outputTokens = count(attributes, 'gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens');
  const isCall = operation === null ? row.inputTokens !== null : Object.hasOwn(OPERATIONS, operation);
  if (!isCall) return false;
  if (span.startNs === null) throw new RowReject('startTimeUnixNano is missing');
  setArrivalNs(row, span.startNs, NS_PLACES);
  row.operation = operation === null ? null : OPERATIONS[operation];
  row.cachedTokens = count(
    attributes,
    'gen_ai.usage.cache_read.input_tokens',
    'gen_ai.usage.cache_read_input_tokens',
  );
  row.reasoningTokens = count(attributes, 'gen_ai.usage.reasoning.output_tokens');
  row.maxOutputTokens = count(attributes, 'gen_ai.request.max_tokens');
  const id = text(attributes, 'gen_ai.request.id', 'gen_ai.response.id') ?? span.spanId;
  row.requestId = pseudonyms.of('request', id);
  row.sessionId = pseudonyms.of('session', text(attributes, 'gen_ai.conversation.id'));
  row.model = text(attributes, 'gen_ai.response.model', 'gen_ai.request.model');
  row.durationNs = elapsedNs(span.startNs, span.endNs);
  const firstToken = span.events.find(({ name }) => /first[._ ]?token/i.test(name));
  row.ttftNs =
    secondsNs(attributes, 'gen_ai.latency.time_to_first_token', 'gen_ai.server.time_to_first_token') ??
    elapsedNs(span.startNs, firstToken?.timeNs ?? null);
  row.stream = row.ttftNs === null ? null : true;
  row.httpStatus = httpStatusOf(text(attributes, 'http.response.status_code', 'error.type'));
  row.status = statusOf(span, row.httpStatus);
  return true;
}

function statusOf({ hasFailed, attributes }: OtlpSpan, httpStatus: number | null): TraceStatus {
  const error = text(attributes, 'error.type');
  if (!hasFailed && error === null) return 'ok';
  const byCode = statusOfHttp(httpStatus);
  if (byCode !== null && byCode !== 'ok') return byCode;
  if (error !== null && /timeout/i.test(error)) return 'timeout';
  if (error !== null && /cancel/i.test(error)) return 'cancelled';
  return byCode === 'ok' ? 'stream_error' : 'http_error';
}

type Attributes = ReadonlyMap<string, AttributeValue>;

function text(attributes: Attributes, ...names: readonly string[]): string | null {
  for (const name of names) {
    const value = attributes.get(name);
    if (value !== undefined && value !== '') return String(value);
  }
  return null;
}

function count(attributes: Attributes, ...names: readonly string[]): number | null {
  const found = text(attributes, ...names);
  if (found === null) return null;
  const value = Number(found);
  if (!Number.isInteger(value) || value < 0 || value > INT32_MAX) {
    throw new RowReject(`${names[0]} is no count`, found.slice(0, 40));
  }
  return value;
}

/** A float of seconds in ns. */
function secondsNs(attributes: Attributes, ...names: readonly string[]): bigint | null {
  const found = text(attributes, ...names);
  const value = found === null ? Number.NaN : Number(found);
  return value >= 0 && value < 9e9 ? BigInt(Math.round(value * 1e9)) : null;
}
