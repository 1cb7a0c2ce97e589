/**
 * Hugging Face Text Generation Inference, router log with `--json-output`: one object per request, written at its end,
 * so that the arrival is that end less `total_time`.
 */
import type { LogFormat } from '../format.js';
import { RowReject, type SourceRecord } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { jsonCell, textAt } from './json-cell.js';
import { endsTgiRequest, fillFromTgi, TGI_FILLS } from './tgi-rows.js';

const TIME = 0;
const TOTAL = 1;
const LEVEL = 2;
const NAME = 3;
const INFERENCE = 4;
const PER_TOKEN = 5;
const PARAMETERS = 6;
const MESSAGE = 7;
const SPANS = 8;

export const tgi: LogFormat = {
  name: 'tgi',
  title: 'Text Generation Inference router log (JSON)',
  sourceUrl: 'https://github.com/huggingface/text-generation-inference',
  shape: 'jsonl',
  columns: [
    { name: 'timestamp', required: true, meaning: 'when the line was written: the end of the request' },
    { name: 'span.total_time', required: true, meaning: 'duration, as 1.212s' },
    { name: 'level', required: true, meaning: 'ERROR = failed' },
    { name: 'span.name', required: true, meaning: 'the endpoint; generate_stream = streamed' },
    { name: 'span.inference_time', required: false, meaning: 'duration of the inference' },
    { name: 'span.time_per_token', required: false, meaning: 'inference time ÷ output tokens' },
    { name: 'span.parameters', required: false, meaning: 'max_new_tokens is the cap on the output' },
    { name: 'message', required: false, meaning: 'Success = the request is done' },
    { name: 'spans', required: false, meaning: 'the endpoint of a failure, which is said further inside' },
  ],
  fills: TGI_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  arrivalDerivation: 'the end of the request less its duration',
  detect: (sample) => detectByKeys(tgi, sample),
  open: () => ({
    read(record, row) {
      const level = record.text(LEVEL);
      const message = record.text(MESSAGE);
      const spans = spansOf(record);
      if (!endsTgiRequest({ level, message, spans })) return false;
      const time = record.time(TIME, 'iso');
      if (time === null) throw new RowReject('timestamp is missing');
      row.setArrival(time);
      fillFromTgi(
        {
          level,
          message,
          spans,
          totalTime: record.text(TOTAL),
          inferenceTime: record.text(INFERENCE),
          timePerToken: record.text(PER_TOKEN),
          parameters: record.text(PARAMETERS),
        },
        row,
      );
      return true;
    },
  }),
};

/** A success names its endpoint as its own span; what was current when it was written may be another. */
function spansOf(record: SourceRecord): readonly string[] {
  const name = record.text(NAME);
  if (record.text(MESSAGE) === 'Success') return name === null ? [] : [name];
  const around = jsonCell(record, SPANS);
  const names = Array.isArray(around) ? around.map((span: unknown) => textAt(span, ['name'])) : [];
  return [...names, name].filter((found) => found !== null);
}
