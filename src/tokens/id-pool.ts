/**
 * A pool of token ids instead of words: prompts that are lists of ids have the asked length for any tokenizer, without
 * its file. The range is ordinary text in every vocabulary in use: special tokens stand below 1 000 (BERT, Gemma,
 * Mistral) or at the end (Llama 3 from 128 000, GPT-4 and Qwen above 100 000), and the smallest have 30 000 entries.
 */
import { type WordPool, wordPoolOf } from './word-pool.js';

const FIRST_ID = 1_000;
const LAST_ID = 9_999;

let cached: WordPool | null = null;

/** Ids 1 000 to 9 999, with commas between them; made once. */
export function tokenIdPool(): WordPool {
  if (cached === null) {
    const ids = Array.from({ length: LAST_ID - FIRST_ID + 1 }, (_, i) => String(FIRST_ID + i));
    cached = { ...wordPoolOf(ids, ids), separator: ',' };
  }
  return cached;
}
