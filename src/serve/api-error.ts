/** Refusals in the shape that OpenAI clients expect: `{"error": {message, type, param, code}}` with an HTTP status. */

export interface ApiErrorOptions {
  readonly status: number;
  readonly message: string;
  /** Field of the request that is wrong; null = none in particular. */
  readonly param?: string | null;
  readonly code?: string | null;
}

/** A request that is answered with an error; never leaves the server. */
export class ApiError extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;

  constructor(options: ApiErrorOptions) {
    super(options.message);
    this.name = 'ApiError';
    this.status = options.status;
    this.param = options.param ?? null;
    this.code = options.code ?? null;
  }

  /** The response body. */
  body(): string {
    const type = this.status >= 500 ? 'server_error' : 'invalid_request_error';
    return JSON.stringify({ error: { message: this.message, type, param: this.param, code: this.code } });
  }
}

/** A 400 that names the field. */
export function badRequest(param: string | null, message: string, code: string | null = null): ApiError {
  return new ApiError({ status: 400, message, param, code });
}

/** More tokens than the context, or the KV cache, has room for; in vLLM's words. */
export function contextOverflow(limitTokens: number, promptTokens: number, maxTokens: number): ApiError {
  return badRequest(
    'max_tokens',
    `This model's maximum context length is ${limitTokens} tokens. However, you requested ${promptTokens + maxTokens} tokens (${promptTokens} in the prompt, ${maxTokens} in the completion).`,
    'context_length_exceeded',
  );
}
