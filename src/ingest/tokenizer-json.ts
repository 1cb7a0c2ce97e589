/** Hugging Face `tokenizer.json` files of the user, for the lengths that a log does not have. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseTokenizerJson } from '../tokens/tokenizer-json.js';
import { requireFile } from '../trace/files.js';
import type { TextCounter } from './text-counter.js';

/** Reads a tokenizer. Throws FILE_NOT_FOUND, and BAD_VALUE when it is no byte-level BPE. */
export async function readTokenizerJson(path: string): Promise<TextCounter> {
  await requireFile(path, 'a tokenizer.json');
  return parseTokenizerJson(await readFile(path, 'utf8'), basename(path));
}
