/**
 * Streams as the public references of each API show them, written by hand: with the chunks that are no tokens (roles,
 * pings, block starts), the counts, and the end. `[ms, bytes]`; the response ends in order after the last.
 */
export interface Transcript {
  readonly name: string;
  readonly protocol: string;
  readonly contentType?: string;
  readonly chunks: readonly (readonly [number, string])[];
  readonly expected: {
    readonly status: string;
    readonly firstToken: number | null;
    readonly firstAnswer: number | null;
    readonly lastToken: number | null;
    readonly end: number;
    readonly chunks: number;
    readonly input: number | null;
    readonly output: number | null;
    readonly cached?: number | null;
    readonly reasoning?: number | null;
    readonly finish: string | null;
    readonly note?: string | null;
    readonly error?: string | null;
    readonly id?: string | null;
    /** Text to be counted when no usage came. */
    readonly text?: string;
  };
}

const json = (document: unknown): string => `data: ${JSON.stringify(document)}\n\n`;
const typed = (type: string, more: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const line = (document: unknown): string => `${JSON.stringify(document)}\n`;

export const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'responses: reasoning, then text, then the whole response',
    protocol: 'openai-responses',
    chunks: [
      [10, typed('response.created', { response: { id: 'resp_9', status: 'in_progress', output: [] } })],
      [11, typed('response.in_progress', { response: { id: 'resp_9' } })],
      [
        12,
        typed('response.output_item.added', { output_index: 0, item: { type: 'reasoning', summary: [] } }),
      ],
      [100, typed('response.reasoning_summary_text.delta', { output_index: 0, delta: 'think' })],
      [110, typed('response.output_item.added', { output_index: 1, item: { type: 'message', content: [] } })],
      [111, typed('response.content_part.added', { part: { type: 'output_text', text: '' } })],
      [200, typed('response.output_text.delta', { output_index: 1, delta: 'Hel' })],
      [220, typed('response.output_text.delta', { output_index: 1, delta: 'lo' })],
      [221, typed('response.output_text.done', { text: 'Hello' })],
      [
        230,
        typed('response.completed', {
          response: {
            id: 'resp_9',
            status: 'completed',
            error: null,
            output: [{ type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }],
            usage: {
              input_tokens: 36,
              input_tokens_details: { cached_tokens: 16 },
              output_tokens: 12,
              output_tokens_details: { reasoning_tokens: 8 },
              total_tokens: 48,
            },
          },
        }),
      ],
    ],
    expected: {
      status: 'ok',
      firstToken: 100,
      firstAnswer: 200,
      lastToken: 220,
      end: 230,
      chunks: 3,
      input: 36,
      output: 12,
      cached: 16,
      reasoning: 8,
      finish: 'stop',
      id: 'resp_9',
    },
  },
  {
    name: 'responses: a function call; its name is the first token',
    protocol: 'openai-responses',
    chunks: [
      [
        50,
        typed('response.output_item.added', {
          output_index: 0,
          item: { type: 'function_call', name: 'f', arguments: '' },
        }),
      ],
      [70, typed('response.function_call_arguments.delta', { output_index: 0, delta: '{"a":' })],
      [90, typed('response.function_call_arguments.delta', { output_index: 0, delta: '1}' })],
      [
        91,
        typed('response.completed', {
          response: {
            status: 'completed',
            output: [{ type: 'function_call' }],
            usage: { input_tokens: 5, output_tokens: 9 },
          },
        }),
      ],
    ],
    expected: {
      status: 'ok',
      firstToken: 50,
      firstAnswer: null,
      lastToken: 90,
      end: 91,
      chunks: 3,
      input: 5,
      output: 9,
      finish: 'tool_calls',
    },
  },
  {
    name: 'responses: failed in the middle',
    protocol: 'openai-responses',
    chunks: [
      [50, typed('response.output_text.delta', { delta: 'a' })],
      [
        60,
        typed('response.failed', {
          response: { status: 'failed', error: { code: 'server_error', message: 'boom' } },
        }),
      ],
    ],
    expected: {
      status: 'stream_error',
      firstToken: 50,
      firstAnswer: 50,
      lastToken: 50,
      end: 60,
      chunks: 1,
      input: null,
      output: null,
      finish: null,
      error: 'boom',
      text: 'a',
    },
  },
  {
    name: 'responses: the length was reached',
    protocol: 'openai-responses',
    chunks: [
      [50, typed('response.output_text.delta', { delta: 'a' })],
      [
        60,
        typed('response.incomplete', {
          response: {
            status: 'incomplete',
            incomplete_details: { reason: 'max_output_tokens' },
            usage: { input_tokens: 3, output_tokens: 1 },
          },
        }),
      ],
    ],
    expected: {
      status: 'ok',
      firstToken: 50,
      firstAnswer: 50,
      lastToken: 50,
      end: 60,
      chunks: 1,
      input: 3,
      output: 1,
      finish: 'length',
    },
  },
  {
    name: 'F14 A and F19 A: anthropic counts the prompt in parts, the answer cumulatively',
    protocol: 'anthropic-messages',
    chunks: [
      [
        20,
        typed('message_start', {
          message: {
            id: 'msg_1',
            content: [],
            usage: {
              input_tokens: 17,
              cache_read_input_tokens: 20_480,
              cache_creation_input_tokens: 3_072,
              output_tokens: 2,
            },
          },
        }),
      ],
      [21, typed('content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '' } })],
      [25, typed('ping')],
      [120, typed('content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } })],
      [
        130,
        typed('content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 'Eq==' } }),
      ],
      [131, typed('content_block_stop', { index: 0 })],
      [132, typed('content_block_start', { index: 1, content_block: { type: 'text', text: '' } })],
      [160, typed('content_block_delta', { index: 1, delta: { type: 'text_delta', text: 'Hello' } })],
      [170, typed('message_delta', { delta: { stop_reason: null }, usage: { output_tokens: 9 } })],
      [190, typed('content_block_delta', { index: 1, delta: { type: 'text_delta', text: '!' } })],
      [
        200,
        typed('message_delta', {
          delta: { stop_reason: 'end_turn' },
          usage: { input_tokens: 17, output_tokens: 164 },
        }),
      ],
      [201, typed('message_stop')],
    ],
    expected: {
      status: 'ok',
      firstToken: 120,
      firstAnswer: 160,
      lastToken: 190,
      end: 201,
      chunks: 3,
      input: 23_569,
      output: 164,
      cached: 20_480,
      finish: 'stop',
      id: 'msg_1',
    },
  },
  {
    name: 'anthropic: tool use begins with its name, goes on with JSON',
    protocol: 'anthropic-messages',
    chunks: [
      [5, typed('message_start', { message: { id: 'm', usage: { input_tokens: 31, output_tokens: 2 } } })],
      [
        40,
        typed('content_block_start', {
          index: 0,
          content_block: { type: 'tool_use', id: 't', name: 'f', input: {} },
        }),
      ],
      [45, typed('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: '' } })],
      [
        60,
        typed('content_block_delta', {
          index: 0,
          delta: { type: 'input_json_delta', partial_json: '{"a":1}' },
        }),
      ],
      [70, typed('message_delta', { delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 18 } })],
      [71, typed('message_stop')],
    ],
    expected: {
      status: 'ok',
      firstToken: 40,
      firstAnswer: null,
      lastToken: 60,
      end: 71,
      chunks: 2,
      input: 31,
      output: 18,
      finish: 'tool_calls',
      id: 'm',
    },
  },
  {
    name: 'anthropic: overloaded in the middle; the forecast of message_start is no count',
    protocol: 'anthropic-messages',
    chunks: [
      [5, typed('message_start', { message: { id: 'm', usage: { input_tokens: 31, output_tokens: 2 } } })],
      [40, typed('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'ab' } })],
      [50, typed('error', { error: { type: 'overloaded_error', message: 'Overloaded' } })],
    ],
    expected: {
      status: 'stream_error',
      firstToken: 40,
      firstAnswer: 40,
      lastToken: 40,
      end: 50,
      chunks: 1,
      input: 31,
      output: null,
      finish: null,
      error: 'Overloaded',
      id: 'm',
      text: 'ab',
    },
  },
  {
    name: 'vllm: cumulative lines behind the prompt, no counts, the response’s end is the end',
    protocol: 'vllm-generate',
    contentType: 'text/plain',
    chunks: [
      [30, line({ text: ['say hello'] })],
      [60, line({ text: ['say hello A'] })],
      [90, `${JSON.stringify({ text: ['say hello A B'] })}\0`],
      [91, line({ text: ['say hello A B'] })],
    ],
    expected: {
      status: 'ok',
      firstToken: 60,
      firstAnswer: 60,
      lastToken: 90,
      end: 90,
      chunks: 2,
      input: null,
      output: null,
      finish: null,
      text: ' A B',
    },
  },
  {
    name: 'sglang: text so far and counts in every event',
    protocol: 'sglang',
    chunks: [
      [
        40,
        json({
          text: ' A',
          meta_info: {
            id: 'g',
            prompt_tokens: 9,
            completion_tokens: 1,
            cached_tokens: 4,
            finish_reason: null,
          },
        }),
      ],
      [
        60,
        json({
          text: ' A B',
          meta_info: {
            id: 'g',
            prompt_tokens: 9,
            completion_tokens: 3,
            cached_tokens: 4,
            finish_reason: null,
          },
        }),
      ],
      [
        80,
        json({
          text: ' A B C',
          meta_info: {
            id: 'g',
            prompt_tokens: 9,
            completion_tokens: 5,
            cached_tokens: 4,
            finish_reason: { type: 'length', length: 5 },
          },
        }),
      ],
      [81, 'data: [DONE] \n\n'],
    ],
    expected: {
      status: 'ok',
      firstToken: 40,
      firstAnswer: 40,
      lastToken: 80,
      end: 81,
      chunks: 3,
      input: 9,
      output: 5,
      cached: 4,
      finish: 'length',
      id: 'g',
    },
  },
  {
    name: 'sglang with --stream-output: only what is new, also when it repeats',
    protocol: 'sglang',
    chunks: [
      [40, json({ text: ' A', meta_info: { completion_tokens: 1, finish_reason: null } })],
      [60, json({ text: ' B', meta_info: { completion_tokens: 2, finish_reason: null } })],
      [70, json({ text: ' B', meta_info: { completion_tokens: 3, finish_reason: null } })],
      [
        80,
        json({ text: '', meta_info: { completion_tokens: 3, finish_reason: { type: 'stop', matched: 2 } } }),
      ],
      [81, json('[DONE]').replaceAll('"', '')],
    ],
    expected: {
      status: 'ok',
      firstToken: 40,
      firstAnswer: 40,
      lastToken: 70,
      end: 81,
      chunks: 3,
      input: null,
      output: 3,
      finish: 'stop',
    },
  },
  {
    name: 'sglang: aborted inside a 200',
    protocol: 'sglang',
    chunks: [[40, json({ text: '', meta_info: { finish_reason: { type: 'abort', message: 'too long' } } })]],
    expected: {
      status: 'stream_error',
      firstToken: null,
      firstAnswer: null,
      lastToken: null,
      end: 40,
      chunks: 0,
      input: null,
      output: null,
      finish: null,
      error: 'too long',
    },
  },
  {
    name: 'tgi: a token per event, details with the last; the end-of-text token is no text',
    protocol: 'tgi',
    chunks: [
      [
        30,
        'data:{"index":1,"token":{"id":5,"text":" A","logprob":-0.1,"special":false},"generated_text":null,"details":null}\n\n',
      ],
      [
        50,
        'data:{"index":2,"token":{"id":6,"text":" B","logprob":-0.1,"special":false},"generated_text":null,"details":null}\n\n',
      ],
      [
        70,
        'data:{"index":3,"token":{"id":2,"text":"</s>","logprob":-0.1,"special":true},"generated_text":" A B","details":{"finish_reason":"eos_token","generated_tokens":3,"seed":null,"input_length":7}}\n\n',
      ],
    ],
    expected: {
      status: 'ok',
      firstToken: 30,
      firstAnswer: 30,
      lastToken: 50,
      end: 70,
      chunks: 2,
      input: 7,
      output: 3,
      finish: 'stop',
    },
  },
  {
    name: 'tgi: an error event',
    protocol: 'tgi',
    chunks: [[30, 'data:{"error":"Request failed during generation","error_type":"generation"}\n\n']],
    expected: {
      status: 'stream_error',
      firstToken: null,
      firstAnswer: null,
      lastToken: null,
      end: 30,
      chunks: 0,
      input: null,
      output: null,
      finish: null,
      error: 'Request failed during generation',
    },
  },
  {
    name: 'llama.cpp: counts and timings with stop; tokens_cached is no cache hit',
    protocol: 'llama-cpp',
    chunks: [
      [30, json({ index: 0, content: ' A', tokens: [1], stop: false })],
      [50, json({ index: 0, content: ' B', tokens: [2], stop: false })],
      [
        51,
        json({
          index: 0,
          content: '',
          stop: true,
          stop_type: 'limit',
          tokens_predicted: 2,
          tokens_evaluated: 12,
          tokens_cached: 13,
          truncated: false,
          timings: { cache_n: 8, prompt_n: 4, predicted_n: 2 },
        }),
      ],
    ],
    expected: {
      status: 'ok',
      firstToken: 30,
      firstAnswer: 30,
      lastToken: 50,
      end: 51,
      chunks: 2,
      input: 12,
      output: 2,
      cached: 8,
      finish: 'length',
    },
  },
  {
    name: 'llama.cpp: an older server’s error field',
    protocol: 'llama-cpp',
    chunks: [
      [30, json({ content: ' A', stop: false })],
      [40, 'error: {"code":500,"message":"slot is gone","type":"server_error"}\n\n'],
    ],
    expected: {
      status: 'stream_error',
      firstToken: 30,
      firstAnswer: 30,
      lastToken: 30,
      end: 40,
      chunks: 1,
      input: null,
      output: null,
      finish: null,
      error: 'slot is gone',
      text: ' A',
    },
  },
  {
    name: 'F20: ollama without prompt_eval_count: the prompt is unknown, not 0',
    protocol: 'ollama-generate',
    contentType: 'application/x-ndjson',
    chunks: [
      [30, line({ model: 'm', response: ' A', done: false })],
      [50, line({ model: 'm', response: ' B', done: false })],
      [
        51,
        line({ model: 'm', response: '', done: true, done_reason: 'stop', eval_count: 3, eval_duration: 5 }),
      ],
    ],
    expected: {
      status: 'ok',
      firstToken: 30,
      firstAnswer: 30,
      lastToken: 50,
      end: 51,
      chunks: 2,
      input: null,
      output: 3,
      finish: 'stop',
    },
  },
  {
    name: 'ollama chat: thinking, a tool call, counts; last line without its end',
    protocol: 'ollama-chat',
    contentType: 'application/x-ndjson',
    chunks: [
      [10, line({ message: { role: 'assistant', content: '' }, done: false })],
      [30, line({ message: { role: 'assistant', content: '', thinking: 'hm' }, done: false })],
      [
        50,
        line({
          message: { content: '', tool_calls: [{ function: { name: 'f', arguments: { a: 1 } } }] },
          done: false,
        }),
      ],
      [
        60,
        JSON.stringify({
          message: { content: '' },
          done: true,
          done_reason: 'length',
          prompt_eval_count: 0,
          eval_count: 8,
        }),
      ],
    ],
    expected: {
      status: 'ok',
      firstToken: 30,
      firstAnswer: null,
      lastToken: 50,
      end: 60,
      chunks: 2,
      input: 0,
      output: 8,
      finish: 'length',
    },
  },
  {
    name: 'ollama: an error line in the middle',
    protocol: 'ollama-generate',
    contentType: 'application/x-ndjson',
    chunks: [
      [30, line({ response: ' A', done: false })],
      [40, line({ error: 'an error was encountered while running the model' })],
    ],
    expected: {
      status: 'stream_error',
      firstToken: 30,
      firstAnswer: 30,
      lastToken: 30,
      end: 40,
      chunks: 1,
      input: null,
      output: null,
      finish: null,
      error: 'an error was encountered while running the model',
      text: ' A',
    },
  },
  {
    name: 'triton with the vLLM backend: counts per event add up',
    protocol: 'triton-vllm',
    chunks: [
      [
        30,
        json({
          model_name: 'm',
          text_output: ' A',
          num_input_tokens: 6,
          num_output_tokens: 1,
          finish_reason: 'None',
        }),
      ],
      [
        60,
        json({
          model_name: 'm',
          text_output: ' B C',
          num_input_tokens: 6,
          num_output_tokens: 2,
          finish_reason: 'None',
        }),
      ],
      [
        90,
        json({
          model_name: 'm',
          text_output: ' D',
          num_input_tokens: 6,
          num_output_tokens: 1,
          finish_reason: 'length',
        }),
      ],
    ],
    expected: {
      status: 'ok',
      firstToken: 30,
      firstAnswer: 30,
      lastToken: 90,
      end: 90,
      chunks: 3,
      input: 6,
      output: 4,
      finish: 'length',
    },
  },
  {
    name: 'triton with TensorRT-LLM: text alone; the response’s end is the end',
    protocol: 'triton-trtllm',
    chunks: [
      [30, json({ model_name: 'ensemble', model_version: '1', text_output: ' A' })],
      [60, json({ model_name: 'ensemble', model_version: '1', text_output: ' B' })],
    ],
    expected: {
      status: 'ok',
      firstToken: 30,
      firstAnswer: 30,
      lastToken: 60,
      end: 60,
      chunks: 2,
      input: null,
      output: null,
      finish: null,
      text: ' A B',
    },
  },
  {
    name: 'triton: an error event',
    protocol: 'triton-trtllm',
    chunks: [[30, json({ error: 'in ensemble, unexpected end of input' })]],
    expected: {
      status: 'stream_error',
      firstToken: null,
      firstAnswer: null,
      lastToken: null,
      end: 30,
      chunks: 0,
      input: null,
      output: null,
      finish: null,
      error: 'in ensemble, unexpected end of input',
    },
  },
];
