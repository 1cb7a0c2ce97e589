/** Faults on purpose, over real HTTP: errors, broken streams, slow starts, stalls, speed, killed replicas. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEngineModel } from '../../src/engine/model.js';
import { Faults, NO_FAULTS } from '../../src/serve/faults.js';
import { type EngineServer, type ServeOptions, serveEngine } from '../../src/serve/server.js';
import type { EngineModel, ServedRequest } from '../../src/types.js';
import { eventsOf, eventually, type Reply, samplesOf, send, textOf } from './client.js';

const tiny = await readEngineModel('tiny-demo');
/** Iterations of 1 ms. */
const fast: EngineModel = {
  ...tiny,
  step: { baseSec: 1e-3, perPrefillTokenSec: 0, perDecodeSeqSec: 0, perKvTokenSec: 0, noiseCv: 0 },
};

async function serving(
  options: Partial<ServeOptions>,
  use: (server: EngineServer, served: ServedRequest[]) => Promise<void>,
): Promise<void> {
  const served: ServedRequest[] = [];
  const server = await serveEngine({
    engine: fast,
    port: 0,
    seed: 1,
    onRequest: (request) => served.push(request),
    ...options,
  });
  try {
    await use(server, served);
  } finally {
    await server.close();
  }
}

interface AdminState {
  readonly faults: Readonly<Record<string, number>>;
  readonly replicas: readonly {
    readonly replica: number;
    readonly state: string;
    readonly speed: number;
    readonly running: number;
  }[];
}

const admin = async (server: EngineServer, action: string, body: object = {}): Promise<AdminState> => {
  const reply = await send(`${server.url}/admin/${action}`, { method: 'POST', body });
  assert.equal(reply.status, 200, reply.text);
  return JSON.parse(reply.text) as AdminState;
};
const stateOf = async (server: EngineServer): Promise<AdminState> =>
  JSON.parse((await send(`${server.url}/admin`)).text) as AdminState;
const chat = (server: EngineServer, maxTokens: number, extra: object = {}): Promise<Reply> =>
  send(`${server.url}/v1/chat/completions`, {
    body: {
      messages: [{ role: 'user', content: 'house garden tree' }],
      max_tokens: maxTokens,
      stream: true,
      ...extra,
    },
  });
/** Resolves once an answer is running; `reply` is what the whole of it becomes. */
async function started(
  server: EngineServer,
  maxTokens: number,
): Promise<{ readonly reply: Promise<Reply | null> }> {
  const before = (await stateOf(server)).replicas.reduce((sum, place) => sum + place.running, 0);
  const reply = chat(server, maxTokens).catch(() => null);
  await eventually(
    async () => (await stateOf(server)).replicas.reduce((sum, place) => sum + place.running, 0),
    (running) => running > before,
  );
  return { reply };
}

test('faults are drawn by share, seeded, and one setting does not shift another', () => {
  const draws = (settings: object) => {
    const faults = new Faults(5);
    faults.settings = { ...NO_FAULTS, ...settings };
    return Array.from({ length: 4_000 }, () => faults.draw());
  };
  const errors = draws({ errorRatio: 0.25 }).map((fault) => fault.errorStatus);
  const share = errors.filter((status) => status !== null).length / errors.length;
  // Standard error 0.007.
  assert.ok(Math.abs(share - 0.25) < 0.025, `${share}`);
  const both = draws({ errorRatio: 0.25, cutRatio: 0.5, slowSec: 1 });
  assert.deepEqual(
    both.map((fault) => fault.errorStatus),
    errors,
  );
  const none = draws({});
  assert.ok(none.every((f) => f.errorStatus === null && f.delaySec === 0 && f.cutAtRatio === null));
});

test('errors: all requests are refused with the asked status until it is reset', () =>
  serving({}, async (server, served) => {
    const { faults } = await admin(server, 'faults', { errorRatio: 1, errorStatus: 529 });
    assert.deepEqual([faults['errorRatio'], faults['errorStatus']], [1, 529]);
    const reply = await chat(server, 3);
    assert.equal(reply.status, 529);
    assert.match(reply.text, /a fault that was asked for/);
    assert.deepEqual([served[0].status, served[0].httpStatus], ['refused', 529]);
    await admin(server, 'reset');
    assert.equal((await chat(server, 3)).status, 200);
  }));

test('broken streams: some tokens, then the connection ends without a finish', () =>
  serving({}, async (server, served) => {
    await admin(server, 'faults', { cutRatio: 1 });
    for (let i = 0; i < 5; i++) {
      const { text } = await chat(server, 40);
      const complete = text.slice(0, text.lastIndexOf('\n\n') + 2);
      const { chunks, done } = eventsOf(complete);
      assert.equal(done, false);
      assert.ok(chunks.every((chunk) => chunk.choices[0].finish_reason === null));
      const record = await eventually(
        () => served[i],
        (found) => found !== undefined,
      );
      assert.deepEqual([record.status, record.error], ['cut', 'a fault that was asked for']);
      assert.equal(chunks.filter((chunk) => textOf(chunk) !== '').length, record.outputTokens);
    }
    assert.ok(new Set(served.map((record) => record.outputTokens)).size > 1, 'not always at the same place');
    await admin(server, 'reset');
    assert.ok(eventsOf((await chat(server, 40)).text).done);
  }));

test('slow starts: the engine sees the request after the delay', () =>
  serving({}, async (server, served) => {
    await admin(server, 'faults', { slowSec: 0.25 });
    assert.ok(eventsOf((await chat(server, 2)).text).done);
    const [{ readNs, queuedNs, firstTokenNs }] = served;
    assert.ok(queuedNs! - readNs! >= 250e6 && firstTokenNs! > queuedNs!);
  }));

test('a stall freezes a running answer for as long as asked, and only on its replica', () =>
  serving({ replicas: 2, router: 'round-robin' }, async (server, served) => {
    const { reply } = await started(server, 150);
    await admin(server, 'stall', { seconds: 0.4, replica: 0 });
    await chat(server, 1);
    await reply;
    const [other, stalled] = served;
    assert.deepEqual([other.replica, stalled.replica], [1, 0]);
    const spent = (record: ServedRequest): number => (record.lastTokenNs! - record.queuedNs!) / 1e6;
    assert.ok(spent(stalled) >= 400 + 150, `${spent(stalled)} ms for 150 iterations of 1 ms and the stall`);
    // An idle replica does not start before its stall is over.
    await admin(server, 'stall', { seconds: 0.2 });
    await chat(server, 1);
    assert.ok(spent(served[2]) > 100);
  }));

test('speed changes from the next iteration on, for one replica or all, and is told', () =>
  serving({ replicas: 2 }, async (server, served) => {
    const state = await admin(server, 'speed', { speed: 0.05, replica: 1 });
    assert.deepEqual(
      state.replicas.map((place) => place.speed),
      [1, 0.05],
    );
    await admin(server, 'speed', { speed: 0.05 });
    await chat(server, 10);
    const [{ lastTokenNs, queuedNs }] = served;
    // Ten iterations of 20 ms instead of 1 ms.
    assert.ok(lastTokenNs! - queuedNs! >= 200e6 - 1e6);
  }));

test('a killed replica breaks its connections, takes nothing, exports nothing, and comes back empty', () =>
  serving({ replicas: 2, router: 'round-robin' }, async (server, served) => {
    const { reply } = await started(server, 10_000);
    await admin(server, 'kill', { replica: 0 });
    await reply;
    assert.deepEqual(
      [served[0].status, served[0].error, served[0].replica],
      ['cut', 'the replica was killed', 0],
    );
    assert.equal((await send(`${server.url}/health`)).status, 200);
    for (let i = 0; i < 3; i++) assert.equal((await chat(server, 1)).headers['x-replica'], '1');
    const page = samplesOf((await send(`${server.url}/metrics`)).text);
    const running = (engine: number): number | undefined =>
      page.get(`vllm:num_requests_running{model_name="tiny-demo",engine="${engine}"}`);
    assert.deepEqual([running(0), running(1)], [undefined, 0]);

    await admin(server, 'kill', { replica: 1, startAfter: '50ms' });
    assert.equal((await send(`${server.url}/health`)).status, 503);
    const refused = await chat(server, 1);
    assert.equal(refused.status, 503);
    assert.match(refused.text, /no replica is up/);
    assert.equal((await send(`${server.url}/metrics`)).text, '');
    await eventually(
      () => stateOf(server),
      (state) => state.replicas[1].state === 'up',
    );
    assert.equal((await chat(server, 1)).headers['x-replica'], '1');
    const { replicas } = await admin(server, 'start', { replica: 0 });
    assert.equal(replicas[0].state, 'starting');
    await eventually(
      () => stateOf(server),
      (state) => state.replicas.every((place) => place.state === 'up'),
    );
    const places = await Promise.all([1, 2].map(async () => (await chat(server, 1)).headers['x-replica']));
    assert.deepEqual(places.sort(), ['0', '1']);
  }));

test('impossible settings are refused together and change nothing; without admin there is no such path', async () => {
  await serving({}, async (server) => {
    const post = (action: string, body: unknown): Promise<Reply> =>
      send(`${server.url}/admin/${action}`, { method: 'POST', body });
    const bad = await post('faults', { errorRatio: 2, errorStatus: 200, cutRatoi: 0.1 });
    assert.equal(bad.status, 400);
    for (const part of [/errorRatio: expected a number from 0 to 1/, /errorStatus/, /did you mean cutRatio/])
      assert.match(bad.text, part);
    for (const [action, body] of [
      ['kill', {}],
      ['kill', { replica: 1 }],
      ['stall', {}],
      ['speed', { speed: 0 }],
      ['stall', '{'],
    ] as const)
      assert.equal((await post(action, body)).status, 400, `${action} ${JSON.stringify(body)}`);
    assert.equal((await send(`${server.url}/admin/kill`)).status, 405);
    assert.deepEqual((await stateOf(server)).faults, NO_FAULTS);
  });
  await serving({ admin: false }, async (server) => {
    assert.equal((await send(`${server.url}/admin`)).status, 404);
    assert.equal((await send(`${server.url}/admin/kill`, { method: 'POST', body: {} })).status, 404);
  });
});

test('speculative decoding: several tokens per chunk, none lost', () => {
  const engine = { ...fast, speculation: { draftTokens: 3, acceptanceRatio: 0.7, draftSec: 0 } };
  return serving({ engine }, async (server) => {
    const plain = await new Promise<string>((resolve) => {
      void serving({}, async (other) =>
        resolve(
          eventsOf((await chat(other, 60)).text)
            .chunks.map(textOf)
            .join(''),
        ),
      );
    });
    const { chunks, done } = eventsOf((await chat(server, 60)).text);
    const pieces = chunks.map(textOf).filter((text) => text !== '');
    assert.ok(done && pieces.length < 45 && pieces.length >= 15, `${pieces.length} chunks`);
    assert.equal(pieces.join(''), plain);
  });
});

test('priority and adapters of requests reach the engine', () => {
  const engine: EngineModel = {
    ...fast,
    step: { ...fast.step, baseSec: 0.02 },
    limits: { ...fast.limits, maxSeqs: 1 },
    scheduling: 'priority',
    adapters: { maxLoaded: 1, loadSec: 0.05 },
  };
  return serving({ engine }, async (server, served) => {
    const replies = [chat(server, 10)];
    await eventually(
      () => stateOf(server),
      (state) => state.replicas[0].running === 1,
    );
    replies.push(chat(server, 1, { priority: 5 }));
    await eventually(
      async () => samplesOf((await send(`${server.url}/metrics`)).text),
      (page) => page.get('vllm:num_requests_waiting{model_name="tiny-demo",engine="0"}') === 1,
    );
    replies.push(chat(server, 1, { priority: -5, model: 'lora-a' }));
    await Promise.all(replies);
    assert.deepEqual(
      served.map((record) => record.outputTokens),
      [10, 1, 1],
    );
    assert.ok(served[1].queuedNs! > served[2].queuedNs!, 'the urgent one overtook');
    // One iteration and the load of its adapter.
    assert.ok(served[1].firstTokenNs! - served[1].admittedNs! >= 69e6);
  });
});
