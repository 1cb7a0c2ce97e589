/**
 * Hugging Face Text Generation Inference, router log with `--json-output`: one object per request, written at its end,
 * so that the arrival is that end less `total_time`. Durations are Rust's, each with its own unit. There are no token
 * counts, but `time_per_token` is the inference time divided by them, which gives the output back.
 */
import type { LogFormat } from '../format.js';
import { RowReject, type SourceRecord } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { backdate, parseRustDurationNs } from './instants.js';
import { sumCounts } from './json-cell.js';

const TIME = 0;
const TOTAL = 1;
const LEVEL = 2;
const NAME = 3;
const INFERENCE = 4;
const PER_TOKEN = 5;
const PARAMETERS = 6;

export const tgi: LogFormat = {
  name: 'tgi',
  title: 'Text Generation Inference router log (JSON)',
  sourceUrl: 'https://github.com/huggingface/text-generation-inference',
  shape: 'jsonl',
  columns: [
    { name: 'timestamp', required: true, meaning: 'when the line was written: the end of the request' },
    { name: 'span.total_time', required: true, meaning: 'duration, as 1.212s' },
    { name: 'level', required: true, meaning: 'ERROR = failed' },
    { name: 'span.name', required: true, meaning: 'generate_stream = streamed' },
    { name: 'span.inference_time', required: false, meaning: 'duration of the inference' },
    { name: 'span.time_per_token', required: false, meaning: 'inference time ÷ output tokens' },
    { name: 'span.parameters', required: false, meaning: 'max_new_tokens is the cap on the output' },
  ],
  fills: ['outputTokens', 'maxOutputTokens', 'operation', 'stream', 'status', 'durationNs'],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  arrivalDerivation: 'the end of the request less its duration',
  detect: (sample) => detectByKeys(tgi, sample),
  open: () => ({
    read(record, row) {
      const name = record.text(NAME);
      // Other lines of the router: start-up, health, metrics.
      if (name === null || !/generate|chat|completions/.test(name)) return false;
      const time = record.time(TIME, 'iso');
      if (time === null) throw new RowReject('timestamp is missing');
      row.setArrival(time);
      row.stream = name.includes('stream') ? true : name === 'generate' ? false : null;
      row.operation = name.includes('chat') ? 'chat' : 'completion';
      row.status = record.text(LEVEL) === 'ERROR' ? 'http_error' : 'ok';
      row.durationNs = rustDuration(record, TOTAL, 'total_time');
      if (row.durationNs === null && row.status === 'ok') {
        throw new RowReject('total_time is missing: the arrival is not known');
      }
      // A failure is refused at once or cut off: without a duration, its end stands for its arrival.
      if (row.durationNs !== null) backdate(row, row.durationNs);
      const inference = rustDuration(record, INFERENCE, 'inference_time');
      const perToken = rustDuration(record, PER_TOKEN, 'time_per_token');
      if (inference !== null && perToken !== null && perToken > 0n) {
        row.outputTokens = sumCounts(Math.round(Number(inference) / Number(perToken)));
      }
      const cap = /max_new_tokens: Some\((\d{1,9})\)/.exec(record.text(PARAMETERS) ?? '');
      row.maxOutputTokens = cap === null ? null : Number(cap[1]);
      return true;
    },
  }),
};

function rustDuration(record: SourceRecord, column: number, name: string): bigint | null {
  const text = record.text(column);
  if (text === null) return null;
  const duration = parseRustDurationNs(text);
  if (duration === null) throw new RowReject(`${name} is no duration`, text.slice(0, 40));
  return duration;
}
