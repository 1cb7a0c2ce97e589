/**
 * Mooncake's keys and their dialects: JSON Lines of arrival, lengths and block ids. Mooncake itself has times in ms and
 * blocks of 512; AIPerf adds sessions and delays and takes fractions of a ms; genai-perf cuts ms to whole ones; vLLM's
 * timed_trace has seconds and blocks of 16.
 * Sources: https://github.com/kvcache-ai/Mooncake, https://github.com/ai-dynamo/aiperf (dataset/loader/models.py),
 * https://github.com/triton-inference-server/perf_analyzer (genai-perf payload input), vllm-project/vllm#39795.
 */
import { formatDecimal } from '../decimal.js';
import type { TargetColumn, TextTarget } from '../target.js';

const MS = 6;
const SECONDS = 9;

const LENGTHS: readonly TargetColumn[] = [
  { name: 'input_length', from: 'inputTokens', meaning: 'prompt tokens' },
  { name: 'output_length', from: 'outputTokens', meaning: 'output tokens' },
];
const SESSIONS: readonly TargetColumn[] = [
  { name: 'session_id', from: 'sessionId', meaning: 'conversation' },
  { name: 'delay', from: 'thinkNs', meaning: 'ms from the end of the turn before, where known' },
];

interface Dialect {
  readonly name: string;
  readonly title: string;
  readonly readAs: string;
  readonly sourceUrl: string;
  readonly unit: 'ms' | 's';
  readonly stepNs: bigint;
  readonly blockSize: number;
  readonly sessions: boolean;
  readonly advice: TextTarget['advice'];
}

function dialect(spec: Dialect): TextTarget {
  const { unit, sessions, ...rest } = spec;
  const shift = unit === 'ms' ? MS : SECONDS;
  return {
    ...rest,
    kind: 'text',
    columns: [
      { name: 'timestamp', from: 'arrivalNs', meaning: `arrival, ${unit} from the first request` },
      ...(sessions ? SESSIONS : []),
      ...LENGTHS,
      {
        name: 'hash_ids',
        from: 'blockHashes',
        meaning: `ids of the prompt's ${spec.blockSize}-token blocks`,
      },
    ],
    required: ['inputTokens', 'outputTokens'],
    hasStart: false,
    writesPrompts: false,
    open: () => ({
      begin: '',
      row: (row) => {
        const parts = [`"timestamp": ${formatDecimal(row.arrivalNs, shift)}`];
        if (sessions && row.sessionId !== null) {
          parts.push(`"session_id": ${JSON.stringify(row.sessionId)}`);
          if (row.thinkNs !== null) parts.push(`"delay": ${formatDecimal(row.thinkNs, MS)}`);
        }
        parts.push(`"input_length": ${row.inputTokens}`, `"output_length": ${row.outputTokens}`);
        if (row.blockHashes !== null) parts.push(`"hash_ids": [${row.blockHashes.join(', ')}]`);
        return `{${parts.join(', ')}}\n`;
      },
      end: '',
    }),
  };
}

export const mooncake = dialect({
  name: 'mooncake',
  title: 'Mooncake trace (JSON Lines)',
  readAs: 'mooncake',
  sourceUrl: 'https://github.com/kvcache-ai/Mooncake',
  unit: 'ms',
  stepNs: 1n,
  blockSize: 512,
  sessions: false,
  advice: () => [],
});

export const aiperf = dialect({
  name: 'aiperf',
  title: 'AIPerf mooncake_trace with sessions and delays (JSON Lines)',
  readAs: 'mooncake',
  sourceUrl: 'https://github.com/ai-dynamo/aiperf',
  unit: 'ms',
  stepNs: 1n,
  blockSize: 512,
  sessions: true,
  advice: () => [
    'use it with: aiperf profile --custom-dataset-type mooncake_trace --fixed-schedule --input-file',
  ],
});

export const genaiPerf = dialect({
  name: 'genai-perf',
  title: 'genai-perf payload input (JSON Lines)',
  readAs: 'mooncake',
  sourceUrl: 'https://github.com/triton-inference-server/perf_analyzer/tree/main/genai-perf',
  unit: 'ms',
  stepNs: 1_000_000n,
  blockSize: 512,
  sessions: true,
  advice: () => ['use it with: genai-perf profile --fixed-schedule --input-file payload:<file>'],
});

export const vllmTimedTrace = dialect({
  name: 'vllm-timed-trace',
  title: 'vLLM bench timed_trace (JSON Lines)',
  readAs: 'vllm-timed-trace',
  sourceUrl: 'https://github.com/vllm-project/vllm/pull/39795',
  unit: 's',
  stepNs: 1n,
  blockSize: 16,
  sessions: false,
  advice: ({ blockSize }) => [
    `use it with: vllm bench serve --dataset-name timed_trace --self-timed --dataset-path${blockSize === null || blockSize === 16 ? '' : `, and --timed-trace-chunk-hash-size ${blockSize}`}`,
  ],
});
