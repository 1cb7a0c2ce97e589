/** The data-quality report of an ingest: what a person should see before trusting the log. Judged as the rows go by. */
import { kernels } from '../kernels/kernels.js';
import type { Int32Column, QuarterFacts, SilenceFacts, StringColumn, TraceQuality } from '../types.js';
import { formatCount, formatDurationSec } from '../units.js';
import { LengthCounts, lengthNotes } from './atoms.js';
import { ClockAuditor } from './clock-audit.js';
import type { Instant } from './collector.js';
import { LocalityMeter } from './locality.js';
import type { RejectTable } from './rejects.js';
import type { RowBlock } from './row-block.js';
import type { RowField } from './rows.js';
import type { RowTally } from './tally.js';
import type { TieFindings } from './ties.js';

/** What reading the times left to report. */
export interface TimeFacts {
  /** Finest step written, ns. */
  readonly resolutionNs: number;
  readonly origin: 'epoch' | 'start';
  readonly zoneName: string;
  readonly isZoneGiven: boolean;
  readonly start: Instant;
}

/** `1 row`, `12 031 rows`. */
export function countRows(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'row' : 'rows'}`;
}

const YEAR_SEC = 365.25 * 86_400;
const QUARTERS = 4;
const SHOWN_SILENCES = 3;
/** A silence is longer than this many times what the longest gap of a steady Poisson stream is expected to be. */
const SILENCE_FACTOR = 3;
const LEAST_SILENCE_NS = 1e9;

export interface JudgeOptions {
  readonly fields: readonly RowField[];
  readonly times: TimeFacts;
  /** From the first arrival to the last, ns. */
  readonly spanNs: number;
  readonly rowCount: number;
}

/** Judges sorted rows. */
export class QualityJudge {
  readonly #options: JudgeOptions;
  readonly #clock: ClockAuditor;
  readonly #input = new LengthCounts();
  readonly #output = new LengthCounts();
  readonly #locality = new LocalityMeter();
  readonly #quarters = Array.from({ length: QUARTERS }, () => ({
    rows: 0,
    input: new Mean(),
    output: new Mean(),
  }));
  readonly #silences: SilenceFacts[] = [];
  readonly #silenceNs: number;
  readonly #statusCounts: Record<string, number> = {};
  readonly #httpStatusCounts: Record<string, number> = {};
  #lastNs: number | null = null;
  #rows = 0;

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.#clock = new ClockAuditor(options.times.resolutionNs);
    const meanGapNs = options.spanNs / Math.max(1, options.rowCount - 1);
    this.#silenceNs = Math.max(
      LEAST_SILENCE_NS,
      SILENCE_FACTOR * meanGapNs * Math.log(Math.max(3, options.rowCount)),
    );
  }

  /** `offsets`: the arrivals, ns from the first. */
  add(block: RowBlock, offsets: Float64Array): void {
    const { rowCount } = block;
    this.#clock.add(offsets, this.#addSilences(offsets));
    const input = this.#column(block, 'inputTokens');
    const output = this.#column(block, 'outputTokens');
    this.#input.add(input, rowCount);
    this.#output.add(output, rowCount);
    this.#locality.add(input, rowCount);
    this.#addQuarters(offsets, input, output);
    this.#addStatuses(block);
    this.#rows += rowCount;
  }

  /** The report. */
  report(facts: {
    readonly rejects: RejectTable;
    readonly tally: RowTally;
    readonly ties: TieFindings;
    readonly outOfOrderRows: number;
    readonly notes: readonly string[];
  }): TraceQuality {
    const { rejects, tally, ties } = facts;
    const { times } = this.#options;
    const { clock, notes: clockNotes } = this.#clock.findings();
    const inputLengths = this.#input.facts();
    const outputLengths = this.#output.facts();
    const quarters = this.#quarterFacts();
    const notes = [
      ...facts.notes,
      ...timeNotes(times, tally),
      ...this.#spanNotes(),
      ...clockNotes,
      ...lengthNotes('input_tokens', inputLengths),
      ...lengthNotes('output_tokens', outputLengths),
      ...this.#locality.notes(),
    ];
    if (outputLengths.zeroRows > 0) {
      notes.push(
        `${countRows(outputLengths.zeroRows)} with 0 output tokens (failures in many logs): kept, as they count as arrivals`,
      );
    }
    if (ties.lookAlikes > 0) {
      notes.push(
        `${countRows(ties.lookAlikes)} equal to another of the same instant in every column: kept, as there are no request ids to tell a repeated delivery from a coincidence`,
      );
    }
    return {
      rowsIn: this.#rows + rejects.total + tally.filteredRows,
      rowsOut: this.#rows,
      rejects: rejects.list(),
      outOfOrderRows: facts.outOfOrderRows,
      clock,
      zoneRule: zoneRule(times, tally),
      statusCounts: this.#statusCounts,
      unknownInputRows: inputLengths.unknownRows,
      unknownOutputRows: outputLengths.unknownRows,
      zeroOutputRows: outputLengths.zeroRows,
      notes,
      recordsIn: tally.records,
      duplicateRows: ties.duplicates,
      lookAlikeRows: ties.lookAlikes,
      tiedRows: ties.tiedRows,
      estimatedRows: tally.estimatedRows,
      httpStatusCounts: this.#httpStatusCounts,
      inputLengths,
      outputLengths,
      silences: this.#silences.sort((a, b) => b.lengthNs - a.lengthNs).slice(0, SHOWN_SILENCES),
      quarters,
    };
  }

  #column(block: RowBlock, field: RowField): Int32Column | null {
    const index = this.#options.fields.indexOf(field);
    return index < 0 ? null : (block.columns[index] as Int32Column | null);
  }

  #addStatuses(block: RowBlock): void {
    const column = block.columns[this.#options.fields.indexOf('status')] as StringColumn | null | undefined;
    if (column === null || column === undefined) bump(this.#statusCounts, 'unknown', block.rowCount);
    else {
      const counts = new Uint32Array(column.dictionary.length + 1);
      for (const code of column.codes) counts[code + 1] += 1;
      counts.forEach((rows, code) => {
        if (rows > 0) bump(this.#statusCounts, code === 0 ? 'unknown' : column.dictionary[code - 1], rows);
      });
    }
    const http = this.#column(block, 'httpStatus');
    if (http === null) return;
    for (let row = 0; row < block.rowCount; row++) {
      if (http.valid === null || http.valid[row] !== 0)
        bump(this.#httpStatusCounts, String(http.values[row]), 1);
    }
  }

  /** Returns how many rows arrive with the one before them. */
  #addSilences(offsets: Float64Array): number {
    const rows = offsets.length;
    const memory = kernels();
    const [given, out] = memory.regions(rows * 8, rows * 4);
    memory.put(given, offsets);
    const found = memory.run.scanGaps(given, rows, this.#lastNs ?? Number.NaN, this.#silenceNs, out);
    for (const row of new Int32Array(memory.bytes.buffer, out, found)) {
      const fromNs = row === 0 ? this.#lastNs! : offsets[row - 1];
      this.#silences.push({ fromNs, lengthNs: offsets[row] - fromNs });
      if (this.#silences.length > 100) {
        this.#silences.sort((a, b) => b.lengthNs - a.lengthNs);
        this.#silences.length = SHOWN_SILENCES;
      }
    }
    this.#lastNs = offsets[rows - 1];
    return memory.run.zeroGaps.value;
  }

  /** Arrivals are in order, so that a block is a stretch of each quarter that it touches. */
  #addQuarters(offsets: Float64Array, input: Int32Column | null, output: Int32Column | null): void {
    const length = this.#options.spanNs / QUARTERS;
    if (length === 0) return;
    for (let from = 0; from < offsets.length; ) {
      const index = Math.min(QUARTERS - 1, Math.floor(offsets[from] / length));
      const to =
        index === QUARTERS - 1 ? offsets.length : firstAtOrAfter(offsets, (index + 1) * length, from + 1);
      const quarter = this.#quarters[index];
      quarter.rows += to - from;
      quarter.input.add(input, from, to);
      quarter.output.add(output, from, to);
      from = to;
    }
  }

  #quarterFacts(): QuarterFacts[] {
    const lengthNs = this.#options.spanNs / QUARTERS;
    if (lengthNs === 0) return [];
    return this.#quarters.map(({ rows, input, output }, index) => ({
      fromNs: Math.round(index * lengthNs),
      rows,
      ratePerSec: rows / (lengthNs / 1e9),
      meanInputTokens: input.value,
      meanOutputTokens: output.value,
    }));
  }

  #spanNotes(): string[] {
    const spanSec = this.#options.spanNs / 1e9;
    const { rowCount } = this.#options;
    if (rowCount > 1 && spanSec === 0)
      return [
        'all requests arrive at one instant: the source has no times, or a single one, so that only its lengths can be used',
      ];
    if (rowCount < 2 || (spanSec <= 5 * YEAR_SEC && (rowCount <= 10 || spanSec >= 0.5 || spanSec === 0)))
      return [];
    return [`the trace spans ${formatDurationSec(spanSec)}: check the time unit (seconds, milliseconds, …)`];
  }
}

function bump(counts: Record<string, number>, key: string, by: number): void {
  counts[key] = (counts[key] ?? 0) + by;
}

class Mean {
  #sum = 0;
  #count = 0;

  add(column: Int32Column | null, from: number, to: number): void {
    if (column === null) return;
    const { values, valid } = column;
    const memory = kernels();
    const [givenValues, givenValid] = memory.regions((to - from) * 4, to - from);
    memory.put(givenValues, values.subarray(from, to));
    if (valid !== null) memory.put(givenValid, valid.subarray(from, to));
    this.#sum += memory.run.sum(givenValues, valid === null ? 0 : givenValid, to - from);
    this.#count += memory.run.summed.value;
  }

  get value(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }
}

function firstAtOrAfter(offsets: Float64Array, bound: number, from: number): number {
  let low = from;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle] < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function zoneRule(times: TimeFacts, { zonedRows, zonelessRows }: RowTally): string {
  if (times.origin === 'start') return 'none needed: times count from the start of the trace';
  const zone = times.isZoneGiven ? `${times.zoneName} (as given)` : 'UTC (assumed: the source names none)';
  if (zonelessRows === 0) {
    return zonedRows > 0 ? 'offsets as written in the source' : 'none needed: times count from 1970 UTC';
  }
  if (zonedRows === 0) return zone;
  return `mixed: offsets as written in ${countRows(zonedRows)}, ${zone} in ${countRows(zonelessRows)} without one`;
}

function timeNotes(times: TimeFacts, tally: RowTally): string[] {
  const notes: string[] = [];
  const { zonedRows, zonelessRows, foldRows, gapRows } = tally;
  if (times.origin === 'epoch' && zonedRows > 0 && zonelessRows > 0) {
    notes.push(
      `${countRows(zonelessRows)} without a time zone, ${countRows(zonedRows)} with one: check that both were written by the same clock`,
    );
  }
  if (foldRows > 0) {
    notes.push(
      `${formatCount(foldRows)} local times exist twice (clocks set back): taken as the first, or as the second where the log would otherwise run backwards`,
    );
  }
  if (gapRows > 0) {
    notes.push(
      `${formatCount(gapRows)} local times do not exist (clocks set forward): read with the offset from before`,
    );
  }
  return notes;
}
