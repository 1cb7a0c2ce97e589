/** `simulate`: a trace on a fleet of engines in virtual time, judged like a run. */
import { type DisaggregatedResult, type Pool, simulateDisaggregated } from '../engine/disaggregated.js';
import {
  createElasticFleet,
  type ElasticFleetOptions,
  type ElasticFleetResult,
} from '../engine/elastic/elastic-fleet.js';
import { createFleet, type FleetOptions } from '../engine/fleet.js';
import { planCost } from '../engine/fleet-cost.js';
import { DEFAULT_ROUTER } from '../engine/router.js';
import { attainmentWindowSec, sloOverTime } from '../engine/slo-over-time.js';
import { requestsOfTrace } from '../engine/trace-requests.js';
import { ToolError } from '../errors.js';
import { createManifest, hashInput } from '../manifest.js';
import { summarizeMetrics } from '../metrics.js';
import { goodputOf, isGood, judgeSlo, type Slo } from '../slo.js';
import { openTrace, type TraceReader } from '../trace/read.js';
import type { MetricSummaryMap } from '../types/run-support.js';
import type {
  AutoscalerSpec,
  EngineModel,
  EngineRequest,
  PlanCost,
  ProgressListener,
  RouterPolicy,
  ScalingSummary,
  SimulationDocument,
  SimulationResult,
} from '../types.js';
import { nsToSec, type RateSpec } from '../units.js';
import { poolsOf, waitOf } from './pools.js';
import { scalingNotes, scalingOf } from './scaling.js';

export type ScalingConditions = Pick<
  ElasticFleetOptions,
  'scrapeSec' | 'coldStart' | 'terminationGraceSec' | 'outages' | 'failuresSec'
>;

export interface SimulateTraceOptions {
  /** Path of a trace file, or an open trace (left open). */
  readonly trace: string | TraceReader;
  readonly engine: EngineModel;
  /** Default 1. With an autoscaler: those at the start, by default its minimum. */
  readonly replicas?: number;
  /** Prompts are computed on replicas of their own; the others decode. Not together with an autoscaler. */
  readonly prefill?: Pool;
  /** Resizes the fleet. Default: nobody does. */
  readonly autoscaler?: AutoscalerSpec;
  /** What surrounds the fleet: scrapes, cold starts, grace, replicas that die. */
  readonly scaling?: ScalingConditions;
  /** Default: least-requests. */
  readonly router?: RouterPolicy;
  readonly seed: string | number;
  /** Divides arrival times, like `replay --speed`; default 1. */
  readonly speed?: number;
  /** Scales arrival times to this rate, after `speed`. */
  readonly rate?: RateSpec;
  /** Divides iteration times; default 1. */
  readonly engineSpeed?: number;
  readonly slo?: Slo;
  /** Price of one replica-hour; null = unknown. */
  readonly pricePerReplicaHour?: number | null;
  /** Keep every token's instant for ITL (8 bytes each). Default: for traces up to 50 000 rows. */
  readonly keepChunks?: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

/** The summary, and the fleet's result with the instants of each request. */
export interface TraceSimulation {
  readonly document: SimulationDocument;
  readonly result: SimulationResult;
}

const MAX_ROWS_WITH_CHUNKS = 50_000;

/**
 * Simulates a trace. Rows without known, positive lengths are left out and counted.
 * Throws NO_ROWS when nothing is left, BAD_VALUE for impossible options, BAD_TRACE, and the signal's reason.
 */
export async function simulateTrace(options: SimulateTraceOptions): Promise<TraceSimulation> {
  if (typeof options.trace !== 'string') return simulateReader(options.trace, options);
  const reader = await openTrace(options.trace);
  try {
    return await simulateReader(reader, options);
  } finally {
    reader.close();
  }
}

async function simulateReader(reader: TraceReader, options: SimulateTraceOptions): Promise<TraceSimulation> {
  const { engine, seed, signal, progress } = options;
  const span = await arrivalSpan(reader, signal);
  const speed = speedOf(options, reader.rowCount, span.durationSec);
  const keepChunks = options.keepChunks ?? reader.rowCount <= MAX_ROWS_WITH_CHUNKS;
  const router = options.router ?? DEFAULT_ROUTER;
  const engineSpeed = options.engineSpeed ?? 1;
  requirePositive('engine speed', engineSpeed);
  const fleet = openFleet(options, { engine, router, seed, engineSpeed, keepChunks });
  const requests = requestsOfTrace(reader, { engine, speed, signal });
  for await (const batch of requests.batches()) {
    for (const request of batch) fleet.offer(request);
    progress?.({ stage: 'simulating', done: fleet.offered, total: reader.rowCount, unit: 'requests' });
    // Reading is asynchronous only now and then; without this an interrupt would wait for the end.
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
  const { excluded } = requests;
  if (fleet.offered === 0) {
    throw new ToolError({
      code: 'NO_ROWS',
      message: `no row of ${reader.meta.name} can be simulated: ${describe(excluded) || 'it is empty'}`,
      hint: 'simulation needs input and output lengths; `tokentide inspect` shows what the trace has',
    });
  }
  const outcome = fleet.finish();
  const { result } = outcome;
  const arrivals = result.requests;
  const offeredSpanSec = nsToSec(arrivals[arrivals.length - 1].intendedNs - arrivals[0].intendedNs);
  const slo = options.slo === undefined ? [] : judgeSlo(options.slo, result.requests);
  const scaling = outcome.elastic === undefined ? null : scalingOf(options, outcome.elastic);
  const document: SimulationDocument = {
    schemaVersion: 1,
    kind: 'simulation',
    manifest: createManifest({
      command: 'simulate',
      options: {
        engine: engine.name,
        replicas: options.replicas,
        autoscaler: options.autoscaler?.kind,
        prefillReplicas: options.prefill?.replicas,
        router,
        speed,
        engineSpeed,
        slo: options.slo?.text,
      },
      seed: String(seed),
      inputs: [await hashInput(reader.path)],
      timestamp: true,
    }),
    trace: {
      name: reader.meta.name,
      hash: reader.meta.contentHash,
      rows: reader.rowCount,
      durationSec: span.durationSec,
    },
    engine: { name: engine.name, source: engine.source },
    replicas: result.replicas,
    router,
    speed,
    engineSpeed,
    counts: {
      offered: result.requests.length,
      ok:
        result.requests.length - result.refused - (scaling === null ? 0 : scaling.cutOff + scaling.unserved),
      refused: result.refused,
      excluded: { ...excluded },
    },
    offeredPerSec: offeredSpanSec > 0 ? (arrivals.length - 1) / offeredSpanSec : null,
    outputTokensPerSec: result.makespanSec > 0 ? result.generatedTokens / result.makespanSec : null,
    metrics: metricsOf(result, keepChunks),
    queueWaitMs: waitOf(result),
    makespanSec: result.makespanSec,
    utilisation: result.utilisation,
    running: result.running,
    waiting: result.waiting,
    kvUsage: result.kvUsage,
    preemptions: result.preemptions,
    prefixHitRatio: result.prefixHitRatio,
    promptTokens: result.promptTokens,
    generatedTokens: result.generatedTokens,
    slo,
    sloMet: options.slo === undefined ? null : slo.every((term) => term.met),
    goodput: options.slo === undefined ? null : goodputOf(options.slo, result.requests),
    ...(options.slo === undefined
      ? {}
      : {
          attainmentOverTime: sloOverTime(options.slo, result.requests, attainmentWindowSec(offeredSpanSec)),
        }),
    ...(options.pricePerReplicaHour == null
      ? {}
      : { cost: costOf(options, options.pricePerReplicaHour, result, scaling) }),
    ...(engine.adapters === undefined ? {} : { adapterLoads: result.adapterLoads }),
    ...(outcome.pools === undefined
      ? {}
      : { disaggregated: poolsOf(options, options.prefill!, outcome.pools) }),
    ...(scaling === null ? {} : { scaling }),
    notes: [
      ...notesOf(reader, engine, result, excluded, keepChunks),
      ...(scaling === null ? [] : scalingNotes(scaling)),
    ],
  };
  return { document, result };
}

/** A fleet of fixed size or an autoscaled one, behind the same two calls. */
interface OpenFleet {
  offer(request: EngineRequest): void;
  readonly offered: number;
  finish(): Outcome;
}

interface Outcome {
  readonly result: SimulationResult;
  readonly elastic?: ElasticFleetResult;
  readonly pools?: DisaggregatedResult;
}

function openFleet(options: SimulateTraceOptions, common: Omit<FleetOptions, 'replicas'>): OpenFleet {
  const { replicas, prefill } = options;
  if (prefill !== undefined) return openPools(options, common, prefill);
  const autoscaler = autoscalerOf(options);
  if (autoscaler === undefined) {
    const fleet = createFleet({ ...common, replicas: replicas ?? 1 });
    return {
      offer: (request) => fleet.offer(request),
      get offered() {
        return fleet.offered;
      },
      finish: () => ({ result: fleet.finish() }),
    };
  }
  const fleet = createElasticFleet({ ...common, ...options.scaling, autoscaler, initialReplicas: replicas });
  return {
    offer: (request) => fleet.offer(request),
    get offered() {
      return fleet.offered;
    },
    finish() {
      const elastic = fleet.finish();
      return { result: elastic.simulation, elastic };
    },
  };
}

/** A fleet of fixed size in which replicas die is one that nobody resizes. */
export function autoscalerOf(options: SimulateTraceOptions): AutoscalerSpec | undefined {
  const { autoscaler, scaling, replicas = 1 } = options;
  return autoscaler ?? (scaling?.failuresSec?.length ? { kind: 'static', replicas } : undefined);
}

function costOf(
  options: SimulateTraceOptions,
  pricePerReplicaHour: number,
  result: SimulationResult,
  scaling: ScalingSummary | null,
): PlanCost {
  const { slo } = options;
  const ok = result.requests.filter((request) => request.status === 'ok');
  return planCost({
    pricePerReplicaHour,
    replicas: scaling?.meanReplicas ?? result.replicas,
    durationSec: result.makespanSec,
    inputTokens: ok.reduce((sum, request) => sum + (request.inputTokens ?? 0), 0),
    outputTokens: ok.reduce((sum, request) => sum + (request.outputTokens ?? 0), 0),
    goodRequests: slo === undefined ? ok.length : ok.filter((request) => isGood(slo, request)).length,
  });
}

/** Pools are simulated one after the other, so the requests are kept until the end. */
function openPools(
  options: SimulateTraceOptions,
  common: Omit<FleetOptions, 'replicas'>,
  prefill: Pool,
): OpenFleet {
  if (options.autoscaler !== undefined) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: 'a fleet with prefill replicas cannot be autoscaled in simulation',
      hint: 'leave out the autoscaler, or the prefill replicas',
    });
  }
  const { engine, seed, engineSpeed, keepChunks, router } = common;
  const { signal, progress } = options;
  const requests: EngineRequest[] = [];
  const decode = { engine, router, replicas: options.replicas ?? 1 };
  return {
    offer: (request) => requests.push(request),
    get offered() {
      return requests.length;
    },
    finish() {
      const pools = simulateDisaggregated({
        requests,
        prefill,
        decode,
        seed,
        engineSpeed,
        keepChunks,
        signal,
        progress,
      });
      return { result: pools.simulation, pools };
    },
  };
}

async function arrivalSpan(reader: TraceReader, signal?: AbortSignal): Promise<{ durationSec: number }> {
  let firstNs: bigint | null = null;
  let lastNs = 0n;
  for await (const batch of reader.batches({ columns: [], signal })) {
    if (batch.rowCount === 0) continue;
    firstNs ??= batch.arrivalNs[0];
    lastNs = batch.arrivalNs[batch.rowCount - 1];
  }
  return { durationSec: firstNs === null ? 0 : nsToSec(Number(lastNs - firstNs)) };
}

/** The factor that arrival times are divided by. */
function speedOf(options: SimulateTraceOptions, rows: number, durationSec: number): number {
  const speed = options.speed ?? 1;
  requirePositive('speed', speed);
  const { rate } = options;
  if (rate === undefined) return speed;
  if (rate.kind === 'factor') return speed * rate.factor;
  if (rows < 2 || durationSec === 0) {
    throw new ToolError({
      code: 'BAD_TRACE',
      message: `a rate of ${rate.ratePerSec}/s needs a trace with at least two distinct arrivals`,
      hint: 'leave out --rate',
    });
  }
  return rate.ratePerSec / ((rows - 1) / durationSec);
}

function requirePositive(what: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected a ${what} above zero, got ${value}`,
    hint: 'give a positive number',
  });
}

function metricsOf(result: SimulationResult, keepChunks: boolean): MetricSummaryMap {
  // Nothing is sent late in virtual time: what counts from the intended instant equals what counts from the send.
  const { ttft, e2e, tpot, ntpot, itl } = summarizeMetrics(result.requests);
  return keepChunks ? { ttft, e2e, tpot, ntpot, itl } : { ttft, e2e, tpot, ntpot };
}

function notesOf(
  reader: TraceReader,
  engine: EngineModel,
  result: SimulationResult,
  excluded: Readonly<Record<string, number>>,
  keepChunks: boolean,
): string[] {
  const notes: string[] = [];
  if (engine.calibration === null)
    notes.push(`engine ${engine.name} is not calibrated; its file says where the numbers come from`);
  const left = describe(excluded);
  if (left !== '') notes.push(`rows left out: ${left}`);
  if (result.refused > 0) {
    const { maxModelLen, kvBlocks, blockSize } = engine.limits;
    const limit = Math.min(maxModelLen, kvBlocks * blockSize);
    notes.push(`${result.refused} requests refused: prompt and answer exceed ${limit} tokens`);
  }
  if (!keepChunks) notes.push('itl left out: token instants were not kept');
  const grid = reader.meta.quality?.clock.gridNs ?? null;
  if (grid !== null)
    notes.push(
      `arrivals come in bursts every ${nsToSec(grid)} s because the source's clock is coarse; latencies suffer`,
    );
  if (engine.adapters !== undefined && result.adapterLoads === 0)
    notes.push('the trace names no adapters: every request uses the base model');
  if (engine.prefixCaching && !reader.columns.includes('blockHashes'))
    notes.push('the trace has no prefix blocks: no request shares a prefix here');
  return notes;
}

function describe(excluded: Readonly<Record<string, number>>): string {
  return Object.entries(excluded)
    .map(([reason, rows]) => `${reason} ${rows}`)
    .join(', ');
}
