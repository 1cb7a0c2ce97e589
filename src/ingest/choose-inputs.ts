/** Which inputs an ingest reads, in which format, as which views, and in which order. */
import { ToolError } from '../errors.js';
import { chooseFormatOf, formatByName, viewFor } from './detect.js';
import type { KnownFormat, Sample } from './format.js';
import { openFormat } from './handler.js';
import { expandInputs, handfulOf } from './inputs.js';
import type { IngestMap } from './map.js';
import { formatOfMap } from './map-format.js';
import { Pseudonyms } from './pseudonyms.js';
import { RecordPump } from './record-pump.js';
import { RejectTable } from './rejects.js';
import type { RowBlock } from './row-block.js';
import { InputSet, isStump, type LeftOutInput, type SampledInput, withoutRecords } from './sampled-input.js';
import { RowTally } from './tally.js';
import { TimeReader } from './time.js';
import type { Zone } from './zone.js';

/** An input and the view in which its records are read. */
export interface ChosenInput extends SampledInput {
  readonly sample: Sample;
}

export interface ChosenInputs {
  readonly format: KnownFormat;
  readonly reason: string;
  readonly second: string | null;
  /** In order of their first arrival. */
  readonly inputs: readonly ChosenInput[];
  /** Files of 0 bytes that were left out of folders and patterns. */
  readonly emptyFiles: readonly string[];
  /** Deletes what was unpacked. */
  remove(): Promise<void>;
}

export interface ChooseOptions {
  readonly inputs: readonly string[];
  readonly format?: string;
  readonly map: IngestMap | null;
  readonly zone: Zone;
  /** Whether the others of a set are read when one has nothing in it, and the rows before the cut of a cut one. */
  readonly allowTruncated: boolean;
  readonly signal?: AbortSignal;
}

/** Opens all inputs and finds the one format that they share. */
export async function chooseInputs(options: ChooseOptions): Promise<ChosenInputs> {
  const set = new InputSet(options.map?.separator ?? ',', options);
  try {
    const { files, empty } = await expandInputs(options.inputs);
    for (const path of files) await set.open(path);
    const { whole, leftOut } = wholeInputs(set, options);
    const chosen = chooseViews(whole, options);
    return {
      ...chosen,
      reason: `${chosen.reason}${commentsText(chosen.inputs)}`,
      inputs: [
        ...inOrderOfTime(chosen.inputs, chosen.format, options.zone),
        ...leftOut.map((input) => asEmpty(input, chosen.inputs[0].sample)),
      ],
      emptyFiles: empty,
      remove: () => set.remove(),
    };
  } catch (error) {
    await set.remove();
    throw error;
  }
}

/** The inputs with records in them, and the others. Throws what is wrong with these when there is nothing else. */
function wholeInputs(
  { inputs, leftOut }: InputSet,
  options: ChooseOptions,
): { readonly whole: readonly SampledInput[]; readonly leftOut: readonly LeftOutInput[] } {
  const [problem] = leftOut;
  if (problem !== undefined && (inputs.length === 0 || !options.allowTruncated)) throw problemOf(leftOut);
  const stumps = inputs.flatMap((input) => {
    if (!isStump(input)) return [];
    const trouble = troubleWith(input, options);
    return trouble === null ? [] : [{ input, left: { source: input.source, problem: trouble } }];
  });
  // One alone is refused for what it is: perhaps it was meant to be something else.
  if (stumps.length === inputs.length || !options.allowTruncated) return { whole: inputs, leftOut };
  const whole = inputs.filter((input) => stumps.every((stump) => stump.input !== input));
  return { whole, leftOut: [...leftOut, ...stumps.map(({ left }) => left)] };
}

function problemOf(leftOut: readonly LeftOutInput[]): ToolError {
  const [first] = leftOut;
  if (leftOut.length === 1) return first.problem;
  const { code, hint } = first.problem;
  return new ToolError({
    code,
    message: handfulOf(
      leftOut.map(({ problem }) => problem.message),
      '; ',
    ),
    hint,
    cause: first.problem,
  });
}

/** Why an input fits no format, or not the given one; null = it fits. */
function troubleWith(input: SampledInput, options: ChooseOptions): ToolError | null {
  try {
    chooseViews([input], options);
    return null;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return new ToolError({
      code: 'FILE_UNREADABLE',
      message: `${input.source.name} ends within its first record`,
      hint: 'fetch the file again',
      cause: error,
    });
  }
}

function asEmpty({ source, problem }: LeftOutInput, sample: Sample): ChosenInput {
  const empty = withoutRecords(source, `${problem.message}, so it gave no row`);
  return {
    source: empty,
    views: [],
    wrapping: null,
    head: [],
    rest: empty.chunks(),
    failure: null,
    isBare: false,
    sample: { ...sample, fileName: source.name, bytes: Buffer.alloc(0) },
  };
}

function commentsText(inputs: readonly ChosenInput[]): string {
  const most = Math.max(...inputs.map(({ sample }) => sample.commentLines ?? 0));
  return most === 0 ? '' : `; ${most} comment line${most === 1 ? '' : 's'} above the header skipped`;
}

function chooseViews(
  inputs: readonly SampledInput[],
  options: ChooseOptions,
): Omit<ChosenInputs, 'remove' | 'emptyFiles'> {
  const { map } = options;
  const given =
    map !== null
      ? { format: formatOfMap(map), reason: 'the mapping says so' }
      : options.format !== undefined && options.format !== 'auto'
        ? { format: formatByName(options.format), reason: 'it was given' }
        : null;
  if (given !== null) {
    const seen = inputs.map((input) => seenAs(input, viewFor(given.format, input.views)));
    return { ...given, ...asSeparated(given, seen), second: null, inputs: seen };
  }
  const choices = inputs.map(({ views }) => chooseFormatOf(views));
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
  const seen = inputs.map((input, index) => seenAs(input, choices[index].sample));
  return { ...asSeparated(first, seen), second, inputs: seen };
}

function seenAs(input: SampledInput, sample: Sample): ChosenInput {
  const wrapping = sample.wrapping ?? null;
  return { ...input, sample, wrapping, isBare: input.isBare && wrapping === null };
}

/** The format with the separator that the inputs have, and the reason with it. */
function asSeparated(
  { format, reason }: { readonly format: KnownFormat; readonly reason: string },
  [first, ...others]: readonly ChosenInput[],
): Pick<ChosenInputs, 'format' | 'reason'> {
  const { separator } = first.sample;
  const odd = others.find(({ sample }) => sample.separator !== separator);
  if (odd !== undefined) {
    throw new ToolError({
      code: 'FORMAT_UNKNOWN',
      message: `the inputs differ: ${first.source.name} separates its columns by ${separatorText(separator)}, ${odd.source.name} by ${separatorText(odd.sample.separator)}`,
      hint: 'ingest them one by one',
    });
  }
  if (separator === undefined) return { format, reason };
  // Threads know formats by their names only, with the usual separator.
  const separated = { ...format, separator, isSequential: true };
  return { format: separated, reason: `${reason}, separated by ${separatorText(separator)}` };
}

function separatorText(separator = ','): string {
  return separator === '\t' ? 'tabs' : `'${separator}'`;
}

/** Rotated files come in order of name, which need not be that of time: the first arrival of each tells. */
function inOrderOfTime(
  inputs: readonly ChosenInput[],
  format: KnownFormat,
  zone: Zone,
): readonly ChosenInput[] {
  if (inputs.length < 2) return inputs;
  const timed = inputs.map((input) => ({ input, first: firstArrival(input.sample, format, zone) }));
  timed.sort(
    (a, b) =>
      (a.first?.sec ?? Number.MAX_VALUE) - (b.first?.sec ?? Number.MAX_VALUE) ||
      (a.first?.nanos ?? 0) - (b.first?.nanos ?? 0) ||
      compareText(a.input.source.name, b.input.source.name) ||
      compareText(a.input.source.path, b.input.source.path),
  );
  return timed.map(({ input }) => input);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Rows of a block: there may be thousands of inputs, and the first row will do. */
const SAMPLE_ROWS = 64;

/** Arrival of the sample's first row; null when no row is complete in it. */
function firstArrival(
  sample: Sample,
  format: KnownFormat,
  zone: Zone,
): { readonly sec: number; readonly nanos: number } | null {
  const blocks: RowBlock[] = [];
  const state = {
    rows: { add: (block: RowBlock) => blocks.push(block) },
    rejects: new RejectTable(false),
    times: new TimeReader(zone),
    tally: new RowTally(),
  };
  const pump = new RecordPump(format, openFormat(format, new Pseudonyms(null), null), state, SAMPLE_ROWS);
  // The bytes of a sample hold a record a line.
  pump.begin(sample.layout?.kind === 'values' ? { ...sample, layout: { kind: 'lines' } } : sample);
  pump.feed(sample.bytes);
  pump.flush();
  const [block] = blocks;
  return block === undefined ? null : { sec: block.secs[0], nanos: block.nanos[0] };
}
