/** Scripts of answers: which bytes come when, and how the connection ends. For tests of clients, ours and others'. */

/** At `atMs` after the whole request has come: bytes of the body, or the end. */
export type ScriptStep =
  | { readonly atMs: number; readonly write: string | Uint8Array }
  /** `complete` ends the response in order, `close` closes the socket before that (FIN), `reset` resets it (RST). */
  | { readonly atMs: number; readonly end: 'complete' | 'close' | 'reset' };

/** One answer. Without an end step the socket stays open. */
export interface ScriptedAnswer {
  /** Default 200. */
  readonly status?: number;
  /** Default `text/event-stream`. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** When the head is sent; default with the first step. Infinity = never. */
  readonly headAtMs?: number;
  /** In order of time. */
  readonly steps: readonly ScriptStep[];
}

/** A request as the script sees it. */
export interface ScriptedRequest {
  /** Order of arrival, from 0. */
  readonly index: number;
  readonly body: string;
  /** Path and query; empty for transports without one. */
  readonly path: string;
}

/** Answers the k-th request; null = closes the connection without an answer. */
export type Script = (request: ScriptedRequest) => ScriptedAnswer | null;

/** One event with JSON or text as its data. */
export function sseEvent(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

/** A chat chunk with the given delta. */
export function chatChunk(delta: unknown, finishReason: string | null = null): string {
  return sseEvent({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });
}

/** A chat chunk with answer text. */
export const chatToken = (text: string): string => chatChunk({ content: text });

/** The first chunk that many servers send: a role and no text. */
export const chatRole = (): string => chatChunk({ role: 'assistant', content: '' });

/** The chunk that stops generation. */
export const chatStop = (reason = 'stop'): string => chatChunk({}, reason);

/** The usage-only chunk. */
export function chatUsage(promptTokens: number, completionTokens: number): string {
  return sseEvent({
    id: 'chatcmpl-1',
    choices: [],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  });
}

/** The end mark. */
export const chatDone = (): string => sseEvent('[DONE]');
