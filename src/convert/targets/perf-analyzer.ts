/**
 * Inputs of perf_analyzer: the file of `--request-intervals` (µs between requests, one a line) and the input-data JSON of
 * `--fixed-schedule` (a payload and its instant in whole ms for each request).
 * Source: https://github.com/triton-inference-server/perf_analyzer/blob/main/docs/inference_load_modes.md.
 */
import type { TraceRow } from '../../types.js';
import type { TextTarget } from '../target.js';

export const perfAnalyzerIntervals: TextTarget = {
  kind: 'text',
  name: 'perf-analyzer-intervals',
  title: 'perf_analyzer request intervals (text)',
  readAs: 'perf-analyzer-intervals',
  sourceUrl: 'https://github.com/triton-inference-server/perf_analyzer',
  columns: [
    {
      name: 'interval',
      from: 'arrivalNs',
      meaning: 'whole µs since the request before; the first since the start',
    },
  ],
  required: [],
  stepNs: 1_000n,
  hasStart: false,
  blockSize: null,
  writesPrompts: false,
  advice: () => [
    'use it with: perf_analyzer --request-intervals <file>; it begins the file again when it reaches its end',
  ],
  open: () => {
    let lastNs = 0n;
    return {
      begin: '',
      row: ({ arrivalNs }) => {
        const gapNs = arrivalNs - lastNs;
        lastNs = arrivalNs;
        return `${gapNs / 1_000n}\n`;
      },
      end: '',
    };
  },
};

export const perfAnalyzerSchedule: TextTarget = {
  kind: 'text',
  name: 'perf-analyzer-schedule',
  title: 'perf_analyzer fixed schedule (input-data JSON)',
  readAs: 'perf-analyzer-schedule',
  sourceUrl: 'https://github.com/triton-inference-server/perf_analyzer',
  columns: [
    { name: 'timestamp', from: 'arrivalNs', meaning: 'whole ms from the first request' },
    { name: 'payload.prompt', from: 'inputTokens', meaning: 'made-up text of exactly that many tokens' },
    { name: 'payload.max_tokens', from: 'outputTokens', meaning: 'output tokens, with ignore_eos' },
    { name: 'payload.model', from: 'model', meaning: 'model' },
    { name: 'payload.stream', from: 'stream', meaning: 'whether the answer is streamed' },
  ],
  required: ['inputTokens'],
  stepNs: 1_000_000n,
  hasStart: false,
  blockSize: null,
  writesPrompts: true,
  advice: () => [
    'use it with: perf_analyzer --service-kind openai --endpoint v1/completions --fixed-schedule --input-data <file>',
  ],
  open: ({ promptOf }) => {
    let isFirst = true;
    return {
      begin: '{"data": [',
      row: (row) => {
        const comma = isFirst ? '\n' : ',\n';
        isFirst = false;
        return `${comma}{"timestamp": [${row.arrivalNs / 1_000_000n}], "payload": [${JSON.stringify(payloadOf(row, promptOf(row)))}]}`;
      },
      end: '\n]}\n',
    };
  },
};

function payloadOf(row: TraceRow, prompt: string): object {
  return {
    ...(row.model === null ? {} : { model: row.model }),
    prompt,
    ...(row.outputTokens === null ? {} : { max_tokens: row.outputTokens, ignore_eos: true }),
    ...(row.stream === null ? {} : { stream: row.stream }),
  };
}
