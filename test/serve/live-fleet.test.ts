/** An autoscaler on a clock that stands still until told: the same decisions as in the simulation, over served replicas. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeScheduler } from '../../src/clock.js';
import { simulateAutoscaledFleet } from '../../src/engine/elastic/simulate-autoscaled.js';
import { EVENT } from '../../src/engine/events.js';
import { Gateway } from '../../src/serve/gateway.js';
import { LiveFleet } from '../../src/serve/live-fleet.js';
import { ReplicaSet } from '../../src/serve/replica-set.js';
import { serveEngine } from '../../src/serve/server.js';
import type { AutoscalerSpec, EngineRequest } from '../../src/types.js';
import { hpa, jobs, keda, secondsEngine } from '../engine/elastic/scenario.js';
import { send } from './client.js';

const COLD_START = { scheduleSec: 0, pullSec: 0, loadSec: 20, warmupSec: 0 };

/** Serves jobs in fake time until everything has ended, and then some. */
function serve(requests: readonly EngineRequest[], autoscaler: AutoscalerSpec, untilSec: number) {
  const scheduler = new FakeScheduler();
  const gateway = new Gateway(scheduler);
  const ends = new Map<number, number>();
  const replicas = new ReplicaSet({
    engine: secondsEngine(),
    count: 20,
    initial: 1,
    router: null,
    seed: 1,
    speed: 1,
    scheduler,
    onStep: (metrics, { events, endNs }) => {
      for (let i = 0; i < events.count; i++) {
        if (events.kinds[i] !== EVENT.finished) continue;
        ends.set(events.ids[i], endNs / 1e9);
        metrics.finish({
          reason: 'length',
          promptTokens: 1,
          generatedTokens: 1,
          e2eSec: 1,
          queueSec: 0,
          prefillSec: 0,
          decodeSec: 0,
        });
        gateway.leave();
      }
      replicas.settle();
    },
    onUp: () => gateway.release(),
  });
  const fleet = new LiveFleet({
    autoscaler,
    replicas,
    scheduler,
    coldStart: COLD_START,
    scrapeSec: 15,
    seed: 1,
    load: () => gateway.load(),
  });
  const submit = (request: EngineRequest): void => {
    const replica = replicas.route(request);
    if (replica !== null) replica.loop.submit(request, scheduler.nowNs());
    else {
      gateway.hold(() => submit(request));
      fleet.wake();
    }
  };
  for (const request of requests) {
    scheduler.callAt(request.arrivalSec * 1e9, () => {
      gateway.enter();
      submit(request);
    });
  }
  scheduler.advance(untilSec * 1e9);
  const lives = fleet.lives();
  const replicaSec = fleet.replicaSec();
  fleet.stop();
  return { scaleEvents: fleet.scaleEvents, lives, replicaSec, ends, states: replicas.states() };
}

const simulate = (requests: readonly EngineRequest[], autoscaler: AutoscalerSpec) =>
  simulateAutoscaledFleet({
    requests,
    autoscaler,
    engine: secondsEngine(),
    coldStart: COLD_START,
    seed: 1,
    phases: 'aligned',
  });

test('30 running at a target of 10 become three replicas after 15 + 20 s, as simulated', () => {
  const requests = jobs(...Array.from({ length: 30 }, () => [0, 100] as const), [40, 1], [41, 1], [42, 1]);
  const served = serve(requests, hpa('running', 10), 60);
  assert.deepEqual(served.scaleEvents, simulate(requests, hpa('running', 10)).scaleEvents.slice(0, 1));
  assert.deepEqual(
    served.lives.map(({ createdSec, readySec }) => [createdSec, readySec]),
    [
      [0, 0],
      [15, 35],
      [15, 35],
    ],
  );
  // The late ones went to the idle replicas.
  assert.deepEqual(
    [30, 31, 32].map((id) => served.ends.get(id)),
    [41, 42, 43],
  );
  assert.equal(served.replicaSec, 60 + 45 + 45);
});

test('a wave up and down: the same changes of size as in the simulation, and drained replicas go down', () => {
  const wave = jobs(
    [0, 1],
    ...Array.from({ length: 40 }, (_, i) => [i + 0.3, 60] as const),
    ...Array.from({ length: 10 }, (_, i) => [100.3 + 20 * i, 30] as const),
  );
  const spec = hpa('running', 8, { downscaleStabilizationSec: 30 });
  const simulated = simulate(wave, spec);
  const served = serve(wave, spec, 330);
  const until = (events: readonly { atSec: number }[]) => events.filter((event) => event.atSec <= 300);
  assert.ok(until(simulated.scaleEvents).length >= 4);
  assert.deepEqual(until(served.scaleEvents), until(simulated.scaleEvents));
  assert.equal(served.ends.size, wave.length);
  for (const [i, request] of simulated.simulation.requests.entries())
    assert.equal(served.ends.get(i), request.lastTokenNs! / 1e9);
  assert.equal(served.states.filter((place) => place.state === 'up').length, 1);
  assert.equal(served.states.filter((place) => place.state === 'draining').length, 0);
});

test('from zero: requests wait at the gateway until the first replica is up', () => {
  const requests = jobs([0, 1], [400, 10], [401, 10]);
  const spec = keda('gateway_queue', 5, { minReplicas: 0, cooldownSec: 60, pollingSec: 15 });
  const served = serve(requests, spec, 500);
  assert.equal(served.ends.size, 3);
  const woken = served.scaleEvents.find((event) => event.from === 0)!;
  assert.ok(woken.atSec >= 400 && woken.atSec <= 430, `${woken.atSec}`);
  // A replica 20 s after that, then ten seconds of work.
  assert.ok(served.ends.get(1)! >= woken.atSec + 30 - 1 && served.ends.get(1)! <= woken.atSec + 32);
});

test('a removed replica finishes what it has', () => {
  const long = jobs(
    [0, 1],
    ...Array.from({ length: 6 }, (_, i) => [i + 0.3, 60] as const),
    // By then there are three replicas; the newest one, which goes first, has two of these.
    ...Array.from({ length: 4 }, (_, i) => [50.3 + i, 300] as const),
  );
  const spec = hpa('running', 2, { downscaleStabilizationSec: 30 });
  const served = serve(long, spec, 400);
  const simulated = simulate(long, spec).simulation.requests;
  assert.ok(served.lives.some((life) => life.drainingSec !== null && life.endSec! > life.drainingSec));
  assert.deepEqual(
    long.map(({ id }) => served.ends.get(id)),
    simulated.map((request) => request.lastTokenNs! / 1e9),
  );
});

test('over HTTP: a request that finds no replica waits; /admin/drain takes one out without cutting anything', async () => {
  const engine = { ...secondsEngine(), step: { ...secondsEngine().step, baseSec: 0.01 } };
  const server = await serveEngine({
    engine,
    port: 0,
    seed: 1,
    autoscaler: hpa('running', 10, { syncSec: 0.05 }),
    scrapeSec: 0.05,
    coldStart: { scheduleSec: 0, pullSec: 0, loadSec: 0.1, warmupSec: 0 },
  });
  try {
    const ask = (tokens: number) =>
      send(`${server.url}/v1/completions`, { body: { prompt: 'house', max_tokens: tokens } });
    const under = ask(30);
    await until(async () => (await state(server.url))[0].running === 1);
    await send(`${server.url}/admin/drain`, { body: { replica: 0 } });
    assert.notEqual((await state(server.url))[0].state, 'up');
    // Nobody is up now: it waits for the replica that the autoscaler starts instead.
    const late = ask(2);
    assert.equal((await under).status, 200);
    assert.equal((await late).status, 200);
    const scaling = server.scaling()!;
    assert.ok(scaling.lives.length >= 2 && scaling.replicaSec > 0);
  } finally {
    await server.close();
  }
});

async function state(url: string): Promise<{ state: string; running: number }[]> {
  return JSON.parse((await send(`${url}/admin`)).text).replicas;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail('it never came to be');
}
