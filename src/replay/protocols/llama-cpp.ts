/**
 * llama.cpp's own `/completion`. The last event has `stop: true`, the counts and the timings; there is no `[DONE]`.
 *
 * `tokens_evaluated` is the whole prompt; what came from the cache is `timings.cache_n` (`tokens_cached` is the filled
 * part of the slot, something else). Errors inside a stream come as `data: {"error": …}` or, in older servers, in a
 * field of their own, `error: …`.
 */
import { type AnswerSink, frameOf, isConceded, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
import {
  countOf,
  finishWord,
  type Json,
  member,
  parseEvent,
  parseObject,
  readError,
  textOf,
  withExtra,
} from './json.js';

export const llamaCpp: Protocol = {
  name: 'llama-cpp',
  summary: 'llama.cpp native completion (/completion)',
  source: 'https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md',
  path: '/completion',
  root: '',
  modelsPath: '/v1/models',
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
          prompt: PROMPT_PLACEHOLDER,
          stream: shape.stream,
          cache_prompt: true,
          ...(shape.maxOutputTokens === null ? {} : { n_predict: shape.maxOutputTokens }),
          ...(shape.ignoreEos && !isConceded(shape, 'ignore_eos') ? { ignore_eos: true } : {}),
        },
        shape.extraBody,
      ),
    ),
  readEvent(data, type, sink) {
    const event = parseEvent(data, sink);
    if (event === null || readError(event, type, sink)) return;
    sink.text('answer', textOf(event['content']));
    if (event['stop'] !== true) return;
    readEnd(event, sink);
    sink.done();
  },
  readBody(body, sink) {
    const document = parseObject(body);
    if (readError(document, null, sink)) return;
    sink.text('answer', textOf(document['content']));
    readEnd(document, sink);
  },
};

function readEnd(document: Json, sink: AnswerSink): void {
  const { timings } = document;
  sink.usage({
    inputTokens: countOf(document['tokens_evaluated']),
    outputTokens: countOf(document['tokens_predicted']) ?? countOf(member(timings, 'predicted_n')),
    cachedTokens: countOf(member(timings, 'cache_n')),
  });
  if (document['truncated'] === true) sink.note('context_truncated');
  sink.finish(finishOf(document));
}

function finishOf(document: Json): string {
  const word = textOf(document['stop_type']);
  if (word !== '' && word !== 'none') return finishWord(word);
  if (document['stopped_limit'] === true) return 'length';
  return 'stop';
}
