/**
 * `compareTraces`: how far a synthetic trace is from a real one, metric by metric, each held to the real trace's own
 * noise floor, down to what a serving engine would feel. Arrow "two traces". Source: statistics page §3.
 */
import { readEngineModel } from '../engine/model.js';
import { ToolError } from '../errors.js';
import { createManifest } from '../manifest.js';
import { randomOf } from '../random.js';
import type { TraceReader } from '../trace/read.js';
import type {
  CapacityComparison,
  ComparedTrace,
  EngineModel,
  ManifestInput,
  ProgressListener,
  ServingCheck,
  TraceComparison,
} from '../types.js';
import { formatCount } from '../units.js';
import { type AlignedTrace, alignTraces, commonKnowledge, countUsable } from './align.js';
import { BATTERY, type SampleStatistics, sampleStatistics } from './battery.js';
import { compareCapacity } from './capacity.js';
import { type ComparableTrace, readComparable } from './columns.js';
import { comparisonFigures } from './figures.js';
import { type Floor, floorBlockSec, noiseFloor } from './floor.js';
import { halvesInOrder, type Sample, timeBlocks } from './sample.js';
import { requiredSpeed, type ServingObjective, type ServingSetup, serve, servingInput } from './serving.js';
import { judgedMetrics, judgeFidelity } from './verdict.js';

export interface CompareTracesOptions {
  /** The real trace. */
  readonly a: TraceReader | ComparableTrace;
  /** What stands in for it. */
  readonly b: TraceReader | ComparableTrace;
  /** Decides the halves, the spreading of coarse clocks and the engine's noise. */
  readonly seed: string | number;
  /** Default: 40 repeats, blocks of 60 s (30 s for traces under half an hour). */
  readonly floor?: { readonly repeats?: number; readonly blockSec?: number };
  /** Default: the bundled `reference`; null = no serving check. */
  readonly engine?: EngineModel | null;
  /** Default: p99(ttft) <= 2s. */
  readonly objective?: ServingObjective;
  /** Block resamples for the interval of the needed speed; default 40, none above 100 000 rows; 0 = none. */
  readonly resamples?: number;
  /** Compare coarse times as they are. */
  readonly literalTimes?: boolean;
  /** For the manifest. */
  readonly inputs?: readonly ManifestInput[];
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export const DEFAULT_OBJECTIVE: ServingObjective = {
  metric: 'ttft',
  percentile: 0.99,
  limitSec: 2,
  text: 'p99(ttft) <= 2s',
};

const DEFAULT_REPEATS = 40;
const DEFAULT_RESAMPLES = 40;

/** Each resample costs some five simulations of the whole trace. */
const MOST_RESAMPLED_ROWS = 100_000;

/**
 * Compares two traces. Throws TOO_FEW_ROWS, BAD_VALUE for options out of range, what reading throws, and the signal's
 * reason on abort. Equal traces, seed and options give an equal result but for the manifest's time.
 */
export async function compareTraces(options: CompareTracesOptions): Promise<TraceComparison> {
  const { signal, progress } = options;
  const seed = String(options.seed);
  const repeats = wholeNumber('floor repeats', options.floor?.repeats ?? DEFAULT_REPEATS, 2);
  const {
    first,
    second,
    notes: reuseNotes,
  } = commonKnowledge(await comparable(options.a, signal), await comparable(options.b, signal));
  const { a, b, notes } = alignTraces(first, second, { seed, literalTimes: options.literalTimes ?? false });
  const isLong = a.sample.arrivalSec.length > MOST_RESAMPLED_ROWS;
  const resamples = wholeNumber('resamples', options.resamples ?? (isLong ? 0 : DEFAULT_RESAMPLES), 0);
  const blockSec = options.floor?.blockSec ?? floorBlockSec(a.sample.durationSec);
  if (!(blockSec > 0 && Number.isFinite(blockSec)))
    throw badOption('floor block', 'a duration above zero', blockSec);
  const blocks = timeBlocks(a.sample, blockSec);
  const engine = options.engine === undefined ? await readEngineModel('reference') : options.engine;
  const setup = engine === null ? null : { engine, objective: options.objective ?? DEFAULT_OBJECTIVE, seed };
  const steps = stepCounter(repeats + (setup === null ? 0 : resamples) + 6, progress, signal);

  const speed = setup === null ? null : requiredSpeed(servingInput(a.sample, setup.engine), setup);
  await steps.next();
  const serving = setup === null || speed === null ? null : { setup, speed };
  const statistics = (sample: Sample): SampleStatistics =>
    sampleStatistics(
      sample,
      serving && ((part) => serve(servingInput(part, serving.setup.engine), serving.setup, serving.speed)),
    );
  const ofA = statistics(a.sample);
  await steps.next();
  const ofB = statistics(b.sample);
  await steps.next();
  const drift = driftOf(a.sample, statistics);
  await steps.next();
  const floor =
    blocks.count < 4
      ? null
      : await noiseFloor({
          blocks,
          repeats,
          rng: randomOf(seed, 'bootstrap', 'compare', 'floor'),
          statistics,
          onRepeat: steps.next,
        });
  const capacity =
    serving &&
    (await compareCapacity({
      a: a.sample,
      b: b.sample,
      setup: serving.setup,
      speedA: serving.speed,
      interval:
        resamples === 0
          ? null
          : { blocks, resamples, rng: randomOf(seed, 'bootstrap', 'compare', 'capacity') },
      onStep: steps.next,
    }));
  const metrics = judgedMetrics(ofA, ofB, floor, drift);
  const servingCheck = serving && capacity && servingCheckOf(serving, capacity, ofA, ofB);
  const judged = metrics.filter((metric) => metric.pass !== null);
  return {
    schemaVersion: 1,
    kind: 'trace-comparison',
    manifest: createManifest({
      command: 'compare',
      options: {
        floorRepeats: repeats,
        floorBlockSec: blocks.blockSec,
        engine: engine?.name ?? null,
        objective: setup?.objective.text ?? null,
        resamples: setup === null ? null : resamples,
        literalTimes: options.literalTimes ?? false,
      },
      seed,
      inputs: options.inputs,
      timestamp: true,
    }),
    a: comparedTrace(first, a),
    b: comparedTrace(second, b),
    seed,
    floor: floor?.method ?? null,
    metrics,
    judged: judged.length,
    passed: judged.filter((metric) => metric.pass).length,
    serving: servingCheck,
    figures: comparisonFigures(a.sample, b.sample, ofA, ofB),
    verdict: judgeFidelity(metrics, servingCheck),
    notes: [
      ...notes,
      ...reuseNotes,
      ...servingNotes(setup, speed, servingCheck, isLong),
      ...floorNotes(floor),
    ],
  };
}

async function comparable(
  from: TraceReader | ComparableTrace,
  signal: AbortSignal | undefined,
): Promise<ComparableTrace> {
  return 'arrivalSec' in from ? from : readComparable(from, signal);
}

/** Reports every step, lets the event loop breathe (an interrupt must arrive), and stops when told to. */
function stepCounter(
  total: number,
  progress: ProgressListener | undefined,
  signal: AbortSignal | undefined,
): { readonly next: () => Promise<void> } {
  let done = 0;
  return {
    async next() {
      done += 1;
      progress?.({ stage: 'comparing', done, total, unit: 'steps' });
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    },
  };
}

/** Every metric between the first and the second half of the real trace. */
function driftOf(sample: Sample, statistics: (sample: Sample) => SampleStatistics): (number | null)[] {
  const [early, late] = halvesInOrder(sample).map(statistics);
  // The later half takes the real trace's place: the earlier one is what a fit would have seen.
  return BATTERY.map((metric) => metric.measure(late, early).value);
}

function servingCheckOf(
  { setup, speed }: { readonly setup: ServingSetup; readonly speed: number },
  capacity: CapacityComparison,
  a: SampleStatistics,
  b: SampleStatistics,
): ServingCheck {
  const { engine, objective, seed } = setup;
  return {
    engine: { name: engine.name, source: engine.source },
    objective: objective.text,
    seed,
    speed,
    capacity,
    refusedA: a.serving?.refused ?? 0,
    refusedB: b.serving?.refused ?? 0,
  };
}

function comparedTrace(trace: ComparableTrace, { sample, spreadGridSec }: AlignedTrace): ComparedTrace {
  return {
    name: trace.name,
    hash: trace.hash,
    rows: trace.arrivalSec.length,
    comparedRows: sample.arrivalSec.length,
    usableRows: countUsable(sample),
    durationSec: sample.durationSec,
    ratePerSec: sample.arrivalSec.length / sample.durationSec,
    spreadGridSec,
  };
}

function servingNotes(
  setup: ServingSetup | null,
  speed: number | null,
  check: ServingCheck | null,
  isLong: boolean,
): readonly string[] {
  if (setup !== null && speed === null)
    return [`no serving check: no engine speed makes the first trace meet ${setup.objective.text}`];
  if (check === null) return [];
  const notes: string[] = [];
  if (isLong && check.capacity.interval === null) {
    notes.push(
      `no interval of the needed speed above ${formatCount(MOST_RESAMPLED_ROWS)} rows (--resamples 40 computes one)`,
    );
  }
  if (check.refusedA + check.refusedB === 0) return notes;
  return [
    ...notes,
    `the engine refuses ${check.refusedA} requests of the first trace and ${check.refusedB} of the second (too long): they are in no latency`,
  ];
}

function floorNotes(floor: Floor | null): readonly string[] {
  return floor === null
    ? ['the first trace is too short to be split: nothing is judged, distances are for information']
    : [];
}

function wholeNumber(what: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw badOption(what, `a whole number from ${least}`, value);
}

function badOption(what: string, wanted: string, got: number): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: `${what}: expected ${wanted}, got ${got}`,
    hint: `give ${wanted}`,
  });
}
