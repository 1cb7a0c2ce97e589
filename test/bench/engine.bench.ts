/**
 * How fast the engine simulates: a million requests in 20 s on one core is the promise. Not a test: run
 * `node dist/test/bench/engine.bench.js [requests]` on a quiet machine. CPU seconds count, so that what else runs on the
 * machine matters less. Traffic: Poisson arrivals, lognormal lengths like those of the Azure conversation trace.
 */
import { DEFAULTS } from '../../src/engine/autoscale/defaults.js';
import { simulateAutoscaledFleet } from '../../src/engine/elastic/simulate-autoscaled.js';
import { simulateFleet } from '../../src/engine/fleet.js';
import { readEngineModel } from '../../src/engine/model.js';
import { expandPrefixHashes } from '../../src/engine/prefix.js';
import { randomOf } from '../../src/random.js';
import type { EngineModel, EngineRequest, HpaSpec, SimulationResult } from '../../src/types.js';
import { formatCount, significant } from '../../src/units.js';

const PROMISED_SEC_PER_MILLION = 20;

const count = Number(process.argv[2] ?? 1_000_000);
/** Block ids take memory: 0.7 kB per request. */
const countWithPrefixes = Math.min(count, 250_000);
const engine = await readEngineModel('llama3-8b-h100-published');

/** Requests at a rate that varies by ±60 % over an hour; with prefixes a fifth of them share their first 512 tokens. */
function traffic(requests: number, ratePerSec: number, prefixes: boolean): EngineRequest[] {
  const gaps = randomOf('bench', 'arrivals');
  const lengths = randomOf('bench', 'lengths');
  const length = (logMedian: number, sd: number, most: number): number =>
    Math.min(most, Math.max(1, Math.round(Math.exp(logMedian + sd * lengths.normal()))));
  let atSec = 0;
  return Array.from({ length: requests }, (_, id) => {
    atSec += gaps.exponential() / (ratePerSec * (1 + 0.6 * Math.sin((2 * Math.PI * atSec) / 3_600)));
    const inputTokens = length(6.9, 0.9, 7_000);
    // Blocks of 512 tokens as in the Mooncake traces; the first one is one of five.
    const hashes = Array.from({ length: Math.ceil(inputTokens / 512) }, (_, k) =>
      k === 0 ? BigInt(id % 5) : BigInt(1_000 * (id + 1) + k),
    );
    return {
      id,
      arrivalSec: atSec,
      inputTokens,
      outputTokens: length(4.8, 0.9, 1_000),
      prefixHashes: prefixes ? expandPrefixHashes(hashes, 512, engine.limits.blockSize, inputTokens) : null,
      sessionKey: null,
    };
  });
}

function measure(name: string, run: () => SimulationResult): void {
  const started = process.cpuUsage();
  const wallStarted = performance.now();
  const result = run();
  const used = process.cpuUsage(started);
  const cpuSec = (used.user + used.system) / 1e6;
  const wallSec = (performance.now() - wallStarted) / 1_000;
  const requests = result.requests.length;
  const perMillionSec = (cpuSec * 1e6) / requests;
  const verdict = perMillionSec <= PROMISED_SEC_PER_MILLION ? 'kept' : 'BROKEN';
  console.log(
    `${name.padEnd(34)} ${significant(cpuSec).padStart(6)} s CPU  ${significant(wallSec).padStart(6)} s wall  ` +
      `${formatCount(requests / cpuSec).padStart(9)} requests/s  ${formatCount(result.generatedTokens / cpuSec).padStart(11)} tokens/s  ` +
      `busy ${(100 * result.utilisation).toFixed(0)} %  promise ${verdict}`,
  );
}

const hpa: HpaSpec = {
  kind: 'hpa',
  minReplicas: 1,
  maxReplicas: 12,
  metrics: [
    {
      name: 'running',
      source: 'pods',
      aggregate: 'sum',
      query: { signal: 'running', statistic: 'last', windowSec: 0 },
      target: { kind: 'average-value', value: 40 },
    },
  ],
  behavior: null,
  ...DEFAULTS,
};

console.log(
  `${formatCount(count)} requests (${formatCount(countWithPrefixes)} with prefixes), ${process.version}, ${process.arch}`,
);
const one = traffic(count, 7, false);
const withModel = (changes: Partial<EngineModel>): EngineModel => ({ ...engine, ...changes });
measure('one replica', () => simulateFleet({ requests: one, engine, replicas: 1, seed: 1 }));
measure('one replica, priority', () =>
  simulateFleet({ requests: one, engine: withModel({ scheduling: 'priority' }), replicas: 1, seed: 1 }),
);
measure('one replica, speculative', () =>
  simulateFleet({
    requests: one,
    engine: withModel({ speculation: { draftTokens: 3, acceptanceRatio: 0.7, draftSec: 0.001 } }),
    replicas: 1,
    seed: 1,
  }),
);
const four = traffic(count, 28, false);
measure('four replicas, least-requests', () =>
  simulateFleet({ requests: four, engine, replicas: 4, seed: 1 }),
);
measure(
  'HPA, one to twelve replicas',
  () => simulateAutoscaledFleet({ requests: four, engine, autoscaler: hpa, seed: 1 }).simulation,
);
const shared = traffic(countWithPrefixes, 28, true);
measure('four replicas, prefix-aware', () =>
  simulateFleet({ requests: shared, engine, replicas: 4, router: 'prefix-aware', seed: 1 }),
);
