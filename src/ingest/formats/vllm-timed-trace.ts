/**
 * Timed traces of `vllm bench serve --dataset-name timed_trace` with its default options: the keys of Mooncake, but
 * times in seconds and blocks of 16 tokens.
 */
import { type Detection, detectByColumns, type LogFormat, type Sample } from '../format.js';
import { RowReject } from '../record.js';
import { sampledBlockSize } from './prefix-blocks.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const HASHES = 3;

const BLOCK_TOKENS = 16;

export const vllmTimedTrace: LogFormat = {
  name: 'vllm-timed-trace',
  title: 'vLLM bench timed trace (JSON Lines)',
  sourceUrl: 'https://github.com/vllm-project/vllm/pull/39795',
  shape: 'jsonl',
  columns: [
    { name: 'timestamp', required: true, meaning: 'arrival, s from the trace start' },
    { name: 'input_length', required: true, meaning: 'prompt tokens' },
    { name: 'output_length', required: true, meaning: 'output tokens' },
    { name: 'hash_ids', required: false, meaning: 'ids of the 16-token blocks of the prompt' },
  ],
  fills: ['inputTokens', 'outputTokens', 'blockHashes'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: BLOCK_TOKENS,
  detect,
  open: () => ({
    read(record, row) {
      const time = record.time(TIME, 's');
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

function detect(sample: Sample): Detection {
  const found = detectByColumns(vllmTimedTrace, sample);
  if (found.score < 1) return found;
  if (sample.names.includes('chat_id')) return { score: 0.9, reason: 'its rows would have no chat_id' };
  if (sampledBlockSize(sample) !== 16) return { score: 0.9, reason: 'its block ids do not show 16 tokens' };
  return { score: 1, reason: `${found.reason}, with blocks of 16 tokens` };
}
