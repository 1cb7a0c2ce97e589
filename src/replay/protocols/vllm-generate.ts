/**
 * vLLM's plain API server, `/generate`: sampling parameters beside the prompt, prompt and text so far in every line. It
 * is an example server that vLLM 0.32 no longer has: for older deployments and servers that copied it. vLLM's present
 * endpoints are the OpenAI and Anthropic ones, and `/inference/v1/generate` behind `--enable-scale-out`, for which
 * `openai-completions-ids` stands: token ids in, without that switch.
 *
 * Streams are JSON objects, one a line (older versions end each with a NUL byte). There are no counts, no finish reasons
 * and no end mark: the orderly end of the response is the end, and tokens are counted from the text.
 */
import { type AnswerSink, frameOf, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
import { member, parseEvent, parseObject, readError, textOf, withExtra } from './json.js';
import { forcedLength, OPENAI_CONCESSIONS } from './openai.js';

export const vllmGenerate: Protocol = {
  name: 'vllm-generate',
  summary: 'vLLM native generate (/generate of vllm.entrypoints.api_server)',
  source: 'https://docs.vllm.ai/en/latest/api/vllm/entrypoints/api_server.html',
  path: '/generate',
  root: '',
  modelsPath: '/health',
  readModels: () => [],
  framing: 'lines',
  endsWithResponse: true,
  echoLength: (body) => textOf(member(JSON.parse(Buffer.from(body).toString('utf8')), 'prompt')).length,
  concessions: OPENAI_CONCESSIONS.filter(({ forcesLength }) => forcesLength === true),
  frame: (shape) =>
    frameOf(
      withExtra(
        {
          prompt: PROMPT_PLACEHOLDER,
          stream: shape.stream,
          ...(shape.maxOutputTokens === null ? {} : { max_tokens: shape.maxOutputTokens }),
          ...forcedLength(shape),
        },
        shape.extraBody,
      ),
    ),
  readEvent(data, type, sink) {
    const event = parseEvent(data, sink);
    if (event !== null && !readError(event, type, sink)) readText(event['text'], sink);
  },
  readBody(body, sink) {
    const document = parseObject(body);
    if (!readError(document, null, sink)) readText(document['text'], sink);
  },
};

function readText(text: unknown, sink: AnswerSink): void {
  sink.textSoFar(textOf(Array.isArray(text) ? text[0] : text));
}
