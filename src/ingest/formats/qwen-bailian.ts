/**
 * Qwen Bailian traces: the keys of Mooncake, but times in float seconds, blocks of 16 tokens, and a tree of chats: each
 * row names its parent (−1 = none), which may lie outside of the window. A row already holds its whole history.
 */
import type { LogFormat } from '../format.js';
import { RowReject } from '../record.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const CHAT = 3;
const PARENT = 4;
const TURN = 5;
const HASHES = 6;

const BLOCK_TOKENS = 16;
const NO_PARENT = '-1';

export const qwenBailian: LogFormat = {
  name: 'qwen-bailian',
  title: 'Qwen Bailian trace (JSON Lines)',
  sourceUrl: 'https://github.com/alibaba-edu/qwen-bailian-usagetraces-anon',
  shape: 'jsonl',
  columns: [
    { name: 'timestamp', required: true, meaning: 'arrival, s from the trace start' },
    { name: 'input_length', required: true, meaning: 'prompt tokens, history included' },
    { name: 'output_length', required: true, meaning: 'output tokens' },
    { name: 'chat_id', required: true, meaning: 'the request' },
    { name: 'parent_chat_id', required: false, meaning: 'the request of the turn before; -1 = none' },
    { name: 'turn', required: false, meaning: 'place in the conversation, from 1' },
    { name: 'hash_ids', required: false, meaning: 'ids of the 16-token blocks of the prompt' },
    { name: 'type', required: false, meaning: 'text, search, image or file; not kept' },
  ],
  fills: ['inputTokens', 'outputTokens', 'requestId', 'parentId', 'turn', 'blockHashes', 'operation'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: BLOCK_TOKENS,
  open: ({ pseudonyms }) => ({
    read(record, row) {
      const time = record.time(TIME, 's');
      if (time === null) throw new RowReject('timestamp is missing');
      if (time.sec < 0) throw new RowReject('timestamp is negative');
      row.setArrival(time);
      row.inputTokens = record.count(INPUT);
      row.outputTokens = record.count(OUTPUT);
      row.requestId = pseudonyms.of('request', record.text(CHAT));
      const parent = record.text(PARENT);
      row.parentId = parent === NO_PARENT ? null : pseudonyms.of('request', parent);
      row.turn = record.count(TURN);
      if (record.u64List(HASHES, row.hashes)) row.blockHashes = row.hashes;
      row.operation = 'chat';
      return true;
    },
  }),
};
