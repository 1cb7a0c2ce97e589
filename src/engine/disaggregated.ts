/**
 * Prefill and decode on replicas of their own: a prompt is computed in one pool, its KV travels, the answer is decoded
 * in the other.
 *
 * Base part, used by `simulate`. A request runs as a prompt with one token on a prefill replica; when that token is
 * there its KV is sent (latency + tokens × time per token), and the request queues at a decode replica with all but
 * its last prompt token computed. The decode replica computes that token again and samples the first one: what the
 * client sees first comes from there, as in vLLM with a KV connector. Blocks of the prefill pool are free once the
 * prompt is computed. Prefill never waits for decode, so the pools can be simulated one after the other.
 */
import type {
  EngineModel,
  EngineRequest,
  KvTransfer,
  ProgressListener,
  RequestInstants,
  RouterPolicy,
  SimulationResult,
} from '../types.js';
import { nsToSec, secToNs } from '../units.js';
import { createFleet, fromColumns, type RequestColumns } from './fleet.js';

export interface Pool {
  readonly engine: EngineModel;
  readonly replicas: number;
  /** Default: least-requests. */
  readonly router?: RouterPolicy;
}

export interface DisaggregatedOptions {
  /** In order of arrival. */
  readonly requests: Iterable<EngineRequest> | RequestColumns;
  readonly prefill: Pool;
  readonly decode: Pool;
  /** Default: the prefill engine model's; without one, KV is there at once. */
  readonly transfer?: KvTransfer;
  readonly seed: string | number;
  /** Divides every iteration time of both pools; default 1. */
  readonly engineSpeed?: number;
  readonly keepChunks?: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface DisaggregatedResult {
  /**
   * The requests as clients see them; a request's queue wait is the sum of its waits in both pools; gauges, utilisation
   * and replicas are those of both pools together.
   */
  readonly simulation: SimulationResult;
  readonly prefill: SimulationResult;
  readonly decode: SimulationResult;
  /** Mean time that KV travelled, ms; null when none did. */
  readonly meanTransferMs: number | null;
}

const REQUESTS_PER_REPORT = 8_192;

/** Simulates both pools. Throws what `simulateFleet` throws. */
export function simulateDisaggregated(options: DisaggregatedOptions): DisaggregatedResult {
  const { prefill, decode, seed, engineSpeed, keepChunks, signal, progress } = options;
  const transfer = options.transfer ?? prefill.engine.kvTransfer ?? { latencySec: 0, perTokenSec: 0 };
  const requests =
    'arrivalSec' in options.requests ? [...fromColumns(options.requests)] : [...options.requests];
  const run = (
    stage: string,
    pool: Pool,
    work: readonly EngineRequest[],
    keep: boolean,
  ): SimulationResult => {
    const fleet = createFleet({ ...pool, seed: `${seed}/${stage}`, engineSpeed, keepChunks: keep });
    for (const request of work) {
      fleet.offer(request);
      if (fleet.offered % REQUESTS_PER_REPORT !== 0) continue;
      signal?.throwIfAborted();
      progress?.({ stage, done: fleet.offered, total: work.length, unit: 'requests' });
    }
    return fleet.finish();
  };
  const prompts = run(
    'prefill',
    prefill,
    requests.map((request) => ({ ...request, outputTokens: 1 })),
    false,
  );
  const handed = handOver(requests, prompts, transfer);
  const answers = run(
    'decode',
    decode,
    handed.map(({ request }) => request),
    keepChunks ?? false,
  );
  return {
    simulation: merge(requests, prompts, answers, handed),
    prefill: prompts,
    decode: answers,
    meanTransferMs:
      handed.length === 0
        ? null
        : (1_000 * handed.reduce((sum, { transferSec }) => sum + transferSec, 0)) / handed.length,
  };
}

interface Handed {
  /** As it arrives at the decode pool. */
  readonly request: EngineRequest;
  /** Its place in the order of arrival at the prefill pool. */
  readonly index: number;
  readonly transferSec: number;
}

/** Requests with their KV, in order of arrival at the decode pool. */
function handOver(
  requests: readonly EngineRequest[],
  prompts: SimulationResult,
  transfer: KvTransfer,
): readonly Handed[] {
  const handed: Handed[] = [];
  for (const [index, request] of requests.entries()) {
    const doneNs = prompts.requests[index].lastTokenNs;
    if (doneNs === null) continue;
    const transferSec = transfer.latencySec + transfer.perTokenSec * request.inputTokens;
    handed.push({
      request: {
        ...request,
        arrivalSec: nsToSec(doneNs) + transferSec,
        computedTokens: request.inputTokens - 1,
      },
      index,
      transferSec,
    });
  }
  // Ties keep the order of the first arrival: sort is stable.
  return handed.sort((a, b) => a.request.arrivalSec - b.request.arrivalSec);
}

/** What the clients saw, and both pools as one fleet. */
function merge(
  requests: readonly EngineRequest[],
  prompts: SimulationResult,
  answers: SimulationResult,
  handed: readonly Handed[],
): SimulationResult {
  const instants: RequestInstants[] = [...prompts.requests];
  const queueWaitMs = [...prompts.queueWaitMs];
  for (const [at, { index }] of handed.entries()) {
    const answer = answers.requests[at];
    const arrivalNs = secToNs(requests[index].arrivalSec);
    const refused = answer.status !== 'ok';
    instants[index] = {
      ...answer,
      intendedNs: arrivalNs,
      sentNs: arrivalNs,
      outputTokens: refused ? 0 : requests[index].outputTokens,
    };
    const wait = answers.queueWaitMs[at];
    queueWaitMs[index] = wait === null || queueWaitMs[index] === null ? null : queueWaitMs[index] + wait;
  }
  const firstSec = requests.length === 0 ? 0 : requests[0].arrivalSec;
  const endNs = instants.reduce((end, request) => Math.max(end, request.lastTokenNs ?? 0), 0);
  const makespanSec = requests.length === 0 ? 0 : Math.max(nsToSec(endNs) - firstSec, 0);
  const replicas = prompts.replicas + answers.replicas;
  const busySec = prompts.busySec + answers.busySec;
  // Both are means over the own makespan and replicas; as integrals they can be added.
  const mean = (of: 'running' | 'waiting' | 'kvUsage'): number =>
    makespanSec === 0
      ? 0
      : [prompts, answers].reduce((sum, pool) => sum + pool[of].mean * pool.replicas * pool.makespanSec, 0) /
        (replicas * makespanSec);
  const meanMax = (of: 'running' | 'waiting' | 'kvUsage') => ({
    mean: mean(of),
    max: Math.max(prompts[of].max, answers[of].max),
  });
  return {
    replicas,
    requests: instants,
    queueWaitMs,
    makespanSec,
    busySec,
    utilisation: makespanSec > 0 ? Math.min(busySec / (replicas * makespanSec), 1) : 0,
    running: meanMax('running'),
    waiting: meanMax('waiting'),
    kvUsage: meanMax('kvUsage'),
    preemptions: prompts.preemptions + answers.preemptions,
    prefixHitRatio: prompts.prefixHitRatio,
    refused: instants.filter((request) => request.status !== 'ok').length,
    promptTokens: prompts.promptTokens,
    generatedTokens: answers.generatedTokens,
    adapterLoads: prompts.adapterLoads + answers.adapterLoads,
  };
}
