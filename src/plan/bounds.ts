/**
 * What can be said about a fleet before simulating it: how many replicas the work alone asks for, and whether requests
 * that never meet another one already miss the SLO, so that no number of replicas helps.
 */
import { simulateFleet } from '../engine/fleet.js';
import { judgeSlo, type Slo } from '../slo.js';
import type { EngineModel, EngineRequest } from '../types.js';
import { missText } from './evidence.js';

/** Requests looked at when the unloaded latency is checked. */
const UNLOADED_SAMPLE = 1_000;

/** Replicas that the work alone asks for, were every iteration full and nobody ever waited; a start, not a proof. */
export function workBound(
  engine: EngineModel,
  requests: readonly EngineRequest[],
  maxReplicas: number,
): number {
  if (requests.length < 2) return 1;
  const spanSec = requests[requests.length - 1].arrivalSec - requests[0].arrivalSec;
  const workSec = requests.reduce((sum, request) => sum + requestWorkSec(engine, request), 0);
  const bound = spanSec > 0 ? Math.floor((0.8 * workSec) / spanSec) : 1;
  return Math.min(maxReplicas, Math.max(1, bound));
}

/** Engine time that one request takes from full iterations, seconds; prompts that may be cached count nothing. */
export function requestWorkSec(engine: EngineModel, request: EngineRequest): number {
  const { step, limits } = engine;
  const cached = engine.prefixCaching && request.prefixHashes !== null;
  const prefill = cached ? 0 : request.inputTokens;
  const decode = request.outputTokens - 1;
  const context = request.inputTokens + request.outputTokens / 2;
  return (
    prefill * (step.perPrefillTokenSec + step.baseSec / limits.maxBatchedTokens) +
    decode * (step.perDecodeSeqSec + step.perKvTokenSec * context + step.baseSec / limits.maxSeqs)
  );
}

/** Why no fleet can help: requests that have an engine for themselves already miss. Null when they do not. */
export function unloadedMiss(
  engine: EngineModel,
  slo: Slo,
  requests: readonly EngineRequest[],
  seed: string,
): string | null {
  const stride = Math.max(1, Math.floor(requests.length / UNLOADED_SAMPLE));
  const sample = requests.filter((_, i) => i % stride === 0);
  const longestSec = sample.reduce((most, request) => Math.max(most, aloneSec(engine, request)), 0);
  const apart = sample.map((request, id) => ({ ...request, id, arrivalSec: id * 2 * longestSec }));
  const alone = simulateFleet({ requests: apart, engine, replicas: 1, seed });
  const missed = judgeSlo(slo, alone.requests).filter((term) => !term.met);
  if (missed.length === 0) return null;
  const refused =
    alone.refused > 0 ? `; ${alone.refused} of ${sample.length} requests do not fit the engine` : '';
  return `no fleet helps: with an idle engine for each request ${missText(missed)}${refused}`;
}

/** Whether an idle engine can serve the request at all. */
export function fitsEngine(engine: EngineModel, request: EngineRequest): boolean {
  const { limits } = engine;
  const tokens = request.inputTokens + request.outputTokens;
  return tokens <= limits.maxModelLen && Math.ceil(tokens / limits.blockSize) <= limits.kvBlocks;
}

/** Upper estimate of a request's time on an idle engine. */
function aloneSec(engine: EngineModel, request: EngineRequest): number {
  const { step, limits } = engine;
  const prefillSteps = Math.ceil(request.inputTokens / limits.maxBatchedTokens);
  const perDecode =
    step.baseSec + step.perDecodeSeqSec + step.perKvTokenSec * (request.inputTokens + request.outputTokens);
  return (
    (prefillSteps * step.baseSec +
      step.perPrefillTokenSec * request.inputTokens +
      perDecode * request.outputTokens) *
      (1 + 3 * step.noiseCv) +
    1e-3
  );
}
