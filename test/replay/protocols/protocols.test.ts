/** Every protocol: transcripts of its streams at exact instants, whole bodies, request bodies, and any cut of the bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Answer } from '../../../src/replay/answer.js';
import type { Outcome } from '../../../src/replay/exchange.js';
import type { RequestShape } from '../../../src/replay/protocol.js';
import { ANSWER_SHAPES } from '../../../src/replay/protocols/answer-shapes.js';
import { PROTOCOLS, protocolNamed } from '../../../src/replay/protocols/index.js';
import { askedOf, protocolAnswer } from '../../../src/replay/testing/protocol-answers.js';
import type { ScriptStep } from '../../../src/replay/testing/script.js';
import { playOne } from '../play.js';
import { TRANSCRIPTS, type Transcript } from './transcripts.js';

/** The prompt that `vllm-generate` transcripts repeat: `playOne` sends bodies without one, so it is given here. */
const BODY = '{"prompt":"say hello"}';

function playTranscript(
  { protocol, contentType, chunks }: Transcript,
  pieces: readonly ScriptStep[] = chunks.map(([atMs, write]) => ({ atMs, write })),
  end: 'complete' | 'close' | null = 'complete',
): ReturnType<typeof playOne> {
  const lastMs = chunks[chunks.length - 1][0];
  const steps = end === null ? pieces : [...pieces, { atMs: lastMs, end }];
  return playOne(steps, { protocol, contentType, body: BODY });
}

for (const transcript of TRANSCRIPTS) {
  test(transcript.name, () => {
    const { expected } = transcript;
    const { outcome, ms } = playTranscript(transcript);
    assert.deepEqual(
      {
        status: outcome.status,
        firstToken: ms['firstToken'],
        firstAnswer: ms['firstAnswer'],
        lastToken: ms['lastToken'],
        end: ms['end'],
        chunks: outcome.chunks,
        input: outcome.inputTokens,
        output: outcome.outputTokens,
        cached: outcome.cachedTokens,
        reasoning: outcome.reasoningTokens,
        finish: outcome.finishReason,
        note: outcome.note,
        error: outcome.error,
        id: outcome.responseId,
        text: outcome.uncounted?.text,
      },
      { cached: null, reasoning: null, note: null, error: null, id: null, text: undefined, ...expected },
    );
  });
}

/** What must not depend on how the network cut the bytes (instants do). */
const meaningOf = ({ outcome }: { outcome: Outcome }): unknown => [
  outcome.status,
  outcome.chunks,
  outcome.inputTokens,
  outcome.outputTokens,
  outcome.cachedTokens,
  outcome.finishReason,
  outcome.error,
  outcome.note,
  outcome.uncounted,
];

test('F01: any cut of any protocol’s stream means the same', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...TRANSCRIPTS),
      fc.array(fc.nat(5_000), { maxLength: 12 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.boolean(),
      (transcript, places, lineEnd, marked) => {
        const isSse = protocolNamed(transcript.protocol).framing !== 'lines';
        const whole = transcript.chunks.map(([, bytes]) => bytes).join('');
        const text = (marked ? '\ufeff' : '') + (isSse ? whole.replaceAll('\n', lineEnd) : whole);
        const bytes = Buffer.from(text.replace('Hel', 'na\u00efve \u{1F642} \u65e5\u672c'));
        const cuts = [0, ...places.map((place) => place % bytes.length).sort((a, b) => a - b), bytes.length];
        const lastMs = transcript.chunks[transcript.chunks.length - 1][0];
        const pieces = cuts.slice(1).map((to, i) => ({ atMs: lastMs, write: bytes.subarray(cuts[i], to) }));
        const one = [{ atMs: lastMs, write: bytes }];
        assert.deepEqual(
          meaningOf(playTranscript(transcript, pieces)),
          meaningOf(playTranscript(transcript, one)),
        );
      },
    ),
    { numRuns: 400, seed: 11 },
  );
});

test('F13: a stream that is cut before its end is truncated, whatever the protocol', () => {
  for (const transcript of TRANSCRIPTS.filter(({ expected }) => expected.status === 'ok')) {
    const { chunks, protocol } = transcript;
    const first = chunks.findIndex(([ms]) => ms === transcript.expected.firstToken);
    const cut = { ...transcript, chunks: chunks.slice(0, first + 1) };
    const { outcome } = playTranscript(cut, undefined, 'close');
    assert.deepEqual([outcome.status, outcome.chunks], ['truncated', 1], transcript.name);
    // In order, it is complete only where nothing else marks the end.
    const inOrder = playTranscript(cut, undefined, 'complete').outcome.status;
    assert.equal(
      inOrder,
      protocolNamed(protocol).endsWithResponse === true ? 'ok' : 'truncated',
      transcript.name,
    );
  }
});

test('F11: an end mark ends the request at once, although the socket stays open', () => {
  for (const transcript of TRANSCRIPTS.filter(({ expected }) => expected.status === 'ok')) {
    if (protocolNamed(transcript.protocol).endsWithResponse === true) continue;
    // A last line without its end is no line yet.
    if (!transcript.chunks.at(-1)![1].endsWith('\n')) continue;
    const { outcome, ms } = playTranscript(transcript, undefined, null);
    assert.deepEqual([outcome.status, ms['end']], ['ok', transcript.expected.end], transcript.name);
  }
});

const shape = (more: Partial<RequestShape> = {}): RequestShape => ({
  model: 'm',
  stream: true,
  maxOutputTokens: 7,
  ignoreEos: true,
  extraBody: null,
  ...more,
});

function bodyOf(name: string, more: Partial<RequestShape> = {}): Record<string, unknown> {
  const { promptAs, frame } = protocolNamed(name);
  const { before, after } = frame(shape(more));
  return JSON.parse(`${before}${promptAs === 'token-ids' ? '11,12' : 'a b'}${after}`) as Record<
    string,
    unknown
  >;
}

test('each body has prompt, length, and the protocol’s own way to force it', () => {
  const bodies: Record<string, unknown> = {
    'openai-chat': {
      messages: [{ role: 'user', content: 'a b' }],
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 7,
      ignore_eos: true,
    },
    'openai-completions': {
      prompt: 'a b',
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 7,
      ignore_eos: true,
    },
    'openai-completions-ids': {
      prompt: [11, 12],
      model: 'm',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 7,
      ignore_eos: true,
    },
    'openai-responses': {
      model: 'm',
      input: 'a b',
      stream: true,
      store: false,
      max_output_tokens: 7,
      ignore_eos: true,
    },
    'openai-embeddings': { model: 'm', input: 'a b' },
    'anthropic-messages': {
      model: 'm',
      max_tokens: 7,
      messages: [{ role: 'user', content: 'a b' }],
      stream: true,
    },
    'vllm-generate': { prompt: 'a b', stream: true, max_tokens: 7, ignore_eos: true },
    sglang: { text: 'a b', stream: true, sampling_params: { max_new_tokens: 7, ignore_eos: true } },
    tgi: { inputs: 'a b', parameters: { details: true, max_new_tokens: 7 } },
    'llama-cpp': { prompt: 'a b', stream: true, cache_prompt: true, n_predict: 7, ignore_eos: true },
    'ollama-generate': {
      model: 'm',
      stream: true,
      truncate: false,
      shift: false,
      options: { num_predict: 7 },
      prompt: 'a b',
      raw: true,
    },
    'ollama-chat': {
      model: 'm',
      stream: true,
      truncate: false,
      shift: false,
      options: { num_predict: 7 },
      messages: [{ role: 'user', content: 'a b' }],
    },
    'triton-trtllm': {
      text_input: 'a b',
      stream: true,
      streaming: true,
      max_tokens: 7,
      sampling_param_max_tokens: 7,
      min_tokens: 7,
      min_length: 7,
      exclude_input_in_output: true,
      sampling_param_exclude_input_from_output: true,
      return_finish_reason: true,
      return_num_input_tokens: true,
      return_num_output_tokens: true,
    },
    'triton-vllm': {
      text_input: 'a b',
      stream: true,
      exclude_input_in_output: true,
      return_finish_reason: true,
      return_num_input_tokens: true,
      return_num_output_tokens: true,
      sampling_parameters: '{"max_tokens":7,"ignore_eos":true}',
    },
    'kserve-v2': {
      inputs: [
        { name: 'text_input', shape: [1], datatype: 'BYTES', data: ['a b'] },
        { name: 'max_tokens', shape: [1], datatype: 'INT32', data: [7] },
        { name: 'min_tokens', shape: [1], datatype: 'INT32', data: [7] },
        { name: 'exclude_input_in_output', shape: [1], datatype: 'BOOL', data: [true] },
      ],
    },
  };
  assert.deepEqual(
    Object.keys(bodies),
    PROTOCOLS.map(({ name }) => name),
  );
  for (const [name, body] of Object.entries(bodies)) assert.deepEqual(bodyOf(name), body, name);
});

test('a length that is unknown is left to the server; extra members join ours', () => {
  for (const { name } of PROTOCOLS) {
    const text = JSON.stringify(bodyOf(name, { maxOutputTokens: null, ignoreEos: false }));
    if (name !== 'anthropic-messages')
      assert.doesNotMatch(text, /max_|min_|n_predict|num_predict|ignore_/, name);
  }
  const joined = bodyOf('sglang', { extraBody: { sampling_params: { temperature: 0 }, lora: 'x' } });
  assert.deepEqual(joined['sampling_params'], { max_new_tokens: 7, ignore_eos: true, temperature: 0 });
  assert.equal(joined['lora'], 'x');
});

test('what a strict server refuses is left out, or asked for in the other way', () => {
  const conceded = (name: string, ...names: string[]): Record<string, unknown> =>
    bodyOf(name, { conceded: names });
  assert.equal(conceded('openai-chat', 'ignore_eos')['min_tokens'], 7);
  assert.equal('min_tokens' in conceded('openai-chat', 'ignore_eos', 'min_tokens'), false);
  assert.equal(conceded('openai-chat', 'max_tokens')['max_completion_tokens'], 7);
  assert.equal('max_tokens' in conceded('openai-chat', 'max_tokens'), false);
  assert.equal('stream_options' in conceded('openai-chat', 'stream_options'), false);
  assert.deepEqual(
    (conceded('kserve-v2', 'shape')['inputs'] as { shape: number[] }[]).map((input) => input.shape),
    [
      [1, 1],
      [1, 1],
      [1, 1],
      [1, 1],
    ],
  );
  for (const { name, concessions = [] } of PROTOCOLS) {
    for (const { name: refused } of concessions) {
      // min_tokens stands in for ignore_eos, where that was refused before.
      const before = refused === 'min_tokens' && concessions[0].name === 'ignore_eos' ? ['ignore_eos'] : [];
      assert.notDeepEqual(
        conceded(name, ...before, refused),
        conceded(name, ...before),
        `${name} without ${refused}`,
      );
    }
  }
});

const WHOLE: [protocol: string, body: unknown, expected: unknown[]][] = [
  [
    'openai-responses',
    {
      id: 'r',
      status: 'completed',
      output: [
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] },
        { type: 'message', content: [{ type: 'output_text', text: 'Hi' }] },
      ],
      usage: { input_tokens: 3, output_tokens: 4 },
    },
    ['ok', 3, 4, 'stop'],
  ],
  [
    'openai-embeddings',
    { data: [{ embedding: [0.1, 0.2] }], usage: { prompt_tokens: 5, total_tokens: 5 } },
    ['ok', 5, null, 'stop'],
  ],
  [
    'openai-embeddings',
    { data: [{ embedding: 'AACAPw==' }], usage: { prompt_tokens: 5 } },
    ['ok', 5, null, 'stop'],
  ],
  ['openai-embeddings', { data: [], usage: { prompt_tokens: 5 } }, ['empty', 5, null, null]],
  [
    'anthropic-messages',
    {
      id: 'm',
      content: [
        { type: 'text', text: 'Hi' },
        { type: 'tool_use', name: 'f', input: { a: 1 } },
      ],
      stop_reason: 'max_tokens',
      usage: { input_tokens: 3, cache_read_input_tokens: 5, output_tokens: 4 },
    },
    ['ok', 8, 4, 'length'],
  ],
  ['vllm-generate', { text: ['say hello A B'] }, ['ok', null, null, null]],
  [
    'sglang',
    { text: ' A', meta_info: { prompt_tokens: 3, completion_tokens: 4, finish_reason: { type: 'stop' } } },
    ['ok', 3, 4, 'stop'],
  ],
  [
    'tgi',
    {
      generated_text: ' A',
      details: { finish_reason: 'length', generated_tokens: 4, prefill: [{ id: 1 }, { id: 2 }] },
    },
    ['ok', 2, 4, 'length'],
  ],
  [
    'tgi',
    [{ generated_text: ' A', details: { finish_reason: 'length', generated_tokens: 4, input_length: 3 } }],
    ['ok', 3, 4, 'length'],
  ],
  [
    'llama-cpp',
    { content: ' A', stop: true, stopped_limit: true, tokens_predicted: 4, tokens_evaluated: 3 },
    ['ok', 3, 4, 'length'],
  ],
  [
    'ollama-generate',
    { response: ' A', done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 4 },
    ['ok', 3, 4, 'stop'],
  ],
  [
    'ollama-chat',
    { message: { content: ' A' }, done: true, prompt_eval_count: 3, eval_count: 4 },
    ['ok', 3, 4, 'stop'],
  ],
  ['triton-trtllm', { model_name: 'm', text_output: ' A' }, ['ok', null, null, null]],
  [
    'triton-vllm',
    { text_output: [' A'], num_input_tokens: 3, num_output_tokens: 4, finish_reason: 'stop' },
    ['ok', 3, 4, 'stop'],
  ],
  [
    'kserve-v2',
    {
      model_name: 'm',
      outputs: [
        { name: 'text_output', datatype: 'BYTES', shape: [1, 1], data: [[' A']] },
        { name: 'num_output_tokens', datatype: 'UINT32', data: [4] },
      ],
    },
    ['ok', null, 4, 'stop'],
  ],
  [
    'kserve-v2',
    { outputs: [{ name: 'scores', datatype: 'FP32', shape: [2], data: [0.5, 0.25] }] },
    ['ok', null, null, 'stop'],
  ],
];

test('answers that are not streamed: counts, finish, no first token', () => {
  for (const [protocol, body, expected] of WHOLE) {
    const { outcome } = playOne(
      [
        { atMs: 40, write: JSON.stringify(body) },
        { atMs: 40, end: 'complete' },
      ],
      { protocol, stream: false, contentType: 'application/json', body: BODY },
    );
    assert.deepEqual(
      [outcome.status, outcome.inputTokens, outcome.outputTokens, outcome.finishReason],
      expected,
      `${protocol} ${JSON.stringify(body)}`,
    );
    assert.deepEqual([outcome.firstTokenNs, outcome.chunks], [null, 0]);
    if (protocol === 'vllm-generate') assert.equal(outcome.uncounted?.text, ' A B');
  }
});

test('an error object in a 200 is a stream error in every protocol; no JSON is one too', () => {
  for (const { name } of PROTOCOLS) {
    const play = (write: string): Outcome =>
      playOne(
        [
          { atMs: 5, write },
          { atMs: 5, end: 'complete' },
        ],
        { protocol: name, stream: false, contentType: 'application/json', body: BODY },
      ).outcome;
    const refused = play(JSON.stringify({ type: 'error', error: { type: 'x', message: 'model is gone' } }));
    assert.deepEqual([refused.status, refused.error], ['stream_error', 'model is gone'], name);
    const garbage = play('<html>502</html>');
    assert.equal(garbage.status, 'stream_error', name);
    assert.match(garbage.error!, /^unreadable_body: /, name);
  }
});

test('the scripted answers of every protocol are read as what they say', () => {
  assert.deepEqual(
    Object.keys(ANSWER_SHAPES),
    PROTOCOLS.map(({ name }) => name),
  );
  for (const protocol of PROTOCOLS) {
    for (const stream of [true, false]) {
      const frame = protocol.frame(shape({ stream }));
      const isIds = protocol.promptAs === 'token-ids';
      const body = `${frame.before}${isIds ? '11,12,13' : 'a b c'}${frame.after}`;
      const path = stream ? protocol.path : (protocol.plainPath ?? protocol.path);
      assert.equal(askedOf({ body, path }).prompt, isIds ? '11 12 13' : 'a b c', protocol.name);
      const { outcome } = playOne([], {
        protocol: protocol.name,
        stream: stream && protocol.streams !== false,
        body,
        script: (request) => protocolAnswer(protocol.name, { ...request, path }),
      });
      const generates = protocol.operation !== 'embedding';
      assert.equal(outcome.status, 'ok', `${protocol.name} ${stream}`);
      assert.equal(outcome.error, null);
      if (stream && protocol.streams !== false) assert.equal(outcome.chunks, 7, protocol.name);
      const counted = outcome.outputTokens ?? outcome.uncounted?.text.trim().split(' ').length ?? null;
      assert.equal(counted, generates ? 7 : null, protocol.name);
      if (outcome.inputTokens !== null) assert.equal(outcome.inputTokens, 3, protocol.name);
    }
  }
});

test('cumulative texts: an incomplete character that is told anew is no new stream of text', () => {
  const answer = new Answer(3);
  const told: string[] = [];
  const texts = [
    'ab ',
    'ab one two',
    'ab one two three \ufffd',
    'ab one two three é',
    'ab one two three é',
    'ab one two three é!',
  ];
  for (const text of texts) {
    const before = answer.generated().text.length;
    answer.startEvent();
    answer.textSoFar(text);
    told.push(answer.generated().text.slice(before));
  }
  assert.deepEqual(told, ['', 'one two', ' three \ufffd', '', '', '!']);
});
