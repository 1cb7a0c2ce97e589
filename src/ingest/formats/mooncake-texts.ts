/**
 * The dialect of Mooncake traces in which AIPerf gives a turn's prompt as text (`text_input`, `messages`, or the whole body
 * of a request as `payload`) in place of its length. Lengths come from a tokenizer where one is given, and are unknown otherwise; the text is not kept. In a session
 * whose `message_mode` is `delta`, messages are only what is new, so that the prompt is also all turns before.
 */
import { type Detection, type Sample, SHAPE_TEXT } from '../format.js';
import type { SourceRecord } from '../record.js';
import { countAt, jsonCell, sumCounts, textAt } from './json-cell.js';
import type { ManyRowsContext, ManyRowsFormat, ManyRowsHandler } from './many-rows.js';
import { mooncake, TurnClock } from './mooncake.js';
import { messageTexts, requestTexts } from './request-texts.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const HASHES = 3;
const SESSION = 4;
const DELAY = 5;
const TEXT = 6;
const MESSAGES = 7;
const MODE = 8;
const PAYLOAD = 9;

export const mooncakeTexts: ManyRowsFormat = {
  name: 'mooncake-texts',
  title: 'Mooncake trace of AIPerf with texts in place of lengths (JSON Lines)',
  sourceUrl: 'https://github.com/ai-dynamo/aiperf',
  shape: 'jsonl',
  columns: [
    ...mooncake.columns.map((column) => ({ ...column, required: false })),
    { name: 'text_input', required: false, meaning: 'the prompt, counted by the tokenizer and not kept' },
    { name: 'messages', required: false, meaning: 'the same as chat messages' },
    { name: 'message_mode', required: false, meaning: 'delta: messages are only what the turn adds' },
    { name: 'payload', required: false, meaning: 'the body of the request, with its model and cap' },
  ],
  fills: [...mooncake.fills, 'maxOutputTokens', 'model'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: mooncake.blockSize,
  // A turn without a time follows the one before it.
  isSequential: true,
  texts: { prompt: [], answer: [] },
  detect,
  open: (context) => new TextTurns(context),
};

class TextTurns implements ManyRowsHandler {
  readonly #context: ManyRowsContext;
  readonly #clock = new TurnClock();
  /** Prompt and answer of the last turn of each session, tokens; null = unknown. */
  readonly #lengths = new Map<string, number | null>();

  constructor(context: ManyRowsContext) {
    this.#context = context;
  }

  readAll(...[record, row, emit]: Parameters<ManyRowsHandler['readAll']>): true {
    const { countTokens, keepsText, pseudonyms } = this.#context;
    const session = record.text(SESSION);
    row.thinkNs = record.durationNs(DELAY, 'ms');
    this.#clock.setArrival(record.time(TIME, 'ms'), session, row);
    const payload = jsonCell(record, PAYLOAD);
    const texts = textsOf(record, payload);
    const isNew = record.text(MODE)?.toLowerCase() === 'delta' && session !== null;
    row.inputTokens = record.count(INPUT);
    if (row.inputTokens === null && countTokens !== null && texts.length > 0) {
      const before = isNew && this.#lengths.has(session) ? this.#lengths.get(session)! : 0;
      row.inputTokens = before === null ? null : sumCounts(before, ...texts.map(countTokens));
    }
    row.outputTokens = record.count(OUTPUT);
    row.model = textAt(payload, ['model']);
    row.maxOutputTokens = countAt(payload, ['max_completion_tokens'], ['max_tokens'], ['max_output_tokens']);
    if (session !== null) {
      const isKnown = row.inputTokens !== null && row.outputTokens !== null;
      this.#lengths.set(session, isKnown ? sumCounts(row.inputTokens, row.outputTokens) : null);
    }
    if (record.u64List(HASHES, row.hashes)) row.blockHashes = row.hashes;
    row.sessionId = pseudonyms.of('session', session);
    if (keepsText && texts.length > 0) row.promptText = JSON.stringify(texts.length === 1 ? texts[0] : texts);
    emit();
    return true;
  }
}

function textsOf(record: SourceRecord, payload: unknown): readonly string[] {
  const text = record.text(TEXT);
  if (text !== null) return [text];
  return payload === undefined ? messageTexts(jsonCell(record, MESSAGES)) : requestTexts(payload);
}

function detect({ shape, bytes }: Sample): Detection {
  if (shape !== 'jsonl') return { score: 0, reason: `it is not ${SHAPE_TEXT.jsonl}` };
  const has = (key: string): boolean => bytes.includes(`"${key}"`);
  // With a time alone it is perf_analyzer's schedule.
  const hasBody = has('payload') && ['session_id', 'delay', 'output_length'].some(has);
  const text = hasBody ? 'payload' : ['text_input', 'messages'].find(has);
  if (text === undefined) return { score: 0, reason: 'it has no text_input, messages or payload' };
  const time = ['timestamp', 'delay', 'session_id'].find(has);
  // A body says itself how long the answer may be.
  const isTurn = time !== undefined && (hasBody || has('output_length'));
  return isTurn
    ? { score: 1, reason: `it has ${text}, ${time}` }
    : { score: 0.4, reason: 'it lacks output_length, or a time or session' };
}
