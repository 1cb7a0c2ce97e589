/**
 * Envoy, Istio and Higress access logs as JSON, with or without token counts. Without them the lengths are unknown and
 * the trace has arrivals, statuses and durations only.
 */
import type { Detection, LogFormat, Sample } from '../format.js';
import { detectByKeys } from './detect-keys.js';
import { ENVOY_COLUMNS, ENVOY_FILLS, envoyHandler } from './envoy-rows.js';

export const envoyAccess: LogFormat = {
  name: 'envoy-access',
  title: 'Envoy, Istio or Higress access logs (JSON)',
  sourceUrl: 'https://github.com/alibaba/higress',
  shape: 'jsonl',
  columns: [
    ...ENVOY_COLUMNS,
    { name: 'input_token', aliases: ['input_tokens'], required: false, meaning: 'prompt tokens (Higress)' },
    { name: 'output_token', aliases: ['output_tokens'], required: false, meaning: 'output tokens (Higress)' },
    { name: 'model', required: false, meaning: 'model called (Higress)' },
    { name: 'cached_tokens', required: false, meaning: 'cached part of the prompt' },
    { name: 'llm_first_token_duration', required: false, meaning: 'time to first token, ms (Higress)' },
    {
      name: 'ai_log',
      required: false,
      meaning: 'newer Higress: the same fields, consumer, session_id and texts as JSON text',
    },
    { name: 'question', required: false, meaning: 'prompt, of which nothing is kept unless asked (Higress)' },
    { name: 'answer', required: false, meaning: 'likewise' },
  ],
  fills: [...ENVOY_FILLS, 'sessionId', 'clientId', 'stream', 'ttftNs'],
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  texts: { prompt: [], answer: [] },
  detect,
  open: (context) => envoyHandler(context, true),
};

function detect(sample: Sample): Detection {
  const found = detectByKeys(envoyAccess, sample);
  if (found.score === 1 && sample.bytes.includes('"genai_tokens_')) {
    return { score: 0.9, reason: 'it would have no genai_ fields' };
  }
  return found;
}
