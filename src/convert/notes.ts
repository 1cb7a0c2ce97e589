/** What a conversion loses and what the user must know, in sentences. Pure. */
import { TRACE_COLUMNS } from '../trace/schema.js';
import type { TraceMeta, TraceRow } from '../types.js';
import { formatCount, formatDurationSec } from '../units.js';
import type { Census } from './census.js';
import type { ConvertTarget } from './target.js';

/** What was counted while the rows were written. */
export interface WriteCounts {
  /** Rows whose time was moved to the target's step. */
  movedRows: number;
  /** Rows that fell on the instant of the row before only by that. */
  mergedRows: number;
  /** Rows whose block ids do not fit their length and were left out. */
  misfitRows: number;
}

export interface NoteFacts {
  readonly target: ConvertTarget;
  readonly meta: TraceMeta;
  readonly census: Census;
  readonly counts: WriteCounts;
  readonly leftOut: Readonly<Record<string, number>>;
  readonly keptFailures: boolean;
  /** Tokens per block in the file; null = the file has no block ids. */
  readonly blockSize: number | null;
}

const rowsText = (count: number): string => `${formatCount(count)} ${count === 1 ? 'row' : 'rows'}`;

export function conversionNotes(facts: NoteFacts): string[] {
  const { target, meta, census, counts, leftOut } = facts;
  const notes = Object.entries(leftOut).map(([reason, rows]) => `${rowsText(rows)} left out: ${reason}`);
  const lost = lostColumns(facts);
  if (lost.length > 0)
    notes.push(`not in the file, as ${target.name} has no column for it: ${lost.join(', ')}`);
  const failures = failureNote(facts);
  if (failures !== null) notes.push(failures);
  if (target.kind !== 'text') return notes;
  if (meta.startUtc !== null && !target.hasStart)
    notes.push(`the start (${meta.startUtc}) is not in the file: times count from the first request`);
  if (counts.movedRows > 0) {
    const step = formatDurationSec(Number(target.stepNs) / 1e9);
    notes.push(
      `times rounded to ${step}: ${rowsText(counts.movedRows)} moved by at most half of that, ${formatCount(counts.mergedRows)} now share an instant with the one before; the order is kept`,
    );
  }
  notes.push(...blockNotes(facts));
  if (census.zeroOutputRows > 0 && target.columns.some(({ from }) => from === 'outputTokens'))
    notes.push(`${rowsText(census.zeroOutputRows)} with 0 output tokens: some readers refuse them`);
  if (target.writesPrompts)
    notes.push(
      'prompts are made up: they have the tokens of the trace, counted with cl100k_base or o200k_base',
    );
  return [...notes, ...target.advice({ meta, blockSize: facts.blockSize })];
}

function lostColumns({ target, census }: NoteFacts): string[] {
  const held = new Set<keyof TraceRow>(target.columns.map(({ from }) => from));
  // Prompts carry the block ids in their text; failures have a sentence of their own, and success goes without saying.
  if (target.kind === 'text' && target.writesPrompts) held.add('blockHashes');
  held.add('status');
  return TRACE_COLUMNS.flatMap(({ disk, code }) => {
    const rows = census.known.get(code) ?? 0;
    return rows === 0 || held.has(code) ? [] : [`${disk} (${rowsText(rows)})`];
  });
}

function failureNote({ target, census, keptFailures }: NoteFacts): string | null {
  if (!keptFailures || census.failedRows === 0) return null;
  if (target.columns.some(({ from }) => from === 'status')) return null;
  const kinds = [...census.failures]
    .sort((a, b) => b[1] - a[1])
    .map(([status, rows]) => `${status} ${formatCount(rows)}`);
  const what = census.failedRows === 1 ? '1 failure is' : `${formatCount(census.failedRows)} failures are`;
  return `no column for status: ${what} written as ordinary requests (${kinds.join(', ')}); --failures drop leaves them out, --failures refuse stops`;
}

function blockNotes({ target, meta, census, counts, blockSize }: NoteFacts): string[] {
  const rows = census.known.get('blockHashes') ?? 0;
  if (rows === 0 || !target.columns.some(({ from }) => from === 'blockHashes')) return [];
  const notes: string[] = [];
  if (blockSize === null) {
    notes.push(
      `block ids are not in the file: the trace's blocks of ${meta.blockSize ?? 'unknown'} tokens do not fit ${target.name}'s; --block-size n writes others`,
    );
  } else if (meta.blockSize !== null && blockSize > meta.blockSize)
    notes.push(
      `block ids regrouped from ${meta.blockSize} to ${blockSize} tokens: what is shared stays shared`,
    );
  else if (meta.blockSize !== null && blockSize < meta.blockSize) {
    notes.push(
      `block ids split from ${meta.blockSize} to ${blockSize} tokens: what is shared stays shared, sharing within a block of ${meta.blockSize} was never known`,
    );
  }
  if (counts.misfitRows > 0)
    notes.push(
      `${rowsText(counts.misfitRows)} without block ids: their number does not fit the prompt's length`,
    );
  return notes;
}
