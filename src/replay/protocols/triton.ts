/**
 * Triton's generate extension (`/v2/models/M/generate`, `generate_stream`) and KServe v2 inference (`/v2/models/M/infer`).
 *
 * The names of inputs belong to the model, not to the protocol: TensorRT-LLM ensembles take `max_tokens` and
 * `min_tokens`, its LLM API backend `sampling_param_max_tokens`, the vLLM backend `sampling_parameters` as JSON text.
 * For generate a scalar that is no input becomes a parameter that nobody reads, so names of several versions stand side
 * by side. Streams end with the response alone. Counts come when asked for; each event's are its own, so they add up.
 * TensorRT-LLM repeats the prompt unless told not to. Sources: config.pbtxt and model.py below
 * triton_backend/all_models of NVIDIA/TensorRT-LLM (ensemble, llmapi); src/utils/request.py of the vLLM backend; a real
 * Triton 2.51 in test/engines.
 */
import {
  type AnswerSink,
  type Concession,
  frameOf,
  isConceded,
  MODEL_IN_PATH,
  PROMPT_PLACEHOLDER,
  type Protocol,
  type RequestShape,
} from '../protocol.js';
import {
  countOf,
  finishWord,
  isObject,
  type Json,
  objectsOf,
  parseEvent,
  parseObject,
  readError,
  textOf,
  withExtra,
} from './json.js';

const SHARED = {
  root: '',
  modelsPath: '/v2',
  readModels: () => [],
} as const;

const SHORTER = 'answers may be shorter than asked; compare output_tokens with max_output_tokens';

const MIN_TOKENS: Concession = { name: 'min_tokens', consequence: SHORTER, forcesLength: true };

const GENERATE = {
  ...SHARED,
  source:
    'https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html',
  path: `/v2/models/${MODEL_IN_PATH}/generate_stream`,
  plainPath: `/v2/models/${MODEL_IN_PATH}/generate`,
  endsWithResponse: true,
  readEvent(data: string, type: string | null, sink: AnswerSink): void {
    const event = parseEvent(data, sink);
    if (event !== null && !readError(event, type, sink)) readGenerated(event, sink);
  },
  readBody(body: string, sink: AnswerSink): void {
    const document = parseObject(body);
    if (!readError(document, null, sink)) readGenerated(document, sink);
  },
} as const;

export const tritonTrtllm: Protocol = {
  ...GENERATE,
  name: 'triton-trtllm',
  summary: 'Triton generate, TensorRT-LLM ensemble (/v2/models/M/generate)',
  concessions: [MIN_TOKENS],
  frame: (shape) =>
    frameOf(
      withExtra(
        {
          text_input: PROMPT_PLACEHOLDER,
          stream: shape.stream,
          streaming: shape.stream,
          ...(shape.maxOutputTokens === null
            ? {}
            : { max_tokens: shape.maxOutputTokens, sampling_param_max_tokens: shape.maxOutputTokens }),
          // Older ensembles call it min_length.
          ...(forcesMin(shape)
            ? { min_tokens: shape.maxOutputTokens, min_length: shape.maxOutputTokens }
            : {}),
          exclude_input_in_output: true,
          sampling_param_exclude_input_from_output: true,
          return_finish_reason: true,
          return_num_input_tokens: true,
          return_num_output_tokens: true,
        },
        shape.extraBody,
      ),
    ),
};

export const tritonVllm: Protocol = {
  ...GENERATE,
  name: 'triton-vllm',
  summary: 'Triton generate, vLLM backend (/v2/models/M/generate)',
  concessions: [
    {
      name: 'return_num_output_tokens',
      consequence: 'tokens are counted here (--encoding)',
    },
    { name: 'ignore_eos', consequence: SHORTER, forcesLength: true },
  ],
  frame: (shape) =>
    frameOf(
      withExtra(
        {
          text_input: PROMPT_PLACEHOLDER,
          stream: shape.stream,
          exclude_input_in_output: true,
          ...(isConceded(shape, 'return_num_output_tokens')
            ? {}
            : {
                return_finish_reason: true,
                return_num_input_tokens: true,
                return_num_output_tokens: true,
              }),
          sampling_parameters: JSON.stringify({
            ...(shape.maxOutputTokens === null ? {} : { max_tokens: shape.maxOutputTokens }),
            ...(shape.ignoreEos && !isConceded(shape, 'ignore_eos') ? { ignore_eos: true } : {}),
          }),
        },
        shape.extraBody,
      ),
    ),
};

/** Not streamed: one request, one tensor of text. */
export const kserveInfer: Protocol = {
  ...SHARED,
  name: 'kserve-v2',
  summary: 'KServe v2 inference over HTTP (/v2/models/M/infer)',
  source: 'https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol',
  path: `/v2/models/${MODEL_IN_PATH}/infer`,
  streams: false,
  concessions: [
    { name: 'shape', consequence: 'inputs have a batch dimension' },
    {
      name: 'exclude_input_in_output',
      consequence: 'a model that repeats the prompt has it counted with the answer',
    },
    MIN_TOKENS,
    { name: 'max_tokens', consequence: 'the model bounds its answers itself' },
  ],
  frame: (shape) => frameOf(withExtra({ inputs: inputsOf(shape) }, shape.extraBody)),
  readEvent: (data, _type, sink) => readTensors(parseObject(data), sink),
  readBody: (body, sink) => readTensors(parseObject(body), sink),
};

function forcesMin(shape: RequestShape): boolean {
  return shape.ignoreEos && shape.maxOutputTokens !== null && !isConceded(shape, 'min_tokens');
}

function inputsOf(request: RequestShape): Json[] {
  const shape = isConceded(request, 'shape') ? [1, 1] : [1];
  const most = request.maxOutputTokens;
  const number = (name: string): Json => ({ name, shape, datatype: 'INT32', data: [most] });
  return [
    { name: 'text_input', shape, datatype: 'BYTES', data: [PROMPT_PLACEHOLDER] },
    ...(most === null || isConceded(request, 'max_tokens') ? [] : [number('max_tokens')]),
    ...(forcesMin(request) ? [number('min_tokens')] : []),
    ...(isConceded(request, 'exclude_input_in_output')
      ? []
      : [{ name: 'exclude_input_in_output', shape, datatype: 'BOOL', data: [true] }]),
  ];
}

function readGenerated(document: Json, sink: AnswerSink): void {
  const { id } = document;
  if (typeof id === 'string' && id !== '') sink.responseId(id);
  sink.usage({
    inputTokens: countOf(firstOf(document['num_input_tokens'])),
    addedOutputTokens: countOf(firstOf(document['num_output_tokens'])),
  });
  sink.text('answer', textOf(firstOf(document['text_output'])));
  const reason = textOf(firstOf(document['finish_reason']));
  if (reason !== '' && reason !== 'None') sink.finish(finishWord(reason));
}

const firstOf = (value: unknown): unknown => (Array.isArray(value) ? value[0] : value);

function readTensors(document: Json, sink: AnswerSink): void {
  if (readError(document, null, sink)) return;
  if (typeof document['id'] === 'string' && document['id'] !== '') sink.responseId(document['id']);
  for (const output of objectsOf(document['outputs'])) {
    const data = Array.isArray(output['data']) ? (output['data'] as unknown[]).flat(3) : [];
    if (output['datatype'] === 'BYTES' && output['name'] !== 'finish_reason')
      for (const text of data) sink.text('answer', textOf(text));
    else if (output['name'] === 'num_input_tokens') sink.usage({ inputTokens: countOf(data[0]) });
    else if (output['name'] === 'num_output_tokens') sink.usage({ outputTokens: countOf(data[0]) });
    else if (data.length > 0) sink.result();
  }
  if (isObject(document['outputs']) || Array.isArray(document['outputs'])) sink.finish('stop');
}
