/**
 * Ollama's `/api/generate` and `/api/chat`: JSON objects, one a line; the last has `done: true` and the counts.
 *
 * `prompt_eval_count` is missing when the whole prompt came from the cache: then the prompt's length is unknown, not 0.
 * `raw` keeps the chat template away from generate's prompts, so that they have the asked length. A prompt longer than
 * the model's context would be cut silently, and a long answer would shift it: `truncate` and `shift` (since 0.12.4;
 * older versions pass over them) make the server refuse or end instead, and `--extra-body
 * '{"options":{"num_ctx":8192}}'` widens the context. Source: api/types.go of ollama 0.17, and the server itself in
 * test/engines.
 */
import {
  type AnswerSink,
  frameOf,
  PROMPT_PLACEHOLDER,
  type Protocol,
  type RequestShape,
} from '../protocol.js';
import {
  countOf,
  finishWord,
  isObject,
  type Json,
  member,
  objectsOf,
  parseEvent,
  parseObject,
  readError,
  textOf,
  withExtra,
} from './json.js';

const SHARED = {
  root: '',
  framing: 'lines',
  modelsPath: '/api/tags',
  readModels: (document: unknown) =>
    objectsOf(member(document, 'models')).flatMap(({ name }) => (typeof name === 'string' ? [name] : [])),
  lengthIsFree: 'Ollama has no way to force the output length',
} as const;

export const ollamaGenerate: Protocol = {
  ...SHARED,
  name: 'ollama-generate',
  summary: 'Ollama generate (/api/generate)',
  source: 'https://docs.ollama.com/api/generate',
  path: '/api/generate',
  frame: (shape) =>
    frameOf(withExtra({ ...common(shape), prompt: PROMPT_PLACEHOLDER, raw: true }, shape.extraBody)),
  readEvent: (data, type, sink) => readLine(data, type, sink, readGenerated),
  readBody: (body, sink) => readWhole(body, sink, readGenerated),
};

export const ollamaChat: Protocol = {
  ...SHARED,
  name: 'ollama-chat',
  summary: 'Ollama chat (/api/chat)',
  source: 'https://docs.ollama.com/api/chat',
  path: '/api/chat',
  frame: (shape) =>
    frameOf(
      withExtra(
        { ...common(shape), messages: [{ role: 'user', content: PROMPT_PLACEHOLDER }] },
        shape.extraBody,
      ),
    ),
  readEvent: (data, type, sink) => readLine(data, type, sink, readMessage),
  readBody: (body, sink) => readWhole(body, sink, readMessage),
};

type TextReader = (document: Json, sink: AnswerSink) => void;

function common(shape: RequestShape): Json {
  return {
    model: shape.model,
    stream: shape.stream,
    truncate: false,
    shift: false,
    options: shape.maxOutputTokens === null ? {} : { num_predict: shape.maxOutputTokens },
  };
}

function readLine(data: string, type: string | null, sink: AnswerSink, readText: TextReader): void {
  const event = parseEvent(data, sink);
  if (event === null || readError(event, type, sink)) return;
  readText(event, sink);
  if (event['done'] !== true) return;
  readEnd(event, sink);
  sink.done();
}

function readWhole(body: string, sink: AnswerSink, readText: TextReader): void {
  const document = parseObject(body);
  if (readError(document, null, sink)) return;
  readText(document, sink);
  readEnd(document, sink);
}

function readGenerated(document: Json, sink: AnswerSink): void {
  sink.text('reasoning', textOf(document['thinking']));
  sink.text('answer', textOf(document['response']));
}

function readMessage(document: Json, sink: AnswerSink): void {
  const { message } = document;
  if (!isObject(message)) return;
  sink.text('reasoning', textOf(message['thinking']));
  sink.text('answer', textOf(message['content']));
  for (const [index, call] of objectsOf(message['tool_calls']).entries()) {
    const name = textOf(member(call['function'], 'name'));
    const given = member(call['function'], 'arguments');
    sink.toolCall(index, name, given === undefined ? '' : JSON.stringify(given));
  }
}

function readEnd(document: Json, sink: AnswerSink): void {
  sink.usage({
    inputTokens: countOf(document['prompt_eval_count']),
    outputTokens: countOf(document['eval_count']),
  });
  const reason = textOf(document['done_reason']);
  // `load` and `unload` answer requests without a prompt.
  sink.finish(reason === '' ? 'stop' : finishWord(reason));
}
