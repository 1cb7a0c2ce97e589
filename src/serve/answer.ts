/**
 * What the served engine answers: seeded words of one token each, and how many of them.
 *
 * The answer depends on the seed and the prompt alone, never on the order of arrival. Length: `max_tokens` exactly
 * when it is given, so that counts are those asked for; otherwise a seeded draw that ends with `stop`, like a model
 * that reaches its end; with ignore_eos and no limit, until the context is full.
 */
import { randomOf } from '../random.js';
import { loadWordPool } from '../tokens/word-pool.js';
import { type CompletionRequest, ROLE_MARKERS } from './openai-request.js';
import type { PrefixBuilder } from './prefix-builder.js';

/**
 * Drawn lengths are lognormal with these parameters of the logarithm: median 130, mean 214 (the conversation trace of
 * Azure LLM inference 2023 has median 129 and mean 211).
 */
const DRAWN_LOG_MEDIAN = Math.log(130);
const DRAWN_LOG_SD = 1;

export interface Answer {
  /** Tokens to generate, ≥ 1. */
  readonly tokens: number;
  readonly finishReason: 'stop' | 'length';
  /** Text of token i, 0-based. */
  piece(index: number): string;
  /** The whole text. */
  text(): string;
}

export interface AnswerOptions {
  readonly request: CompletionRequest;
  readonly seed: string | number;
  /** The prompt so far; the answer's tokens are added to it. */
  readonly prefix: PrefixBuilder;
  /** Most tokens that prompt and context leave; ≥ 1. */
  readonly roomTokens: number;
}

let cachedSpaced: readonly string[] | null = null;

/** ` word` for each word of the pool, in its order. */
function spacedWords(): readonly string[] {
  cachedSpaced ??= loadWordPool().words.map((word) => ` ${word}`);
  return cachedSpaced;
}

/** Plans the answer and extends the prefix by its tokens. */
export function planAnswer(options: AnswerOptions): Answer {
  const { request, prefix, roomTokens } = options;
  const { words, firstWords } = loadWordPool();
  const spaced = spacedWords();
  const rng = randomOf(options.seed, 'engine', 'answer', prefix.key(), request.seed ?? '');
  const length = answerLength(request, roomTokens, () =>
    Math.round(Math.exp(DRAWN_LOG_MEDIAN + DRAWN_LOG_SD * rng.normal())),
  );
  // A chat answer begins without a blank; a completion goes on where the prompt ends.
  const first =
    request.endpoint === 'chat' ? firstWords[rng.int(firstWords.length)] : spaced[rng.int(words.length)];
  const pieces = new Array<string>(length.tokens);
  pieces[0] = first;
  for (let i = 1; i < length.tokens; i++) pieces[i] = spaced[rng.int(words.length)];
  const kept = tokensBeforeStop(pieces, request.stop);
  if (kept !== null) pieces.length = kept;
  if (request.endpoint === 'chat') prefix.addMarker(ROLE_MARKERS['assistant']);
  let end = 0;
  prefix.addText(
    pieces.join(''),
    pieces.map((piece) => (end += piece.length)),
  );
  return {
    tokens: pieces.length,
    finishReason: kept === null ? length.finishReason : 'stop',
    piece: (index) => pieces[index],
    text: () => pieces.join(''),
  };
}

function answerLength(
  request: CompletionRequest,
  roomTokens: number,
  draw: () => number,
): { readonly tokens: number; readonly finishReason: 'stop' | 'length' } {
  if (request.maxTokens !== null) return { tokens: request.maxTokens, finishReason: 'length' };
  if (request.ignoreEos) return { tokens: roomTokens, finishReason: 'length' };
  const drawn = Math.max(draw(), request.minTokens, 1);
  return drawn <= roomTokens
    ? { tokens: drawn, finishReason: 'stop' }
    : { tokens: roomTokens, finishReason: 'length' };
}

/** Tokens before the one in which the first stop text begins (at least 1); null = no stop text occurs. */
function tokensBeforeStop(pieces: readonly string[], stop: readonly string[]): number | null {
  if (stop.length === 0) return null;
  const text = pieces.join('');
  const hits = stop.map((entry) => text.indexOf(entry)).filter((index) => index >= 0);
  if (hits.length === 0) return null;
  const hit = Math.min(...hits);
  let tokens = 0;
  for (let end = pieces[0].length; end <= hit; end += pieces[tokens].length) tokens += 1;
  return Math.max(tokens, 1);
}
