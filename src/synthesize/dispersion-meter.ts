/** Dispersion and peaks of a stream of arrivals, in one pass: what a scaling did to burstiness. */
import type { TraceBatch } from '../types.js';

export interface StreamDispersion {
  readonly windowSec: number;
  /** Variance ÷ mean of counts; null with fewer than two complete windows. */
  readonly dispersion: number | null;
  /** Largest count ÷ mean count. */
  readonly peakToMean: number | null;
}

const WINDOWS_SEC = [1, 10, 60];

/** Counts arrivals in disjoint windows from zero. */
export class DispersionMeter {
  readonly #windows = WINDOWS_SEC.map((windowSec) => ({
    windowUs: windowSec * 1e6,
    index: 0,
    count: 0,
    complete: 0,
    mean: 0,
    squares: 0,
    largest: 0,
  }));
  #lastUs = 0;

  add({ arrivalNs, rowCount }: TraceBatch): void {
    // Two 32-bit halves instead of a BigInt per row.
    const words = new Uint32Array(arrivalNs.buffer, arrivalNs.byteOffset, 2 * rowCount);
    for (let i = 0; i < rowCount; i++) {
      this.#lastUs = (words[2 * i + 1] * 4_294_967_296 + words[2 * i]) / 1_000;
      this.#at(this.#lastUs);
    }
  }

  /** The last arrival so far. */
  get lastSec(): number {
    return this.#lastUs / 1e6;
  }

  /** Windows that end by `durationSec` count; the last one that is open does not. */
  finish(durationSec: number): StreamDispersion[] {
    this.#at(durationSec * 1e6, 0);
    return this.#windows.map(({ complete, mean, squares, largest }, k) => ({
      windowSec: WINDOWS_SEC[k],
      dispersion: complete < 2 || mean === 0 ? null : squares / (complete - 1) / mean,
      peakToMean: complete < 2 || mean === 0 ? null : largest / mean,
    }));
  }

  #at(us: number, count = 1): void {
    for (const window of this.#windows) {
      const index = Math.floor(us / window.windowUs);
      while (window.index < index) {
        window.complete += 1;
        const difference = window.count - window.mean;
        window.mean += difference / window.complete;
        window.squares += difference * (window.count - window.mean);
        window.largest = Math.max(window.largest, window.count);
        window.count = 0;
        window.index += 1;
      }
      window.count += count;
    }
  }
}
