/** A stream of requests in time order, as the parts of a synthesis hand them on. */

/** A cursor on the next request of a stream; a new one stands on the first. */
export interface RequestSource {
  /** Whole µs since the trace's start; +∞ when the stream has ended. */
  readonly arrivalUs: number;
  readonly input: number;
  readonly output: number;
  /** Place of the request's class in the model. */
  readonly classIndex: number;
  /** Moves to the next request. */
  advance(): void;
}

/**
 * Several streams as one, by time; of streams that tie the earlier one in the list goes first. A heap of places: log₂ of
 * the number of streams comparisons per request.
 */
export function mergeSources(sources: readonly RequestSource[]): RequestSource {
  return sources.length === 1 ? sources[0] : new MergedSource(sources);
}

class MergedSource implements RequestSource {
  readonly #sources: readonly RequestSource[];
  /** Places of the streams; each is not behind its two successors 2i + 1 and 2i + 2. */
  readonly #heap: Int32Array;

  constructor(sources: readonly RequestSource[]) {
    this.#sources = sources;
    this.#heap = Int32Array.from(sources, (_, k) => k);
    for (let i = (sources.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  get arrivalUs(): number {
    return this.#sources[this.#heap[0]].arrivalUs;
  }

  get input(): number {
    return this.#sources[this.#heap[0]].input;
  }

  get output(): number {
    return this.#sources[this.#heap[0]].output;
  }

  get classIndex(): number {
    return this.#sources[this.#heap[0]].classIndex;
  }

  advance(): void {
    this.#sources[this.#heap[0]].advance();
    this.#sink(0);
  }

  #isBefore(a: number, b: number): boolean {
    const first = this.#sources[a].arrivalUs;
    const second = this.#sources[b].arrivalUs;
    return first < second || (first === second && a < b);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const moved = heap[from];
    let place = from;
    for (;;) {
      let next = 2 * place + 1;
      if (next >= heap.length) break;
      if (next + 1 < heap.length && this.#isBefore(heap[next + 1], heap[next])) next += 1;
      if (!this.#isBefore(heap[next], moved)) break;
      heap[place] = heap[next];
      place = next;
    }
    heap[place] = moved;
  }
}
