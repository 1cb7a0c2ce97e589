/**
 * Inputs with their beginnings looked at, so that a format can be chosen before a row is read: containers opened (archives
 * into their members, Parquet into rows), log lines unwrapped, and the views in which the records can be read.
 */
import { ToolError } from '../errors.js';
import { ARROW_MAGIC, openArrowInput } from './arrow-input.js';
import { emptyInput, type InputSource, openInput, type SourceOptions, TruncatedInput } from './container.js';
import type { Sample } from './format.js';
import type { LogWrapping } from './log-lines.js';
import { findWrapping, unwrapLines, unwrapSample } from './log-wrapping.js';
import { openParquetInput } from './parquet-input.js';
import { rowViews, takeSamples } from './sample.js';
import { isTar, unpackTar } from './tar.js';

export interface SampledInput {
  readonly source: InputSource;
  /** Ways to look at its records, the likeliest first. */
  readonly views: readonly Sample[];
  /** What the records are taken out of, by the view that is chosen; null before. */
  readonly wrapping: LogWrapping | null;
  readonly head: readonly Buffer[];
  readonly rest: AsyncGenerator<Buffer>;
  /** The input ended, truncated, within the sample. */
  readonly failure: unknown;
  /** Whether the bytes on disk are those of the records: neither compressed nor, in the chosen view, unwrapped. */
  readonly isBare: boolean;
}

/** An input that has nothing which could be looked at: empty, or cut before its first record ends. */
export interface LeftOutInput {
  readonly source: InputSource;
  readonly problem: ToolError;
}

const SAMPLE_BYTES = 1 << 16;
const SPACE = 32;
const LONGEST_FIRST_LINE = 64 << 20;

/** Opened inputs; `remove` deletes what was unpacked. */
export class InputSet {
  readonly inputs: SampledInput[] = [];
  readonly leftOut: LeftOutInput[] = [];
  readonly #removals: (() => Promise<void>)[] = [];
  readonly #separator: string;
  readonly #options: SourceOptions;

  constructor(separator: string, options: SourceOptions) {
    this.#separator = separator;
    this.#options = options;
  }

  /** Opens a file or `-`: one input, or one for each member of an archive. */
  async open(path: string): Promise<void> {
    await this.#look(await openInput(path, this.#options), true);
  }

  async #look(source: InputSource, mayBeArchive: boolean): Promise<void> {
    try {
      await this.#sample(source, mayBeArchive);
    } catch (error) {
      if (!(error instanceof ToolError) || !(error.code === 'FILE_EMPTY' || error instanceof CutInput))
        throw error;
      this.leftOut.push({ source, problem: error });
    }
  }

  async remove(): Promise<void> {
    for (const remove of this.#removals) await remove();
  }

  async #sample(source: InputSource, mayBeArchive: boolean): Promise<void> {
    const rest = source.chunks();
    const { head, failure } = await readHead(rest);
    const whole = Buffer.concat(head);
    if (mayBeArchive && isTar(whole)) {
      await this.#openArchive(source, head, rest);
      return;
    }
    const openTable = source.path === '-' ? null : tableOpener(whole);
    if (openTable !== null) {
      await rest.return(undefined);
      await this.#openTable(source, openTable);
      return;
    }
    const cut = cutOf(source, failure);
    if (cut === null && whole.every((byte) => byte <= SPACE))
      throw emptyInput(source.name, 'nothing but blanks');
    if (cut === null && /^\s*\[\s*\]\s*$/.test(whole.toString('latin1', 0, 64)))
      throw emptyInput(source.name, 'a list without records');
    const lineEnd = whole.indexOf(10);
    const views = this.#views(source.name, whole);
    if (cut !== null && (whole.length === 0 || (lineEnd < 0 && !views.some(isTelling))))
      throw new CutInput(cut);
    const isBare = source.readBytes >= whole.length && whole.length > 0 && isSame(source, whole);
    if (source.path === '-') {
      this.inputs.push({ source, views, wrapping: null, head, rest, failure, isBare: false });
      return;
    }
    // Files are read again from their beginning, so that a thousand of them are not open and half read at once.
    await rest.return(undefined);
    const fresh = source.reopened();
    this.inputs.push({
      source: fresh,
      views,
      wrapping: null,
      head: [],
      rest: fresh.chunks(),
      failure: null,
      isBare,
    });
  }

  /** The lines that are wrapped come first. */
  #views(name: string, whole: Buffer): Sample[] {
    const asIs = takeSamples(name, beginningOf(whole), this.#separator);
    const wrapping = findWrapping(whole);
    if (wrapping === null) return asIs;
    const bare = takeSamples(name, beginningOf(unwrapSample(whole, wrapping)), this.#separator);
    return [...bare.map((view) => ({ ...view, wrapping })), ...asIs];
  }

  async #openArchive(
    source: InputSource,
    head: readonly Buffer[],
    rest: AsyncGenerator<Buffer>,
  ): Promise<void> {
    async function* chunks(): AsyncGenerator<Buffer> {
      yield* head;
      yield* rest;
    }
    const { members, remove } = await unpackTar(chunks(), source.name);
    this.#removals.push(remove);
    if (members.length === 0) {
      throw new ToolError({
        code: 'FILE_EMPTY',
        message: `${source.name} has no log in it`,
        hint: 'was the right folder packed?',
      });
    }
    for (const { name, path } of members) {
      await this.#look(await openInput(path, this.#options, `${source.name}:${name}`), false);
    }
  }

  async #openTable(source: InputSource, open: typeof openParquetInput): Promise<void> {
    const { source: rows, names } = await open(source.path, source.name, this.#options.signal);
    const chunks = rows.chunks();
    const { head } = await readHead(chunks);
    await chunks.return(undefined);
    if (head.length === 0) {
      throw new ToolError({
        code: 'NO_ROWS',
        message: `${source.name} has no rows`,
        hint: 'was the table filtered to nothing?',
      });
    }
    const views = rowViews(source.name, Buffer.concat(head), names);
    this.inputs.push({
      source: rows,
      views,
      wrapping: null,
      head: [],
      rest: rows.chunks(),
      failure: null,
      isBare: false,
    });
  }
}

/** As much as is looked at: 64 KiB, or the first line when it is longer. */
function beginningOf(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.max(SAMPLE_BYTES, bytes.indexOf(10) + 1));
}

/** How a table of these first bytes is opened; null = it is none. */
function tableOpener(bytes: Buffer): typeof openParquetInput | null {
  if (bytes.subarray(0, 4).toString('latin1') === 'PAR1') return openParquetInput;
  return bytes.subarray(0, ARROW_MAGIC.length).toString('latin1') === ARROW_MAGIC ? openArrowInput : null;
}

/** Where a compressed input was cut; null = it was not, as far as it was read. */
function cutOf({ truncation }: InputSource, failure: unknown): string | null {
  return truncation ?? (failure instanceof TruncatedInput ? failure.message : null);
}

/** Whether a view of a file without a whole line shows records: JSON without newlines does. */
function isTelling({ shape, names }: Sample): boolean {
  return shape === 'jsonl' && names.length > 0;
}

/** A compressed input that gives no whole record. */
class CutInput extends ToolError {
  constructor(where: string) {
    super({
      code: 'FILE_UNREADABLE',
      message: `${where}; no complete row comes before`,
      hint: 'fetch the file again',
    });
  }
}

/** Whether an input ends within its first record: whatever else is wrong with it, no more of it is there. */
export function isStump({ views }: SampledInput): boolean {
  return views.every((view) => !view.bytes.includes(10)) && !views.some(isTelling);
}

/** An input that takes part in a set without giving anything; the reason stands where that of a cut one does. */
export function withoutRecords(source: InputSource, reason: string): InputSource {
  const inner = source.path === '-' ? source : source.reopened();
  async function* nothing(): AsyncGenerator<Buffer> {}
  const empty: InputSource = {
    name: source.name,
    path: source.path,
    fileBytes: source.fileBytes,
    truncation: reason,
    get readBytes() {
      return inner.readBytes;
    },
    async *chunks() {
      if (inner.path !== '-') for await (const _ of inner.hash());
      yield* nothing();
    },
    hash: () => inner.hash(),
    chunksFrom: nothing,
    reopened: () => withoutRecords(source, reason),
    manifest: () => inner.manifest(),
  };
  return empty;
}

/** Compression shows in that more comes out than was read, or less. */
function isSame(source: InputSource, whole: Buffer): boolean {
  return source.readBytes === whole.length;
}

/** 64 KiB, or the first line when it is longer. */
async function readHead(chunks: AsyncGenerator<Buffer>): Promise<{ head: Buffer[]; failure: unknown }> {
  const head: Buffer[] = [];
  let bytes = 0;
  let hasLine = false;
  try {
    while (bytes < SAMPLE_BYTES || (!hasLine && bytes < LONGEST_FIRST_LINE)) {
      const step = await chunks.next();
      if (step.done) break;
      head.push(step.value);
      bytes += step.value.length;
      hasLine ||= step.value.includes(10);
    }
    return { head, failure: null };
  } catch (error) {
    if (!(error instanceof TruncatedInput)) throw error;
    return { head, failure: error };
  }
}

/** The bytes of an input's records, from the beginning. */
export async function* recordChunks(input: SampledInput): AsyncGenerator<Buffer> {
  const decoded = decodedChunks(input);
  yield* input.wrapping === null ? decoded : unwrapLines(decoded, input.wrapping);
}

async function* decodedChunks({ head, rest, failure }: SampledInput): AsyncGenerator<Buffer> {
  yield* head;
  if (failure !== null) throw failure;
  yield* rest;
}
