/** Small traces and samples for tests of compare: columns given directly. */
import { type BlockLists, blockLists, type ComparableTrace } from '../../src/compare/columns.js';
import type { Sample } from '../../src/compare/sample.js';
import { type Rng, randomOf } from '../../src/random.js';

export interface ToyColumns {
  readonly timesSec: ArrayLike<number>;
  readonly input?: ArrayLike<number>;
  readonly output?: ArrayLike<number>;
  readonly hashes?: readonly (readonly number[])[];
  readonly blockSize?: number;
  readonly sessions?: ArrayLike<number>;
  readonly synthetic?: boolean;
  readonly name?: string;
}

export function toyTrace(columns: ToyColumns): ComparableTrace {
  const n = columns.timesSec.length;
  const tokens = (values: ArrayLike<number> | undefined): Int32Array =>
    values === undefined ? new Int32Array(n).fill(10) : Int32Array.from(values);
  return {
    name: columns.name ?? 'toy',
    hash: '',
    arrivalSec: Float64Array.from(columns.timesSec),
    synthetic: columns.synthetic ?? false,
    inputTokens: tokens(columns.input),
    outputTokens: tokens(columns.output),
    blocks: columns.hashes === undefined ? null : toyBlocks(columns.hashes, columns.blockSize ?? 4),
    sessions: columns.sessions === undefined ? null : Int32Array.from(columns.sessions),
  };
}

export function toyBlocks(hashes: readonly (readonly number[])[], blockSize: number): BlockLists {
  const offsets = new Uint32Array(hashes.length + 1);
  hashes.forEach((list, row) => {
    offsets[row + 1] = offsets[row] + list.length;
  });
  return blockLists(BigUint64Array.from(hashes.flat(), BigInt), offsets, blockSize);
}

export function toySample(columns: ToyColumns, durationSec: number): Sample {
  const trace = toyTrace(columns);
  return {
    durationSec,
    arrivalSec: trace.arrivalSec,
    inputTokens: trace.inputTokens,
    outputTokens: trace.outputTokens,
    blocks: trace.blocks,
    blockRows: trace.blocks === null ? null : Uint32Array.from(trace.arrivalSec, (_, row) => row),
    sessions: trace.sessions,
  };
}

export interface TrafficOptions {
  readonly seed: string;
  readonly durationSec?: number;
  readonly ratePerSec?: number;
  /** Multiplies the rate in every other minute, and divides it in the others. */
  readonly swing?: number;
  readonly inputMedian?: number;
  readonly outputMedian?: number;
  /** Outputs follow inputs with this rank correlation, roughly. */
  readonly coupling?: number;
  readonly synthetic?: boolean;
}

/** Seeded traffic: Poisson arrivals, lognormal lengths. */
export function toyTraffic(options: TrafficOptions): ComparableTrace {
  const { durationSec = 1_800, ratePerSec = 2, swing = 1, coupling = 0.5 } = options;
  const arrivals = randomOf(options.seed, 'arrivals');
  const lengths = randomOf(options.seed, 'lengths');
  const timesSec: number[] = [];
  for (let t = nextGap(arrivals, ratePerSec, swing, 0); t < durationSec; ) {
    timesSec.push(t);
    t += nextGap(arrivals, ratePerSec, swing, t);
  }
  const z = timesSec.map(() => lengths.normal());
  const around = (median: number, x: number): number => Math.max(1, Math.round(median * Math.exp(0.8 * x)));
  return toyTrace({
    timesSec,
    input: z.map((x) => around(options.inputMedian ?? 500, x)),
    output: z.map((x) =>
      around(
        options.outputMedian ?? 60,
        coupling * x + Math.sqrt(1 - coupling * coupling) * lengths.normal(),
      ),
    ),
    synthetic: options.synthetic,
    name: options.seed,
  });
}

function nextGap(rng: Rng, ratePerSec: number, swing: number, atSec: number): number {
  const factor = Math.floor(atSec / 60) % 2 === 0 ? swing : 1 / swing;
  return rng.exponential() / (ratePerSec * factor);
}
