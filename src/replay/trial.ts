/**
 * Looks at the endpoint before the load: does it answer, which model does it serve, does it take our requests as they
 * are, and (when asked) how many tokens its chat template adds to a prompt.
 *
 * A load of refusals teaches nobody anything; so one small request goes first. An endpoint that is merely busy
 * (429, 5xx) is not turned down: the run will show how busy.
 */
import { request } from 'undici';
import { ToolError } from '../errors.js';
import { randomOf } from '../random.js';
import { buildPrompt } from '../tokens/prompt.js';
import { Answer } from './answer.js';
import { describeFailure, httpErrorText } from './failure.js';
import type { Protocol } from './protocol.js';
import { SseParser } from './sse.js';
import type { Target } from './target.js';

const TIME_LIMIT_MS = 60_000;
const REACH_LIMIT_MS = 10_000;

/** Asks for the list of models: any HTTP answer proves the endpoint is there. Throws ENDPOINT_UNREACHABLE. */
export async function reachEndpoint(target: Target, signal: AbortSignal | null): Promise<readonly string[]> {
  try {
    const { statusCode, body } = await request(`${target.apiRoot}/models`, {
      headers: [...target.headers],
      signal: anySignal(signal, REACH_LIMIT_MS),
    });
    const text = await body.text();
    return statusCode === 200 ? modelIds(text) : [];
  } catch (error) {
    signal?.throwIfAborted();
    const { text } = describeFailure(error as Error);
    const why = text === 'connection_refused' ? 'connection refused' : text.replaceAll('_', ' ');
    throw new ToolError({
      code: 'ENDPOINT_UNREACHABLE',
      message: `${target.origin} cannot be reached: ${why}`,
      hint: text.startsWith('tls: ')
        ? 'for a private certificate authority set NODE_EXTRA_CA_CERTS to its certificate file'
        : 'is the server up and --url right? `tokentide serve` starts one to try with',
      cause: error,
    });
  }
}

function modelIds(text: string): string[] {
  try {
    const { data } = JSON.parse(text) as { data?: { id?: unknown }[] };
    return (data ?? []).flatMap(({ id }) => (typeof id === 'string' ? [id] : []));
  } catch {
    return [];
  }
}

export interface TrialOptions {
  readonly target: Target;
  readonly protocol: Protocol;
  readonly model: string;
  readonly stream: boolean;
  readonly ignoreEos: boolean;
  readonly extraBody: Readonly<Record<string, unknown>> | null;
  readonly signal: AbortSignal | null;
}

export interface TrialResult {
  /** false when the endpoint refuses the field. */
  readonly ignoreEos: boolean;
  readonly notes: readonly string[];
}

/** Sends one small request. Throws ENDPOINT_UNREACHABLE when requests of this kind are refused for good. */
export async function tryEndpoint(options: TrialOptions): Promise<TrialResult> {
  const first = await sendTrial(options, 8, 2);
  if (first.httpError === null || first.status === 429 || first.status >= 500) {
    const notes = first.httpError === null ? [] : [`the trial request was answered with ${first.httpError}`];
    return { ignoreEos: options.ignoreEos, notes };
  }
  if (options.ignoreEos && (first.status === 400 || first.status === 422)) {
    const second = await sendTrial({ ...options, ignoreEos: false }, 8, 2);
    if (second.httpError === null) {
      return {
        ignoreEos: false,
        notes: [
          'the endpoint refuses ignore_eos: answers may be shorter than asked; compare output_tokens with max_output_tokens',
        ],
      };
    }
  }
  throw new ToolError({
    code: 'ENDPOINT_UNREACHABLE',
    message: `${options.target.shownUrl} refuses the requests: ${first.httpError}`,
    hint: refusalHint(first.status),
  });
}

function refusalHint(status: number): string {
  if (status === 401 || status === 403)
    return 'set TOKENTIDE_API_KEY, or name a file with --api-key-file or a header with --header';
  if (status === 404) return 'check --url, --protocol and --model: the endpoint knows no such path or model';
  return 'check --model, --protocol and --extra-body against what the server accepts';
}

const CALIBRATION_LENGTHS = [16, 64, 256];

export interface Calibration {
  /** Tokens that the server counts beyond the prompt, when it is the same for every length; null = it is not. */
  readonly templateTokens: number | null;
  /** Counted − asked for each length that was answered with a count. */
  readonly differences: readonly number[];
}

/** Sends prompts of three lengths and compares what the server counts with what was asked. */
export async function calibratePrompts(options: TrialOptions): Promise<Calibration> {
  const differences: number[] = [];
  for (const tokens of CALIBRATION_LENGTHS) {
    const { inputTokens } = await sendTrial(options, tokens, 1);
    if (inputTokens !== null) differences.push(inputTokens - tokens);
  }
  const constant =
    differences.length === CALIBRATION_LENGTHS.length &&
    differences.every((value) => value === differences[0]);
  return { templateTokens: constant && differences[0] >= 0 ? differences[0] : null, differences };
}

interface TrialAnswer {
  readonly status: number;
  readonly httpError: string | null;
  readonly inputTokens: number | null;
}

async function sendTrial(
  options: TrialOptions,
  tokens: number,
  maxOutputTokens: number,
): Promise<TrialAnswer> {
  const { target, protocol, model, stream, ignoreEos, extraBody, signal } = options;
  const frame = protocol.frame({ model, stream, maxOutputTokens, ignoreEos, extraBody });
  const prompt = buildPrompt({ tokens, rng: randomOf(`trial ${performance.now()}`, 'prompts') });
  try {
    const { statusCode, headers, body } = await request(target.url, {
      method: 'POST',
      headers: [...target.headers, 'content-type', 'application/json'],
      body: frame.before + prompt + frame.after,
      signal: anySignal(signal, TIME_LIMIT_MS),
    });
    const bytes = Buffer.from(await body.arrayBuffer());
    if (statusCode < 200 || statusCode > 299) {
      return { status: statusCode, httpError: httpErrorText(statusCode, bytes), inputTokens: null };
    }
    const answer = new Answer();
    if (/json/.test(String(headers['content-type'] ?? ''))) protocol.readBody(bytes.toString('utf8'), answer);
    else {
      const parser = new SseParser((data, type) => protocol.readEvent(data, type, answer));
      parser.push(bytes);
      parser.end();
    }
    return { status: statusCode, httpError: null, inputTokens: answer.inputTokens };
  } catch (error) {
    signal?.throwIfAborted();
    // Whatever is wrong with this answer, the run will count it; only refusals stop a run before it begins.
    return { status: 503, httpError: describeFailure(error as Error).text, inputTokens: null };
  }
}

function anySignal(signal: AbortSignal | null, limitMs: number): AbortSignal {
  const limit = AbortSignal.timeout(limitMs);
  return signal === null ? limit : AbortSignal.any([signal, limit]);
}
