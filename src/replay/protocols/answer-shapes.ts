/**
 * Answers in the shape of every protocol: the counts, finish reasons and end marks that the real servers send. For the
 * warm-up before a run and for scripted servers. Shapes follow the public references named in the protocols' files.
 */
import type { Json } from './json.js';

/** What an answer says. */
export interface AnswerFacts {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** All generated text. */
  readonly text: string;
  /** The prompt, for servers that repeat it. */
  readonly prompt: string;
}

/** How a server of a protocol writes. */
export interface AnswerShape {
  /** Of a stream. */
  readonly contentType: string;
  /** Before the first token. */
  start(facts: AnswerFacts): string;
  /** Token i, whose text is `text`; `soFar` includes it. */
  token(text: string, soFar: string, i: number, facts: AnswerFacts): string;
  /** After the last token. */
  end(facts: AnswerFacts): string;
  /** An answer that is not streamed. */
  whole(facts: AnswerFacts): unknown;
}

const sse = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const SSE = 'text/event-stream; charset=utf-8';
const NDJSON = 'application/x-ndjson';

const typed = (type: string, more: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const line = (document: unknown): string => `${JSON.stringify(document)}\n`;
const none = (): string => '';

const openAiUsage = ({ promptTokens, outputTokens }: AnswerFacts): Json => ({
  prompt_tokens: promptTokens,
  completion_tokens: outputTokens,
  total_tokens: promptTokens + outputTokens,
});

function openAi(
  object: string,
  delta: (text: string | null) => Json,
  message: (text: string) => Json,
): AnswerShape {
  const chunk = (choices: unknown, more: object = {}): string =>
    sse({ id: 'cmpl-1', object, created: 1_700_000_000, model: 'm', choices, ...more });
  return {
    contentType: SSE,
    start: none,
    token: (text) => chunk([{ index: 0, ...delta(text), finish_reason: null }]),
    end: (facts) =>
      chunk([{ index: 0, ...delta(null), finish_reason: 'length' }]) +
      chunk([], { usage: openAiUsage(facts) }) +
      sse('[DONE]'),
    whole: (facts) => ({
      id: 'cmpl-1',
      object,
      choices: [{ index: 0, ...message(facts.text), finish_reason: 'length' }],
      usage: openAiUsage(facts),
    }),
  };
}

const responseUsage = ({ promptTokens, outputTokens }: AnswerFacts): Json => ({
  input_tokens: promptTokens,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: outputTokens,
  output_tokens_details: { reasoning_tokens: 0 },
});

const response = (facts: AnswerFacts): Json => ({
  id: 'resp_1',
  object: 'response',
  status: 'incomplete',
  incomplete_details: { reason: 'max_output_tokens' },
  error: null,
  output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: facts.text }] }],
  usage: responseUsage(facts),
});

const anthropicUsage = ({ promptTokens, outputTokens }: AnswerFacts): Json => ({
  input_tokens: promptTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: outputTokens,
});

const sglangMeta = (facts: AnswerFacts, completion: number): Json => ({
  id: 'gen-1',
  prompt_tokens: facts.promptTokens,
  completion_tokens: completion,
  cached_tokens: 0,
  finish_reason: completion === facts.outputTokens ? { type: 'length', length: facts.outputTokens } : null,
});

const tgiDetails = (facts: AnswerFacts): Json => ({
  finish_reason: 'length',
  generated_tokens: facts.outputTokens,
  input_length: facts.promptTokens,
  seed: null,
});

const llamaEnd = (facts: AnswerFacts): Json => ({
  stop: true,
  stop_type: 'limit',
  tokens_predicted: facts.outputTokens,
  tokens_evaluated: facts.promptTokens,
  tokens_cached: facts.promptTokens + facts.outputTokens - 1,
  truncated: false,
  timings: { cache_n: 0, prompt_n: facts.promptTokens, predicted_n: facts.outputTokens },
});

const ollamaEnd = (facts: AnswerFacts): Json => ({
  done: true,
  done_reason: 'length',
  total_duration: 5_000_000,
  prompt_eval_count: facts.promptTokens,
  eval_count: facts.outputTokens,
});

function ollama(content: (text: string) => Json): AnswerShape {
  const head = { model: 'm', created_at: '2026-01-01T00:00:00Z' };
  return {
    contentType: NDJSON,
    start: none,
    token: (text) => line({ ...head, ...content(text), done: false }),
    end: (facts) => line({ ...head, ...content(''), ...ollamaEnd(facts) }),
    whole: (facts) => ({ ...head, ...content(facts.text), ...ollamaEnd(facts) }),
  };
}

function triton(counts: (outputTokens: number, facts: AnswerFacts) => Json): AnswerShape {
  const head = { model_name: 'm', model_version: '1' };
  return {
    contentType: SSE,
    start: none,
    token: (text, _soFar, i, facts) =>
      sse({
        ...head,
        ...counts(1, facts),
        ...(i === facts.outputTokens - 1 && 'num_output_tokens' in counts(1, facts)
          ? { finish_reason: 'length' }
          : {}),
        text_output: text,
      }),
    end: none,
    whole: (facts) => ({ ...head, ...counts(facts.outputTokens, facts), text_output: facts.text }),
  };
}

const COMPLETIONS = openAi(
  'text_completion',
  (text) => ({ text: text ?? '' }),
  (text) => ({ text }),
);

/** The shape of each protocol, by its name. */
export const ANSWER_SHAPES: Readonly<Record<string, AnswerShape>> = {
  'openai-chat': openAi(
    'chat.completion.chunk',
    (text) => ({ delta: text === null ? {} : { content: text } }),
    (text) => ({ message: { role: 'assistant', content: text } }),
  ),
  'openai-completions': COMPLETIONS,
  'openai-completions-ids': COMPLETIONS,
  'openai-responses': {
    contentType: SSE,
    start: () =>
      typed('response.created', { response: { id: 'resp_1', status: 'in_progress', output: [] } }) +
      typed('response.output_item.added', { output_index: 0, item: { type: 'message', content: [] } }),
    token: (delta) => typed('response.output_text.delta', { output_index: 0, content_index: 0, delta }),
    end: (facts) =>
      typed('response.output_text.done', { output_index: 0, text: facts.text }) +
      typed('response.incomplete', { response: response(facts) }),
    whole: response,
  },
  'openai-embeddings': {
    contentType: SSE,
    start: none,
    token: none,
    end: none,
    whole: ({ promptTokens }) => ({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.25, -0.5, 0.125] }],
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    }),
  },
  'anthropic-messages': {
    contentType: SSE,
    start: (facts) =>
      typed('message_start', {
        message: {
          id: 'msg_1',
          role: 'assistant',
          content: [],
          usage: { ...anthropicUsage(facts), output_tokens: 1 },
        },
      }) +
      typed('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }) +
      typed('ping', {}),
    token: (text) => typed('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
    end: (facts) =>
      typed('content_block_stop', { index: 0 }) +
      typed('message_delta', {
        delta: { stop_reason: 'max_tokens', stop_sequence: null },
        usage: { output_tokens: facts.outputTokens },
      }) +
      typed('message_stop', {}),
    whole: (facts) => ({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: facts.text }],
      stop_reason: 'max_tokens',
      usage: anthropicUsage(facts),
    }),
  },
  'vllm-generate': {
    contentType: 'text/plain; charset=utf-8',
    start: none,
    token: (_text, soFar, _i, { prompt }) => line({ text: [prompt + soFar] }),
    end: none,
    whole: ({ prompt, text }) => ({ text: [prompt + text] }),
  },
  sglang: {
    contentType: SSE,
    start: none,
    token: (_text, soFar, i, facts) => sse({ text: soFar, meta_info: sglangMeta(facts, i + 1) }),
    end: () => sse('[DONE]'),
    whole: (facts) => ({ text: facts.text, meta_info: sglangMeta(facts, facts.outputTokens) }),
  },
  tgi: {
    contentType: SSE,
    start: none,
    token: (text, _soFar, i, facts) => {
      const isLast = i === facts.outputTokens - 1;
      return sse({
        index: i + 1,
        token: { id: 42, text, logprob: -0.5, special: false },
        generated_text: isLast ? facts.text : null,
        details: isLast ? tgiDetails(facts) : null,
      });
    },
    end: none,
    whole: (facts) => ({ generated_text: facts.text, details: tgiDetails(facts) }),
  },
  'llama-cpp': {
    contentType: SSE,
    start: none,
    token: (content, _soFar, i) => sse({ index: 0, content, tokens: [i], stop: false, id_slot: 0 }),
    end: (facts) => sse({ index: 0, content: '', ...llamaEnd(facts) }),
    whole: (facts) => ({ index: 0, content: facts.text, ...llamaEnd(facts) }),
  },
  'ollama-generate': ollama((text) => ({ response: text })),
  'ollama-chat': ollama((text) => ({ message: { role: 'assistant', content: text } })),
  'triton-trtllm': triton(() => ({})),
  'triton-vllm': triton((outputTokens, { promptTokens }) => ({
    num_input_tokens: promptTokens,
    num_output_tokens: outputTokens,
  })),
  'kserve-v2': {
    contentType: SSE,
    start: none,
    token: none,
    end: none,
    whole: ({ text }) => ({
      model_name: 'm',
      model_version: '1',
      outputs: [{ name: 'text_output', datatype: 'BYTES', shape: [1], data: [text] }],
    }),
  },
};
