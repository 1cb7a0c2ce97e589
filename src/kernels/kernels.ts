/**
 * The loops over bytes and numbers that take most of the time of an ingest, as WebAssembly: compiled once for all threads,
 * and at full speed from the first call, where JavaScript spends as long on warming up in every thread as on the work.
 * Their source is in kernels/ (AssemblyScript). They work in a memory of their own, into which callers copy.
 */
import { readFileSync } from 'node:fs';

/** Places in the kernels' memory are numbers of bytes from its beginning. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  /** Where the memory is free from. */
  readonly heapBase: WebAssembly.Global<number>;
  csvRows(
    plan: number,
    fields: number,
    separator: number,
    offsetSec: number,
    from: number,
    end: number,
    maxRows: number,
    secs: number,
    nanos: number,
    counts: number,
  ): number;
  readonly csvAt: WebAssembly.Global<number>;
  readonly csvPlaces: WebAssembly.Global<number>;
  readonly csvZoned: WebAssembly.Global<number>;
  readonly csvIsOrdered: WebAssembly.Global<number>;
  jsonRows(
    plan: number,
    literals: number,
    blockSize: number,
    inputCount: number,
    from: number,
    end: number,
    maxRows: number,
    secs: number,
    nanos: number,
    counts: number,
    ids: number,
    ends: number,
  ): number;
  readonly jsonAt: WebAssembly.Global<number>;
  readonly jsonIds: WebAssembly.Global<number>;
  readonly jsonIsOrdered: WebAssembly.Global<number>;
  arrivals(
    secs: number,
    nanos: number,
    rows: number,
    startSec: number,
    startNanos: number,
    out: number,
    offsets: number,
  ): void;
  firstFall(arrivals: number, rows: number, last: bigint): number;
  scanGaps(offsets: number, rows: number, last: number, longNs: number, out: number): number;
  readonly zeroGaps: WebAssembly.Global<number>;
  rangesOf(numbers: number, rows: number, bits: number, ranges: number): void;
  placesOf(numbers: number, rows: number, bits: number, shifts: number, out: number): void;
  gather8(values: number, places: number, rows: number, out: number): void;
  gather32(values: number, places: number, rows: number, out: number): void;
  gather64(values: number, places: number, rows: number, out: number): void;
  listPlaces(offsets: number, rows: number, shift: number, starts: number, ends: number): void;
  gatherLists(
    starts: number,
    ends: number,
    values: number,
    places: number,
    rows: number,
    outEnds: number,
    out: number,
  ): number;
  markFurther(secs: number, nanos: number, rows: number, marks: number): number;
  countTies(marks: number, rows: number): number;
  readonly alike: WebAssembly.Global<number>;
  sortTies(marks: number, rows: number, turns: number, hashes: number, numbers: number): number;
  beginHashes(states: number, rows: number): void;
  endHashes(states: number, rows: number): void;
  hashFixed(states: number, rows: number, column: number, values: number, words: number, valid: number): void;
  hashLists(
    states: number,
    rows: number,
    column: number,
    offsets: number,
    values: number,
    valid: number,
  ): void;
  sum(values: number, valid: number, rows: number): number;
  readonly summed: WebAssembly.Global<number>;
  range32(values: number, count: number): void;
  range64(values: number, count: number): void;
  readonly least32: WebAssembly.Global<number>;
  readonly most32: WebAssembly.Global<number>;
  readonly least64: WebAssembly.Global<bigint>;
  readonly most64: WebAssembly.Global<bigint>;
  numberValues(
    values: number,
    count: number,
    least: number,
    table: number,
    numbers: number,
    entries: number,
  ): number;
  listLevels(
    offsets: number,
    valid: number,
    rows: number,
    empty: number,
    repetitions: number,
    definitions: number,
  ): number;
  packHybrid(values: number, count: number, isBytes: number, width: number, out: number): number;
  packSteps(values: number, count: number, steps: number, out: number): number;
}

const PAGE_BYTES = 1 << 16;
/** Regions begin at multiples of this many bytes. */
const ALIGNMENT = 16;

/** The kernels of this thread and their memory. */
export class Kernels {
  readonly run: Exports;
  #bytes: Uint8Array<ArrayBuffer>;
  readonly #base: number;

  constructor(module: WebAssembly.Module) {
    this.run = new WebAssembly.Instance(module).exports as unknown as Exports;
    this.#bytes = new Uint8Array(this.run.memory.buffer);
    this.#base = this.run.heapBase.value;
  }

  /** The memory, until the next call of `regions`. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Places of regions of so many bytes; what earlier regions held may be overwritten. */
  regions<const Sizes extends readonly number[]>(...sizes: Sizes): { readonly [K in keyof Sizes]: number } {
    let end = this.#base;
    const places = sizes.map((size) => {
      const place = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      end = place + size;
      return place;
    });
    if (end > this.#bytes.length) {
      // By a quarter more than needed, so that slowly growing needs do not move the memory each time.
      const wanted = Math.ceil((end * 1.25) / PAGE_BYTES) * PAGE_BYTES;
      this.run.memory.grow((wanted - this.#bytes.length) / PAGE_BYTES);
      this.#bytes = new Uint8Array(this.run.memory.buffer);
    }
    return places as never;
  }

  /** Copies an array to a place. */
  put(place: number, array: ArrayBufferView): void {
    this.#bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), place);
  }

  /** Copies what lies at a place over an array. */
  get(place: number, array: ArrayBufferView): void {
    const { buffer, byteOffset, byteLength } = array;
    new Uint8Array(buffer, byteOffset, byteLength).set(this.#bytes.subarray(place, place + byteLength));
  }
}

let loaded: Kernels | null = null;

/** The kernels of this thread, compiled at the first call. */
export function kernels(): Kernels {
  loaded ??= new Kernels(
    new WebAssembly.Module(readFileSync(new URL('../../../wasm/kernels.wasm', import.meta.url))),
  );
  return loaded;
}
