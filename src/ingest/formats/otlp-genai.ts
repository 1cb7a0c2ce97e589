/**
 * OpenTelemetry GenAI spans in OTLP JSON files, as the collector's file exporter and gateways write them, vLLM's own
 * spans among them. A span that calls a model is a request; spans of agents and tools are not. Both the present names
 * (`gen_ai.usage.input_tokens`) and the old ones (`…prompt_tokens`) are read, the present ones first, then those of
 * OpenInference. Cached tokens are inside the input count. Texts are attributes of the span or of its events.
 */
import type { Operation, TraceStatus } from '../../types.js';
import type { FormatContext } from '../format.js';
import { RowReject } from '../record.js';
import type { RowField, StagedRow } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { elapsedNs, setArrivalNs } from './instants.js';
import { keptJson, sumCounts } from './json-cell.js';
import type { ManyRowsFormat } from './many-rows.js';
import { type AttributeValue, type OtlpSpan, parseOtlpSpans } from './otlp-spans.js';
import { httpStatusOf, statusOfHttp } from './status.js';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  chat: 'chat',
  generate_content: 'chat',
  text_completion: 'completion',
  embeddings: 'embedding',
  embedding: 'embedding',
  rerank: 'rerank',
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
  'clientId',
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
  sourceUrl: 'https://github.com/open-telemetry/semantic-conventions-genai',
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
    return ['gen_ai.', 'llm.token_count.'].some((prefix) => sample.bytes.includes(prefix))
      ? { score: 1, reason: 'it has resourceSpans with attributes of model calls' }
      : { score: 0.5, reason: 'it has resourceSpans, but no gen_ai attributes' };
  },
  texts: { prompt: [], answer: [] },
  open: (context) => ({
    readAll(record, row, emit) {
      let calls = 0;
      for (const span of parseOtlpSpans(`{"resourceSpans":${record.text(REQUEST) ?? '[]'}}`)) {
        if (!fillFromSpan(span, row, context)) continue;
        emit();
        calls += 1;
      }
      return calls > 0;
    },
  }),
};

/** Attributes by meaning: the present name first, then older ones and those of other conventions (OpenInference, Sentry). */
const NAMES = {
  input: ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt'],
  output: ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion'],
  cached: [
    'gen_ai.usage.cache_read.input_tokens',
    'gen_ai.usage.cache_read_input_tokens',
    'gen_ai.usage.input_tokens.cached',
    'llm.token_count.prompt_details.cache_read',
  ],
  written: [
    'gen_ai.usage.cache_creation.input_tokens',
    'gen_ai.usage.cache_write.input_tokens',
    'gen_ai.usage.cache_creation_input_tokens',
    'gen_ai.usage.input_tokens.cache_write',
    'llm.token_count.prompt_details.cache_write',
  ],
  reasoning: [
    'gen_ai.usage.reasoning.output_tokens',
    'gen_ai.usage.reasoning_tokens',
    'gen_ai.usage.output_tokens.reasoning',
    'llm.token_count.completion_details.reasoning',
  ],
  firstToken: [
    'gen_ai.latency.time_to_first_token',
    'gen_ai.server.time_to_first_token',
    'gen_ai.response.time_to_first_chunk',
  ],
  stream: ['gen_ai.request.stream', 'gen_ai.response.streaming', 'llm.is_streaming'],
  id: ['gen_ai.request.id', 'gen_ai.response.id'],
  session: ['gen_ai.conversation.id', 'session.id'],
  client: ['user.id', 'enduser.id'],
  model: ['gen_ai.response.model', 'gen_ai.request.model', 'llm.model_name', 'embedding.model_name'],
  httpStatus: ['http.response.status_code', 'http.status_code', 'error.type'],
  prompt: ['gen_ai.input.messages', 'gen_ai.prompt', 'llm.input_messages', 'input.value'],
  answer: ['gen_ai.output.messages', 'gen_ai.completion', 'llm.output_messages', 'output.value'],
} as const;

/** Fills the row from a span; false when the span is no model call. */
function fillFromSpan(span: OtlpSpan, row: StagedRow, { pseudonyms, keepsText }: FormatContext): boolean {
  const { attributes } = span;
  const operation = operationOf(attributes);
  const input = count(attributes, ...NAMES.input);
  if (operation === 'none' || (operation === null && input === null)) return false;
  if (span.startNs === null) throw new RowReject('startTimeUnixNano is missing');
  setArrivalNs(row, span.startNs, NS_PLACES);
  row.operation = operation;
  row.cachedTokens = count(attributes, ...NAMES.cached);
  row.inputTokens = wholePrompt(input, row.cachedTokens, count(attributes, ...NAMES.written));
  row.outputTokens = count(attributes, ...NAMES.output);
  row.reasoningTokens = count(attributes, ...NAMES.reasoning);
  row.maxOutputTokens = count(attributes, 'gen_ai.request.max_tokens');
  row.requestId = pseudonyms.of('request', text(attributes, ...NAMES.id) ?? span.spanId);
  row.sessionId = pseudonyms.of('session', text(attributes, ...NAMES.session));
  row.clientId = pseudonyms.of('client', text(attributes, ...NAMES.client));
  row.model = text(attributes, ...NAMES.model);
  row.durationNs = elapsedNs(span.startNs, span.endNs);
  const firstToken = span.events.find(({ name }) => /first[._ ]?token/i.test(name));
  row.ttftNs =
    secondsNs(attributes, ...NAMES.firstToken) ?? elapsedNs(span.startNs, firstToken?.timeNs ?? null);
  const stream = text(attributes, ...NAMES.stream);
  row.stream = row.ttftNs !== null ? true : stream === null ? null : stream === 'true';
  row.httpStatus = httpStatusOf(text(attributes, ...NAMES.httpStatus));
  row.status = statusOf(span, row.httpStatus);
  if (keepsText === true) {
    row.promptText = keptText(span, NAMES.prompt);
    row.answerText = keptText(span, NAMES.answer);
  }
  return true;
}

/** null = not said; `none` = the span is of something else (an agent, a tool, a chain). */
function operationOf(attributes: Attributes): Operation | 'none' | null {
  const name = text(attributes, 'gen_ai.operation.name');
  if (name !== null) return OPERATIONS[name] ?? 'none';
  const kind = text(attributes, 'openinference.span.kind', 'traceloop.span.kind')?.toUpperCase();
  if (kind === undefined) return null;
  if (kind === 'EMBEDDING') return 'embedding';
  if (kind === 'RERANKER') return 'rerank';
  return kind === 'LLM' ? null : 'none';
}

/**
 * The conventions want cached tokens inside the input count. Some writers pass on counts that leave them out, which shows
 * where there are more of them than of the input: then all parts are added.
 */
function wholePrompt(input: number | null, cached: number | null, written: number | null): number | null {
  if (input === null) return null;
  return (cached ?? 0) + (written ?? 0) > input ? sumCounts(input, cached, written) : input;
}

/** The first of the attributes that the span, or an event of it, has. */
function keptText({ attributes, events }: OtlpSpan, names: readonly string[]): string | null {
  for (const name of names) {
    for (const found of [attributes, ...events.map((event) => event.attributes)]) {
      const kept = keptJson(found.get(name));
      if (kept !== null) return kept;
    }
  }
  return null;
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
