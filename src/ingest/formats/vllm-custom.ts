/**
 * vLLM bench custom data sets: JSON Lines of prompts, with the output length to ask for. No times: every request is at
 * zero. Prompt lengths come from the tokenizer where one is given.
 */
import { QUOTING, RowReject } from '../record.js';
import { detectByKeys } from './detect-keys.js';
import { setArrivalNs } from './instants.js';
import { jsonCell } from './json-cell.js';
import type { ManyRowsFormat } from './many-rows.js';

const PROMPT = 0;
const OUTPUT = 1;
const IMAGES = 2;

export const vllmCustom: ManyRowsFormat = {
  name: 'vllm-custom',
  title: 'vLLM bench custom data set (JSON Lines)',
  sourceUrl: 'https://docs.vllm.ai',
  shape: 'jsonl',
  columns: [
    { name: 'prompt', required: true, meaning: 'text, counted by the tokenizer and not kept' },
    { name: 'output_tokens', required: false, meaning: 'output tokens to ask for' },
    { name: 'image_files', required: false, meaning: 'images in the prompt, which its count leaves out' },
  ],
  fills: ['inputTokens', 'outputTokens', 'images'],
  arrivalBasis: 'unknown',
  timeOrigin: 'start',
  blockSize: null,
  texts: { prompt: ['prompt'], answer: [] },
  detect: (sample) => {
    const found = detectByKeys(vllmCustom, sample);
    const isForeign = ['timestamp', 'requests', 'messages', 'model', 'input_tokens'].some((name) =>
      sample.names.includes(name),
    );
    return found.score === 1 && isForeign
      ? { score: 0.5, reason: 'it would have no fields beside the prompt' }
      : found;
  },
  open: ({ countTokens }) => ({
    readAll(record, row, emit) {
      // An empty text is a prompt of no tokens; a bare null is none.
      const isText = record.starts[PROMPT] >= 0 && record.quoting[PROMPT] !== QUOTING.bare;
      if (!isText) throw new RowReject('prompt is missing');
      const prompt = record.text(PROMPT) ?? '';
      setArrivalNs(row, 0n, 0);
      row.inputTokens = countTokens?.(prompt) ?? null;
      row.outputTokens = record.count(OUTPUT);
      const images = jsonCell(record, IMAGES);
      row.images = Array.isArray(images) ? images.length : null;
      emit();
      return true;
    },
  }),
};
