/**
 * `ingest`: production logs → trace. Reads every input once, in order, with one format; rejects what is damaged by
 * reason and line; sorts by arrival; and writes the trace with its data-quality report inside, whole or not at all.
 */
import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { ToolError } from '../errors.js';
import { temporaryName } from '../trace/files.js';
import { writeTrace } from '../trace/write.js';
import type { ProgressListener, TraceBatch, TraceMetaDraft, TraceQuality } from '../types.js';
import { type ChosenInput, type ChosenInputs, chooseInputs } from './choose-inputs.js';
import { RowCollector } from './collector.js';
import type { KnownFormat } from './format.js';
import { openFormat } from './handler.js';
import { changeNotes, inputNotes } from './input-notes.js';
import { handfulOf } from './inputs.js';
import { KeptTexts, withTexts } from './kept-texts.js';
import { LateDigest } from './late-digest.js';
import { type IngestMap, parseIngestMap, readIngestMap } from './map.js';
import type { IngestOptions, IngestResult } from './options.js';
import { auditPrivacy } from './privacy-audit.js';
import { Pseudonyms } from './pseudonyms.js';
import { countRows, QualityJudge } from './quality.js';
import { isParallelReadable, readInParallel, startThreads } from './read-parallel.js';
import { readRecords, readRecordsFrom } from './read-records.js';
import { ReadThreads } from './read-threads.js';
import { RecordPump } from './record-pump.js';
import { RECOVERED_FIELDS, SessionRecovery } from './recover-sessions.js';
import { RejectTable } from './rejects.js';
import { RowTally } from './tally.js';
import { openTextCounter, type TextCounter } from './text-counter.js';
import { TimeReader } from './time.js';
import { manifestOf, nameOf, startUtc, timeFacts } from './trace-meta.js';
import { parseZone, type Zone } from './zone.js';

export type { IngestOptions, IngestResult } from './options.js';

/**
 * Turns logs into a trace. Throws ToolError: FILE_NOT_FOUND, FILE_EMPTY, FILE_UNREADABLE, FORMAT_UNKNOWN,
 * HEADER_MISMATCH, NO_ROWS, BAD_ROWS (strict), BAD_VALUE (mapping, zone, tokenizer), OUTPUT_UNWRITABLE, or the signal's
 * reason. A compressed file that ends early: the trace of what came before is written, then FILE_UNREADABLE is thrown, unless
 * allowed; in strict mode nothing is written.
 */
export async function ingest(options: IngestOptions): Promise<IngestResult> {
  if (options.inputs.length === 0) {
    throw new ToolError({ code: 'USAGE', message: 'no input given', hint: 'name one or more log files' });
  }
  refuseUnauditable(options);
  const map = await mapOf(options.map);
  const zone = parseZone(options.tz ?? 'UTC');
  const counter = options.tokenizer === undefined ? null : await openTextCounter(options.tokenizer);
  const threads = new ReadThreads();
  let chosen: ChosenInputs | null = null;
  let texts: KeptTexts | null = null;
  let read: Reading | null = null;
  try {
    await startThreads(options.inputs, threads);
    chosen = await chooseInputs({
      ...options,
      map,
      zone,
      // What comes before the cut is written in any case, except to strict eyes; whether that is a success is another matter.
      allowTruncated: options.allowTruncated === true || options.strict !== true,
    });
    let choice = chosen;
    if (options.keepText !== undefined) {
      const { format, places } = withTexts(chosen.format);
      choice = { ...chosen, format };
      texts = new KeptTexts(options.keepText, places);
    }
    const setting = { map, zone, counter, texts, threads };
    read = readerOf(options, choice, setting);
    await read.all();
    const result =
      options.auditPrivacy === true
        ? await writeAudited(options, choice, read, setting)
        : await writeOut(options, choice, read, setting);
    texts?.finish();
    if (options.allowTruncated !== true) refuseTruncated(choice, result);
    return result;
  } finally {
    read?.rows.dispose();
    for (const digest of read?.digests ?? []) await digest.close();
    texts?.abandon();
    await threads.close();
    await chosen?.remove();
  }
}

/** Writes the trace beside its place and moves it there once the scan found nothing of the inputs in it. */
async function writeAudited(
  options: IngestOptions,
  choice: ChosenInputs,
  read: Reading,
  setting: Setting,
): Promise<IngestResult> {
  const { output } = options;
  const unseen = temporaryName(output);
  try {
    const result = await writeOut({ ...options, output: unseen }, choice, read, setting);
    const privacyAudit = await auditPrivacy(unseen, choice.inputs, options.signal);
    await rename(unseen, output);
    return { ...result, output, privacyAudit };
  } finally {
    await rm(unseen, { force: true });
  }
}

/** What an audit cannot be asked of, before anything is read. */
function refuseUnauditable({ auditPrivacy: isAudited, inputs, keepIds }: IngestOptions): void {
  if (isAudited !== true) return;
  if (keepIds === true || inputs.includes('-')) {
    throw new ToolError({
      code: 'USAGE',
      message:
        keepIds === true
          ? '--audit-privacy looks for identifiers that --keep-ids keeps'
          : '--audit-privacy reads the inputs twice, which standard input does not allow',
      hint: keepIds === true ? 'give one of the two' : 'write standard input to a file first',
    });
  }
}

/** The trace is there and says what was cut; the caller learns that it is not whole. */
function refuseTruncated({ inputs }: ChosenInputs, { output, rows }: IngestResult): void {
  const cuts = truncationsOf(inputs);
  if (cuts.length === 0) return;
  throw truncated(cuts, `${countRows(rows)} that came before ${rows === 1 ? 'is' : 'are'} in ${output}`);
}

/** What is wrong with the inputs that ended early, and where. */
function truncationsOf(inputs: readonly ChosenInput[]): readonly string[] {
  return inputs.flatMap(({ source }) => source.truncation ?? []);
}

function truncated(cuts: readonly string[], outcome: string): ToolError {
  const files = cuts.length === 1 ? 'file' : 'files';
  return new ToolError({
    code: 'FILE_UNREADABLE',
    message: `${handfulOf(cuts, '; ')}; ${outcome}`,
    hint: `fetch the ${files} again, or take what is there as a success with --allow-truncated`,
  });
}

/** What reading and writing share beside the options. */
interface Setting {
  readonly map: IngestMap | null;
  readonly zone: Zone;
  readonly counter: TextCounter | null;
  readonly texts: KeptTexts | null;
  readonly threads: ReadThreads;
}

/** The reading of all inputs, and what it leaves. */
interface Reading {
  readonly rows: RowCollector;
  readonly rejects: RejectTable;
  readonly tally: RowTally;
  readonly blockSize: number | null;
  /** Of files that threads read; all but the last are finished. */
  readonly digests: readonly LateDigest[];
  /** What joining records found. */
  readonly notes: readonly string[];
  readonly files: readonly { readonly name: string; readonly rows: number; readonly rejected: number }[];
  all(): Promise<void>;
}

function readerOf(
  options: IngestOptions,
  { format, inputs }: ChosenInputs,
  { map, zone, counter, texts, threads }: Setting,
): Reading {
  const key = options.keepIds === true ? null : (options.pseudonymKey ?? randomBytes(32));
  const handler = openFormat(format, new Pseudonyms(key), counter?.count ?? null, texts);
  const rows = new RowCollector(format.fills, options.sortBudgetBytes);
  const rejects = new RejectTable(options.strict ?? false);
  const tally = new RowTally();
  const files: { name: string; rows: number; rejected: number }[] = [];
  const pump = new RecordPump(format, handler, { rows, rejects, tally, times: new TimeReader(zone) });
  const report = progressReporter(inputs, options.progress);
  const digests: LateDigest[] = [];
  return {
    rows,
    rejects,
    tally,
    digests,
    files,
    get blockSize() {
      return handler.blockSize ?? null;
    },
    get notes() {
      return handler.notes?.() ?? [];
    },
    async all() {
      for (const input of inputs) {
        const before = { rows: rows.rowCount + pump.pendingRows, rejected: rejects.total };
        const isLarge = texts === null && (await isParallelReadable(input, format, zone));
        if (isLarge) {
          pump.flush();
          await digests.at(-1)?.finish();
          const digest = new LateDigest(input.source);
          digests.push(digest);
          const from = await readInParallel({
            input,
            digest,
            threads,
            format,
            map,
            zone,
            pseudonymKey: key,
            rows,
            rejects,
            tally,
            signal: options.signal,
            onProgress: (bytes) => report(input, bytes),
          });
          if (from !== null) await readRecordsFrom(input, from, pump, () => report(input));
        } else await readRecords(input, input.sample, pump, () => report(input));
        files.push({
          name: input.source.name,
          rows: rows.rowCount + pump.pendingRows - before.rows,
          rejected: rejects.total - before.rejected,
        });
      }
      pump.finish();
      if (rows.rowCount > 0) return;
      const cuts = truncationsOf(inputs);
      if (cuts.length > 0) throw truncated(cuts, 'no complete row comes before');
      throw noRows(inputs, rejects, tally);
    },
  };
}

async function writeOut(
  options: IngestOptions,
  choice: ChosenInputs,
  read: Reading,
  { map, zone, counter, texts, threads }: Setting,
): Promise<IngestResult> {
  const { format, inputs } = choice;
  const { rows, rejects, tally } = read;
  const times = timeFacts(read, format, zone.name, options.tz !== undefined);
  const judge = new QualityJudge({
    fields: format.fills,
    times,
    spanNs: rows.spanNs(),
    rowCount: rows.rowCount,
  });
  const notes = inputNotes({
    choice,
    rows,
    tally,
    times,
    isMapped: map !== null,
    tokenizer: counter?.name ?? null,
    texts,
    joined: read.notes,
  });
  const digested = read.digests.at(-1)?.finish();
  // Awaited below; until then a failure is no unhandled one.
  digested?.catch(() => undefined);
  const recovery = recoveryOf(options, format, read.blockSize);
  let quality: TraceQuality | null = null;
  let draft: TraceMetaDraft | null = null;
  const written = await writeTrace({
    path: options.output,
    batches: judged(rows, judge, recovery),
    columns: recovery === null ? format.fills : [...new Set([...format.fills, ...RECOVERED_FIELDS])],
    meta: async () => {
      await digested;
      rejects.addRows(REPEATED, rows.tieFindings.duplicates);
      quality = judge.report({
        rejects,
        tally,
        ties: rows.tieFindings,
        outOfOrderRows: rows.outOfOrderRows,
        notes: [...notes, ...changeNotes(read.digests), ...(recovery?.notes() ?? [])],
      });
      draft = {
        schemaVersion: 1,
        kind: 'trace',
        name: options.name ?? nameOf(inputs[0].source.name),
        startUtc: times.origin === 'epoch' ? startUtc(times.start, tally.places) : null,
        timeResolutionNs: times.resolutionNs,
        arrivalBasis: format.arrivalBasis,
        blockSize: format.fills.includes('blockHashes') ? read.blockSize : null,
        droppedRows: {
          ...Object.fromEntries(quality.rejects.map(({ reason, rows: count }) => [reason, count])),
          ...(tally.filteredRows > 0
            ? { [map === null ? NO_REQUEST : NOT_SELECTED]: tally.filteredRows }
            : {}),
        },
        quality,
        manifest: await manifestOf(options, format, inputs),
      };
      return draft;
    },
    compat: options.compat,
    lent: threads.workers,
    signal: options.signal,
    progress: options.progress,
  });
  return {
    output: options.output,
    ...written,
    format: { name: format.name, title: format.title, reason: choice.reason, second: choice.second },
    meta: { ...draft!, contentHash: written.contentHash },
    quality: quality!,
    files: read.files,
  };
}

const REPEATED = 'delivered more than once (same request id and arrival)';
const NO_REQUEST = 'no request';
const NOT_SELECTED = 'not selected by the mapping';

/** The sorted rows as batches, judged on the way. */
function* judged(
  rows: RowCollector,
  judge: QualityJudge,
  recovery: SessionRecovery | null,
): Generator<TraceBatch> {
  for (const block of rows.sorted()) {
    const { batch, offsets } = rows.batchOf(block);
    judge.add(block, offsets);
    yield recovery === null ? batch : recovery.add(batch);
  }
}

function recoveryOf(
  { recoverSessions = false }: IngestOptions,
  format: KnownFormat,
  blockSize: number | null,
): SessionRecovery | null {
  if (!recoverSessions) return null;
  if (format.fills.includes('blockHashes') && blockSize !== null) return new SessionRecovery(blockSize);
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `sessions cannot be recovered: ${format.name} has no block ids here`,
    hint: 'leave --recover-sessions out; sessions that the source names are kept anyway',
  });
}

async function mapOf(map: IngestOptions['map']): Promise<IngestMap | null> {
  if (map === undefined) return null;
  if (typeof map === 'string') return readIngestMap(map);
  return 'nullWords' in map ? (map as IngestMap) : parseIngestMap(map, 'given');
}

/** `bytes`: read of an input so far, where other threads read it, which its own count does not show. */
function progressReporter(
  inputs: readonly ChosenInput[],
  progress?: ProgressListener,
): (input: ChosenInput, bytes?: number) => void {
  const sizes = inputs.map(({ source }) => source.fileBytes);
  const total = sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const read = new Map<ChosenInput, number>();
  return (input, bytes = input.source.readBytes) => {
    read.set(input, bytes);
    const done = [...read.values()].reduce((sum, each) => sum + each, 0);
    progress?.({ stage: 'read logs', done, total, unit: 'bytes' });
  };
}

function noRows(inputs: readonly ChosenInput[], rejects: RejectTable, tally: RowTally): ToolError {
  const names = inputs.map(({ source }) => source.name).join(', ');
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
