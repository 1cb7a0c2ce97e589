/**
 * The random part of a class by blocks of rows: gaps in operational time, input and output lengths.
 *
 * Row r of a class lies in block ⌊r / 65 536⌋ of the class's streams, whoever draws it: this thread piece by piece, or a
 * worker thread a block at a time. Nothing else decides a draw, so the trace does not depend on the number of workers.
 */
import { type RandomStream, type Rng, ROWS_PER_BLOCK, randomStream } from '../random.js';
import { gapSampler } from '../stats/renewal.js';
import type { WorkloadClass } from '../types.js';
import { type LengthSampler, lengthSampler } from './length-sampler.js';

/** Rows of a class, in order. */
export interface RowBlock {
  readonly rowCount: number;
  /** Gaps in operational time before each row; empty when the class's arrivals do not come from gaps. */
  readonly gaps: Float64Array;
  readonly input: Int32Array;
  readonly output: Int32Array;
}

/** What a class's draws depend on. */
export type DrawnClass = Pick<WorkloadClass, 'id' | 'lengths' | 'arrivals'>;

/** Whether a class's arrivals come from gaps (else from its burst model). */
export function hasGaps(drawn: Pick<DrawnClass, 'arrivals'>): boolean {
  return !drawn.arrivals.bursts;
}

/** Draws the rows of one class. Blocks may be asked for in any order; rising order is cheapest. */
export class BlockDrawer {
  readonly #gapStream: RandomStream | null;
  readonly #inputStream: RandomStream;
  readonly #outputStream: RandomStream;
  readonly #gap: (rng: Rng) => number;
  readonly #lengths: LengthSampler;

  constructor(drawn: DrawnClass, seed: string) {
    this.#gapStream = hasGaps(drawn) ? randomStream(seed, 'arrivals', drawn.id, 'gaps') : null;
    this.#inputStream = randomStream(seed, 'lengths', drawn.id, 'input');
    this.#outputStream = randomStream(seed, 'lengths', drawn.id, 'output');
    this.#gap = gapSampler(drawn.arrivals.gaps);
    this.#lengths = lengthSampler(drawn.lengths);
  }

  /** A whole block. */
  block(index: number): RowBlock {
    return this.pieces(index, ROWS_PER_BLOCK)();
  }

  /** The same block in pieces of `rows` (which divides 65 536): each call gives the next piece. */
  pieces(index: number, rows: number): () => RowBlock {
    const gapRng = this.#gapStream?.block(index) ?? null;
    const inputRng = this.#inputStream.block(index);
    const outputRng = this.#outputStream.block(index);
    return () => {
      const gaps = new Float64Array(gapRng === null ? 0 : rows);
      if (gapRng !== null) for (let i = 0; i < rows; i++) gaps[i] = this.#gap(gapRng);
      const input = new Int32Array(rows);
      const output = new Int32Array(rows);
      this.#lengths(inputRng, outputRng, input, output, 0, rows);
      return { rowCount: rows, gaps, input, output };
    };
  }
}

/** Gives the rows of one class in order, for ever. */
export type RowSource = () => RowBlock;

const PIECE_ROWS = 4_096;

/** Draws in this thread, a piece at a time: a class of few requests costs little. */
export function localRows(drawn: DrawnClass, seed: string): RowSource {
  const drawer = new BlockDrawer(drawn, seed);
  let index = 0;
  let pieces = 0;
  let next: (() => RowBlock) | null = null;
  return () => {
    if (next === null || pieces * PIECE_ROWS === ROWS_PER_BLOCK) {
      next = drawer.pieces(index++, PIECE_ROWS);
      pieces = 0;
    }
    pieces += 1;
    return next();
  };
}
