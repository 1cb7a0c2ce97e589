/**
 * Looks at the endpoint before the load: does it answer, which model does it serve, does it take our requests as they
 * are, and (when asked) how many tokens its chat template adds to a prompt.
 *
 * A load of refusals teaches nobody anything; so one small request goes first, through the same transport and exchange
 * as the load. An endpoint that is merely busy (429, 5xx) is not turned down: the run will show how busy. A strict
 * server that refuses a member of the body is asked again without it, and what that means is noted.
 */
import { request } from 'undici';
import { monotonicNs } from '../clock.js';
import { ToolError } from '../errors.js';
import { randomOf } from '../random.js';
import { buildPrompt } from '../tokens/prompt.js';
import type { WordPool } from '../tokens/word-pool.js';
import { NS_PER_SEC } from '../units.js';
import { Exchange, type Outcome } from './exchange.js';
import { describeFailure } from './failure.js';
import type { Protocol } from './protocol.js';
import { isObject, objectsOf } from './protocols/json.js';
import { type Target, transportTargetOf } from './target.js';
import { createAgent } from './transports/agent.js';
import { createTransport } from './transports/index.js';
import { conversationBody } from './turns.js';

const TIME_LIMIT_SEC = 60;
const REACH_LIMIT_MS = 10_000;

/**
 * Asks for the list of models: any HTTP answer proves the endpoint is there. Further addresses are asked for anything.
 * Throws ENDPOINT_UNREACHABLE.
 */
export async function reachEndpoint(
  target: Target,
  protocol: Protocol,
  signal: AbortSignal | null,
): Promise<readonly string[]> {
  const agent = createAgent(target.connection);
  const get = async (url: string): Promise<string | null> => {
    try {
      const { statusCode, body } = await request(url, {
        headers: [...target.headers],
        signal: anySignal(signal, REACH_LIMIT_MS),
        dispatcher: agent,
      });
      const text = await body.text();
      return statusCode === 200 ? text : null;
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable({ ...target, origin: new URL(url).origin }, error as Error);
    }
  };
  try {
    const [models] = await Promise.all([
      get(`${target.apiRoot}${protocol.modelsPath ?? '/models'}`),
      ...target.otherPlaces.map(({ url }) => get(new URL('/', url).href)),
    ]);
    return models === null ? [] : modelNames(models, protocol);
  } finally {
    await agent.destroy().catch(() => undefined);
  }
}

/** The error of an endpoint that gave no HTTP answer. */
export function unreachable(target: Target, error: Error): ToolError {
  const { text } = describeFailure(error);
  const why = text === 'connection_refused' ? 'connection refused' : text.replaceAll('_', ' ');
  const { unixSocket } = target.connection;
  return new ToolError({
    code: 'ENDPOINT_UNREACHABLE',
    message: `${unixSocket == null ? target.origin : unixSocket} cannot be reached: ${why}`,
    hint: hintFor(text, unixSocket ?? null),
    cause: error,
  });
}

function hintFor(why: string, unixSocket: string | null): string {
  if (/wrong version number|packet length too long|unknown protocol/i.test(why))
    return 'what answers there does not speak TLS: write --url with http://, or name the port that does';
  if (why.startsWith('tls: '))
    return 'name the certificate authority with --cacert, our own certificate with --cert and --key, or check nothing with --insecure';
  return unixSocket === null
    ? 'is the server up and --url right? `tokentide serve` starts one to try with'
    : 'is the server up, and is --unix-socket the path that it listens on?';
}

function modelNames(text: string, protocol: Protocol): readonly string[] {
  try {
    const document: unknown = JSON.parse(text);
    if (protocol.readModels !== undefined) return protocol.readModels(document);
    const { data } = isObject(document) ? document : {};
    return objectsOf(data).flatMap(({ id }) => (typeof id === 'string' ? [id] : []));
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
  readonly conceded?: readonly string[];
  /** Default the bundled words. */
  readonly pool?: WordPool;
  readonly extraBody: Readonly<Record<string, unknown>> | null;
  readonly signal: AbortSignal | null;
}

export interface TrialResult {
  /** Names of what the endpoint refuses and requests do without. */
  readonly conceded: readonly string[];
  readonly notes: readonly string[];
}

/** Sends one small request. Throws ENDPOINT_UNREACHABLE when requests of this kind are refused for good. */
export async function tryEndpoint(options: TrialOptions): Promise<TrialResult> {
  const conceded: string[] = [];
  const notes: string[] = [];
  for (;;) {
    const answer = await sendTrial({ ...options, conceded }, [8], 2);
    const { refusal, status } = answer;
    if (refusal === null) return { conceded, notes };
    if (status === null || status === 429 || status >= 500) {
      return { conceded, notes: [...notes, `the trial request was answered with ${refusal}`] };
    }
    const given = isRefusalOfMember(status) ? giveIn(options, conceded, refusal) : [];
    if (given.length === 0) {
      throw new ToolError({
        code: 'ENDPOINT_UNREACHABLE',
        message: `${options.target.shownUrl} refuses the requests: ${refusal}`,
        hint: refusalHint(status),
      });
    }
    for (const concession of given) {
      conceded.push(concession.name);
      notes.push(`the endpoint refuses ${concession.name}: ${concession.consequence}`);
    }
  }
}

const isRefusalOfMember = (status: number): boolean => status === 400 || status === 422;

/** What to do without next: what the refusal names, else whatever forces the length. Empty = nothing is left. */
function giveIn(
  options: TrialOptions,
  conceded: readonly string[],
  refusal: string,
): readonly { readonly name: string; readonly consequence: string }[] {
  const left = (options.protocol.concessions ?? []).filter(
    ({ name, forcesLength }) => !conceded.includes(name) && (forcesLength !== true || options.ignoreEos),
  );
  const named = left.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(refusal));
  return named.length > 0
    ? named.slice(0, 1)
    : left.filter(({ forcesLength }) => forcesLength === true).slice(0, 1);
}

function refusalHint(status: number): string {
  if (status === 401 || status === 403)
    return 'set TOKENTIDE_API_KEY, or name a file with --api-key-file or a header with --header';
  if (status >= 300 && status < 400) return 'name the address that it redirects to with --url';
  if (status === 404 || status === 405)
    return 'check --url, --protocol and --model: the endpoint knows no such path or model';
  return 'check --model, --protocol and --extra-body against what the server accepts';
}

const CALIBRATION_LENGTHS = [16, 64, 256];

export interface Calibration {
  /** Tokens that the server counts beyond the prompt, when it is the same for every length; null = it is not. */
  readonly templateTokens: number | null;
  /** Counted − asked for each length that was answered with a count. */
  readonly differences: readonly number[];
}

/** Lengths of the texts of conversations of two and of three turns: prompt, answer, prompt … */
const CALIBRATION_TURNS = [
  [16, 8, 24],
  [64, 8, 16, 32, 16],
];

/**
 * Sends conversations of two and of three turns. Returns the tokens that the server counts for each further turn (an
 * answer and the next prompt) beyond their texts; null = they are not the same for each, or not told.
 */
export async function calibrateTurns(options: TrialOptions, templateTokens: number): Promise<number | null> {
  const perTurn: number[] = [];
  for (const lengths of CALIBRATION_TURNS) {
    const { inputTokens } = await sendTrial(options, lengths, 1);
    if (inputTokens === null) return null;
    const more = inputTokens - templateTokens - lengths.reduce((sum, tokens) => sum + tokens, 0);
    perTurn.push(more / ((lengths.length - 1) / 2));
  }
  const [first] = perTurn;
  return perTurn.every((value) => value === first) && first >= 0 ? first : null;
}

/** Sends prompts of three lengths and compares what the server counts with what was asked. */
export async function calibratePrompts(options: TrialOptions): Promise<Calibration> {
  const differences: number[] = [];
  for (const tokens of CALIBRATION_LENGTHS) {
    const { inputTokens } = await sendTrial(options, [tokens], 1);
    if (inputTokens !== null) differences.push(inputTokens - tokens);
  }
  const constant =
    differences.length === CALIBRATION_LENGTHS.length &&
    differences.every((value) => value === differences[0]);
  return { templateTokens: constant && differences[0] >= 0 ? differences[0] : null, differences };
}

interface TrialAnswer {
  /** HTTP status; null = none came. */
  readonly status: number | null;
  /** The refusal's text; null = it was answered. */
  readonly refusal: string | null;
  readonly inputTokens: number | null;
}

/** One text per message of a conversation, of these lengths. */
async function sendTrial(
  options: TrialOptions,
  lengths: readonly number[],
  most: number,
): Promise<TrialAnswer> {
  const { target, protocol, signal } = options;
  const frame = protocol.frame({ ...options, maxOutputTokens: most });
  const rng = randomOf(`trial ${performance.now()}`, 'prompts');
  const texts = lengths.map((tokens) => buildPrompt({ tokens, rng, pool: options.pool }));
  const body = conversationBody(frame.before, texts, frame.after);
  const stream = options.stream && protocol.streams !== false;
  const { status, httpStatus, error, inputTokens } = await exchangeOnce(
    target,
    protocol,
    body,
    stream,
    signal,
  );
  signal?.throwIfAborted();
  if (status === 'http_error') return { status: httpStatus, refusal: error, inputTokens: null };
  // Whatever else is wrong with this answer, the run will count it; only refusals stop a run before it begins.
  return {
    status: null,
    refusal: status === 'ok' || status === 'empty' ? null : (error ?? status),
    inputTokens,
  };
}

/** One request through a transport of its own. */
async function exchangeOnce(
  target: Target,
  protocol: Protocol,
  body: Uint8Array,
  stream: boolean,
  signal: AbortSignal | null,
): Promise<Outcome> {
  const transport = createTransport({ ...transportTargetOf(target), nowNs: monotonicNs });
  try {
    return await new Promise<Outcome>((resolve) => {
      const none = { connectNs: null, firstByteNs: null, idleNs: null };
      const exchange = new Exchange({
        index: 0,
        stream,
        protocol,
        limits: { ...none, totalNs: TIME_LIMIT_SEC * NS_PER_SEC, graceNs: NS_PER_SEC / 2, lingerNs: 0 },
        keepChunks: false,
        echoLength: protocol.echoLength?.(body),
        nowNs: monotonicNs,
        releasedNs: null,
        onSettled: (outcome) => {
          clearInterval(ticker);
          signal?.removeEventListener('abort', cancel);
          resolve(outcome);
        },
        onAbort: () => sent.abort(),
        onClosed: () => undefined,
      });
      const cancel = (): void => exchange.cancel();
      const ticker = setInterval(() => exchange.checkLimits(), 50);
      const sent = transport.send(body, stream, exchange);
      signal?.addEventListener('abort', cancel);
      if (signal?.aborted === true) cancel();
    });
  } finally {
    await transport.close();
  }
}

function anySignal(signal: AbortSignal | null, limitMs: number): AbortSignal {
  const limit = AbortSignal.timeout(limitMs);
  return signal === null ? limit : AbortSignal.any([signal, limit]);
}
