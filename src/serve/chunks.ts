/**
 * The JSON of answers, as text: stream chunks assembled from prebuilt halves, and whole answers.
 *
 * Shapes follow vLLM's OpenAI server: a role chunk without text first, the finish reason on the chunk of the last
 * token, then the usage chunk with empty `choices` when it was asked for, then `[DONE]`.
 */
import type { CompletionRequest } from './openai-request.js';

export interface UsageCounts {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export interface AnswerIdentity {
  /** Unique per response. */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly model: string;
}

/** JSON in ASCII: everything else escaped, so that a text's length is its number of bytes. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function usageOf(counts: UsageCounts): object {
  return {
    prompt_tokens: counts.promptTokens,
    total_tokens: counts.promptTokens + counts.completionTokens,
    completion_tokens: counts.completionTokens,
    prompt_tokens_details: { cached_tokens: counts.cachedTokens },
  };
}

/** Server-sent events of one response. Pieces of text are words of [a-z ]: nothing in them needs escaping. */
export interface ChunkTexts {
  /** Chunks before the first token; empty for completions. */
  opening(counts: UsageCounts): string;
  token(piece: string, counts: UsageCounts): string;
  lastToken(piece: string, finishReason: string, counts: UsageCounts): string;
  /** What follows the last token. */
  closing(counts: UsageCounts): string;
}

export function chunkTexts(request: CompletionRequest, identity: AnswerIdentity): ChunkTexts {
  const chat = request.endpoint === 'chat';
  const envelope = asciiJson({
    id: identity.id,
    object: chat ? 'chat.completion.chunk' : 'text_completion',
    created: identity.created,
    model: identity.model,
  }).slice(0, -1);
  const head = `data: ${envelope},"choices":[{"index":0,${chat ? '"delta":{"content":"' : '"text":"'}`;
  const middle = `"${chat ? '}' : ''},"logprobs":null,"finish_reason":`;
  const usage = (counts: UsageCounts): string =>
    request.continuousUsage ? `,"usage":${JSON.stringify(usageOf(counts))}` : '';
  const tail = 'null}]}\n\n';
  const token = request.continuousUsage
    ? (piece: string, counts: UsageCounts): string => `${head}${piece}${middle}null}]${usage(counts)}}\n\n`
    : (piece: string): string => `${head}${piece}${middle}${tail}`;
  return {
    opening: (counts) =>
      chat
        ? `data: ${envelope},"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]${usage(counts)}}\n\n`
        : '',
    token,
    lastToken: (piece, finishReason, counts) =>
      `${head}${piece}${middle}"${finishReason}","stop_reason":null}]${usage(counts)}}\n\n`,
    closing: (counts) => {
      const final = request.includeUsage
        ? `data: ${envelope},"choices":[],"usage":${JSON.stringify(usageOf(counts))}}\n\n`
        : '';
      return `${final}data: [DONE]\n\n`;
    },
  };
}

/** The body of an answer that is not streamed. */
export function wholeAnswer(
  request: CompletionRequest,
  identity: AnswerIdentity,
  text: string,
  finishReason: string,
  counts: UsageCounts,
): string {
  const chat = request.endpoint === 'chat';
  const content = chat ? { message: { role: 'assistant', content: text } } : { text };
  return asciiJson({
    id: identity.id,
    object: chat ? 'chat.completion' : 'text_completion',
    created: identity.created,
    model: identity.model,
    choices: [{ index: 0, ...content, logprobs: null, finish_reason: finishReason, stop_reason: null }],
    usage: usageOf(counts),
  });
}
