/**
 * A vocabulary by name or by file: how it counts texts, and which words of the pool are one token in it.
 *
 * The pool was chosen for four vocabularies. For a `tokenizer.json` of the user each word is tried again, so that prompts
 * have the asked length in that vocabulary too; what is left is checked on running text.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ToolError } from '../errors.js';
import { createTokenCounter, TOKEN_ENCODINGS } from './counter.js';
import { parseTokenizerJson, type TextTokenizer } from './tokenizer-json.js';
import { loadWordPool, type WordPool, wordPoolOf } from './word-pool.js';

/** Fewer words would repeat within a prompt so often that a server's cache or speculation feels it. */
const LEAST_WORDS = 1_000;
const LEAST_FIRST_WORDS = 100;
/** Words of running text that must count as themselves. */
const CHECKED_WORDS = 2_000;

/** Whether a user names a file and no encoding. */
export const isTokenizerFile = (nameOrPath: string): boolean =>
  /[./\\]/.test(nameOrPath) && !TOKEN_ENCODINGS.some((name) => name === nameOrPath);

/** Opens an encoding by name or a tokenizer.json by path. Throws BAD_VALUE, FILE_NOT_FOUND. */
export function openTokenizer(nameOrPath: string): TextTokenizer {
  if (!isTokenizerFile(nameOrPath)) {
    const counter = createTokenCounter(nameOrPath);
    return { name: nameOrPath, count: (text) => counter.count(text) };
  }
  let text: string;
  try {
    text = readFileSync(nameOrPath, 'utf8');
  } catch (cause) {
    throw new ToolError({
      code: 'FILE_NOT_FOUND',
      message: `could not read ${nameOrPath}: ${(cause as NodeJS.ErrnoException).code ?? 'unreadable'}`,
      hint: `name a tokenizer.json, or one of ${TOKEN_ENCODINGS.join(', ')}`,
      cause,
    });
  }
  return parseTokenizerJson(text, basename(nameOrPath));
}

/** Words for prompts of exact length in a vocabulary. Throws what `openTokenizer` throws, and BAD_VALUE. */
export function promptPoolOf(nameOrPath: string): WordPool {
  if (isTokenizerFile(nameOrPath)) return poolOf(openTokenizer(nameOrPath));
  createTokenCounter(nameOrPath);
  return loadWordPool();
}

/** The pool's words that are one token each in a vocabulary. Throws BAD_VALUE when too few are. */
export function poolOf(tokenizer: TextTokenizer): WordPool {
  const all = loadWordPool();
  // Behind another word: some tokenizers put a mark of their own before a text.
  const before = tokenizer.count('a');
  const words = all.words.filter((word) => tokenizer.count(`a ${word}`) === before + 1);
  const firstWords = words.filter((word) => all.hasFirst(word) && tokenizer.count(word) === 1);
  const text = [firstWords[0], ...words.slice(0, CHECKED_WORDS - 1)].join(' ');
  const few = words.length < LEAST_WORDS || firstWords.length < LEAST_FIRST_WORDS;
  if (!few && tokenizer.count(text) === Math.min(words.length + 1, CHECKED_WORDS)) {
    return wordPoolOf(words, firstWords);
  }
  throw new ToolError({
    code: 'BAD_VALUE',
    message: few
      ? `${tokenizer.name} has ${words.length} of the prompt words as single tokens, ${LEAST_WORDS} are needed`
      : `${tokenizer.name} merges tokens across words, so no prompt of exact length can be made`,
    hint: `leave --encoding out: prompts are exact for ${TOKEN_ENCODINGS.join(', ')}, Llama 3 and Qwen 3, and --calibrate-prompts measures the rest`,
  });
}
