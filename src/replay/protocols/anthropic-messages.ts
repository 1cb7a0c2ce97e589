/**
 * Anthropic messages: named events from `message_start` to `message_stop`; `ping` and block starts are no tokens.
 *
 * The prompt is counted in three parts (uncached, read from the cache, written to the cache) whose sum is the whole
 * prompt. Counts are cumulative. The output count of `message_start` is a forecast of the first token and is left out:
 * `message_delta` brings the real one, and a stream that is cut before it is counted from its text.
 */
import {
  type AnswerSink,
  frameOf,
  PROMPT_PLACEHOLDER,
  type Protocol,
  type RequestShape,
  type UsageUpdate,
} from '../protocol.js';
import {
  countOf,
  errorMessage,
  finishWord,
  isObject,
  isPresent,
  type Json,
  objectsOf,
  parseEvent,
  parseObject,
  textOf,
  withExtra,
} from './json.js';

/** The API demands a bound; rows without a length get this one. */
const MAX_TOKENS_WHEN_UNKNOWN = 4_096;

export const anthropicMessages: Protocol = {
  name: 'anthropic-messages',
  summary: 'Anthropic messages (/v1/messages)',
  source: 'https://docs.anthropic.com/en/api/messages-streaming',
  path: '/messages',
  headers: ['anthropic-version', '2023-06-01'],
  keyHeader: 'x-api-key',
  lengthIsFree: 'the messages API has no way to force the output length',
  frame: (shape: RequestShape) =>
    frameOf(
      withExtra(
        {
          model: shape.model,
          max_tokens: shape.maxOutputTokens ?? MAX_TOKENS_WHEN_UNKNOWN,
          messages: [{ role: 'user', content: PROMPT_PLACEHOLDER }],
          stream: shape.stream,
        },
        shape.extraBody,
      ),
    ),
  readEvent(data, type, sink) {
    const event = parseEvent(data, sink);
    if (event !== null) readTyped(event, textOf(event['type']) || (type ?? ''), sink);
  },
  readBody(body, sink) {
    const message = parseObject(body);
    if (message['type'] === 'error' || isPresent(message['error'])) {
      sink.fail(errorMessage(message) ?? 'error');
      return;
    }
    readHead(message, sink);
    if (isObject(message['usage'])) sink.usage(usageOf(message['usage'], true));
    for (const [index, block] of objectsOf(message['content']).entries()) readBlock(block, index, sink, true);
    if (typeof message['stop_reason'] === 'string') sink.finish(finishWord(message['stop_reason']));
  },
};

function readTyped(event: Json, type: string, sink: AnswerSink): void {
  const index = countOf(event['index']) ?? 0;
  switch (type) {
    case 'message_start': {
      const { message } = event;
      if (!isObject(message)) break;
      readHead(message, sink);
      if (isObject(message['usage'])) sink.usage(usageOf(message['usage'], false));
      break;
    }
    case 'content_block_start':
      if (isObject(event['content_block'])) readBlock(event['content_block'], index, sink, false);
      break;
    case 'content_block_delta':
      if (isObject(event['delta'])) readDelta(event['delta'], index, sink);
      break;
    case 'message_delta': {
      if (isObject(event['usage'])) sink.usage(usageOf(event['usage'], true));
      const { delta } = event;
      if (isObject(delta) && typeof delta['stop_reason'] === 'string')
        sink.finish(finishWord(delta['stop_reason']));
      break;
    }
    case 'message_stop':
      sink.done();
      break;
    case 'error':
      sink.fail(errorMessage(event) ?? 'error');
      break;
  }
}

function readHead(message: Json, sink: AnswerSink): void {
  if (typeof message['id'] === 'string') sink.responseId(message['id']);
}

function readDelta(delta: Json, index: number, sink: AnswerSink): void {
  sink.text('answer', textOf(delta['text']));
  sink.text('reasoning', textOf(delta['thinking']));
  const json = textOf(delta['partial_json']);
  if (json !== '') sink.toolCall(index, '', json);
}

/** A content block, whole or as it starts: then its text is empty and a tool has a name only. */
function readBlock(block: Json, index: number, sink: AnswerSink, whole: boolean): void {
  sink.text('answer', textOf(block['text']));
  sink.text('reasoning', textOf(block['thinking']));
  const name = textOf(block['name']);
  if (name !== '') sink.toolCall(index, name, whole ? JSON.stringify(block['input'] ?? {}) : '');
}

function usageOf(usage: Json, withOutput: boolean): UsageUpdate {
  return {
    uncachedInputTokens: countOf(usage['input_tokens']),
    cachedTokens: countOf(usage['cache_read_input_tokens']),
    cacheWriteTokens: countOf(usage['cache_creation_input_tokens']),
    outputTokens: withOutput ? countOf(usage['output_tokens']) : undefined,
  };
}
