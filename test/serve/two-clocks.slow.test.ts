/**
 * One engine model, two clocks: what was served on the real clock, simulated again in virtual time from the recorded
 * arrivals, gives the planned instants of the server.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createScheduler } from '../../src/clock.js';
import { simulateFleet } from '../../src/engine/fleet.js';
import { readEngineModel } from '../../src/engine/model.js';
import { percentileSorted } from '../../src/metrics.js';
import { randomOf } from '../../src/random.js';
import { serveEngine } from '../../src/serve/server.js';
import type { ServedRequest } from '../../src/types.js';
import { watchMachine } from '../machine.js';
import { send } from './client.js';

/** Light enough that the engine often comes to rest: a difference lives until then. */
const REQUESTS = 200;
const RATE_PER_SEC = 20;

test('planned instants of a served run equal a virtual run of the same arrivals', async (t) => {
  const model = await readEngineModel('tiny-demo');
  // No sharing of prefixes: the virtual run below has no texts.
  const engine = { ...model, prefixCaching: false };
  const machine = await watchMachine();
  const served: ServedRequest[] = [];
  const server = await serveEngine({
    engine,
    port: 0,
    seed: 1,
    onRequest: (request) => served.push(request),
  });
  const scheduler = createScheduler();
  const rng = randomOf('two clocks', 'arrivals');
  let atNs = scheduler.nowNs() + 2e8;
  const replies = Array.from({ length: REQUESTS }, () => {
    atNs += (rng.exponential() / RATE_PER_SEC) * 1e9;
    const dueNs = atNs;
    const body = {
      messages: [{ role: 'user', content: 'house '.repeat(20 + rng.int(400)).trim() }],
      max_tokens: 1 + rng.int(20),
      stream: true,
    };
    return new Promise<void>((resolve, reject) => {
      scheduler.callAt(dueNs, () => {
        send(`${server.url}/v1/chat/completions`, { body }).then(() => resolve(), reject);
      });
    });
  });
  await Promise.all(replies);
  await server.close();
  assert.equal(served.length, REQUESTS);

  const inOrder = [...served].sort((a, b) => a.queuedNs! - b.queuedNs!);
  const originNs = inOrder[0].queuedNs!;
  const result = simulateFleet({
    requests: inOrder.map((request, id) => ({
      id,
      arrivalSec: (request.queuedNs! - originNs) / 1e9,
      inputTokens: request.promptTokens!,
      outputTokens: request.outputTokens,
      prefixHashes: null,
      sessionKey: null,
    })),
    engine,
    replicas: 1,
    seed: 1,
  });
  const errorsMs = (
    of: (served: ServedRequest, virtualNs: number) => number,
    at: 'firstTokenNs' | 'lastTokenNs',
  ) =>
    Float64Array.from(inOrder, (request, i) => Math.abs(of(request, result.requests[i][at]!)) / 1e6).sort();
  const first = errorsMs((r, ns) => r.firstTokenPlannedNs! - originNs - ns, 'firstTokenNs');
  const last = errorsMs((r, ns) => r.lastTokenPlannedNs! - originNs - ns, 'lastTokenNs');
  const busy = await machine.reason();
  if (busy !== null) t.diagnostic(`differences are not asserted: ${busy}`);
  const [lateness] = server.lateness();
  t.diagnostic(
    `lateness of iterations: p50 ${lateness.p50Ms} ms, p99 ${lateness.p99Ms} ms, max ${lateness.maxMs} ms`,
  );
  for (const [name, errors] of [
    ['first token', first],
    ['last token', last],
  ] as const) {
    const p50 = percentileSorted(errors, 0.5)!;
    const p90 = percentileSorted(errors, 0.9)!;
    t.diagnostic(`${name}: served and virtual differ by p50 ${p50} ms, p90 ${p90} ms`);
    if (busy !== null) continue;
    // Equal but for arrivals that fell between an iteration's planned end and the moment that it was noticed.
    assert.ok(p50 < 0.1, `${name} p50 ${p50} ms`);
    assert.ok(p90 < 5, `${name} p90 ${p90} ms`);
  }
});
