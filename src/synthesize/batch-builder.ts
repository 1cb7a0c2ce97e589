/** Requests of a stream → trace batches. */
import type { StringColumn, TraceBatch, WorkloadModel } from '../types.js';
import { OK, type OutcomeDrawer } from './outcomes.js';
import type { RequestSource } from './request-source.js';

/** What rows of a class are called. */
export interface ClassLabel {
  readonly clientId: string | null;
  readonly model: string | null;
  readonly operation: string;
}

export function classLabels(model: WorkloadModel): ClassLabel[] {
  return model.classes.map((one) => ({
    clientId: one.clientId,
    model: one.model,
    operation: one.operation ?? 'other',
  }));
}

/** Columns of one batch while it is filled. */
export class BatchBuilder {
  rows = 0;
  readonly #capacity: number;
  readonly #arrivalNs: BigInt64Array;
  readonly #arrivalWords: Uint32Array;
  readonly #input: Int32Array;
  readonly #output: Int32Array;
  readonly #classIndex: Int32Array;
  readonly #outcomes: OutcomeDrawer;
  /** Code of each row's status; null when none can fail. */
  readonly #status: Int32Array | null;

  constructor(capacity: number, outcomes: OutcomeDrawer) {
    this.#outcomes = outcomes;
    this.#status = outcomes.canFail ? new Int32Array(capacity) : null;
    this.#capacity = capacity;
    this.#arrivalNs = new BigInt64Array(capacity);
    this.#arrivalWords = new Uint32Array(this.#arrivalNs.buffer);
    this.#input = new Int32Array(capacity);
    this.#output = new Int32Array(capacity);
    this.#classIndex = new Int32Array(capacity);
  }

  /** Takes requests until the batch is full or the stream has ended. */
  fill(source: RequestSource): void {
    while (this.rows < this.#capacity && source.arrivalUs !== Number.POSITIVE_INFINITY) {
      this.#put(source);
      source.advance();
    }
  }

  #put({ arrivalUs, input, output, classIndex }: RequestSource): void {
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
    if (this.#status !== null) this.#status[row] = this.#outcomes.next(classIndex);
  }

  finish(labels: readonly ClassLabel[]): TraceBatch {
    const n = this.rows;
    const whole = n === this.#capacity;
    const classIndex = whole ? this.#classIndex : this.#classIndex.slice(0, n);
    const status = this.#status === null || whole ? this.#status : this.#status.slice(0, n);
    const column = (label: (one: ClassLabel) => string | null): StringColumn | undefined =>
      labels.every((one) => label(one) === null) ? undefined : labelColumn(classIndex, labels.map(label));
    return {
      rowCount: n,
      arrivalNs: whole ? this.#arrivalNs : this.#arrivalNs.slice(0, n),
      inputTokens: { values: whole ? this.#input : this.#input.slice(0, n), valid: null },
      outputTokens: {
        values: whole ? this.#output : this.#output.slice(0, n),
        // An answer that was not finished has no length.
        valid: status === null ? null : Uint8Array.from(status, (code) => (code === OK ? 1 : 0)),
      },
      clientId: column((one) => one.clientId),
      model: column((one) => one.model),
      operation: column((one) => one.operation),
      status:
        status === null ? column(() => 'ok') : { codes: status, dictionary: [...this.#outcomes.statuses] },
    };
  }
}

function labelColumn(classIndex: Int32Array, labels: readonly (string | null)[]): StringColumn {
  const dictionary = [...new Set(labels.filter((label) => label !== null))];
  const codeOf = labels.map((label) => (label === null ? -1 : dictionary.indexOf(label)));
  return { codes: classIndex.map((index) => codeOf[index]), dictionary };
}
