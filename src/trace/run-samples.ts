/**
 * Samples of a long run on their way to exact percentiles: full blocks are sorted and put on disk, and merged at the end.
 * Memory is a block per metric, whatever the number of samples; a run of fewer touches no disk.
 */
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import type { Samples } from '../metrics.js';

/** 2 MiB. */
const BLOCK_SAMPLES = 1 << 18;
/** Read at once of each block that is being merged, and handed out at once. */
const PART_SAMPLES = 4_096;
const BYTES = Float64Array.BYTES_PER_ELEMENT;

/** One file for the samples of all metrics, made when it is needed and gone with `close`. */
export class SampleFile {
  readonly #path: string;
  readonly #blockSamples: number;
  #file: number | null = null;
  #bytes = 0;

  /** `path` must be free: it is the file's for its life. */
  constructor(path: string, blockSamples = BLOCK_SAMPLES) {
    this.#path = path;
    this.#blockSamples = blockSamples;
  }

  /** A new set of samples. */
  readonly make = (): Samples => new SpilledSamples(this, this.#blockSamples);

  /** Returns where the values begin, in bytes. */
  append(values: Float64Array): number {
    this.#file ??= openSync(this.#path, 'w+');
    const at = this.#bytes;
    this.#bytes += writeSync(this.#file, values, 0, values.byteLength, at);
    if (this.#bytes - at !== values.byteLength) throw new Error(`could not write all of ${this.#path}`);
    return at;
  }

  /** Fills the array from a place. */
  read(values: Float64Array, at: number): void {
    const read = readSync(this.#file!, values, 0, values.byteLength, at);
    if (read !== values.byteLength) throw new Error(`could not read all of ${this.#path}`);
  }

  close(): void {
    if (this.#file === null) return;
    closeSync(this.#file);
    this.#file = null;
    rmSync(this.#path, { force: true });
  }
}

class SpilledSamples implements Samples {
  readonly #file: SampleFile;
  readonly #blockSamples: number;
  #values: Float64Array;
  #filled = 0;
  /** Sorted blocks on disk, in bytes. */
  readonly #blocks: number[] = [];

  constructor(file: SampleFile, blockSamples: number) {
    this.#file = file;
    this.#blockSamples = blockSamples;
    this.#values = new Float64Array(Math.min(64, blockSamples));
  }

  get length(): number {
    return this.#blocks.length * this.#blockSamples + this.#filled;
  }

  push(value: number): void {
    if (this.#filled === this.#values.length) this.#makeRoom();
    this.#values[this.#filled++] = value;
  }

  *sorted(): Generator<Float64Array> {
    const rest = this.#values.subarray(0, this.#filled).sort();
    if (this.#blocks.length === 0) {
      yield rest;
      return;
    }
    const runs = this.#blocks.map((at) => new RunReader(this.#blockSamples, at, this.#file));
    yield* merged([...runs, RunReader.of(rest)].filter((run) => run.next()));
  }

  #makeRoom(): void {
    if (this.#filled === this.#blockSamples) {
      this.#blocks.push(this.#file.append(this.#values.sort()));
      this.#filled = 0;
      return;
    }
    const larger = new Float64Array(Math.min(this.#blockSamples, 2 * this.#filled));
    larger.set(this.#values);
    this.#values = larger;
  }
}

/** Values of a sorted block, one after the other. */
class RunReader {
  value = 0;
  readonly #file: SampleFile | null;
  #left: number;
  #at: number;
  #part: Float64Array;
  #place = 0;

  constructor(left: number, at: number, file: SampleFile | null, part: Float64Array = new Float64Array(0)) {
    this.#left = left;
    this.#at = at;
    this.#file = file;
    this.#part = part;
  }

  static of(values: Float64Array): RunReader {
    return new RunReader(0, 0, null, values);
  }

  /** Moves to the next value; false = there is none. */
  next(): boolean {
    if (this.#place === this.#part.length && !this.#readPart()) return false;
    this.value = this.#part[this.#place++];
    return true;
  }

  #readPart(): boolean {
    if (this.#left === 0) return false;
    const length = Math.min(PART_SAMPLES, this.#left);
    if (this.#part.length !== length) this.#part = new Float64Array(length);
    this.#file!.read(this.#part, this.#at);
    this.#left -= length;
    this.#at += length * BYTES;
    this.#place = 0;
    return true;
  }
}

/** Merges runs that stand at their first value, by a heap of runs with the least value on top. */
function* merged(heap: RunReader[]): Generator<Float64Array> {
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at);
  const part = new Float64Array(PART_SAMPLES);
  let filled = 0;
  while (heap.length > 0) {
    const least = heap[0];
    part[filled++] = least.value;
    if (filled === part.length) {
      yield part;
      filled = 0;
    }
    if (!least.next()) {
      const last = heap.pop()!;
      if (heap.length === 0) break;
      if (last !== least) heap[0] = last;
    }
    sink(heap, 0);
  }
  if (filled > 0) yield part.subarray(0, filled);
}

function sink(heap: RunReader[], from: number): void {
  const run = heap[from];
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1].value < heap[child].value) child += 1;
    if (heap[child].value >= run.value) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = run;
}
