/** Requests of every protocol read, and answered in its shape: for scripted servers. */
import { ANSWER_SHAPES } from '../protocols/answer-shapes.js';
import { PROTOCOLS } from '../protocols/index.js';
import { isObject } from '../protocols/json.js';
import type { ScriptedAnswer, ScriptedRequest } from './script.js';

/** What a request of a protocol asks for. */
export interface Asked {
  readonly prompt: string;
  readonly stream: boolean;
  /** null = not said. */
  readonly outputTokens: number | null;
}

/** Reads a request that one of our protocols wrote, whichever it is. */
export function askedOf(request: Pick<ScriptedRequest, 'body' | 'path'>): Asked {
  const found: Record<string, unknown> = {};
  collect(JSON.parse(request.body), found);
  const prompt = PROMPT_NAMES.map((name) => promptText(found[name])).find((text) => text !== null);
  const most = LENGTH_NAMES.map((name) => found[name]).find((value) => typeof value === 'number');
  return {
    prompt: prompt ?? '',
    stream: found['stream'] === true || request.path?.endsWith('/generate_stream') === true,
    outputTokens: (most as number | undefined) ?? null,
  };
}

/** A prompt of token ids is read as words. */
function promptText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && typeof value[0] === 'number' ? value.join(' ') : null;
}

const PROMPT_NAMES = ['content', 'prompt', 'input', 'inputs', 'text', 'text_input'];
const LENGTH_NAMES = [
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'max_new_tokens',
  'n_predict',
  'num_predict',
];

/** Members at any depth by name; tensors by theirs; JSON texts are read too. */
function collect(value: unknown, found: Record<string, unknown>): void {
  if (Array.isArray(value)) for (const one of value) collect(one, found);
  if (!isObject(value)) return;
  if (typeof value['name'] === 'string' && Array.isArray(value['data'])) {
    found[value['name']] = (value['data'] as unknown[])[0];
  }
  for (const [name, member] of Object.entries(value)) {
    found[name] ??= member;
    if (name === 'sampling_parameters') collect(JSON.parse(String(member)), found);
    else collect(member, found);
  }
}

/**
 * Answers a request in its protocol's shape with as many tokens as it asks for (16 when it does not), a chunk per token,
 * all at once or `gapMs` apart.
 */
export function protocolAnswer(
  protocol: string,
  request: Pick<ScriptedRequest, 'body' | 'path'>,
  options: { readonly gapMs?: number; readonly countTokens?: (text: string) => number } = {},
): ScriptedAnswer {
  const shape = ANSWER_SHAPES[protocol];
  const { prompt, stream, outputTokens: asked } = askedOf(request);
  const outputTokens = asked ?? 16;
  const text = ' one'.repeat(outputTokens);
  const promptTokens = options.countTokens?.(prompt) ?? prompt.split(' ').length;
  const facts = { promptTokens, outputTokens, text, prompt };
  const gapMs = options.gapMs ?? 0;
  const streams = PROTOCOLS.find(({ name }) => name === protocol)?.streams !== false;
  if (!stream || !streams) {
    const steps = [
      { atMs: gapMs * outputTokens, write: JSON.stringify(shape.whole(facts)) },
      { atMs: gapMs * outputTokens, end: 'complete' },
    ] as const;
    return { contentType: 'application/json', steps };
  }
  const tokens = Array.from({ length: outputTokens }, (_, i) => ({
    atMs: (i + 1) * gapMs,
    write: (i === 0 ? shape.start(facts) : '') + shape.token(' one', ' one'.repeat(i + 1), i, facts),
  }));
  const lastMs = outputTokens * gapMs;
  const end = shape.end(facts);
  return {
    contentType: shape.contentType,
    steps: [
      ...tokens,
      ...(end === '' ? [] : [{ atMs: lastMs, write: end }]),
      { atMs: lastMs, end: 'complete' } as const,
    ],
  };
}
