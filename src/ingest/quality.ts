/** The data-quality report of an ingest: what a person should see before trusting the log. */
import type { TraceQuality } from '../types.js';
import { formatCount, formatDurationSec } from '../units.js';
import { countLengths } from './atoms.js';
import { auditClock } from './clock-audit.js';
import type { RejectTable } from './rejects.js';
import type { RowCollector } from './rows.js';

/** What reading the times left to report. */
export interface TimeFacts {
  /** Finest step written, ns. */
  readonly resolutionNs: number;
  readonly origin: 'epoch' | 'start';
  readonly zoneName: string;
  readonly isZoneGiven: boolean;
  /** Accepted rows whose date named its offset, and whose date did not; both 0 for numbers. */
  readonly zonedRows: number;
  readonly zonelessRows: number;
  readonly foldRows: number;
  readonly gapRows: number;
}

export interface QualityInput {
  readonly rows: RowCollector;
  readonly rejects: RejectTable;
  readonly statusCounts: Readonly<Record<string, number>>;
  /** Records that a mapping's filter left out. */
  readonly filteredRows: number;
  readonly times: TimeFacts;
  readonly notes: readonly string[];
}

/** `1 row`, `12 031 rows`. */
export function countRows(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'row' : 'rows'}`;
}

const YEAR_SEC = 365.25 * 86_400;

/** Judges sorted rows. */
export function judgeQuality(input: QualityInput): TraceQuality {
  const { rows, rejects, times } = input;
  const { clock, notes: clockNotes } = auditClock(rows.offsetsNs(), times.resolutionNs);
  const lengths = countLengths(rows.batches());
  const notes = [
    ...input.notes,
    ...timeNotes(times),
    ...spanNotes(rows),
    ...clockNotes,
    ...lengths.input.notes('input_tokens'),
    ...lengths.output.notes('output_tokens'),
  ];
  if (lengths.output.zero > 0) {
    notes.push(
      `${countRows(lengths.output.zero)} with 0 output tokens (failures in many logs): kept, as they count as arrivals`,
    );
  }
  return {
    rowsIn: rows.rowCount + rejects.total + input.filteredRows,
    rowsOut: rows.rowCount,
    rejects: rejects.list(),
    outOfOrderRows: rows.outOfOrderRows,
    clock,
    zoneRule: zoneRule(times),
    statusCounts: input.statusCounts,
    unknownInputRows: lengths.input.unknown,
    unknownOutputRows: lengths.output.unknown,
    zeroOutputRows: lengths.output.zero,
    notes,
  };
}

function zoneRule(times: TimeFacts): string {
  if (times.origin === 'start') return 'none needed: times count from the start of the trace';
  const zone = times.isZoneGiven ? `${times.zoneName} (as given)` : 'UTC (assumed: the source names none)';
  if (times.zonelessRows === 0) {
    return times.zonedRows > 0
      ? 'offsets as written in the source'
      : 'none needed: times count from 1970 UTC';
  }
  if (times.zonedRows === 0) return zone;
  return `mixed: offsets as written in ${countRows(times.zonedRows)}, ${zone} in ${countRows(times.zonelessRows)} without one`;
}

function timeNotes(times: TimeFacts): string[] {
  const notes: string[] = [];
  if (times.zonedRows > 0 && times.zonelessRows > 0) {
    notes.push(
      `${countRows(times.zonelessRows)} without a time zone, ${countRows(times.zonedRows)} with one: check that both were written by the same clock`,
    );
  }
  if (times.foldRows > 0) {
    notes.push(
      `${formatCount(times.foldRows)} local times exist twice (clocks set back): taken as the first, or as the second where the log would otherwise run backwards`,
    );
  }
  if (times.gapRows > 0) {
    notes.push(
      `${formatCount(times.gapRows)} local times do not exist (clocks set forward): read with the offset from before`,
    );
  }
  return notes;
}

function spanNotes(rows: RowCollector): string[] {
  if (rows.rowCount < 2) return [];
  let lastNs = 0;
  for (const block of rows.offsetsNs()) lastNs = block[block.length - 1];
  const spanSec = lastNs / 1e9;
  if (spanSec > 5 * YEAR_SEC || (rows.rowCount > 10 && spanSec < 0.5)) {
    return [`the trace spans ${formatDurationSec(spanSec)}: check the time unit (seconds, milliseconds, …)`];
  }
  return [];
}
