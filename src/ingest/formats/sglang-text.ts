/**
 * SGLang's request log as text (`--log-requests-format text`, and all older versions): `[time] Receive: obj=GenerateReqInput(
 * rid='…', …)` and `[time] Finish: obj=…, out={…}`, Python literals, whole seconds of local time. Written to a target of its
 * own the lines have no time: then that of a log collector before them counts, or the one that the end tells of the request
 * (`request_received_ts`). The texts are cut out first, so that nothing in them is taken for a field; lines without a request
 * id cannot be joined.
 */
import type { Detection, Sample } from '../format.js';
import { RowReject, type SourceRecord } from '../record.js';
import { scaleDecimal } from '../time.js';
import type { ManyRowsFormat } from './many-rows.js';
import { pythonLiteral } from './python-literal.js';
import {
  endStatus,
  isHealthCheck,
  SGLANG_FILLS,
  type SglangEnd,
  type SglangEvent,
  SglangJoin,
  type Stamp,
  stampOf,
} from './sglang-join.js';
import { httpStatusOf } from './status.js';
import { LINE, textLines } from './text-lines.js';

const HEAD =
  /^(?:\d+\s+)?(?:\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?)[^\]]*\]\s+|(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)\s+)?(Receive|Finish): obj=(.*)$/s;
const RECEIVED_AT = /'request_received_ts': (\d+(?:\.\d+)?)/;

export const sglangText: ManyRowsFormat = {
  name: 'sglang-text',
  title: 'SGLang request log (text), received and finished joined',
  sourceUrl: 'https://github.com/sgl-project/sglang',
  ...textLines(
    '`Receive: obj=…` and `Finish: obj=…, out=…`: local time, rid, stream, max_new_tokens, meta_info of the end',
  ),
  fills: SGLANG_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  joins: true,
  texts: { prompt: [], answer: [] },
  detect,
  open: (context) => {
    const join = new SglangJoin(context);
    return {
      readAll(record, row, emit) {
        const line = record.text(LINE) ?? '';
        const head = HEAD.exec(line);
        if (head === null) return false;
        const [, own, collected, kind, rest] = head;
        const clock = own ?? collected;
        const { fields, prompt, answer } = withoutTexts(rest);
        const stamp = clock === undefined ? null : stampAt(record, line.indexOf(clock), clock.length, 'iso');
        const event = { ...eventOf(fields), prompt };
        if (isHealthCheck(event.id)) return false;
        if (stamp !== null) {
          if (kind === 'Receive') join.received({ ...event, stamp }, row, emit);
          else join.finished({ ...event, stamp }, endOf(fields, answer), row, emit);
          return true;
        }
        // The end says it all once more, with the time: what came in needs no line of its own.
        if (kind === 'Receive') return false;
        const at = RECEIVED_AT.exec(fields)?.[1];
        if (at === undefined) throw new RowReject('the line has no time, and request_received_ts is missing');
        const arrival = stampAt(
          record,
          Buffer.byteLength(line.slice(0, line.lastIndexOf(at))),
          at.length,
          's',
        );
        join.received({ ...event, stamp: arrival }, row, emit);
        join.finished({ ...event, stamp: arrival }, endOf(fields, answer), row, emit);
        return true;
      },
      finish: (row, emit) => join.finish(row, emit),
    };
  },
};

function stampAt(record: SourceRecord, offset: number, length: number, unit: 'iso' | 's'): Stamp {
  const time = record.timePart(LINE, offset, length, unit);
  if (time === null) throw new RowReject('the line has no valid date and time');
  return stampOf(time);
}

/** The line without its texts, which come before the fields that are read (`text=`, and `'text':` of the end). */
function withoutTexts(rest: string): { fields: string; prompt: string | null; answer: string | null } {
  const asked = cutText(rest, /[(,] ?text=/);
  const told = cutText(asked.fields, /out=\{'text': /);
  return { fields: told.fields, prompt: asked.text, answer: told.text };
}

function cutText(fields: string, pattern: RegExp): { fields: string; text: string | null } {
  const found = pattern.exec(fields);
  const begin = found === null ? 0 : found.index + found[0].length;
  const head = found === null ? null : pythonLiteral(fields, begin);
  if (head === null) return { fields, text: null };
  // Level 2 cuts long texts in the middle: two literals with dots between them.
  const tail = fields.startsWith(' ... ', head.end) ? pythonLiteral(fields, head.end + 5) : null;
  const text = tail === null ? head.value : `${head.value} ... ${tail.value}`;
  return { fields: `${fields.slice(0, begin)}None${fields.slice((tail ?? head).end)}`, text };
}

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

function eventOf(fields: string): Omit<SglangEvent, 'stamp' | 'prompt'> {
  const id = /\brid='([^']+)'/.exec(fields)?.[1] ?? /'rid': '([^']+)'/.exec(fields)?.[1];
  if (id === undefined) throw new RowReject('rid is missing');
  const stream = /\bstream=(True|False)\b|'stream': (True|False)\b/.exec(fields);
  const word = stream?.[1] ?? stream?.[2];
  return {
    id,
    stream: word === undefined ? null : word === 'True',
    maxOutputTokens: countOf(fields, 'max_new_tokens'),
    operation: fields.startsWith('EmbeddingReqInput(') ? 'embedding' : null,
  };
}

function endOf(fields: string, answer: string | null): SglangEnd {
  const meta = fields.slice(Math.max(0, fields.lastIndexOf("'meta_info': {")));
  const latency = /'e2e_latency': (\d+(?:\.\d+)?(?:e-?\d+)?)/.exec(meta)?.[1];
  return {
    inputTokens: countOf(meta, 'prompt_tokens'),
    outputTokens: countOf(meta, 'completion_tokens'),
    cachedTokens: countOf(meta, 'cached_tokens'),
    reasoningTokens: countOf(meta, 'reasoning_tokens'),
    durationNs: latency === undefined ? null : (scaleDecimal(latency, 9)?.value ?? null),
    ...endStatus(
      /'finish_reason': \{'type': '(\w+)'/.exec(meta)?.[1] ?? null,
      httpStatusOf(/'status_code': (\d{3})\b/.exec(meta)?.[1] ?? null),
    ),
    answer,
  };
}

function countOf(text: string, name: string): number | null {
  const found = new RegExp(`'${name}': (\\d{1,9})\\b`).exec(text);
  return found === null ? null : Number(found[1]);
}
