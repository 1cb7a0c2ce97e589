/**
 * The word pool: words of [a-z] that are one token after a blank in cl100k_base, o200k_base, Llama 3 and Qwen 3.
 *
 * All four cut text before ` word`, so n pool words joined by blanks are n tokens for each of them, without running a
 * tokenizer. Random vocabulary ids cannot do this: decoded and encoded again, 1000 of them never kept their length.
 * Made by test/tokens/make-word-pool.ts, which says how.
 */
import { readFileSync } from 'node:fs';
import { PACKAGE_ROOT } from '../manifest.js';

export interface WordPool {
  /** Every word, in file order (part of what a seed means). One token each when a blank precedes it. */
  readonly words: readonly string[];
  /** One character that stands between words. Default a blank. */
  readonly separator?: string;
  /** Words that are one token without the blank too: the only ones that may begin a text. */
  readonly firstWords: readonly string[];
  /** Whether a word is in the pool. */
  has(word: string): boolean;
  /** Whether a word is one token at the start of a text. */
  hasFirst(word: string): boolean;
}

let cached: WordPool | null = null;

/** The bundled pool; read once. */
export function loadWordPool(): WordPool {
  cached ??= parseWordPool(readFileSync(new URL('src/tokens/assets/words.txt', PACKAGE_ROOT), 'latin1'));
  return cached;
}

/** Reads the pool's file format: `#` comments, one word a line, `+` before words that may begin a text. */
export function parseWordPool(text: string): WordPool {
  const words: string[] = [];
  const firstWords: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const first = line.startsWith('+');
    const word = first ? line.slice(1) : line;
    words.push(word);
    if (first) firstWords.push(word);
  }
  return wordPoolOf(words, firstWords);
}

/** A pool of these words. */
export function wordPoolOf(words: readonly string[], firstWords: readonly string[]): WordPool {
  const all = new Set(words);
  const firsts = new Set(firstWords);
  return { words, firstWords, has: (word) => all.has(word), hasFirst: (word) => firsts.has(word) };
}
