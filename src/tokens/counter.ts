/**
 * Token counts and token boundaries of text, exactly as `tiktoken` gives them.
 *
 * Runs of pool words are counted without the tokenizer: cl100k_base and o200k_base cut before every ` word` and their
 * rules look at nothing to the left, so the counts of the stretches add up. The vocabulary (0.7–1.7 s, 190–370 MB) is
 * loaded only when a text needs it.
 */
import { createRequire } from 'node:module';
import type { Tiktoken, TiktokenEncoding } from 'tiktoken';
import { nearestWord, ToolError } from '../errors.js';
import { loadWordPool } from './word-pool.js';

/** Encodings that can be counted. The pool holds for all of them. */
export const TOKEN_ENCODINGS = ['cl100k_base', 'o200k_base'] as const satisfies readonly TiktokenEncoding[];

export type TokenEncoding = (typeof TOKEN_ENCODINGS)[number];

export interface TokenCounter {
  readonly encoding: TokenEncoding;
  /** Tokens of the text; special-token markers inside it count as ordinary text. */
  count(text: string): number;
  /**
   * For each token the index (UTF-16) after the last character that is complete by the end of it: rising, repeated
   * where a character spans several tokens, ending at the text's length.
   */
  tokenEnds(text: string): Uint32Array;
  /** Loads the vocabulary now, so that no later call pays for it. */
  preload(): void;
}

/** Pool words in a row that are worth leaving the tokenizer for: a call into it costs about as much as 16 tokens. */
const WORTHWHILE_RUN = 16;

const counters = new Map<TokenEncoding, TokenCounter>();

/** The counter of an encoding; one per process. Throws ToolError BAD_VALUE for an unknown name. */
export function createTokenCounter(encoding: string): TokenCounter {
  const known = TOKEN_ENCODINGS.find((name) => name === encoding);
  if (known === undefined) {
    const near = nearestWord(encoding, TOKEN_ENCODINGS);
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected one of the encodings ${TOKEN_ENCODINGS.join(', ')}, got '${encoding}'`,
      hint: near === null ? 'pick one of them' : `did you mean ${near}?`,
    });
  }
  let counter = counters.get(known);
  if (counter === undefined) {
    counter = new TiktokenCounter(known);
    counters.set(known, counter);
  }
  return counter;
}

class TiktokenCounter implements TokenCounter {
  readonly encoding: TokenEncoding;
  #tokenizer: Tiktoken | null = null;
  /** Bytes of each token by id; 0 = not asked yet. */
  #byteLengths = new Uint16Array(0);

  constructor(encoding: TokenEncoding) {
    this.encoding = encoding;
  }

  count(text: string): number {
    let tokens = 0;
    forEachStretch(text, (from, to, words) => {
      tokens += words ?? this.#load().encode_ordinary(text.slice(from, to)).length;
    });
    return tokens;
  }

  tokenEnds(text: string): Uint32Array {
    const ends: number[] = [];
    forEachStretch(text, (from, to, words) => {
      if (words !== null) pushWordEnds(text, from, to, ends);
      else this.#pushTokenEnds(text.slice(from, to), from, ends);
    });
    return Uint32Array.from(ends);
  }

  preload(): void {
    this.#load();
  }

  #load(): Tiktoken {
    if (this.#tokenizer === null) {
      const tiktoken = createRequire(import.meta.url)('tiktoken') as typeof import('tiktoken');
      this.#tokenizer = tiktoken.get_encoding(this.encoding);
      this.#byteLengths = new Uint16Array(210_000);
    }
    return this.#tokenizer;
  }

  #pushTokenEnds(text: string, base: number, ends: number[]): void {
    const tokenizer = this.#load();
    let byteEnd = 0;
    let index = 0;
    let indexByte = 0;
    for (const token of tokenizer.encode_ordinary(text)) {
      let length = this.#byteLengths[token];
      if (length === 0) {
        length = tokenizer.decode_single_token_bytes(token).length;
        this.#byteLengths[token] = length;
      }
      byteEnd += length;
      while (index < text.length) {
        const code = text.codePointAt(index)!;
        const next = indexByte + utf8Length(code);
        if (next > byteEnd) break;
        indexByte = next;
        index += code > 0xffff ? 2 : 1;
      }
      ends.push(base + index);
    }
  }
}

/** Bytes of a code point in UTF-8; a lone surrogate is encoded as U+FFFD, three bytes. */
function utf8Length(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/**
 * Cuts text into stretches of pool words (with their number) and stretches for the tokenizer (null), at places where
 * pre-tokenisation cuts too. Short runs of pool words inside other text stay with it.
 */
function forEachStretch(text: string, visit: (from: number, to: number, words: number | null) => void): void {
  let hardFrom = 0;
  let position = 0;
  while (position < text.length) {
    const run = poolRun(text, position);
    if (run.words >= WORTHWHILE_RUN || (run.words > 0 && position === hardFrom && run.end === text.length)) {
      if (position > hardFrom) visit(hardFrom, position, null);
      visit(position, run.end, run.words);
      hardFrom = run.end;
    }
    // The next place where ` word` could begin; a run ends before a blank or at the end of the text.
    const next = text.indexOf(' ', Math.max(run.end, position + 1));
    position = next === -1 ? text.length : next;
  }
  if (hardFrom < text.length) visit(hardFrom, text.length, null);
}

/** The pool words that stand in a row from `start`, which is 0 or a blank; each is followed by a blank or the end. */
function poolRun(text: string, start: number): { readonly end: number; readonly words: number } {
  const pool = loadWordPool();
  let end = start;
  let words = 0;
  while (end < text.length) {
    const first = end === 0 && text.charCodeAt(0) !== BLANK;
    const from = first ? 0 : end + 1;
    let to = from;
    for (let code = text.charCodeAt(to); code >= LETTER_A && code <= LETTER_Z; code = text.charCodeAt(to))
      to += 1;
    if (to === from || (to < text.length && text.charCodeAt(to) !== BLANK)) break;
    const word = text.slice(from, to);
    if (!(first ? pool.hasFirst(word) : pool.has(word))) break;
    words += 1;
    end = to;
  }
  return { end, words };
}

function pushWordEnds(text: string, from: number, to: number, ends: number[]): void {
  for (
    let blank = text.indexOf(' ', from + 1);
    blank !== -1 && blank < to;
    blank = text.indexOf(' ', blank + 1)
  ) {
    ends.push(blank);
  }
  ends.push(to);
}

const BLANK = 32;
const LETTER_A = 97;
const LETTER_Z = 122;
