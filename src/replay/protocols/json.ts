/** Reading JSON of servers that differ: lenient looks into unknown values, and the vocabulary that they are mapped to. */
import type { AnswerSink, RequestShape } from '../protocol.js';

export type Json = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member of a value that may be no object. */
export function member(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

/** A whole number from 0, else undefined: absent is unknown, never zero. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}

/** Text, or the texts of content parts joined; anything else is empty. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return '';
  return value
    .map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .join('');
}

/** Objects in an array; anything else gives none. */
export function objectsOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Whether a value says something: servers send `error: null` and `error: ""` for none. */
export const isPresent = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== false && value !== '';

/** Reads one JSON object. Throws SyntaxError for anything else. */
export function parseObject(text: string): Json {
  const document: unknown = JSON.parse(text);
  if (isObject(document)) return document;
  throw new SyntaxError('no JSON object');
}

/**
 * Reads one event's data: null when it is no JSON object, which is noted and passed over, since servers slip foreign
 * lines into their streams. Throws SyntaxError for an object that is broken.
 */
export function parseEvent(data: string, sink: AnswerSink): Json | null {
  if (data.charCodeAt(0) === OPEN_BRACE) return JSON.parse(data) as Json;
  sink.note('foreign_event');
  return null;
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

/** Tells the sink of an error inside an answer; false when there is none. */
export function readError(document: Json, type: string | null, sink: AnswerSink): boolean {
  if (type !== 'error' && document['object'] !== 'error' && !isPresent(document['error'])) return false;
  sink.fail(errorMessage(document) ?? 'error');
  return true;
}

/** Members of `extra` put into `body`; objects in both are joined member by member. */
export function withExtra(body: Json, extra: RequestShape['extraBody']): Json {
  const joined: Record<string, unknown> = { ...body };
  for (const [key, value] of Object.entries(extra ?? {})) {
    const ours = joined[key];
    joined[key] = isObject(ours) && isObject(value) ? withExtra(ours, value) : value;
  }
  return joined;
}

const FINISH_WORDS: Readonly<Record<string, string>> = {
  // The asked length was reached.
  length: 'length',
  limit: 'length',
  max_tokens: 'length',
  max_output_tokens: 'length',
  model_context_window_exceeded: 'length',
  // The model ended by itself.
  stop: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  end_turn: 'stop',
  completed: 'stop',
  word: 'stop',
  stop_sequence: 'stop',
  // It asks for a tool.
  tool_calls: 'tool_calls',
  tool_use: 'tool_calls',
  function_call: 'tool_calls',
  // It was stopped.
  content_filter: 'content_filter',
  refusal: 'content_filter',
};

/** A server's word for why generation stopped, in OpenAI's vocabulary; unknown words stay. */
export const finishWord = (word: string): string => FINISH_WORDS[word.toLowerCase()] ?? word;

const OPEN_BRACE = 123;
