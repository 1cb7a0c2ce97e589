/** Tokens of texts whose lengths a log does not have: an estimate, since the server's chat template adds its own. */
import { createTokenCounter, TOKEN_ENCODINGS } from '../tokens/counter.js';
import { readTokenizerJson } from './tokenizer-json.js';

export interface TextCounter {
  /** For people. */
  readonly name: string;
  readonly count: (text: string) => number;
}

/** Opens an encoding by name or a Hugging Face tokenizer.json by path. Throws BAD_VALUE, FILE_NOT_FOUND. */
export async function openTextCounter(nameOrPath: string): Promise<TextCounter> {
  const isPath = /[./\\]/.test(nameOrPath) && !TOKEN_ENCODINGS.some((name) => name === nameOrPath);
  if (isPath) return readTokenizerJson(nameOrPath);
  const counter = createTokenCounter(nameOrPath);
  return { name: nameOrPath, count: (text) => counter.count(text) };
}
