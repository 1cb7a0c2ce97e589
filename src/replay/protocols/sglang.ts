/**
 * SGLang's own `/generate`: text in, text so far out, with token counts in every event.
 *
 * Each event repeats the whole text (or, with the server's `--incremental-streaming-output`, once `--stream-output`, brings
 * only what is new: both are read).
 * `meta_info.finish_reason` is an object; type `abort` is an error of the server inside a 200.
 */
import { type AnswerSink, frameOf, isConceded, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
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

export const sglang: Protocol = {
  name: 'sglang',
  summary: 'SGLang native generate (/generate)',
  source: 'https://docs.sglang.io/basic_usage/native_api.html',
  path: '/generate',
  root: '',
  modelsPath: '/get_model_info',
  readModels: (document) => {
    const path = member(document, 'model_path');
    return typeof path === 'string' ? [path] : [];
  },
  concessions: [
    {
      name: 'ignore_eos',
      consequence: 'answers may be shorter than asked; compare output_tokens with max_output_tokens',
      forcesLength: true,
    },
  ],
  frame: (shape) =>
    frameOf(
      withExtra(
        {
          text: PROMPT_PLACEHOLDER,
          stream: shape.stream,
          sampling_params: {
            ...(shape.maxOutputTokens === null ? {} : { max_new_tokens: shape.maxOutputTokens }),
            ...(shape.ignoreEos && !isConceded(shape, 'ignore_eos') ? { ignore_eos: true } : {}),
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
    if (event !== null && !readError(event, type, sink)) readGenerated(event, sink);
  },
  readBody(body, sink) {
    const document = parseObject(body);
    if (!readError(document, null, sink)) readGenerated(document, sink);
  },
};

function readGenerated(document: Json, sink: AnswerSink): void {
  const meta = document['meta_info'];
  if (isObject(meta)) {
    if (typeof meta['id'] === 'string') sink.responseId(meta['id']);
    sink.usage({
      inputTokens: countOf(meta['prompt_tokens']),
      outputTokens: countOf(meta['completion_tokens']),
      cachedTokens: countOf(meta['cached_tokens']),
    });
  }
  sink.textSoFar(textOf(document['text']));
  const reason = member(meta, 'finish_reason');
  const word = typeof reason === 'string' ? reason : textOf(member(reason, 'type'));
  if (word === 'abort') sink.fail(textOf(member(reason, 'message')) || 'aborted by the server');
  else if (word !== '') sink.finish(finishWord(word));
}
