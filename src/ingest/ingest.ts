/**
 * `ingest`: production logs → trace. Reads every input once, in order, with one format; rejects what is damaged by
 * reason and line; sorts by arrival; and writes the trace with its data-quality report inside, whole or not at all.
 */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { ToolError } from '../errors.js';
import { createManifest, hashInput, sha256Hex } from '../manifest.js';
import { writeTrace } from '../trace/write.js';
import type { ProgressListener, TraceMeta, TraceMetaDraft, TraceQuality } from '../types.js';
import { formatDurationSec } from '../units.js';
import { openInput } from './container.js';
import { chooseFormat, formatByName } from './detect.js';
import { findColumn, type LogFormat, type Sample, spellings } from './format.js';
import { type IngestMap, parseIngestMap, readIngestMap } from './map.js';
import { formatOfMap } from './map-format.js';
import { Pseudonyms } from './pseudonyms.js';
import { countRows, judgeQuality, type TimeFacts } from './quality.js';
import { type ReadState, RowTally, readRecords, type SampledInput, sampleInput } from './read-records.js';
import { RejectTable } from './rejects.js';
import { RowCollector } from './rows.js';
import { TimeReader } from './time.js';
import { parseZone } from './zone.js';

export interface IngestOptions {
  /** Files in the order of their rows; `-` = standard input. */
  readonly inputs: readonly string[];
  /** Path of the trace. */
  readonly output: string;
  /** Name of a format; default `auto`. */
  readonly format?: string;
  /** Mapping: its path, or the mapping itself (checked or plain). Goes before `format`. */
  readonly map?: string | IngestMap | object;
  /** Zone of times that name none: UTC, +05:30 or an IANA name. Default UTC, whatever the host's zone. */
  readonly tz?: string;
  /** Any bad row is fatal. */
  readonly strict?: boolean;
  /** Name of the trace; default: the first input's. */
  readonly name?: string;
  /** Keep identifiers as they are. Default: keyed pseudonyms. */
  readonly keepIds?: boolean;
  /** Secret that the pseudonyms depend on; default: random, so that they cannot be joined with another ingest. */
  readonly pseudonymKey?: string;
  /** Keep the rows of a gzip file that ends early. */
  readonly allowTruncated?: boolean;
  readonly compat?: 'parquetjs' | null;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface IngestResult {
  readonly output: string;
  readonly rows: number;
  readonly bytes: number;
  readonly contentHash: string;
  readonly format: {
    readonly name: string;
    readonly title: string;
    /** Why this format. */
    readonly reason: string;
    /** What came second in detection; null = nothing else came near, or the format was given. */
    readonly second: string | null;
  };
  readonly meta: TraceMeta;
  readonly quality: TraceQuality;
  readonly files: readonly { readonly name: string; readonly rows: number; readonly rejected: number }[];
}

/**
 * Turns logs into a trace. Throws ToolError: FILE_NOT_FOUND, FILE_EMPTY, FILE_UNREADABLE, FORMAT_UNKNOWN,
 * HEADER_MISMATCH, NO_ROWS, BAD_ROWS (strict), BAD_VALUE (mapping, zone), OUTPUT_UNWRITABLE, or the signal's reason.
 */
export async function ingest(options: IngestOptions): Promise<IngestResult> {
  if (options.inputs.length === 0) {
    throw new ToolError({ code: 'USAGE', message: 'no input given', hint: 'name one or more log files' });
  }
  const map = await mapOf(options.map);
  const zone = parseZone(options.tz ?? 'UTC');
  const choice = await chooseForAll(options, map);
  const { format, inputs } = choice;
  const key = options.keepIds === true ? null : (options.pseudonymKey ?? randomBytes(32));
  const handler = format.open({ pseudonyms: new Pseudonyms(key) });
  const state: ReadState = {
    rows: new RowCollector(format.fills),
    rejects: new RejectTable(options.strict ?? false),
    times: new TimeReader(zone),
    tally: new RowTally(),
  };
  const files: { name: string; rows: number; rejected: number }[] = [];
  const report = progressReporter(inputs, options.progress);
  for (const input of inputs) {
    const before = { rows: state.rows.rowCount, rejected: state.rejects.total };
    await readRecords(input, format, handler, state, report);
    files.push({
      name: input.source.name,
      rows: state.rows.rowCount - before.rows,
      rejected: state.rejects.total - before.rejected,
    });
  }
  if (state.rows.rowCount === 0) throw noRows(inputs, state);
  state.rows.sort();
  const times = timeFacts(state, format, zone.name, options.tz !== undefined);
  const quality = judgeQuality({
    rows: state.rows,
    rejects: state.rejects,
    statusCounts: state.tally.statusCounts,
    filteredRows: state.tally.filteredRows,
    times,
    notes: inputNotes(choice, state, times),
  });
  const meta: TraceMetaDraft = {
    schemaVersion: 1,
    kind: 'trace',
    name: options.name ?? basename(options.inputs[0]).replace(/(\.(csv|jsonl|json|log|txt|gz|tsv))+$/i, ''),
    startUtc: times.origin === 'epoch' ? startUtc(state) : null,
    timeResolutionNs: times.resolutionNs,
    arrivalBasis: format.arrivalBasis,
    blockSize: format.fills.includes('blockHashes') ? format.blockSize : null,
    droppedRows: {
      ...Object.fromEntries(quality.rejects.map(({ reason, rows }) => [reason, rows])),
      ...(state.tally.filteredRows > 0 ? { 'not selected by the mapping': state.tally.filteredRows } : {}),
    },
    quality,
    manifest: await manifestOf(options, format, inputs),
  };
  const written = await writeTrace({
    path: options.output,
    meta,
    batches: state.rows.batches(),
    compat: options.compat,
    signal: options.signal,
    progress: options.progress,
  });
  return {
    output: options.output,
    ...written,
    format: {
      name: format.name,
      title: format.title,
      reason: choice.reason,
      second: choice.second,
    },
    meta: { ...meta, contentHash: written.contentHash },
    quality,
    files,
  };
}

async function mapOf(map: IngestOptions['map']): Promise<IngestMap | null> {
  if (map === undefined) return null;
  if (typeof map === 'string') return readIngestMap(map);
  return 'nullWords' in map ? (map as IngestMap) : parseIngestMap(map, 'given');
}

interface ChosenInputs {
  readonly format: LogFormat;
  readonly reason: string;
  readonly second: string | null;
  readonly inputs: readonly SampledInput[];
}

/** Opens all inputs and finds the one format that they share. */
async function chooseForAll(options: IngestOptions, map: IngestMap | null): Promise<ChosenInputs> {
  const separator = map?.separator ?? ',';
  const inputs: SampledInput[] = [];
  for (const path of options.inputs) {
    const source = await openInput(path, {
      allowTruncated: options.allowTruncated ?? false,
      signal: options.signal,
    });
    inputs.push(await sampleInput(source, separator));
  }
  if (map !== null) return { format: formatOfMap(map), reason: 'the mapping says so', second: null, inputs };
  if (options.format !== undefined && options.format !== 'auto') {
    return { format: formatByName(options.format), reason: 'it was given', second: null, inputs };
  }
  const choices = inputs.map(({ sample }) => chooseFormat(sample));
  const [first] = choices;
  const odd = choices.findIndex((choice) => choice.format !== first.format);
  if (odd >= 0) {
    throw new ToolError({
      code: 'FORMAT_UNKNOWN',
      message: `the inputs differ: ${inputs[0].source.name} is ${first.format.name}, ${inputs[odd].source.name} is ${choices[odd].format.name}`,
      hint: 'ingest them one by one',
    });
  }
  const second =
    first.second === null ? null : `${first.second.format.name} (${first.second.detection.reason})`;
  return { format: first.format, reason: first.reason, second, inputs };
}

function progressReporter(inputs: readonly SampledInput[], progress?: ProgressListener): () => void {
  const sizes = inputs.map(({ source }) => source.fileBytes);
  const total = sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  return () => {
    const done = inputs.reduce((sum, { source }) => sum + source.readBytes, 0);
    progress?.({ stage: 'read logs', done, total, unit: 'bytes' });
  };
}

function noRows(inputs: readonly SampledInput[], state: ReadState): ToolError {
  const names = inputs.map(({ source }) => source.name).join(', ');
  const { rejects, tally } = state;
  if (rejects.total > 0) {
    return new ToolError({
      code: 'NO_ROWS',
      message: `none of ${countRows(rejects.total)} of ${names} could be read: ${rejects.summary()}`,
      hint: 'check --format, or say with --map which column is what',
    });
  }
  return new ToolError({
    code: 'NO_ROWS',
    message:
      tally.filteredRows > 0
        ? `the mapping's filter left none of ${countRows(tally.filteredRows)} of ${names}`
        : `${names} has no rows`,
    hint: tally.filteredRows > 0 ? 'check where: in the mapping' : 'was the log cut off after its header?',
  });
}

const YEAR_2000_SEC = 946_684_800;

function timeFacts(state: ReadState, format: LogFormat, zoneName: string, isZoneGiven: boolean): TimeFacts {
  const { tally, rows } = state;
  const isEpoch =
    format.timeOrigin === 'epoch' || (format.timeOrigin === 'auto' && rows.start().sec > YEAR_2000_SEC);
  return {
    resolutionNs: 10 ** (9 - tally.places),
    origin: isEpoch ? 'epoch' : 'start',
    zoneName,
    isZoneGiven,
    zonedRows: tally.zonedRows,
    zonelessRows: tally.zonelessRows,
    foldRows: tally.foldRows,
    gapRows: tally.gapRows,
  };
}

/** The first arrival as RFC 3339 with the digits that the source wrote. */
function startUtc({ rows, tally }: ReadState): string {
  const { sec, nanos } = rows.start();
  const whole = new Date(sec * 1_000).toISOString().slice(0, 19);
  const fraction = String(nanos).padStart(9, '0').slice(0, tally.places);
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`;
}

function inputNotes(choice: ChosenInputs, state: ReadState, times: TimeFacts): string[] {
  const notes: string[] = [];
  for (const { source } of choice.inputs) {
    if (source.truncation !== null) notes.push(`${source.truncation}; what came before was kept`);
  }
  const unused = unusedNames(choice.format, choice.inputs[0].sample);
  if (unused.length > 0) notes.push(`columns not used: ${unused.join(', ')}`);
  if (state.tally.filteredRows > 0) {
    notes.push(`${countRows(state.tally.filteredRows)} not selected by the mapping`);
  }
  if (state.rows.outOfOrderRows > 0) {
    notes.push(
      `${countRows(state.rows.outOfOrderRows)} out of order: all rows were sorted by arrival, rows that arrive together in the order of the source`,
    );
  }
  const { sec, nanos } = state.rows.start();
  if (times.origin === 'start' && (sec !== 0 || nanos !== 0)) {
    notes.push(
      `the first request arrives ${formatDurationSec(sec + nanos / 1e9)} after the source's zero; the trace counts from that request`,
    );
  }
  return notes;
}

const SHOWN_NAMES = 12;

function unusedNames(format: LogFormat, sample: Sample): string[] {
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

async function manifestOf(
  options: IngestOptions,
  format: LogFormat,
  inputs: readonly SampledInput[],
): Promise<TraceMeta['manifest']> {
  const { map } = options;
  return createManifest({
    command: 'ingest',
    options: {
      format: format.name,
      map:
        map === undefined
          ? undefined
          : typeof map === 'string'
            ? basename(map)
            : sha256Hex(JSON.stringify(map)),
      tz: options.tz,
      strict: options.strict,
      name: options.name,
      keepIds: options.keepIds,
      allowTruncated: options.allowTruncated,
    },
    inputs: [
      ...inputs.map(({ source }) => source.manifest()),
      ...(typeof map === 'string' ? [await hashInput(map)] : []),
    ],
    timestamp: false,
  });
}
