/**
 * SGLang's request log as text (`--log-requests-format text`, and all older versions): `[time] Receive: obj=GenerateReqInput(
 * rid='…', …)` and `[time] Finish: obj=…, out={…}`, Python literals, whole seconds of local time. Counts are read by their
 * names from the last `meta_info`, behind which no text follows; lines without a request id cannot be joined.
 */
import type { Detection, Sample } from '../format.js';
import { RowReject } from '../record.js';
import { scaleDecimal } from '../time.js';
import type { ManyRowsFormat } from './many-rows.js';
import { SGLANG_FILLS, type SglangEnd, type SglangEvent, SglangJoin, stampOf } from './sglang-join.js';

const LINE = 0;

/** Never in a text log: the line is one field. */
const NO_SEPARATOR = '\u0001';

const HEAD = /^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?)[^\]]*\] (Receive|Finish): obj=(.*)$/s;

export const sglangText: ManyRowsFormat = {
  name: 'sglang-text',
  title: 'SGLang request log (text), received and finished joined',
  sourceUrl: 'https://github.com/sgl-project/sglang',
  shape: 'csv',
  separator: NO_SEPARATOR,
  headerNames: ['line'],
  columns: [
    {
      name: 'line',
      required: true,
      meaning:
        '`Receive: obj=…` and `Finish: obj=…, out=…`: local time, rid, stream, max_new_tokens, meta_info of the end',
    },
  ],
  fills: SGLANG_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  joins: true,
  detect,
  open: (context) => {
    const join = new SglangJoin(context);
    return {
      readAll(record, row, emit) {
        const line = record.text(LINE) ?? '';
        const head = HEAD.exec(line);
        if (head === null) return false;
        const [, clock, kind, rest] = head;
        const time = record.timePart(LINE, 1, clock.length, 'iso');
        if (time === null) throw new RowReject('the line has no valid date and time');
        const event = eventOf(rest, stampOf(time));
        if (kind === 'Receive') join.received(event, row, emit);
        else join.finished(event, endOf(rest), row, emit);
        return true;
      },
      finish: (row, emit) => join.finish(row, emit),
    };
  },
};

function detect(sample: Sample): Detection {
  if (sample.shape !== 'text' && sample.shape !== 'csv' && sample.shape !== 'jsonl')
    return { score: 0, reason: 'it is no text log' };
  const found = sample.bytes
    .toString('utf8')
    .split('\n')
    .some((line) => HEAD.test(line));
  return found
    ? { score: 1, reason: 'it has lines `Receive: obj=…` and `Finish: obj=…`' }
    : { score: 0, reason: 'it has no line `Receive: obj=…`' };
}

function eventOf(rest: string, stamp: SglangEvent['stamp']): SglangEvent {
  const id = /\brid='([^']+)'/.exec(rest)?.[1] ?? /'rid': '([^']+)'/.exec(rest)?.[1];
  if (id === undefined) throw new RowReject('rid is missing');
  const stream = /\bstream=(True|False)\b|'stream': (True|False)\b/.exec(rest);
  const word = stream?.[1] ?? stream?.[2];
  return {
    id,
    stamp,
    stream: word === undefined ? null : word === 'True',
    maxOutputTokens: countOf(rest, 'max_new_tokens'),
    prompt: null,
  };
}

function endOf(rest: string): SglangEnd {
  const meta = rest.slice(Math.max(0, rest.lastIndexOf("'meta_info': {")));
  const latency = /'e2e_latency': (\d+(?:\.\d+)?(?:e-?\d+)?)/.exec(meta)?.[1];
  return {
    inputTokens: countOf(meta, 'prompt_tokens'),
    outputTokens: countOf(meta, 'completion_tokens'),
    cachedTokens: countOf(meta, 'cached_tokens'),
    durationNs: latency === undefined ? null : (scaleDecimal(latency, 9)?.value ?? null),
    status: /'type': 'abort'/.test(meta) ? 'cancelled' : 'ok',
    answer: null,
  };
}

function countOf(text: string, name: string): number | null {
  const found = new RegExp(`'${name}': (\\d{1,9})\\b`).exec(text);
  return found === null ? null : Number(found[1]);
}
