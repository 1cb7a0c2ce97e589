/**
 * One trace, read in two streaming passes: first the clock (span and peaks), then lengths, quarters, sessions and
 * shared prefixes. Memory does not grow with the rows, only with distinct values.
 */
import { isKnown } from '../trace/columns.js';
import type { TraceReader } from '../trace/read.js';
import { TRACE_COLUMNS } from '../trace/schema.js';
import type { Int32Column, ProgressListener, StringColumn, TraceBatch } from '../types.js';
import { nsToSec } from '../units.js';
import { CountMap } from './count-map.js';

/** Cells of the sparkline of arrivals. */
export const TIMELINE_CELLS = 54;
/** Cells of the histogram of token lengths. */
export const LENGTH_CELLS = 54;
/** Distinct prefix blocks that are remembered; beyond it the share of repeated blocks is not stated. */
const MAX_BLOCKS = 4_000_000;

export interface LengthFacts {
  readonly known: number;
  readonly unknown: number;
  readonly zero: number;
  readonly sum: number;
  readonly mean: number | null;
  /** By probability: 0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 1. */
  readonly quantiles: readonly (number | null)[];
  /** Counts over the logarithm of the length, smallest positive to largest. */
  readonly histogram: readonly number[];
}

export const LENGTH_PROBS = [0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 1] as const;

export interface QuarterFacts {
  readonly requests: number;
  readonly ratePerSec: number | null;
  readonly meanInputTokens: number | null;
  readonly meanOutputTokens: number | null;
}

export interface TraceFacts {
  readonly rows: number;
  /** First to last arrival, seconds; null with fewer than two rows. */
  readonly spanSec: number | null;
  /** Rows ÷ span. */
  readonly meanRatePerSec: number | null;
  /** Highest count in a second and in a minute of the trace's clock. */
  readonly peakSecond: number;
  readonly peakMinute: number;
  /** Index of dispersion of counts by window (1 = Poisson); null = fewer than ten windows. */
  readonly dispersion: readonly { readonly windowSec: number; readonly value: number | null }[];
  /** Gaps that are exactly zero ÷ gaps. */
  readonly tieShare: number | null;
  readonly input: LengthFacts;
  readonly output: LengthFacts;
  /** Rows with a value, by column name on disk, in the file's order. */
  readonly known: Readonly<Record<string, number>>;
  /** Requests in each of `TIMELINE_CELLS` equal stretches. */
  readonly timeline: readonly number[];
  readonly quarters: readonly QuarterFacts[];
  readonly sessions: number | null;
  readonly clients: number | null;
  readonly models: readonly string[];
  readonly operations: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  readonly prefix: {
    readonly requests: number;
    readonly blocks: number;
    readonly repeated: number | null;
  } | null;
}

/** Scans a trace. Throws BAD_TRACE when arrivals fall or are unknown. */
export async function scanTrace(
  reader: TraceReader,
  options: { readonly progress?: ProgressListener; readonly signal?: AbortSignal } = {},
): Promise<TraceFacts> {
  const clock = new ClockScan();
  for await (const batch of reader.batches({ columns: [], signal: options.signal })) clock.add(batch);
  const rest = new ContentScan(clock);
  let done = 0;
  for await (const batch of reader.batches({ signal: options.signal })) {
    rest.add(batch);
    done += batch.rowCount;
    options.progress?.({ stage: 'inspect', done, total: reader.rowCount, unit: 'requests' });
  }
  return rest.facts();
}

/** Span, ties and peaks. */
class ClockScan {
  rows = 0;
  firstNs = 0;
  lastNs = 0;
  ties = 0;
  peakSecond = 0;
  peakMinute = 0;
  #second = { at: -1, count: 0 };
  #minute = { at: -1, count: 0 };
  readonly #windows = DISPERSION_WINDOWS_SEC.map((windowSec) => new WindowCounts(windowSec));

  add(batch: TraceBatch): void {
    for (let i = 0; i < batch.rowCount; i++) {
      const ns = Number(batch.arrivalNs[i]);
      if (this.rows === 0) this.firstNs = ns;
      else if (ns === this.lastNs) this.ties += 1;
      this.lastNs = ns;
      this.rows += 1;
      const sec = Math.floor(nsToSec(ns));
      for (const window of this.#windows) window.add(nsToSec(ns - this.firstNs));
      this.peakSecond = Math.max(this.peakSecond, advance(this.#second, sec));
      this.peakMinute = Math.max(this.peakMinute, advance(this.#minute, Math.floor(sec / 60)));
    }
  }

  get dispersion(): TraceFacts['dispersion'] {
    return this.#windows.map(({ windowSec, dispersion }) => ({ windowSec, value: dispersion }));
  }

  get spanSec(): number | null {
    return this.rows < 2 || this.lastNs === this.firstNs ? null : nsToSec(this.lastNs - this.firstNs);
  }
}

/** Windows of the index of dispersion: a second, and what an autoscaler reacts to. */
const DISPERSION_WINDOWS_SEC = [1, 10, 60] as const;
const LEAST_WINDOWS = 10;

/** Variance over mean of counts in complete windows, as arrivals go by in order. */
class WindowCounts {
  readonly windowSec: number;
  #at = 0;
  #count = 0;
  #sum = 0;
  #squares = 0;

  constructor(windowSec: number) {
    this.windowSec = windowSec;
  }

  add(sec: number): void {
    const at = Math.floor(sec / this.windowSec);
    if (at !== this.#at) {
      // Windows that were passed over are empty and add nothing.
      this.#sum += this.#count;
      this.#squares += this.#count * this.#count;
      this.#at = at;
      this.#count = 0;
    }
    this.#count += 1;
  }

  /** The window of the last arrival is not complete and does not count. */
  get dispersion(): number | null {
    const windows = this.#at;
    if (windows < LEAST_WINDOWS || this.#sum === 0) return null;
    const mean = this.#sum / windows;
    return (this.#squares - windows * mean * mean) / (windows - 1) / mean;
  }
}

function advance(cell: { at: number; count: number }, at: number): number {
  if (cell.at !== at) {
    cell.at = at;
    cell.count = 0;
  }
  cell.count += 1;
  return cell.count;
}

/** Everything that is counted along the trace. */
class ContentScan {
  readonly #clock: ClockScan;
  readonly #input = new CountMap();
  readonly #output = new CountMap();
  readonly #timeline = new Array<number>(TIMELINE_CELLS).fill(0);
  readonly #quarters = Array.from({ length: 4 }, () => ({ rows: 0, input: new Sum(), output: new Sum() }));
  readonly #sessions = new Set<string>();
  readonly #clients = new Set<string>();
  readonly #models = new Set<string>();
  readonly #operations = new Map<string, number>();
  readonly #statuses = new Map<string, number>();
  readonly #known = new Map<string, number>();
  readonly #seen = new Set<bigint>();
  #prefixRows = 0;
  #blocks = 0;
  #repeated = 0;
  #forgetting = false;

  constructor(clock: ClockScan) {
    this.#clock = clock;
  }

  add(batch: TraceBatch): void {
    const spanNs = Math.max(this.#clock.lastNs - this.#clock.firstNs, 1);
    for (let i = 0; i < batch.rowCount; i++) {
      const at = (Number(batch.arrivalNs[i]) - this.#clock.firstNs) / spanNs;
      this.#timeline[Math.min(TIMELINE_CELLS - 1, Math.floor(at * TIMELINE_CELLS))] += 1;
      const quarter = this.#quarters[Math.min(3, Math.floor(at * 4))];
      quarter.rows += 1;
      const input = valueAt(batch.inputTokens, i);
      const output = valueAt(batch.outputTokens, i);
      if (input !== null) {
        this.#input.add(input);
        quarter.input.add(input);
      }
      if (output !== null) {
        this.#output.add(output);
        quarter.output.add(output);
      }
    }
    collect(this.#sessions, batch.sessionId, batch.rowCount);
    collect(this.#clients, batch.clientId, batch.rowCount);
    collect(this.#models, batch.model, batch.rowCount);
    tally(this.#operations, batch.operation, batch.rowCount, 'other');
    tally(this.#statuses, batch.status, batch.rowCount, 'unknown');
    this.#addBlocks(batch);
    for (const { code, disk } of TRACE_COLUMNS) {
      const known = code === 'arrivalNs' ? batch.rowCount : knownRows(batch[code], batch.rowCount);
      this.#known.set(disk, (this.#known.get(disk) ?? 0) + known);
    }
  }

  #addBlocks(batch: TraceBatch): void {
    const { blockHashes } = batch;
    if (blockHashes === undefined) return;
    for (let row = 0; row < batch.rowCount; row++) {
      if (blockHashes.valid === null || blockHashes.valid[row] === 1) this.#prefixRows += 1;
    }
    const used = blockHashes.values.subarray(blockHashes.offsets[0], blockHashes.offsets[batch.rowCount]);
    for (const hash of used) {
      this.#blocks += 1;
      if (this.#seen.has(hash)) this.#repeated += 1;
      else if (this.#seen.size < MAX_BLOCKS) this.#seen.add(hash);
      else this.#forgetting = true;
    }
  }

  facts(): TraceFacts {
    const { rows, spanSec, ties, peakSecond, peakMinute } = this.#clock;
    return {
      rows,
      spanSec,
      meanRatePerSec: spanSec === null ? null : rows / spanSec,
      peakSecond,
      peakMinute,
      dispersion: this.#clock.dispersion,
      tieShare: rows < 2 ? null : ties / (rows - 1),
      input: lengthFacts(this.#input, rows),
      output: lengthFacts(this.#output, rows),
      known: Object.fromEntries(this.#known),
      timeline: this.#timeline,
      quarters: this.#quarters.map((quarter) => ({
        requests: quarter.rows,
        ratePerSec: spanSec === null ? null : quarter.rows / (spanSec / 4),
        meanInputTokens: quarter.input.mean,
        meanOutputTokens: quarter.output.mean,
      })),
      sessions: this.#sessions.size === 0 ? null : this.#sessions.size,
      clients: this.#clients.size === 0 ? null : this.#clients.size,
      models: [...this.#models].sort(),
      operations: Object.fromEntries(this.#operations),
      statuses: Object.fromEntries(this.#statuses),
      prefix:
        this.#prefixRows === 0
          ? null
          : {
              requests: this.#prefixRows,
              blocks: this.#blocks,
              repeated: this.#forgetting || this.#blocks === 0 ? null : this.#repeated,
            },
    };
  }
}

class Sum {
  #n = 0;
  #total = 0;

  add(value: number): void {
    this.#n += 1;
    this.#total += value;
  }

  get mean(): number | null {
    return this.#n === 0 ? null : this.#total / this.#n;
  }
}

function lengthFacts(counts: CountMap, rows: number): LengthFacts {
  const first = counts.entries()[0];
  return {
    known: counts.n,
    unknown: rows - counts.n,
    zero: first !== undefined && first[0] === 0 ? first[1] : 0,
    sum: counts.sum,
    mean: counts.mean,
    quantiles: counts.percentiles(LENGTH_PROBS),
    histogram: counts.logBins(LENGTH_CELLS),
  };
}

/** Rows of a column that have a value. `other` and `unknown` count: the column is never null on disk. */
function knownRows(
  column: Exclude<TraceBatch[keyof TraceBatch], number | BigInt64Array>,
  rows: number,
): number {
  if (column === undefined) return 0;
  let known = 0;
  for (let row = 0; row < rows; row++) if (isKnown(column, row)) known += 1;
  return known;
}

function valueAt(column: Int32Column | undefined, row: number): number | null {
  if (column === undefined || (column.valid !== null && column.valid[row] === 0)) return null;
  return column.values[row];
}

function collect(into: Set<string>, column: StringColumn | undefined, rows: number): void {
  if (column === undefined) return;
  for (const code of new Set(column.codes.subarray(0, rows)))
    if (code >= 0) into.add(column.dictionary[code]);
}

function tally(
  into: Map<string, number>,
  column: StringColumn | undefined,
  rows: number,
  missing: string,
): void {
  for (let row = 0; row < rows; row++) {
    const code = column === undefined ? -1 : column.codes[row];
    const word = code < 0 ? missing : column!.dictionary[code];
    into.set(word, (into.get(word) ?? 0) + 1);
  }
}
