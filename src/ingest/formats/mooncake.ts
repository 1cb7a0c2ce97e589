/**
 * Mooncake traces (FAST '25): JSON Lines with arrival in ms from the trace's start, lengths, and the ids of the prompt's
 * 512-token blocks. An id stands for the block and everything before it, so equal ids mean equal prompt beginnings.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const HASHES = 3;

/** Tokens per block id. */
const BLOCK_TOKENS = 512;

export const mooncake: LogFormat = {
  name: 'mooncake',
  title: 'Mooncake trace (JSON Lines)',
  sourceUrl: 'https://github.com/kvcache-ai/Mooncake',
  shape: 'jsonl',
  columns: [
    { name: 'timestamp', required: true, meaning: 'arrival, ms from the trace start' },
    { name: 'input_length', required: true, meaning: 'prompt tokens' },
    { name: 'output_length', required: true, meaning: 'output tokens' },
    {
      name: 'hash_ids',
      required: false,
      meaning: 'ids of the 512-token blocks of the prompt, the last one partial',
    },
  ],
  fills: ['inputTokens', 'outputTokens', 'blockHashes'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: BLOCK_TOKENS,
  open: () => ({
    read(record, row) {
      const time = record.time(TIME, 'ms');
      if (time === null) throw new RowReject('timestamp is missing');
      if (time.sec < 0) throw new RowReject('timestamp is negative');
      row.setArrival(time);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      if (record.u64List(HASHES, row.hashes)) row.blockHashes = row.hashes;
      return true;
    },
  }),
};
