/** vLLM bench custom data sets: JSON Lines of prompts with the output length to ask for. Source: https://docs.vllm.ai. */
import type { TextTarget } from '../target.js';

export const vllmCustom: TextTarget = {
  kind: 'text',
  name: 'vllm-custom',
  title: 'vLLM bench custom data set (JSON Lines)',
  readAs: 'vllm-custom',
  sourceUrl: 'https://docs.vllm.ai',
  columns: [
    { name: 'prompt', from: 'inputTokens', meaning: 'made-up text of exactly that many tokens' },
    { name: 'output_tokens', from: 'outputTokens', meaning: 'output tokens to ask for, where known' },
  ],
  required: ['inputTokens'],
  stepNs: 1n,
  hasStart: false,
  blockSize: null,
  writesPrompts: true,
  advice: () => [
    'the format has no times: requests are in order of arrival, their rate is given to vLLM bench (--request-rate)',
    'use it with: vllm bench serve --dataset-name custom --skip-chat-template --custom-output-len -1 --dataset-path',
  ],
  open: ({ promptOf }) => ({
    begin: '',
    row: (row) => {
      const output = row.outputTokens === null ? '' : `, "output_tokens": ${row.outputTokens}`;
      return `{"prompt": ${JSON.stringify(promptOf(row))}${output}}\n`;
    },
    end: '',
  }),
};
