/**
 * SGLang's `request.received` and `request.finished` events, joined by `rid` in whatever order they come (rotated files
 * need not be in order). What is open at the end was received and not seen to finish: a request of unknown end. What
 * finished without having been seen to arrive (the log began later, or level 0 was off) is placed by its latency.
 */
import type { SourceColumn } from '../format.js';
import { RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import type { ManyRowsFormat } from './many-rows.js';
import { endStatus, isHealthCheck, SGLANG_FILLS, SglangJoin, stampOf } from './sglang-join.js';
import { httpStatusOf } from './status.js';

const TIME = 0;
const EVENT = 1;
const ID = 2;
const STREAM = 3;
const CAP = 4;
const INPUT = 5;
const OUTPUT = 6;
const CACHED = 7;
const LATENCY = 8;
const FINISH = 9;
const PROMPT = 10;
const ANSWER = 11;
const STATUS_CODE = 12;
const REASONING = 13;
const CROSS_ENCODER = 14;

const COLUMNS: readonly SourceColumn[] = [
  { name: 'timestamp', required: true, meaning: "when the event was logged, the server's local time" },
  { name: 'event', required: true, meaning: 'request.received or request.finished' },
  { name: 'rid', aliases: ['obj.rid'], required: true, meaning: 'the request; joins its two events' },
  { name: 'obj.stream', required: false, meaning: 'whether the answer was streamed' },
  { name: 'obj.sampling_params.max_new_tokens', required: false, meaning: 'cap on the output' },
  { name: 'out.meta_info.prompt_tokens', required: false, meaning: 'prompt tokens, cached ones inside' },
  { name: 'out.meta_info.completion_tokens', required: false, meaning: 'output tokens' },
  { name: 'out.meta_info.cached_tokens', required: false, meaning: 'cached part of the prompt' },
  { name: 'out.meta_info.e2e_latency', required: false, meaning: 'duration, s' },
  { name: 'out.meta_info.finish_reason.type', required: false, meaning: 'stop, length; abort = cancelled' },
  { name: 'obj.text', required: false, meaning: 'prompt, of which nothing is kept unless asked' },
  { name: 'out.text', required: false, meaning: 'answer, likewise' },
  {
    name: 'out.meta_info.finish_reason.status_code',
    required: false,
    meaning: 'HTTP status of what the server aborted itself',
  },
  { name: 'out.meta_info.reasoning_tokens', required: false, meaning: 'reasoning part of the output' },
  {
    name: 'obj.is_cross_encoder_request',
    required: false,
    meaning: 'there = an embedding; true = two texts are compared',
  },
];

export const sglang: ManyRowsFormat = {
  name: 'sglang',
  title: 'SGLang request log (JSON), received and finished joined',
  sourceUrl: 'https://github.com/sgl-project/sglang',
  shape: 'jsonl',
  columns: COLUMNS,
  fills: SGLANG_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  detect: (sample) => detectByKeys(sglang, sample),
  joins: true,
  texts: { prompt: [], answer: [] },
  open: (context) => {
    const join = new SglangJoin(context);
    return {
      readAll(record, row, emit) {
        const event = record.text(EVENT);
        if (event !== 'request.received' && event !== 'request.finished') return false;
        const id = record.text(ID);
        if (id === null) throw new RowReject('rid is missing');
        if (isHealthCheck(id)) return false;
        const isComparison = record.flag(CROSS_ENCODER);
        const time = record.time(TIME, 'iso');
        if (time === null) throw new RowReject('timestamp is missing');
        const said = {
          id,
          stamp: stampOf(time),
          stream: record.flag(STREAM),
          maxOutputTokens: record.count(CAP),
          operation:
            isComparison === null ? null : isComparison ? ('rerank' as const) : ('embedding' as const),
          prompt: record.text(PROMPT),
        };
        if (event === 'request.received') join.received(said, row, emit);
        else {
          const ended = {
            inputTokens: record.count(INPUT),
            outputTokens: record.count(OUTPUT),
            cachedTokens: record.count(CACHED),
            durationNs: record.durationNs(LATENCY, 's'),
            reasoningTokens: record.count(REASONING),
            ...endStatus(record.text(FINISH), httpStatusOf(record.text(STATUS_CODE))),
            answer: record.text(ANSWER),
          };
          join.finished(said, ended, row, emit);
        }
        return true;
      },
      finish: (row, emit) => join.finish(row, emit),
    };
  },
};
