/**
 * The verbs that need more than one stage, as library functions over files: a stage may not import another, so what
 * one needs of another is wired here. `profileEndpoint` (synthesize, serve, replay or simulation, profile, calibrate),
 * `calibrateEngine` (runs, calibrate) and `planCapacity` (synthesize, profile in virtual time, plan, report).
 */
import { join } from 'node:path';
import { type CalibrationRun, type EngineFit, fitEngineModel } from './calibrate/calibrate.js';
import { withFittedEngine } from './calibrate/profile-engine.js';
import { calibrationRun, loadCalibrationRuns, writeEngineModel } from './calibrate/run-files.js';
import { monotonicNs } from './clock.js';
import { readEngineModel } from './engine/model.js';
import { ToolError } from './errors.js';
import { createManifest, hashInput } from './manifest.js';
import { type PlanSource, planFleet } from './plan/plan.js';
import { type EnginePlan, type PlanCapacityOptions, planChoices } from './plan/plan-choices.js';
import { writePlan } from './plan/plan-files.js';
import { openTraceWorkload, type Workload, workloadRequests } from './plan/workload-source.js';
import { endpointLevels } from './profile/endpoint-levels.js';
import { estimateProfile, type ProfileEstimate, type ProfileSize } from './profile/estimate.js';
import { profileForWorkload } from './profile/for-workload.js';
import { type LevelRun, samplesNeeded } from './profile/judge.js';
import { collectPool, poolFacts } from './profile/load.js';
import { type LevelPlan, type ProfileOptions, profileLoad } from './profile/profile.js';
import { readProfile, writeProfile } from './profile/profile-file.js';
import { simulatedLevels } from './profile/simulated.js';
import type { ReplayOptions } from './replay/options.js';
import { replayTrace } from './replay/replay.js';
import { readServerLimits } from './replay/server-limits.js';
import { writeReport } from './report/write.js';
import { serveEngine } from './serve/server.js';
import { parseSlo, type Slo } from './slo.js';
import { isWorkloadModel } from './synthesize/bundled-models.js';
import { openModelWorkload } from './synthesize/model-workload.js';
import { batchFromRows } from './trace/batch.js';
import type {
  CapacityPlan,
  EngineLimits,
  EngineModel,
  LatencyProfile,
  ProfileLoad,
  ProgressListener,
  TraceMeta,
} from './types.js';

/** What every verb here takes beside its own options. */
export interface VerbContext {
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

/** What to profile: an endpoint, the engine model behind its own server, or the engine model in virtual time. */
export type ProfileTarget =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'engine' | 'simulation'; readonly engine: string; readonly replicas?: number };

/** Anything that a replay takes beside what profile decides. */
export type ReplaySettings = Partial<
  Omit<ReplayOptions, 'trace' | 'url' | 'outDir' | 'unmeasured' | 'slo' | 'seed' | 'signal' | 'progress'>
>;

type LevelChoice = Pick<
  ProfileOptions,
  | 'levels'
  | 'seed'
  | 'durationSec'
  | 'minRequests'
  | 'maxRequests'
  | 'maxLevelSec'
  | 'maxLevels'
  | 'resolution'
  | 'startRatePerSec'
  | 'maxRatePerSec'
  | 'mlperf'
  | 'pricePerHour'
  | 'onLevel'
>;

export interface ProfileEndpointOptions extends VerbContext, LevelChoice {
  /** Trace or workload model. */
  readonly workload: string;
  /** The profile to write; the runs go into a folder beside it. */
  readonly output: string;
  readonly slo: string | readonly string[];
  readonly target: ProfileTarget;
  readonly load?: Partial<Omit<ProfileLoad, 'clock'>>;
  /** Told before the first request how much is to be sent. */
  readonly onEstimate?: (estimate: ProfileEstimate) => void;
  /** Take levels that an interrupted profile finished as they are. */
  readonly resume?: boolean;
  readonly replay?: ReplaySettings;
  /** Limits that measurements cannot show, for the engine model that is fitted to the runs. */
  readonly limits?: Partial<EngineLimits>;
}

/** Profiles an endpoint or an engine model and writes the profile. Throws what reading and replay throw. */
export async function profileEndpoint(options: ProfileEndpointOptions): Promise<LatencyProfile> {
  const { target, seed } = options;
  const slo = parseSlo(options.slo);
  const workload = await openWorkload(options.workload);
  const engine = target.kind === 'url' ? null : await readEngineModel(target.engine);
  const pool = await collectPool(workload.batches(seed), workload.meanRatePerSec);
  const load = loadOf(options);
  const { levels, durationSec, minRequests } = options;
  const manifest = createManifest({
    command: 'profile',
    options: {
      slo: slo.text,
      rates: levels === 'auto' ? 'auto' : levels.join(','),
      ...load,
      durationSec,
      minRequests,
      mlperf: options.mlperf == null ? undefined : `at least ${options.mlperf.minDurationSec} s`,
      engine: engine?.name,
    },
    seed,
    inputs: [workload.input],
    timestamp: true,
  });
  const facts = poolFacts(workload.meta, pool);
  options.onEstimate?.(estimateProfile(facts.name, pool, facts, { ...options, load, slo }));
  const runs: CalibrationRun[] = [];
  const runner = target.kind === 'simulation' ? null : await openEndpoint();
  try {
    const profile = await profileLoad({
      ...options,
      slo,
      load,
      pool,
      manifest,
      workload: facts,
      runLevel: runner?.runLevel ?? simulation(engine!, workload.meta, replicasOf(target)),
    });
    const complete =
      target.kind === 'simulation'
        ? { ...profile, engine }
        : withFittedEngine(profile, {
            runs,
            replicas: replicasOf(target),
            limits: options.limits,
            serverLimits: runner?.serverLimits,
            signal: options.signal,
          });
    await writeProfile(options.output, complete);
    return complete;
  } finally {
    await runner?.close();
  }

  async function openEndpoint() {
    const server =
      engine === null ? null : await serveEngine({ engine, port: 0, seed, replicas: replicasOf(target) });
    const url = server?.url ?? (target as { url: string }).url;
    const runLevel = endpointLevels({
      profilePath: options.output,
      workloadName: workload.meta.name,
      clock: { nowNs: monotonicNs },
      resume: options.resume ?? false,
      url: server === null ? url : null,
      onRun: ({ summary, records }) => {
        if (summary.validity.verdict === 'valid') runs.push(calibrationRun(summary, records));
      },
      replay: async ({ name, rows, hash, folder, ratePerSec, warmupRequests, signal, onSettled }) => {
        await replayTrace({
          ...options.replay,
          trace: { name, rows, blockSize: workload.meta.blockSize, hash },
          url,
          outDir: folder,
          force: true,
          unmeasured: warmupRequests,
          plannedRatePerSec: ratePerSec,
          slo: [slo.text],
          seed,
          signal,
          progress(step) {
            if (step.stage === 'replay') onSettled(step.done);
            options.progress?.(step);
          },
        });
      },
    });
    const { limits: serverLimits } = await readServerLimits(url);
    return { runLevel, serverLimits, close: async () => server?.close() };
  }
}

/** What `profileEndpoint` would send; nothing is sent or written. Throws what reading the workload throws. */
export async function estimateProfileEndpoint(
  options: Pick<ProfileEndpointOptions, 'workload' | 'seed' | 'target' | keyof ProfileSize>,
): Promise<ProfileEstimate> {
  const workload = await openWorkload(options.workload);
  const pool = await collectPool(workload.batches(options.seed), workload.meanRatePerSec);
  const facts = poolFacts(workload.meta, pool);
  return estimateProfile(facts.name, pool, facts, {
    ...options,
    load: loadOf(options),
    slo: parseSlo(options.slo),
  });
}

function loadOf({ load, target }: Pick<ProfileEndpointOptions, 'load' | 'target'>): ProfileLoad {
  const shape = load?.shape ?? 'stationary';
  return {
    shape,
    gapCv: shape === 'trace' ? null : (load?.gapCv ?? 1),
    warmupRatio: load?.warmupRatio ?? 0.1,
    maxErrorRatio: load?.maxErrorRatio ?? 0.01,
    clock: target.kind === 'simulation' ? 'simulation' : 'endpoint',
  };
}

export interface CalibrateEngineOptions extends VerbContext {
  /** Run folders, run.json files or profiles whose runs were kept. */
  readonly inputs: readonly string[];
  /** The engine model to write; null = only return it. */
  readonly output: string | null;
  readonly name: string;
  /** Engine model (file or bundled name) that gives limits and settings which measurements cannot show. */
  readonly base?: string;
  readonly limits?: Partial<EngineLimits>;
  /** Take runs whose client was late, too. Default false. */
  readonly includeInvalid?: boolean;
  /** A live server that is asked for its limits. */
  readonly url?: string;
  readonly coldStartSec?: number;
  readonly refine?: boolean;
}

/** Estimates an engine model from runs of one replica and writes it. Throws what reading throws, TOO_FEW_ROWS. */
export async function calibrateEngine(options: CalibrateEngineOptions): Promise<EngineFit> {
  const { runs, inputs, notes, serverLimits } = await loadCalibrationRuns(options.inputs, options);
  const base = options.base === undefined ? null : await readEngineModel(options.base);
  const { name, limits, coldStartSec, refine, signal } = options;
  const told = options.url === undefined ? serverLimits : (await readServerLimits(options.url)).limits;
  const manifest = createManifest({
    command: 'calibrate',
    options: { name, base: base?.name, ...told, ...limits, coldStartSec, refine },
    inputs,
    timestamp: true,
  });
  const fit = fitEngineModel({
    runs,
    name,
    manifest,
    base,
    limits,
    serverLimits: told,
    coldStartSec,
    refine,
    signal,
  });
  if (options.output !== null) await writeEngineModel(options.output, fit.engine);
  return { ...fit, warnings: [...notes, ...fit.warnings] };
}

export type { PlanCapacityOptions };

/** Plans a fleet and writes plan.json, report.html and the manifests. An infeasible SLO is an answer. */
export async function planCapacity(options: PlanCapacityOptions): Promise<CapacityPlan> {
  const { output } = options;
  const measured = options.profile === undefined ? null : await readProfile(options.profile);
  const { plan, profile } = await planChoices(options, measured, (own, slo) =>
    planEngine(own, slo, measured),
  );
  if (output === null) return plan;
  const written = await writePlan(output, plan, options.manifests ?? {}, [ONE_REPLICA, REPORT]);
  await writeProfile(join(output, ONE_REPLICA), profile);
  await writeReport({ input: output, output: join(output, REPORT) });
  return written;
}

/** The plan for one engine, with the profile that its thresholds come from. */
async function planEngine(
  options: PlanCapacityOptions,
  slo: Slo,
  measured: LatencyProfile | null,
): Promise<EnginePlan> {
  const { seed, signal } = options;
  const engine = options.engine === undefined ? engineOf(measured) : await readEngineModel(options.engine);
  const workload = await openWorkload(options.workload, options.durationSec);
  const requestsFor = (drawSeed: string) =>
    workloadRequests(() => workload.batches(drawSeed), workload.meta, engine, signal);
  const own = await requestsFor(seed);
  const source: PlanSource =
    workload.kind === 'trace'
      ? { kind: 'trace', requests: own.requests, fresh: options.fresh ?? 'rotate' }
      : {
          kind: 'workload-model',
          synthesize: async (drawSeed) =>
            drawSeed === seed ? own.requests : (await requestsFor(drawSeed)).requests,
        };
  const hash = workload.meta.contentHash;
  const correctMix = options.mixCorrection;
  const simulate = (on: EngineModel) => profileSimulated(workload, on, slo, options);
  const { profile, notes } =
    measured === null
      ? { profile: await simulate(engine), notes: [] }
      : await profileForWorkload(measured, { requests: own.requests, hash, slo, correctMix, simulate });
  const inputs = [workload.input];
  for (const path of [options.profile, options.engine?.endsWith('.json') ? options.engine : undefined]) {
    if (path !== undefined) inputs.push(await hashInput(path));
  }
  const plan = await planFleet({
    ...options,
    source,
    slo,
    engine,
    profile,
    workload: {
      name: workload.meta.name,
      hash,
      startUtc: workload.meta.startUtc,
    },
    manifest: createManifest({
      command: 'plan',
      options: { slo: slo.text, engine: engine.name, router: options.router, growth: options.growth },
      seed,
      inputs,
      timestamp: true,
    }),
    warnings: [...(own.warning === null ? [] : [own.warning]), ...notes],
  });
  return { plan, profile };
}

const REPORT = 'report.html';
/** The levels that the thresholds come from, kept beside the plan. */
const ONE_REPLICA = 'one-replica.profile.json';

/** One replica in virtual time: what the autoscaler's numbers rest on when nothing was measured. */
async function profileSimulated(
  workload: Workload,
  engine: EngineModel,
  slo: Slo,
  options: PlanCapacityOptions,
): Promise<LatencyProfile> {
  const pool = await collectPool(workload.batches(options.seed), workload.meanRatePerSec);
  const profile = await profileLoad({
    levels: 'auto',
    slo,
    pool,
    workload: poolFacts(workload.meta, pool),
    manifest: createManifest({ command: 'plan', options: { slo: slo.text }, timestamp: false }),
    runLevel: simulation(engine, workload.meta, 1),
    load: { shape: 'stationary', gapCv: 1, warmupRatio: 0.1, maxErrorRatio: 0.01, clock: 'simulation' },
    seed: options.seed,
    durationSec: 120,
    minRequests: 2 * samplesNeeded(slo),
    maxRequests: 50_000,
    maxLevels: 16,
    signal: options.signal,
    progress: options.progress,
  });
  return { ...profile, engine };
}

/** Levels on the engine model in virtual time. */
function simulation(
  engine: EngineModel,
  meta: TraceMeta,
  replicas: number,
): (plan: LevelPlan) => Promise<LevelRun> {
  return simulatedLevels({
    engine,
    replicas,
    requestsOf: async (rows) => {
      const batches = async function* () {
        yield batchFromRows(rows);
      };
      return (await workloadRequests(batches, meta, engine)).requests;
    },
  });
}

const replicasOf = (target: ProfileTarget): number => (target.kind === 'url' ? 1 : (target.replicas ?? 1));

function engineOf(profile: LatencyProfile | null): EngineModel {
  if (profile !== null && profile.engine !== null) return profile.engine;
  throw new ToolError({
    code: 'USAGE',
    message: profile === null ? 'a plan needs an engine model' : 'the profile holds no fitted engine model',
    hint: 'give --engine <file|name>; `tokentide calibrate` makes one from runs',
  });
}

/** Opens a workload model (`*.json`) or a trace. Throws what reading them throws, and NO_ROWS for an empty trace. */
async function openWorkload(path: string, durationSec?: number): Promise<Workload> {
  return isWorkloadModel(path) ? openModelWorkload(path, durationSec) : openTraceWorkload(path);
}
