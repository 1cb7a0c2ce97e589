/**
 * OpenAI responses: one request, one list of output items; streams are named events that end with the whole response.
 *
 * `response.completed`, `.incomplete` and `.failed` end a stream; there is no `[DONE]` (servers that send one are read
 * too). A function call's name comes with its item, before its arguments: it is generated text like them.
 */
import { type AnswerSink, frameOf, isConceded, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
import {
  countOf,
  errorMessage,
  finishWord,
  isObject,
  isPresent,
  type Json,
  member,
  objectsOf,
  parseEvent,
  parseObject,
  textOf,
  withExtra,
} from './json.js';
import { forcedLength, isEndMark, OPENAI_CONCESSIONS, usageOf } from './openai.js';

export const openaiResponses: Protocol = {
  name: 'openai-responses',
  summary: 'OpenAI responses (/v1/responses)',
  source: 'https://platform.openai.com/docs/api-reference/responses-streaming',
  path: '/responses',
  concessions: [
    ...OPENAI_CONCESSIONS.filter(({ forcesLength }) => forcesLength === true),
    { name: 'store', consequence: 'the server decides whether it keeps responses' },
  ],
  frame: (shape) =>
    frameOf(
      withExtra(
        {
          model: shape.model,
          input: PROMPT_PLACEHOLDER,
          stream: shape.stream,
          ...(isConceded(shape, 'store') ? {} : { store: false }),
          ...(shape.maxOutputTokens === null ? {} : { max_output_tokens: shape.maxOutputTokens }),
          ...forcedLength(shape),
        },
        shape.extraBody,
      ),
    ),
  readEvent(data, type, sink) {
    if (isEndMark(data)) {
      sink.done();
      return;
    }
    const event = parseEvent(data, sink);
    if (event === null) return;
    readTyped(event, textOf(event['type']) || (type ?? ''), sink);
  },
  readBody: (body, sink) => readResponse(parseObject(body), sink, true),
};

const TEXT_DELTAS: Readonly<Record<string, 'answer' | 'reasoning'>> = {
  'response.output_text.delta': 'answer',
  'response.refusal.delta': 'answer',
  'response.reasoning_text.delta': 'reasoning',
  'response.reasoning.delta': 'reasoning',
  'response.reasoning_summary_text.delta': 'reasoning',
};

function readTyped(event: Json, type: string, sink: AnswerSink): void {
  const channel = TEXT_DELTAS[type];
  if (channel !== undefined) {
    sink.text(channel, textOf(event['delta']));
    return;
  }
  switch (type) {
    case 'response.function_call_arguments.delta':
    case 'response.custom_tool_call_input.delta':
      readToolText(event, '', textOf(event['delta']), sink);
      break;
    case 'response.output_item.added':
      if (isObject(event['item'])) readToolText(event, textOf(event['item']['name']), '', sink);
      break;
    case 'response.created':
      if (typeof member(event['response'], 'id') === 'string')
        sink.responseId(member(event['response'], 'id') as string);
      break;
    case 'response.completed':
    case 'response.incomplete':
    case 'response.failed':
      // The items repeat what the deltas said.
      if (isObject(event['response'])) readResponse(event['response'], sink, false);
      sink.done();
      break;
    case 'error':
      sink.fail(errorMessage(event) ?? 'error');
      break;
    default:
      if (isPresent(event['error'])) sink.fail(errorMessage(event) ?? 'error');
  }
}

function readToolText(event: Json, name: string, text: string, sink: AnswerSink): void {
  if (name !== '' || text !== '') sink.toolCall(countOf(event['output_index']) ?? 0, name, text);
}

function readResponse(response: Json, sink: AnswerSink, withItems: boolean): void {
  if (isPresent(response['error']) || response['object'] === 'error') {
    sink.fail(errorMessage(response) ?? 'error');
    return;
  }
  if (typeof response['id'] === 'string') sink.responseId(response['id']);
  if (isObject(response['usage'])) sink.usage(usageOf(response['usage'], sink));
  const items = objectsOf(response['output']);
  if (withItems) for (const [place, item] of items.entries()) readItem(item, place, sink);
  const status = response['status'];
  if (status === 'failed' || status === 'cancelled') sink.fail(`response ${status}`);
  else if (status === 'incomplete') {
    sink.finish(finishWord(textOf(member(response['incomplete_details'], 'reason')) || 'incomplete'));
  } else if (status === 'completed') {
    sink.finish(items.some(({ type }) => type === 'function_call') ? 'tool_calls' : 'stop');
  }
}

function readItem(item: Json, place: number, sink: AnswerSink): void {
  switch (item['type']) {
    case 'message':
      for (const part of objectsOf(item['content']))
        sink.text('answer', textOf(part['text']) || textOf(part['refusal']));
      break;
    case 'reasoning':
      sink.text('reasoning', textOf(item['content']) || textOf(item['summary']));
      break;
    case 'function_call':
    case 'custom_tool_call':
      sink.toolCall(place, textOf(item['name']), textOf(item['arguments']) || textOf(item['input']));
      break;
  }
}
