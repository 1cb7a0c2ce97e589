/** OpenAI completions: a bare prompt without a chat template, so the server counts exactly the prompt's tokens. */
import { frameOf, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
import { withExtra } from './json.js';
import {
  type ChoiceReader,
  commonBody,
  OPENAI_CONCESSIONS,
  readOpenAiBody,
  readOpenAiEvent,
} from './openai.js';

export const openaiCompletions: Protocol = {
  name: 'openai-completions',
  summary: 'OpenAI completions (/v1/completions)',
  source: 'https://platform.openai.com/docs/api-reference/completions',
  path: '/completions',
  concessions: OPENAI_CONCESSIONS,
  frame: (shape) => frameOf(withExtra({ prompt: PROMPT_PLACEHOLDER, ...commonBody(shape) }, shape.extraBody)),
  readEvent: (data, type, sink) => readOpenAiEvent(data, type, sink, readChoice),
  readBody: (body, sink) => readOpenAiBody(body, sink, readChoice),
};

const readChoice: ChoiceReader = (choice, sink) => {
  if (typeof choice['text'] === 'string' && choice['text'] !== '') sink.text('answer', choice['text']);
};
