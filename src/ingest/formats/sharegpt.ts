/**
 * ShareGPT conversations: a JSON array (or lines) of conversations, no times. Every answer of the model is a request
 * whose prompt is everything said before it; lengths come from the tokenizer where one is given.
 */
import { detectByKeys } from './detect-keys.js';
import { setArrivalNs } from './instants.js';
import { jsonCell } from './json-cell.js';
import type { ManyRowsFormat } from './many-rows.js';
import { shareGptTurns } from './sharegpt-turns.js';

const ID = 0;
const CONVERSATIONS = 1;

export const shareGpt: ManyRowsFormat = {
  name: 'sharegpt',
  title: 'ShareGPT conversations (JSON)',
  sourceUrl: 'https://github.com/lm-sys/FastChat',
  shape: 'jsonl',
  columns: [
    { name: 'id', required: true, meaning: 'the conversation' },
    {
      name: 'conversations',
      required: true,
      meaning: 'from and value; counted by the tokenizer and not kept',
    },
  ],
  fills: ['inputTokens', 'outputTokens', 'requestId', 'sessionId', 'parentId', 'turn', 'operation'],
  arrivalBasis: 'unknown',
  timeOrigin: 'start',
  blockSize: null,
  texts: { prompt: [], answer: [] },
  detect: (sample) => detectByKeys(shareGpt, sample),
  open: ({ pseudonyms, countTokens, keepsText }) => ({
    readAll(record, row, emit) {
      const session = record.text(ID);
      const turns = shareGptTurns({ conversations: jsonCell(record, CONVERSATIONS) });
      for (const { turn, prompt, answer } of turns) {
        setArrivalNs(row, 0n, 0);
        row.sessionId = pseudonyms.of('session', session);
        if (session !== null) {
          row.requestId = pseudonyms.of('request', `${session}/${turn}`);
          row.parentId = turn === 1 ? null : pseudonyms.of('request', `${session}/${turn - 1}`);
        }
        row.turn = turn;
        row.operation = 'chat';
        row.inputTokens =
          countTokens === null ? null : prompt.reduce((sum, text) => sum + countTokens(text), 0);
        row.outputTokens = countTokens?.(answer) ?? null;
        if (keepsText) {
          row.promptText = JSON.stringify(prompt);
          row.answerText = JSON.stringify(answer);
        }
        emit();
      }
      return turns.length > 0;
    },
  }),
};
