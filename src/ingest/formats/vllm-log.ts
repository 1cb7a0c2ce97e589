/**
 * vLLM's text log with `--enable-log-requests`: one line per request as it arrives. The lines lack the year and the
 * zone, so that only the times between requests are known; they lack token counts, unless the prompt's token ids are
 * logged. The HTTP server's access lines, which alone have a status, share no key with them and cannot be joined.
 */
import type { Operation } from '../../types.js';
import type { Detection, LogFormat, Sample } from '../format.js';
import { RowReject } from '../record.js';
import { parseVllmRequestLine } from './vllm-line.js';

const LINE = 0;

/** Never in a text log: the line is one field. */
const NO_SEPARATOR = '\u0001';

export const vllmLog: LogFormat = {
  name: 'vllm-log',
  title: 'vLLM text log with request lines',
  sourceUrl: 'https://docs.vllm.ai',
  shape: 'csv',
  separator: NO_SEPARATOR,
  headerNames: ['line'],
  columns: [
    {
      name: 'line',
      required: true,
      meaning: '`Received request <id>: …`: time to the second, id, max_tokens, token ids where logged',
    },
  ],
  fills: ['inputTokens', 'maxOutputTokens', 'requestId', 'adapter', 'operation'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  isSequential: true,
  detect,
  open: ({ pseudonyms }) => {
    const calendar = new YearlessCalendar();
    return {
      read(record, row) {
        const line = parseVllmRequestLine(record.text(LINE) ?? '');
        if (line === null) return false;
        const sec = calendar.secondsOf(line.month, line.day, line.clock);
        if (sec === null) throw new RowReject('the line has no valid date and time');
        const fraction = line.clock.slice(9);
        row.sec = sec;
        row.nanos = Number(fraction.padEnd(9, '0').slice(0, 9));
        row.places = Math.min(fraction.length, 9);
        row.isDate = false;
        row.hasZone = true;
        row.localKind = 'plain';
        row.inputTokens = line.promptTokenIds;
        row.maxOutputTokens = line.maxTokens;
        row.requestId = pseudonyms.of('request', line.requestId);
        row.adapter = line.adapter;
        row.operation = operationOf(line.requestId);
        return true;
      },
    };
  },
};

function detect(sample: Sample): Detection {
  if (sample.shape !== 'text' && sample.shape !== 'csv') return { score: 0, reason: 'it is no text log' };
  const lines = sample.bytes.toString('utf8').split('\n');
  const found = lines.some((line) => parseVllmRequestLine(line) !== null);
  return found
    ? { score: 1, reason: 'it has lines `Received request …: params: SamplingParams(…)`' }
    : { score: 0, reason: 'it has no line `Received request …`' };
}

/** vLLM names requests after the endpoint that took them. */
function operationOf(requestId: string): Operation | null {
  if (requestId.startsWith('chatcmpl-') || requestId.startsWith('resp_')) return 'chat';
  if (requestId.startsWith('cmpl-')) return 'completion';
  if (requestId.startsWith('embd-')) return 'embedding';
  return requestId.startsWith('rerank-') ? 'rerank' : null;
}

const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const HALF_YEAR_DAYS = 183;
const DAY_SEC = 86_400;

/**
 * Seconds from the first time to each other one, dates without a year. A jump of more than half a year backwards is the
 * turn of the year; a 29 February shows that its year has one.
 */
class YearlessCalendar {
  #yearStart = 0;
  #isLeap = false;
  #previousDay: number | null = null;
  #firstSec: number | null = null;

  /** null when there is no such date or time. */
  secondsOf(month: number, day: number, clock: string): number | null {
    const [hour, minute, second] = clock.split(/[:.]/).map(Number);
    const isDate = month >= 1 && month <= 12 && day >= 1 && day <= DAYS_IN[month - 1];
    if (!isDate || hour > 23 || minute > 59 || second > 60) return null;
    if (month === 2 && day === 29) this.#isLeap = true;
    let dayNumber = this.#yearStart + this.#dayOfYear(month, day);
    if (this.#previousDay !== null && this.#previousDay - dayNumber > HALF_YEAR_DAYS) {
      this.#yearStart += this.#isLeap ? 366 : 365;
      this.#isLeap = month === 2 && day === 29;
      dayNumber = this.#yearStart + this.#dayOfYear(month, day);
    }
    this.#previousDay = dayNumber;
    const sec = dayNumber * DAY_SEC + hour * 3_600 + minute * 60 + second;
    this.#firstSec ??= sec;
    return sec - this.#firstSec;
  }

  #dayOfYear(month: number, day: number): number {
    return DAYS_BEFORE[month - 1] + day - 1 + (this.#isLeap && month > 2 ? 1 : 0);
  }
}
