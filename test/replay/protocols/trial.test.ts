/** Before the load: strict servers are asked again without what they refuse, and every endpoint is reached in its way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../../../src/errors.js';
import { PROTOCOLS, protocolNamed } from '../../../src/replay/protocols/index.js';
import { parseTarget, withModel } from '../../../src/replay/target.js';
import { protocolAnswer } from '../../../src/replay/testing/protocol-answers.js';
import type { Script, ScriptedAnswer } from '../../../src/replay/testing/script.js';
import { createScriptedEndpoint } from '../../../src/replay/testing/scripted-endpoint.js';
import {
  calibratePrompts,
  reachEndpoint,
  type TrialOptions,
  tryEndpoint,
} from '../../../src/replay/trial.js';
import { tokenIdPool } from '../../../src/tokens/id-pool.js';

async function withTrial<T>(
  protocolName: string,
  script: Script,
  use: (options: TrialOptions, bodies: () => Record<string, unknown>[]) => Promise<T>,
  pages: Record<string, string> = {},
): Promise<T> {
  const endpoint = await createScriptedEndpoint({ script, pages });
  const protocol = protocolNamed(protocolName);
  try {
    const options: TrialOptions = {
      target: withModel(parseTarget({ url: endpoint.url, protocol }), 'm'),
      protocol,
      model: 'm',
      stream: true,
      ignoreEos: true,
      extraBody: null,
      signal: null,
    };
    return await use(options, () =>
      endpoint.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>),
    );
  } finally {
    await endpoint.close();
  }
}

const refusal = (message: string, status = 400): ScriptedAnswer => ({
  status,
  contentType: 'application/json',
  steps: [
    { atMs: 0, write: JSON.stringify({ error: { message } }) },
    { atMs: 0, end: 'complete' },
  ],
});

/** Refuses bodies with any of the members, naming the first. */
const strict =
  (
    protocol: string,
    members: readonly string[],
    say = (name: string) => `unknown parameter: '${name}'`,
  ): Script =>
  (request) => {
    const found = members.find((name) => request.body.includes(`"${name}"`));
    return found === undefined ? protocolAnswer(protocol, request) : refusal(say(found));
  };

test('a server as strict as OpenAI’s own: each refused member is given up, once, and said', async () => {
  const members = ['ignore_eos', 'min_tokens', 'max_tokens', 'stream_options'];
  await withTrial('openai-chat', strict('openai-chat', members), async (options, bodies) => {
    const { conceded, notes } = await tryEndpoint(options);
    assert.deepEqual(conceded, members);
    assert.equal(bodies().length, 5);
    assert.equal(bodies()[4]['max_completion_tokens'], 2);
    assert.equal(notes.length, 4);
    assert.match(
      notes.join('\n'),
      /refuses ignore_eos: min_tokens asks.*\n.*refuses min_tokens: answers may be shorter/,
    );
  });
});

test('a refusal that names nothing costs what forces the length, and no more', async () => {
  const script = strict('sglang', ['ignore_eos'], () => 'bad request');
  await withTrial('sglang', script, async (options, bodies) => {
    assert.deepEqual((await tryEndpoint(options)).conceded, ['ignore_eos']);
    assert.equal(bodies().length, 2);
  });
  await withTrial(
    'sglang',
    () => refusal('context too long'),
    async (options, bodies) => {
      await assert.rejects(
        tryEndpoint(options),
        (error) =>
          error instanceof ToolError &&
          /refuses the requests: http_400: context too long/.test(error.message),
      );
      assert.equal(bodies().length, 2);
    },
  );
});

test('a model with a batch dimension is sent inputs that have one', async () => {
  const script: Script = (request) =>
    request.body.includes('"shape":[1,1]')
      ? protocolAnswer('kserve-v2', request)
      : refusal("unexpected shape for input 'text_input' for model 'm'. Expected [-1,1], got [1]");
  await withTrial('kserve-v2', script, async (options) => {
    assert.deepEqual((await tryEndpoint({ ...options, stream: false })).conceded, ['shape']);
  });
});

test('refusals that no giving in can mend stop at once', async () => {
  for (const [status, hint] of [
    [401, /TOKENTIDE_API_KEY/],
    [404, /--protocol/],
    [405, /--protocol/],
  ] as const) {
    await withTrial(
      'openai-chat',
      () => refusal('ignore_eos', status),
      async (options, bodies) => {
        await assert.rejects(
          tryEndpoint(options),
          (error) => error instanceof ToolError && hint.test(error.hint),
        );
        assert.equal(bodies().length, 1);
      },
    );
  }
  const redirect: Script = () => ({
    status: 307,
    headers: { location: 'http://other.example.com/v1/chat/completions' },
    steps: [{ atMs: 0, end: 'complete' }],
  });
  await withTrial('openai-chat', redirect, async (options) => {
    await assert.rejects(
      tryEndpoint(options),
      (error) =>
        error instanceof ToolError &&
        /redirect to http:\/\/other\.example\.com/.test(error.message) &&
        /--url/.test(error.hint),
    );
  });
});

test('a busy or broken endpoint is not turned down: the run will show it', async () => {
  for (const script of [
    (): ScriptedAnswer => refusal('overloaded', 503),
    (): ScriptedAnswer => refusal('slow down', 429),
    (): null => null,
    (): ScriptedAnswer => ({
      steps: [
        { atMs: 0, write: 'data: {"error":"boom"}\n\n' },
        { atMs: 0, end: 'complete' },
      ],
    }),
  ]) {
    await withTrial('openai-chat', script, async (options) => {
      const { conceded, notes } = await tryEndpoint(options);
      assert.deepEqual(conceded, []);
      assert.match(
        notes.join(),
        /the trial request was answered with (http_503: overloaded|http_429|closed_before|boom)/,
      );
    });
  }
});

test('every protocol: its small request is answered, and its template can be calibrated where it counts', async () => {
  for (const { name, streams, operation, promptAs } of PROTOCOLS) {
    const pool = promptAs === 'token-ids' ? tokenIdPool() : undefined;
    const count = (prompt: string): number => prompt.split(' ').length + 9;
    const script: Script = (request) => protocolAnswer(name, request, { countTokens: count });
    await withTrial(name, script, async (options) => {
      const stream = streams !== false;
      assert.deepEqual(await tryEndpoint({ ...options, stream, pool }), { conceded: [], notes: [] }, name);
      const { templateTokens, differences } = await calibratePrompts({ ...options, stream, pool });
      const counts = differences.length > 0;
      assert.equal(templateTokens, counts ? 9 : null, name);
      assert.equal(
        counts || operation === 'embedding' || /vllm-generate|triton-trtllm|kserve/.test(name),
        true,
        name,
      );
    });
  }
});

test('the list of models is read where each server keeps it', async () => {
  const pages: Record<string, string> = {
    '/v1/models': '{"data":[{"id":"a"},{"id":"b"}]}',
    '/get_model_info': '{"model_path":"meta/llama","is_generation":true}',
    '/info': '{"model_id":"org/model","max_input_tokens":1024}',
    '/api/tags': '{"models":[{"name":"llama3:8b"}]}',
    '/v2': '{"name":"triton","version":"2.50"}',
  };
  const expected: Record<string, readonly string[]> = {
    sglang: ['meta/llama'],
    tgi: ['org/model'],
    'ollama-generate': ['llama3:8b'],
    'ollama-chat': ['llama3:8b'],
    'vllm-generate': [],
    'triton-trtllm': [],
    'triton-vllm': [],
    'kserve-v2': [],
  };
  for (const protocol of PROTOCOLS) {
    await withTrial(
      protocol.name,
      () => null,
      async ({ target }) => {
        const models = await reachEndpoint(target, protocol, null);
        assert.deepEqual(models, expected[protocol.name] ?? ['a', 'b'], protocol.name);
      },
      pages,
    );
  }
});
