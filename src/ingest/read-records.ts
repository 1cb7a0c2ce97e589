/** Reads inputs, or what is left of one, from beginning to end. */
import { ToolError } from '../errors.js';
import type { ChosenInput } from './choose-inputs.js';
import { TruncatedInput } from './container.js';
import type { Sample } from './format.js';
import type { RecordPump } from './record-pump.js';
import { recordChunks, type SampledInput } from './sampled-input.js';

/** Reads all records of an input. `onChunk` is called now and then, for progress. */
export async function readRecords(
  input: SampledInput,
  sample: Sample,
  pump: RecordPump,
  onChunk: () => void,
): Promise<void> {
  pump.begin(sample);
  try {
    for await (const chunk of recordChunks(input)) {
      pump.feed(chunk);
      onChunk();
    }
  } catch (error) {
    if (!(error instanceof TruncatedInput)) throw error;
    throw new ToolError({
      code: 'FILE_UNREADABLE',
      message: `${error.message}; ${pump.rowCount} complete rows come before`,
      hint: 'fetch the file again, or keep those rows with --allow-truncated',
      cause: error,
    });
  }
  pump.endInput(input.source.truncation !== null);
}

/** Reads the rest of a plain file from a byte on, at which a line begins. */
export async function readRecordsFrom(
  input: ChosenInput,
  place: { readonly from: number; readonly linesBefore: number },
  pump: RecordPump,
  onChunk: () => void,
): Promise<void> {
  pump.begin(input.sample, place.linesBefore);
  for await (const chunk of input.source.chunksFrom(place.from)) {
    pump.feed(chunk);
    onChunk();
  }
  pump.endInput(false);
}
