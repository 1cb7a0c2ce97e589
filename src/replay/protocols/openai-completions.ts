/**
 * OpenAI completions: a bare prompt without a chat template, so the server counts exactly the prompt's tokens.
 *
 * The prompt may be a list of token ids: then its length is exact for any tokenizer, and nothing of it is tokenized.
 * vLLM, SGLang, llama.cpp and OpenAI take such lists; TGI, Ollama and most gateways refuse them. Sources: `prompt` in
 * OpenAI's reference; vllm/entrypoints/openai/completion/protocol.py (0.32); real servers in test/llama and test/engines.
 */
import { frameOf, idsFrameOf, PROMPT_PLACEHOLDER, type Protocol } from '../protocol.js';
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

export const openaiCompletionsIds: Protocol = {
  ...openaiCompletions,
  name: 'openai-completions-ids',
  summary: 'OpenAI completions with prompts as token ids (/v1/completions)',
  promptAs: 'token-ids',
  frame: (shape) =>
    idsFrameOf(withExtra({ prompt: [PROMPT_PLACEHOLDER], ...commonBody(shape) }, shape.extraBody)),
};

const readChoice: ChoiceReader = (choice, sink) => {
  if (typeof choice['text'] === 'string' && choice['text'] !== '') sink.text('answer', choice['text']);
};
