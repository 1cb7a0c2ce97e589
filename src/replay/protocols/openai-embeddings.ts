/** OpenAI embeddings: one vector for one prompt; never streamed, no generated tokens, so latency is the whole answer. */
import { type AnswerSink, frameOf, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
import { isObject, objectsOf, parseObject, readError, withExtra } from './json.js';
import { usageOf } from './openai.js';

export const openaiEmbeddings: Protocol = {
  name: 'openai-embeddings',
  summary: 'OpenAI embeddings (/v1/embeddings); sends the trace’s embedding rows',
  source: 'https://platform.openai.com/docs/api-reference/embeddings',
  path: '/embeddings',
  streams: false,
  operation: 'embedding',
  lengthIsFree: 'embeddings generate no tokens',
  frame: (shape) => frameOf(withExtra({ model: shape.model, input: PROMPT_PLACEHOLDER }, shape.extraBody)),
  readEvent: (data, _type, sink) => readEmbeddings(data, sink),
  readBody: readEmbeddings,
};

function readEmbeddings(body: string, sink: AnswerSink): void {
  const document = parseObject(body);
  if (readError(document, null, sink)) return;
  if (typeof document['id'] === 'string') sink.responseId(document['id']);
  if (isObject(document['usage'])) sink.usage(usageOf(document['usage'], sink));
  const vectors = objectsOf(document['data']).filter(({ embedding }) =>
    Array.isArray(embedding) ? embedding.length > 0 : typeof embedding === 'string' && embedding !== '',
  );
  if (vectors.length === 0) return;
  sink.result();
  sink.finish('stop');
}
