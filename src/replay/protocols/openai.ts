/**
 * What the OpenAI-shaped protocols have in common: events, usage, errors. Read leniently, as servers differ.
 *
 * Sources: OpenAI API reference (chat/completions and completions streaming); vLLM, SGLang, llama.cpp and DeepSeek for
 * reasoning text (`reasoning_content`, `reasoning`), cumulative usage in every chunk, and cached-token counts.
 */
import {
  type AnswerSink,
  type Concession,
  isConceded,
  type RequestShape,
  type UsageUpdate,
} from '../protocol.js';
import {
  countOf,
  errorMessage,
  isObject,
  type Json,
  member,
  objectsOf,
  parseObject,
  readError,
} from './json.js';

/** Reads one choice of a chunk (`delta`, `text`) or of a whole answer (`message`, `text`). */
export type ChoiceReader = (choice: Json, sink: AnswerSink) => void;

/** One event of a stream. `[DONE]` ends it; data that is no JSON object is noted and passed over. */
export function readOpenAiEvent(
  data: string,
  type: string | null,
  sink: AnswerSink,
  readChoice: ChoiceReader,
): void {
  if (data.charCodeAt(0) === OPEN_BRACE) {
    const document = JSON.parse(data) as Json;
    if (type === 'error') sink.fail(errorMessage(document) ?? data);
    else readDocument(document, sink, readChoice);
  } else if (isEndMark(data)) sink.done();
  else if (type === 'error') sink.fail(data);
  else sink.note('foreign_event');
}

/** `[DONE]`, also with blanks around it. */
export const isEndMark = (data: string): boolean => data === '[DONE]' || data.trim() === '[DONE]';

/** The body of an answer that is not streamed. */
export function readOpenAiBody(body: string, sink: AnswerSink, readChoice: ChoiceReader): void {
  readDocument(parseObject(body), sink, readChoice);
}

function readDocument(document: Json, sink: AnswerSink, readChoice: ChoiceReader): void {
  if (readError(document, null, sink)) return;
  if (typeof document['id'] === 'string') sink.responseId(document['id']);
  // Before the text: cumulative usage in the chunk of the first token says how many tokens it holds.
  const usage = document['usage'];
  if (isObject(usage)) sink.usage(usageOf(usage, sink));
  for (const choice of objectsOf(document['choices'])) {
    readChoice(choice, sink);
    const reason = choice['finish_reason'];
    if (typeof reason === 'string' && reason !== '') sink.finish(reason);
  }
}

/** Usage in the words of completions (`prompt_tokens`) or of responses (`input_tokens`). */
export function usageOf(usage: Json, sink: AnswerSink): UsageUpdate {
  const inputTokens = countOf(usage['prompt_tokens']) ?? countOf(usage['input_tokens']);
  let cachedTokens =
    countOf(member(usage['prompt_tokens_details'], 'cached_tokens')) ??
    countOf(member(usage['input_tokens_details'], 'cached_tokens')) ??
    countOf(usage['prompt_cache_hit_tokens']);
  if (cachedTokens !== undefined && inputTokens !== undefined && cachedTokens > inputTokens) {
    sink.note('cached_exceeds_input');
    cachedTokens = undefined;
  }
  return {
    inputTokens,
    outputTokens: countOf(usage['completion_tokens']) ?? countOf(usage['output_tokens']),
    cachedTokens,
    reasoningTokens:
      countOf(member(usage['completion_tokens_details'], 'reasoning_tokens')) ??
      countOf(member(usage['output_tokens_details'], 'reasoning_tokens')) ??
      countOf(usage['reasoning_tokens']),
  };
}

/** What strict servers refuse of an OpenAI-shaped body. */
export const OPENAI_CONCESSIONS: readonly Concession[] = [
  {
    name: 'ignore_eos',
    consequence: 'min_tokens asks for the full output length instead',
    forcesLength: true,
  },
  {
    name: 'min_tokens',
    consequence: 'answers may be shorter than asked; compare output_tokens with max_output_tokens',
    forcesLength: true,
  },
  { name: 'max_tokens', consequence: 'max_completion_tokens bounds the answer instead' },
  { name: 'stream_options', consequence: 'answers that come without usage are counted here (--encoding)' },
];

/** Members of the body that both protocols have. */
export function commonBody(shape: RequestShape): Json {
  const most = shape.maxOutputTokens;
  return {
    model: shape.model,
    stream: shape.stream,
    ...(shape.stream && !isConceded(shape, 'stream_options')
      ? { stream_options: { include_usage: true } }
      : {}),
    ...(most === null
      ? {}
      : { [isConceded(shape, 'max_tokens') ? 'max_completion_tokens' : 'max_tokens']: most }),
    ...forcedLength(shape),
  };
}

/** `ignore_eos`, or `min_tokens` where that is refused. */
export function forcedLength(shape: RequestShape): Json {
  if (!shape.ignoreEos) return {};
  if (!isConceded(shape, 'ignore_eos')) return { ignore_eos: true };
  if (shape.maxOutputTokens === null || isConceded(shape, 'min_tokens')) return {};
  return { min_tokens: shape.maxOutputTokens };
}

const OPEN_BRACE = 123;
