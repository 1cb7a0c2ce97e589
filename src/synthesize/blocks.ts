/**
 * The random part of a class by blocks of rows: gaps in operational time, input and output lengths.
 *
 * Row r of a class lies in block ⌊r / 65 536⌋ of the class's streams, whoever draws it: this thread piece by piece, or a
 * worker thread a block at a time. Nothing else decides a draw, so the trace does not depend on the number of workers.
 */
import { type RandomStream, type Rng, ROWS_PER_BLOCK, randomStream } from '../random.js';
import { gapSampler } from '../stats/renewal.js';
import type { GapModel, WorkloadClass } from '../types.js';
import { type LengthSampler, lengthSampler } from './length-sampler.js';

/** Rows of a class, in order. */
export interface RowBlock {
  readonly rowCount: number;
  /** Gaps in operational time before each row; empty when arrivals do not come from these rows. */
  readonly gaps: Float64Array;
  /** Lengths; empty for a stream of gaps alone. */
  readonly input: Int32Array;
  readonly output: Int32Array;
}

/** What the draws of one class depend on, or those of a stream of gaps that classes share. */
export interface DrawnRows {
  readonly seed: string;
  /** Names the random streams of the seed. */
  readonly id: string;
  /** null = arrivals do not come from gaps of this class. */
  readonly gaps: GapModel | null;
  /** null = no lengths. */
  readonly lengths: WorkloadClass['lengths'] | null;
}

/** The part of a model's class that blocks draw. */
export function drawnRows(
  { id, lengths, arrivals }: WorkloadClass,
  seed: string,
  isShared: boolean,
): DrawnRows {
  return {
    seed,
    id,
    lengths,
    gaps: isShared || arrivals.bursts || arrivals.gapsByTime ? null : arrivals.gaps,
  };
}

/** Draws rows. Blocks may be asked for in any order; rising order is cheapest. */
export class BlockDrawer {
  readonly #gapStream: RandomStream;
  readonly #inputStream: RandomStream;
  readonly #outputStream: RandomStream;
  readonly #gap: ((rng: Rng) => number) | null;
  readonly #lengths: LengthSampler | null;

  constructor({ seed, id, gaps, lengths }: DrawnRows) {
    this.#gapStream = randomStream(seed, 'arrivals', id, 'gaps');
    this.#inputStream = randomStream(seed, 'lengths', id, 'input');
    this.#outputStream = randomStream(seed, 'lengths', id, 'output');
    this.#gap = gaps === null ? null : gapSampler(gaps);
    this.#lengths = lengths === null ? null : lengthSampler(lengths);
  }

  /** A whole block. */
  block(index: number): RowBlock {
    return this.pieces(index, ROWS_PER_BLOCK)();
  }

  /** The same block in pieces of `rows` (which divides 65 536): each call gives the next piece. */
  pieces(index: number, rows: number): () => RowBlock {
    const gapRng = this.#gap === null ? null : this.#gapStream.block(index);
    const inputRng = this.#lengths === null ? null : this.#inputStream.block(index);
    const outputRng = this.#lengths === null ? null : this.#outputStream.block(index);
    return () => {
      const gaps = new Float64Array(gapRng === null ? 0 : rows);
      if (gapRng !== null) for (let i = 0; i < rows; i++) gaps[i] = this.#gap!(gapRng);
      const input = new Int32Array(inputRng === null ? 0 : rows);
      const output = new Int32Array(outputRng === null ? 0 : rows);
      if (inputRng !== null && outputRng !== null) {
        this.#lengths!(inputRng, outputRng, input, output, 0, rows);
      }
      return { rowCount: rows, gaps, input, output };
    };
  }
}

/** Gives the rows of one class in order, for ever. */
export type RowSource = () => RowBlock;

const PIECE_ROWS = 4_096;

/** Draws in this thread, a piece at a time: a class of few requests costs little. `pieceRows` divides 65 536. */
export function localRows(drawn: DrawnRows, pieceRows = PIECE_ROWS): RowSource {
  const drawer = new BlockDrawer(drawn);
  let index = 0;
  let pieces = 0;
  let next: (() => RowBlock) | null = null;
  return () => {
    if (next === null || pieces * pieceRows === ROWS_PER_BLOCK) {
      next = drawer.pieces(index++, pieceRows);
      pieces = 0;
    }
    pieces += 1;
    return next();
  };
}
