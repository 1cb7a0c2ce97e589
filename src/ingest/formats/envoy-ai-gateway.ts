/** Envoy AI Gateway access logs: Envoy's JSON with the token counts of the gateway's documentation. */
import type { LogFormat } from '../format.js';
import { detectByKeys } from './detect-keys.js';
import { ENVOY_COLUMNS, ENVOY_FILLS, envoyHandler } from './envoy-rows.js';

export const envoyAiGateway: LogFormat = {
  name: 'envoy-ai-gateway',
  title: 'Envoy AI Gateway access logs (JSON)',
  sourceUrl: 'https://github.com/envoyproxy/ai-gateway',
  shape: 'jsonl',
  columns: [
    ...ENVOY_COLUMNS,
    { name: 'genai_tokens_input', required: true, meaning: 'prompt tokens, whole prompt' },
    { name: 'genai_tokens_output', required: true, meaning: 'output tokens' },
    { name: 'genai_model_name', required: false, meaning: 'model called' },
    {
      name: 'genai_tokens_cached_input',
      aliases: ['genai_tokens_input_cached', 'genai_tokens_cached'],
      required: false,
      meaning: 'cached part of the prompt (llmRequestCosts type CachedInputToken)',
    },
  ],
  fills: ENVOY_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  detect: (sample) => detectByKeys(envoyAiGateway, sample),
  open: (context) => envoyHandler(context, false),
};
