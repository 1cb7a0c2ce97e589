/** Notes of the data-quality report about the inputs as a whole. */
import { basename } from 'node:path';
import { formatCount, formatDurationSec } from '../units.js';
import type { ChosenInputs } from './choose-inputs.js';
import type { RowCollector } from './collector.js';
import { findColumn, type KnownFormat, type Sample, spellings } from './format.js';
import { handfulOf } from './inputs.js';
import type { KeptTexts } from './kept-texts.js';
import type { LateDigest } from './late-digest.js';
import { countRows, type TimeFacts } from './quality.js';
import type { RowTally } from './tally.js';

export interface NoteFacts {
  readonly choice: ChosenInputs;
  readonly rows: RowCollector;
  readonly tally: RowTally;
  readonly times: TimeFacts;
  readonly isMapped: boolean;
  /** Name of the tokenizer that counted texts; null = none was given. */
  readonly tokenizer: string | null;
  /** Where prompts and answers went; null = they were dropped. */
  /** What joining records found. */
  readonly joined: readonly string[];
  readonly texts: Pick<KeptTexts, 'path' | 'rows'> | null;
}

export function inputNotes({
  choice,
  rows,
  tally,
  times,
  isMapped,
  tokenizer,
  texts,
  joined,
}: NoteFacts): string[] {
  const { format, inputs, emptyFiles } = choice;
  const notes: string[] = [];
  if (emptyFiles.length > 0) {
    const names = handfulOf(emptyFiles.map((path) => basename(path)));
    notes.push(
      `${formatCount(emptyFiles.length)} empty file${emptyFiles.length === 1 ? '' : 's'} left out: ${names}`,
    );
  }
  for (const { source } of inputs) {
    if (source.truncation !== null) notes.push(`${source.truncation}; what came before was kept`);
  }
  if (inputs.length > 1)
    notes.push(`${formatCount(inputs.length)} files, read in the order of their first arrivals`);
  const wrappings = new Set(inputs.flatMap(({ wrapping }) => (wrapping ?? []).map(({ title }) => title)));
  if (wrappings.size > 0) notes.push(`log lines taken out of ${[...wrappings].join(', ')}`);
  const unused = unusedNames(format, inputs[0].sample);
  if (unused.length > 0) notes.push(`columns not used: ${unused.join(', ')}`);
  if (tally.filteredRows > 0) {
    notes.push(
      isMapped
        ? `${countRows(tally.filteredRows)} not selected by the mapping`
        : `${formatCount(tally.filteredRows)} records are no requests`,
    );
  }
  if (tally.estimatedRows > 0) {
    notes.push(
      `lengths of ${countRows(tally.estimatedRows)} counted from their text with ${tokenizer}: estimates, without the chat template's own tokens${texts === null ? '; the text is not kept' : ''}`,
    );
  }
  notes.push(...joined);
  if (texts !== null) {
    notes.push(
      `TEXT KEPT: prompts and answers of ${countRows(texts.rows)} are in ${basename(texts.path)}, keyed by request id; the trace holds none, that file holds what people wrote`,
    );
  }
  if (format.arrivalDerivation !== undefined) notes.push(`arrivals are derived: ${format.arrivalDerivation}`);
  if (rows.outOfOrderRows > 0)
    notes.push(
      format.joins === true
        ? `${countRows(rows.outOfOrderRows)} complete only after later ones, as records are joined: all rows were sorted by arrival`
        : `${countRows(rows.outOfOrderRows)} out of order: all rows were sorted by arrival`,
    );
  if (rows.runsOnDisk > 0)
    notes.push(
      `more rows than fit the memory set aside: sorted on disk in ${formatCount(rows.runsOnDisk + 1)} runs`,
    );
  const { sec, nanos } = times.start;
  if (times.origin === 'start' && (sec !== 0 || nanos !== 0)) {
    notes.push(
      `the first request arrives ${formatDurationSec(sec + nanos / 1e9)} after the source's zero; the trace counts from that request`,
    );
  }
  return notes;
}

/** Files that somebody wrote to while they were read. */
export function changeNotes(digests: readonly LateDigest[]): string[] {
  return digests
    .filter(({ hasChanged }) => hasChanged)
    .map(
      ({ source }) =>
        `${source.name} changed while it was read: the manifest's SHA-256 may not be that of the bytes that gave the rows`,
    );
}

const SHOWN_NAMES = 12;

function unusedNames(format: KnownFormat, sample: Sample): string[] {
  const used = new Set<string>();
  if (format.shape === 'csv') {
    for (const column of format.columns) used.add(sample.names[findColumn(column, sample.names)] ?? '');
  } else {
    for (const path of format.columns.flatMap(spellings)) used.add(path.split('.')[0]);
  }
  const names = format.headerNames === undefined ? sample.names : [];
  const unused = names.filter((name) => !name.includes('.') && !used.has(name));
  return unused.length > SHOWN_NAMES ? [...unused.slice(0, SHOWN_NAMES), '…'] : unused;
}
