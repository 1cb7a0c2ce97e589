/**
 * Hugging Face Text Generation Inference: `/generate` and `/generate_stream`. One event per token; the last one brings
 * the details. Special tokens (the end of the text) are counted by the server and are no text.
 */
import { type AnswerSink, frameOf, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
import {
  countOf,
  finishWord,
  isObject,
  type Json,
  member,
  parseEvent,
  parseObject,
  readError,
  textOf,
  withExtra,
} from './json.js';
import { isEndMark } from './openai.js';

export const tgi: Protocol = {
  name: 'tgi',
  summary: 'Text Generation Inference (/generate, /generate_stream)',
  source: 'https://huggingface.github.io/text-generation-inference/',
  path: '/generate_stream',
  plainPath: '/generate',
  root: '',
  modelsPath: '/info',
  readModels: (document) => {
    const id = member(document, 'model_id');
    return typeof id === 'string' ? [id] : [];
  },
  lengthIsFree: 'TGI has no way to force the output length',
  frame: (shape) =>
    frameOf(
      withExtra(
        {
          inputs: PROMPT_PLACEHOLDER,
          parameters: {
            details: true,
            ...(shape.maxOutputTokens === null ? {} : { max_new_tokens: shape.maxOutputTokens }),
          },
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
    if (event === null || readError(event, type, sink)) return;
    const { token } = event;
    if (isObject(token) && token['special'] !== true) sink.text('answer', textOf(token['text']));
    if (isObject(event['details'])) {
      readDetails(event['details'], sink);
      sink.done();
    } else if (typeof event['generated_text'] === 'string') sink.done();
  },
  readBody(body, sink) {
    const parsed: unknown = JSON.parse(body);
    const document = Array.isArray(parsed) && isObject(parsed[0]) ? parsed[0] : parseObject(body);
    if (readError(document, null, sink)) return;
    sink.text('answer', textOf(document['generated_text']));
    if (isObject(document['details'])) readDetails(document['details'], sink);
  },
};

function readDetails(details: Json, sink: AnswerSink): void {
  const { prefill } = details;
  sink.usage({
    inputTokens:
      countOf(details['input_length']) ??
      (Array.isArray(prefill) && prefill.length > 0 ? prefill.length : undefined),
    outputTokens: countOf(details['generated_tokens']),
  });
  const reason = textOf(details['finish_reason']);
  if (reason !== '') sink.finish(finishWord(reason));
}
