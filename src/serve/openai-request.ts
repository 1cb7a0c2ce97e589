/**
 * Bodies of /v1/chat/completions and /v1/completions → what the server does, or a refusal that names the field.
 *
 * Source: the OpenAI API reference, and vLLM's extra parameters ignore_eos, min_tokens and priority. Sampling parameters are
 * checked and have no effect; what would change the shape of the answer and is not offered is refused.
 */
import type { IncomingMessage } from 'node:http';
import { badRequest } from './api-error.js';

/** A stretch of the prompt. Markers keep roles apart in the prefix cache; they cost no token. */
export type PromptPart =
  | { readonly marker: number; readonly text: string }
  | { readonly marker: number; readonly ids: readonly number[] };

export interface CompletionRequest {
  readonly endpoint: 'chat' | 'completions';
  /** null = not given. */
  readonly model: string | null;
  readonly prompt: readonly PromptPart[];
  /** null = not given. */
  readonly maxTokens: number | null;
  readonly minTokens: number;
  readonly ignoreEos: boolean;
  readonly stop: readonly string[];
  readonly seed: number | null;
  /** Lower = earlier (vLLM); engines that schedule by priority look at it. */
  readonly priority: number;
  /** Stands for the session where no x-session-id header is given; null = not given. */
  readonly user: string | null;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
}

/** Marker of a completion's prompt, and of the answer of a chat in `ROLE_MARKERS.assistant`. */
export const PLAIN_MARKER = 0;

export const ROLE_MARKERS: Readonly<Record<string, number>> = {
  system: 1,
  developer: 2,
  user: 3,
  assistant: 4,
  tool: 5,
  function: 6,
};

/** vLLM's default where /v1/completions does not ask for a length. */
const COMPLETIONS_MAX_TOKENS = 16;

type Body = Readonly<Record<string, unknown>>;

/** Reads a chat body. Throws ApiError 400. */
export function parseChatRequest(body: unknown): CompletionRequest {
  const fields = objectOf(body);
  const messages = fields['messages'];
  if (!Array.isArray(messages) || messages.length === 0)
    throw badRequest('messages', "'messages' must be a list of at least one message");
  const shared = parseShared(fields);
  refuseIf(fields, 'logprobs', (value) => value === true, 'log probabilities are not offered');
  refuseIf(fields, 'top_logprobs', (value) => value !== 0, 'log probabilities are not offered');
  refuseIf(
    fields,
    'tool_choice',
    (value) => value !== 'none' && value !== 'auto',
    'tool calls are not offered',
  );
  refuseIf(fields, 'response_format', (value) => !isPlainFormat(value), 'only plain text is offered');
  const maxTokens = integer(fields, 'max_completion_tokens', 1) ?? integer(fields, 'max_tokens', 1);
  requireRoomForMinimum(shared.minTokens, maxTokens);
  return {
    ...shared,
    endpoint: 'chat',
    prompt: messages.map((message, index) => parseMessage(message, index)),
    maxTokens,
  };
}

/** Reads a completions body. Throws ApiError 400. */
export function parseCompletionRequest(body: unknown): CompletionRequest {
  const fields = objectOf(body);
  const shared = parseShared(fields);
  refuseIf(fields, 'echo', (value) => value === true, "'echo' is not offered");
  refuseIf(fields, 'logprobs', () => true, 'log probabilities are not offered');
  refuseIf(fields, 'best_of', (value) => value !== 1, "'best_of' must be 1");
  refuseIf(fields, 'suffix', (value) => value !== '', "'suffix' is not offered");
  const maxTokens = integer(fields, 'max_tokens', 1) ?? (shared.ignoreEos ? null : COMPLETIONS_MAX_TOKENS);
  requireRoomForMinimum(shared.minTokens, maxTokens);
  return { ...shared, endpoint: 'completions', prompt: [parsePrompt(fields['prompt'])], maxTokens };
}

function parseShared(fields: Body): Omit<CompletionRequest, 'endpoint' | 'prompt' | 'maxTokens'> {
  const model = fields['model'] ?? null;
  if (model !== null && typeof model !== 'string') throw badRequest('model', "'model' must be a string");
  refuseIf(fields, 'n', (value) => value !== 1, "'n' must be 1");
  numberWithin(fields, 'temperature', 0, 2);
  numberWithin(fields, 'top_p', 0, 1);
  numberWithin(fields, 'presence_penalty', -2, 2);
  numberWithin(fields, 'frequency_penalty', -2, 2);
  const user = fields['user'] ?? null;
  if (user !== null && typeof user !== 'string') throw badRequest('user', "'user' must be a string");
  const stream = flag(fields, 'stream');
  const options = fields['stream_options'] ?? null;
  if (options !== null && !stream)
    throw badRequest('stream_options', "'stream_options' is only allowed with 'stream': true");
  const streamOptions = options === null ? {} : objectOf(options, 'stream_options');
  return {
    model,
    minTokens: integer(fields, 'min_tokens', 0) ?? 0,
    ignoreEos: flag(fields, 'ignore_eos'),
    stop: parseStop(fields['stop']),
    seed: integer(fields, 'seed', Number.MIN_SAFE_INTEGER),
    priority: integer(fields, 'priority', Number.MIN_SAFE_INTEGER) ?? 0,
    user,
    stream,
    includeUsage: flag(streamOptions, 'include_usage'),
    continuousUsage: flag(streamOptions, 'continuous_usage_stats'),
  };
}

function parseMessage(message: unknown, index: number): PromptPart {
  const where = `messages[${index}]`;
  const fields = objectOf(message, where);
  const role = fields['role'];
  const marker = typeof role === 'string' ? ROLE_MARKERS[role] : undefined;
  if (marker === undefined)
    throw badRequest(
      `${where}.role`,
      `'${where}.role' must be one of ${Object.keys(ROLE_MARKERS).join(', ')}`,
    );
  return { marker, text: contentText(fields['content'] ?? '', `${where}.content`) };
}

function contentText(content: unknown, where: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw badRequest(where, `'${where}' must be text or a list of text parts`);
  return content
    .map((part: unknown) => {
      const fields = objectOf(part, where);
      if (fields['type'] !== 'text' || typeof fields['text'] !== 'string')
        throw badRequest(where, `'${where}' may hold parts of type text only`);
      return fields['text'];
    })
    .join('');
}

function parsePrompt(prompt: unknown): PromptPart {
  if (typeof prompt === 'string') return { marker: PLAIN_MARKER, text: prompt };
  if (Array.isArray(prompt)) {
    if (prompt.length > 0 && prompt.every((id) => Number.isSafeInteger(id) && id >= 0))
      return { marker: PLAIN_MARKER, ids: prompt as number[] };
    if (prompt.length === 1) return parsePrompt(prompt[0]);
    if (prompt.length > 1) throw badRequest('prompt', "'prompt' must be one prompt, got several");
  }
  throw badRequest('prompt', "'prompt' must be text or a list of token ids");
}

function parseStop(stop: unknown): readonly string[] {
  if (stop === undefined || stop === null) return [];
  const list = Array.isArray(stop) ? stop : [stop];
  if (list.some((entry) => typeof entry !== 'string' || entry === ''))
    throw badRequest('stop', "'stop' must be text or a list of texts, none of them empty");
  return list as string[];
}

function isPlainFormat(format: unknown): boolean {
  return typeof format === 'object' && (format as { type?: unknown }).type === 'text';
}

function requireRoomForMinimum(minTokens: number, maxTokens: number | null): void {
  if (maxTokens !== null && minTokens > maxTokens)
    throw badRequest('min_tokens', `'min_tokens' must not be above 'max_tokens' (${maxTokens})`);
}

function objectOf(value: unknown, param: string | null = null): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  throw badRequest(param, `${param === null ? 'the body' : `'${param}'`} must be an object`);
}

function refuseIf(fields: Body, key: string, refused: (value: unknown) => boolean, message: string): void {
  const value = fields[key] ?? null;
  if (value !== null && value !== false && refused(value)) throw badRequest(key, message);
}

function flag(fields: Body, key: string): boolean {
  const value = fields[key] ?? false;
  if (typeof value !== 'boolean') throw badRequest(key, `'${key}' must be true or false`);
  return value;
}

function integer(fields: Body, key: string, min: number): number | null {
  const value = fields[key] ?? null;
  if (value === null) return null;
  if (!Number.isSafeInteger(value) || (value as number) < min)
    throw badRequest(
      key,
      `'${key}' must be a whole number${min > Number.MIN_SAFE_INTEGER ? ` from ${min}` : ''}`,
    );
  return value as number;
}

function numberWithin(fields: Body, key: string, min: number, max: number): void {
  const value = fields[key] ?? null;
  if (value === null) return;
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw badRequest(key, `'${key}' must be a number from ${min} to ${max}`);
}

/** The session that a client names in its header; null = none. */
export function sessionOf(request: IncomingMessage): string | null {
  const given = request.headers['x-session-id'];
  return typeof given === 'string' ? given : null;
}
