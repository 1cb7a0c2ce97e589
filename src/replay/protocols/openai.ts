/**
 * What the OpenAI-shaped protocols have in common: events, usage, errors. Read leniently, as servers differ.
 *
 * Sources: OpenAI API reference (chat/completions and completions streaming); vLLM, SGLang, llama.cpp and DeepSeek for
 * reasoning text (`reasoning_content`, `reasoning`), cumulative usage in every chunk, and cached-token counts.
 */
import type { AnswerSink, RequestShape, UsageUpdate } from '../protocol.js';

type Json = Readonly<Record<string, unknown>>;

/** Reads one choice of a chunk (`delta`, `text`) or of a whole answer (`message`, `text`). */
export type ChoiceReader = (choice: Json, sink: AnswerSink) => void;

/** One event of a stream. `[DONE]` ends it; data that is no JSON object is noted and passed over. */
export function readOpenAiEvent(
  data: string,
  type: string | null,
  sink: AnswerSink,
  readChoice: ChoiceReader,
): void {
  if (data === '[DONE]') {
    sink.done();
    return;
  }
  const document = data.charCodeAt(0) === OPEN_BRACE ? (JSON.parse(data) as Json) : null;
  if (type === 'error') {
    sink.fail(document === null ? data : (errorMessage(document) ?? data));
    return;
  }
  if (document === null) sink.note('foreign_event');
  else readDocument(document, sink, readChoice);
}

/** The body of an answer that is not streamed. */
export function readOpenAiBody(body: string, sink: AnswerSink, readChoice: ChoiceReader): void {
  const document: unknown = JSON.parse(body);
  if (isObject(document)) readDocument(document, sink, readChoice);
  else throw new SyntaxError('the body is no JSON object');
}

function readDocument(document: Json, sink: AnswerSink, readChoice: ChoiceReader): void {
  if (document['object'] === 'error' || isPresent(document['error'])) {
    sink.fail(errorMessage(document) ?? 'error');
    return;
  }
  if (typeof document['id'] === 'string') sink.responseId(document['id']);
  // Before the text: cumulative usage in the chunk of the first token says how many tokens it holds.
  const usage = document['usage'];
  if (isObject(usage)) sink.usage(usageOf(usage, sink));
  const choices = document['choices'];
  if (!Array.isArray(choices)) return;
  for (const choice of choices) {
    if (!isObject(choice)) continue;
    readChoice(choice, sink);
    const reason = choice['finish_reason'];
    if (typeof reason === 'string' && reason !== '') sink.finish(reason);
  }
}

/** Text of an error object in any of the usual shapes, or null when there is none. */
export function errorMessage(document: unknown): string | null {
  if (typeof document === 'string') return document === '' ? null : document;
  if (!isObject(document)) return null;
  for (const key of ['error', 'message', 'detail', 'msg', 'error_message', 'code', 'type']) {
    const value = document[key];
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number') return String(value);
    const inner = Array.isArray(value)
      ? errorMessage(value[0])
      : isObject(value)
        ? errorMessage(value)
        : null;
    if (inner !== null) return inner;
  }
  return null;
}

function usageOf(usage: Json, sink: AnswerSink): UsageUpdate {
  const inputTokens = count(usage['prompt_tokens']);
  let cachedTokens =
    count(member(usage['prompt_tokens_details'], 'cached_tokens')) ?? count(usage['prompt_cache_hit_tokens']);
  if (cachedTokens !== undefined && inputTokens !== undefined && cachedTokens > inputTokens) {
    sink.note('cached_exceeds_input');
    cachedTokens = undefined;
  }
  return {
    inputTokens,
    outputTokens: count(usage['completion_tokens']),
    cachedTokens,
    reasoningTokens:
      count(member(usage['completion_tokens_details'], 'reasoning_tokens')) ??
      count(usage['reasoning_tokens']),
  };
}

/** Members of the body that both protocols have. */
export function commonBody(shape: RequestShape): Json {
  return {
    model: shape.model,
    stream: shape.stream,
    ...(shape.stream ? { stream_options: { include_usage: true } } : {}),
    ...(shape.maxOutputTokens === null ? {} : { max_tokens: shape.maxOutputTokens }),
    ...(shape.ignoreEos ? { ignore_eos: true } : {}),
    ...shape.extraBody,
  };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}

function member(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isPresent = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && value !== '';

const OPEN_BRACE = 123;
