/**
 * How fine the source's clock was: ties, and whether arrivals fall on a grid (stats/clock-grid.ts has the rule). A fine clock can still beat: the phases of the arrivals at a period T pile up, measured by the
 * length R of their mean unit vector (Rayleigh); above 0.1 that period is reported.
 */
import { gridOfGaps } from '../stats/clock-grid.js';
import type { ClockAudit } from '../types.js';
import { formatDurationSec, formatRatio } from '../units.js';

/** Coarse clocks have few distinct gaps; more than this many and there is no grid to find. */
const MAX_DISTINCT_GAPS = 65_536;
const SECOND_NS = 1e9;
/** Periods of 1 s to 10 ms go so often into a second; each power is the product of two before it, LEFT and RIGHT. */
const POWERS = Int32Array.of(1, 2, 4, 5, 10, 20, 40, 50, 100);
const LEFT = Int32Array.of(0, 0, 1, 2, 3, 4, 5, 6, 7);
const RIGHT = Int32Array.of(0, 0, 1, 0, 3, 4, 5, 4, 7);
/** 25 ms is no period that people choose: a step on the way only. */
const UNJUDGED_POWER = 40;
const BEAT_LIMIT = 0.1;
const BEAT_ROWS = 200_000;

export interface ClockFindings {
  readonly clock: ClockAudit;
  readonly notes: readonly string[];
}

/** Audits arrivals in order, block by block. */
export class ClockAuditor {
  readonly #resolutionNs: number;
  readonly #beats: BeatMeter;
  readonly #clusters = new ClusterMeter();
  readonly #gaps = new Map<number, number>();
  #rows = 0;
  #ties = 0;
  #previous = 0;

  /** `resolutionNs`: the digit step as written. */
  constructor(resolutionNs: number) {
    this.#resolutionNs = resolutionNs;
    this.#beats = new BeatMeter(resolutionNs);
  }

  /** Offsets from the first arrival, ns, and how many of them are those of the row before. */
  add(offsets: Float64Array, ties: number): void {
    this.#beats.add(offsets);
    this.#clusters.add(offsets);
    if (this.#gaps.size < MAX_DISTINCT_GAPS) this.#addGaps(offsets);
    this.#previous = offsets[offsets.length - 1];
    this.#ties += ties;
    this.#rows += offsets.length;
  }

  #addGaps(offsets: Float64Array): void {
    let previous = this.#rows === 0 ? offsets[0] : this.#previous;
    for (let i = 0; i < offsets.length && this.#gaps.size < MAX_DISTINCT_GAPS; i++) {
      const gap = offsets[i] - previous;
      previous = offsets[i];
      if (gap !== 0) this.#gaps.set(gap, (this.#gaps.get(gap) ?? 0) + 1);
    }
  }

  findings(): ClockFindings {
    const resolutionNs = this.#resolutionNs;
    const tieShare = this.#rows > 1 ? this.#ties / (this.#rows - 1) : 0;
    const grid = this.#gaps.size < MAX_DISTINCT_GAPS ? gridOfGaps(this.#gaps, this.#ties, 1e9) : null;
    const written = formatDurationSec(resolutionNs / 1e9);
    if (grid !== null) {
      const step = formatDurationSec(grid.step / 1e9);
      const finding = `coarse clock: arrivals fall on a grid of ${step} (${formatRatio(tieShare)} ties, ${formatRatio(grid.share)} of the other gaps are multiples); nothing finer than ${step} was observed`;
      return { clock: { resolutionNs, tieShare, gridNs: grid.step, finding }, notes: [] };
    }
    const finding = `no grid: times written to ${written}, ${formatRatio(tieShare)} ties`;
    const notes = [...this.#beats.notes(), ...this.#clusters.notes()];
    return { clock: { resolutionNs, tieShare, gridNs: null, finding }, notes };
  }
}

/**
 * Mean unit vector of the arrivals' phases, for a few natural periods. Those go n times into a second, so that their
 * unit vectors are powers of the second's: one sine and cosine an instant.
 */
class BeatMeter {
  readonly #resolutionNs: number;
  /** Sums by power. */
  readonly #cos = new Float64Array(POWERS.length);
  readonly #sin = new Float64Array(POWERS.length);
  #rows = 0;

  constructor(resolutionNs: number) {
    this.#resolutionNs = resolutionNs;
  }

  add(block: Float64Array): void {
    const count = Math.min(block.length, BEAT_ROWS - this.#rows);
    if (count <= 0) return;
    this.#rows += count;
    const [cos, sin] = [this.#cos, this.#sin];
    const x = new Float64Array(POWERS.length);
    const y = new Float64Array(POWERS.length);
    for (let row = 0; row < count; ) {
      const offset = block[row];
      let rows = 1;
      while (row + rows < count && block[row + rows] === offset) rows += 1;
      const phase = (2 * Math.PI * (offset - Math.floor(offset / SECOND_NS) * SECOND_NS)) / SECOND_NS;
      x[0] = Math.cos(phase);
      y[0] = Math.sin(phase);
      for (let i = 1; i < POWERS.length; i++) {
        const a = LEFT[i];
        const b = RIGHT[i];
        x[i] = x[a] * x[b] - y[a] * y[b];
        y[i] = x[a] * y[b] + y[a] * x[b];
      }
      for (let i = 0; i < POWERS.length; i++) {
        cos[i] += rows * x[i];
        sin[i] += rows * y[i];
      }
      row += rows;
    }
  }

  notes(): string[] {
    if (this.#rows < 1_000) return [];
    let best = -1;
    let bestLength = BEAT_LIMIT;
    for (let i = POWERS.length - 1; i >= 0; i--) {
      const periodNs = SECOND_NS / POWERS[i];
      // A clock of whole milliseconds has every period of one: only longer ones tell.
      if (POWERS[i] === UNJUDGED_POWER || periodNs < 20 * this.#resolutionNs) continue;
      const length = Math.hypot(this.#cos[i], this.#sin[i]) / this.#rows;
      // The longest period that beats explains its divisors.
      if (length > BEAT_LIMIT && length >= bestLength * 0.8) {
        best = periodNs;
        bestLength = Math.max(bestLength, length);
      }
    }
    if (best < 0) return [];
    const period = formatDurationSec(best / 1e9);
    return [
      `arrivals beat at ${period} (phase concentration R = ${bestLength.toFixed(3)}, chance ${(1 / Math.sqrt(this.#rows)).toFixed(3)}): a poller or dispatcher of that period wrote the log, so structure below ${period} is its own`,
    ];
  }
}

const CLUSTER_NS = 1e6;
const LEAST_CLUSTERED = 0.01;
/** Times as many short gaps as chance would give. */
const CLUSTER_FACTOR = 3;

/** Requests that follow another within a millisecond, beyond what a Poisson stream of the same rate would show. */
class ClusterMeter {
  #rows = 0;
  #short = 0;
  #firstNs = 0;
  #lastNs = 0;

  add(block: Float64Array): void {
    for (const offset of block.subarray(0, Math.max(0, BEAT_ROWS - this.#rows))) {
      const gap = offset - this.#lastNs;
      if (this.#rows === 0) this.#firstNs = offset;
      else if (gap > 0 && gap < CLUSTER_NS) this.#short += 1;
      this.#lastNs = offset;
      this.#rows += 1;
    }
  }

  notes(): string[] {
    if (this.#rows < 1_000) return [];
    const gaps = this.#rows - 1;
    const share = this.#short / gaps;
    const byChance = -Math.expm1((-CLUSTER_NS * gaps) / Math.max(1, this.#lastNs - this.#firstNs));
    if (share < LEAST_CLUSTERED || share < CLUSTER_FACTOR * byChance) return [];
    return [
      `${formatRatio(share)} of requests come within 1 ms of the one before, ${formatRatio(byChance)} would by chance: they were written, or sent, in groups`,
    ];
  }
}
