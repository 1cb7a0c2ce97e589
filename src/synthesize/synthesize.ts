/**
 * synthesize: workload model → trace, as a stream of batches. Same model and seed, same rows, whatever the workers.
 *
 * Classes are merged by time (the earlier class of the model first when they tie) into batches of 65 536 rows. A row
 * says what the model knows: arrival (whole µs), both lengths, client and model names, the operation, and status `ok`.
 * The client's token cap, streaming, sessions and prefixes are unknown and stay so; a replay asks for the row's output
 * length by itself.
 */
import { ROWS_PER_BLOCK } from '../random.js';
import type { StringColumn, TraceBatch, WorkloadClass, WorkloadModel } from '../types.js';
import { BlockPool } from './block-pool.js';
import { type DrawnClass, localRows } from './blocks.js';
import { checkWorkloadModel } from './check-model.js';
import { ClassStream } from './class-stream.js';
import { planSynthesis, type SynthesisOptions, type SynthesisPlan } from './plan.js';

export interface StreamOptions extends SynthesisOptions {
  readonly signal?: AbortSignal;
}

/** Classes with fewer expected requests are drawn in this thread: a whole block would be wasted on them. */
const POOLED_CLASS_REQUESTS = ROWS_PER_BLOCK;

/**
 * Rows of a synthetic trace, in batches; can be iterated once or again with equal rows.
 * Throws BAD_MODEL (naming the key) or BAD_VALUE (naming the option) before the first batch.
 */
export function synthesizeTrace(options: StreamOptions): Iterable<TraceBatch> {
  checkWorkloadModel(options.model);
  const plan = planSynthesis(options);
  return { [Symbol.iterator]: () => batches(options, plan) };
}

function* batches(options: StreamOptions, plan: SynthesisPlan): Generator<TraceBatch> {
  const { streams, close } = openStreams(options, plan);
  try {
    let left = plan.requests ?? Number.POSITIVE_INFINITY;
    const labels = classLabels(options.model);
    while (left > 0) {
      options.signal?.throwIfAborted();
      const batch = new BatchBuilder(Math.min(ROWS_PER_BLOCK, left));
      batch.fill(streams);
      if (batch.rows === 0) return;
      left -= batch.rows;
      yield batch.finish(labels);
    }
  } finally {
    close();
  }
}

function openStreams(
  options: StreamOptions,
  plan: SynthesisPlan,
): { readonly streams: ClassStream[]; close(): void } {
  const { model } = options;
  const seed = String(options.seed);
  const total = model.classes.reduce((sum, one) => sum + one.requests, 0);
  const isPooled = model.classes.map(
    (one) => plan.workers > 1 && plan.expectedRequests * (one.requests / total) >= POOLED_CLASS_REQUESTS,
  );
  const pooled = model.classes.filter((_, k) => isPooled[k]);
  const pool = pooled.length > 0 ? new BlockPool(pooled.map(drawnPart), seed, plan.workers) : null;
  const streams = model.classes.map((drawn, k) => {
    const rows = isPooled[k] && pool !== null ? pool.rows(pooled.indexOf(drawn)) : localRows(drawn, seed);
    return new ClassStream({
      drawn,
      rows,
      seed,
      periodSec: model.durationSec,
      factor: plan.factor,
      endUs: plan.durationSec === null ? Number.POSITIVE_INFINITY : plan.durationSec * 1e6,
    });
  });
  return { streams, close: () => pool?.close() };
}

function drawnPart({ id, lengths, arrivals }: WorkloadClass): DrawnClass {
  return { id, lengths, arrivals };
}

/** Columns of one batch while it is filled. */
class BatchBuilder {
  rows = 0;
  readonly #capacity: number;
  readonly #arrivalNs: BigInt64Array;
  readonly #arrivalWords: Uint32Array;
  readonly #input: Int32Array;
  readonly #output: Int32Array;
  readonly #classIndex: Int32Array;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#arrivalNs = new BigInt64Array(capacity);
    this.#arrivalWords = new Uint32Array(this.#arrivalNs.buffer);
    this.#input = new Int32Array(capacity);
    this.#output = new Int32Array(capacity);
    this.#classIndex = new Int32Array(capacity);
  }

  /** Takes the earliest request again and again until the batch is full or every stream has ended. */
  fill(streams: readonly ClassStream[]): void {
    while (this.rows < this.#capacity) {
      let first = 0;
      for (let k = 1; k < streams.length; k++) {
        if (streams[k].arrivalUs < streams[first].arrivalUs) first = k;
      }
      const stream = streams[first];
      if (stream.arrivalUs === Number.POSITIVE_INFINITY) return;
      this.#put(stream.arrivalUs, stream.input, stream.output, first);
      stream.advance();
    }
  }

  #put(arrivalUs: number, input: number, output: number, classIndex: number): void {
    const row = this.rows++;
    // 1 000 · µs as two 32-bit halves: a BigInt per row would cost more than all draws.
    const highUs = Math.floor(arrivalUs / 4_294_967_296);
    const low = (arrivalUs - highUs * 4_294_967_296) * 1_000;
    const carry = Math.floor(low / 4_294_967_296);
    this.#arrivalWords[2 * row] = low - carry * 4_294_967_296;
    this.#arrivalWords[2 * row + 1] = highUs * 1_000 + carry;
    this.#input[row] = input;
    this.#output[row] = output;
    this.#classIndex[row] = classIndex;
  }

  finish(labels: readonly ClassLabel[]): TraceBatch {
    const n = this.rows;
    const whole = n === this.#capacity;
    const classIndex = whole ? this.#classIndex : this.#classIndex.slice(0, n);
    const column = (label: (one: ClassLabel) => string | null): StringColumn | undefined =>
      labels.every((one) => label(one) === null) ? undefined : labelColumn(classIndex, labels.map(label));
    return {
      rowCount: n,
      arrivalNs: whole ? this.#arrivalNs : this.#arrivalNs.slice(0, n),
      inputTokens: { values: whole ? this.#input : this.#input.slice(0, n), valid: null },
      outputTokens: { values: whole ? this.#output : this.#output.slice(0, n), valid: null },
      clientId: column((one) => one.clientId),
      model: column((one) => one.model),
      operation: column((one) => one.operation),
      status: column(() => 'ok'),
    };
  }
}

/** What rows of a class are called. */
interface ClassLabel {
  readonly clientId: string | null;
  readonly model: string | null;
  readonly operation: string;
}

function classLabels(model: WorkloadModel): ClassLabel[] {
  return model.classes.map((one) => ({
    clientId: one.clientId,
    model: one.model,
    operation: one.operation ?? 'other',
  }));
}

function labelColumn(classIndex: Int32Array, labels: readonly (string | null)[]): StringColumn {
  const dictionary = [...new Set(labels.filter((label) => label !== null))];
  const codeOf = labels.map((label) => (label === null ? -1 : dictionary.indexOf(label)));
  return { codes: classIndex.map((index) => codeOf[index]), dictionary };
}
