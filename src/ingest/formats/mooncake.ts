/**
 * Mooncake traces (FAST '25) and the dialect that AIPerf reads: JSON Lines with arrival in ms from the trace's start,
 * lengths, and the ids of the prompt's 512-token blocks. An id stands for the block and everything before it, so equal
 * ids mean equal prompt beginnings. The dialect adds sessions; a later turn may have, in place of its timestamp, the
 * delay from the end of the turn before, which places it nowhere on the clock: such a row is left out and counted.
 */
import { type Detection, detectByColumns, type LogFormat, type Sample } from '../format.js';
import { RowReject } from '../record.js';
import { sampledBlockSize } from './prefix-blocks.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const HASHES = 3;
const SESSION = 4;
const DELAY = 5;

/** Tokens per block id. */
const BLOCK_TOKENS = 512;

export const mooncake: LogFormat = {
  name: 'mooncake',
  title: 'Mooncake trace (JSON Lines), also with sessions and delays',
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
    { name: 'session_id', required: false, meaning: 'conversation' },
    { name: 'delay', required: false, meaning: 'ms from the end of the turn before' },
  ],
  fills: ['inputTokens', 'outputTokens', 'blockHashes', 'sessionId', 'thinkNs'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: BLOCK_TOKENS,
  detect,
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const time = record.time(TIME, 'ms');
      row.thinkNs = record.durationNs(DELAY, 'ms');
      if (time === null) {
        throw new RowReject(
          row.thinkNs === null ? 'timestamp is missing' : 'no timestamp, only a delay after the turn before',
        );
      }
      if (time.sec < 0) throw new RowReject('timestamp is negative');
      row.setArrival(time);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      if (record.u64List(HASHES, row.hashes)) row.blockHashes = row.hashes;
      row.sessionId = pseudonyms.of('session', record.text(SESSION));
      return true;
    },
  }),
};

function detect(sample: Sample): Detection {
  const found = detectByColumns(mooncake, sample);
  if (found.score < 1) return found;
  if (sample.names.includes('chat_id')) return { score: 0.9, reason: 'its rows would have no chat_id' };
  if (sampledBlockSize(sample) === 16) return { score: 0.9, reason: 'its blocks are of 512 tokens, not 16' };
  return found;
}
