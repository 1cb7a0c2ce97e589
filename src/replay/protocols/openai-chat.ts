/** OpenAI chat completions, as OpenAI, vLLM, SGLang, llama.cpp, TGI and most gateways serve them. */
import { type AnswerSink, frameOf, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
import { isObject, textOf, withExtra } from './json.js';
import { commonBody, OPENAI_CONCESSIONS, readOpenAiBody, readOpenAiEvent } from './openai.js';

export const openaiChat: Protocol = {
  name: 'openai-chat',
  summary: 'OpenAI chat completions (/v1/chat/completions)',
  source: 'https://platform.openai.com/docs/api-reference/chat',
  path: '/chat/completions',
  concessions: OPENAI_CONCESSIONS,
  frame: (shape) =>
    frameOf(
      withExtra(
        { messages: [{ role: 'user', content: PROMPT_PLACEHOLDER }], ...commonBody(shape) },
        shape.extraBody,
      ),
    ),
  readEvent: (data, type, sink) =>
    readOpenAiEvent(data, type, sink, (choice) => readMessage(choice['delta'], sink)),
  readBody: (body, sink) => readOpenAiBody(body, sink, (choice) => readMessage(choice['message'], sink)),
};

/** A message or its delta: reasoning, answer, refusal, tool calls. */
export function readMessage(message: unknown, sink: AnswerSink): void {
  if (!isObject(message)) return;
  // The same text under both names is one text.
  const reasoning = textOf(message['reasoning_content']) || textOf(message['reasoning']);
  if (reasoning !== '') sink.text('reasoning', reasoning);
  const content = textOf(message['content']);
  if (content !== '') sink.text('answer', content);
  const refusal = textOf(message['refusal']);
  if (refusal !== '') sink.text('answer', refusal);
  const calls = message['tool_calls'];
  if (Array.isArray(calls)) for (const [place, call] of calls.entries()) readToolCall(call, place, sink);
  if (isObject(message['function_call'])) readToolCall({ function: message['function_call'] }, 0, sink);
}

function readToolCall(call: unknown, place: number, sink: AnswerSink): void {
  if (!isObject(call) || !isObject(call['function'])) return;
  const index = typeof call['index'] === 'number' ? call['index'] : place;
  const name = textOf(call['function']['name']);
  const argumentsText = textOf(call['function']['arguments']);
  if (name !== '' || argumentsText !== '') sink.toolCall(index, name, argumentsText);
}
