/**
 * Models of `tokenizer.json` that work on characters: how many tokens a piece of text is. BPE with `▁` for blanks (Llama
 * 2, Mistral, Gemma), Unigram (T5, XLM-R; Kudo 2018) and WordPiece (BERT, most embedding models; greedy longest match).
 * Checked against Hugging Face tokenizers 0.23.3: the same counts on every text of test/tokens/fixtures.
 */
import { cutBefore } from './text-steps.js';

/** Counts the tokens of one piece. */
export type PieceCounter = (piece: string) => number;

export interface BpeDocument {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (string | readonly [string, string])[];
  readonly unk_token?: string | null;
  readonly fuse_unk?: boolean;
  readonly byte_fallback?: boolean;
  readonly ignore_merges?: boolean;
}

const MARK = '▁';
/** Counts of pieces that are kept: words come again and again. */
const CACHE_PIECES = 20_000;

/** Byte pair encoding from characters: pairs are merged in the order of the list. */
export function bpeCounter(model: BpeDocument): PieceCounter {
  const known = new Set(Object.keys(model.vocab));
  const rankOf = new Map<string, number>();
  let crosses = false;
  for (const [rank, merge] of model.merges.entries()) {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge;
    rankOf.set(`${left} ${right}`, rank);
    if (right.startsWith(MARK) && !/^▁*$/.test(left)) crosses = true;
  }
  const count = cached((piece) => {
    if (model.ignore_merges === true && known.has(piece)) return 1;
    return merged(symbolsOf(piece, model, known), rankOf);
  });
  // Nothing merges across a blank: words can be counted one by one, and remembered.
  const isFused = model.fuse_unk === true && model.byte_fallback !== true;
  if (crosses || isFused) return count;
  return (piece) => wordsOf(piece).reduce((sum, word) => sum + count(word), 0);
}

/** Stretches that begin with blanks each. */
function wordsOf(piece: string): string[] {
  return cutBefore(piece, MARK).reduce<string[]>((words, part) => {
    const last = words.length - 1;
    if (last >= 0 && /^▁+$/.test(words[last])) words[last] += part;
    else words.push(part);
    return words;
  }, []);
}

/** Characters as tokens; unknown ones as bytes or as the unknown token; '' = unknown, which merges with nothing. */
function symbolsOf(piece: string, model: BpeDocument, known: ReadonlySet<string>): string[] {
  const symbols: string[] = [];
  for (const character of piece) {
    if (known.has(character)) symbols.push(character);
    else {
      const bytes = model.byte_fallback === true ? byteTokens(character) : [];
      if (bytes.length > 0 && bytes.every((token) => known.has(token))) symbols.push(...bytes);
      else if (model.unk_token != null && !(model.fuse_unk === true && symbols.at(-1) === ''))
        symbols.push('');
    }
  }
  return symbols;
}

function byteTokens(character: string): string[] {
  return [...Buffer.from(character)].map((byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
}

/** How many symbols are left when no pair can be merged. */
function merged(symbols: string[], rankOf: ReadonlyMap<string, number>): number {
  while (symbols.length > 1) {
    let best = Number.POSITIVE_INFINITY;
    let at = -1;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = rankOf.get(`${symbols[i]} ${symbols[i + 1]}`);
      if (rank !== undefined && rank < best) {
        best = rank;
        at = i;
      }
    }
    if (at === -1) break;
    symbols.splice(at, 2, symbols[at] + symbols[at + 1]);
  }
  return symbols.length;
}

export interface UnigramDocument {
  readonly vocab: readonly (readonly [string, number])[];
  readonly unk_id?: number | null;
  readonly byte_fallback?: boolean;
}

/** An unknown character costs so much more than the least likely token. */
const UNKNOWN_PENALTY = 10;

/** The most likely segmentation (Viterbi); unknown characters in a row are one token, or their bytes. */
export function unigramCounter(model: UnigramDocument): PieceCounter {
  const scores = new Map(model.vocab);
  let least = Number.POSITIVE_INFINITY;
  let longest = 1;
  for (const [token, score] of model.vocab) {
    least = Math.min(least, score);
    longest = Math.max(longest, [...token].length);
  }
  const unknownScore = least - UNKNOWN_PENALTY;
  return cached((piece) => {
    const characters = [...piece];
    const best = new Float64Array(characters.length + 1).fill(Number.NEGATIVE_INFINITY);
    /** Where the last token of the best way to here begins; −1 − i = it is an unknown character from i. */
    const from = new Int32Array(characters.length + 1);
    best[0] = 0;
    for (let i = 0; i < characters.length; i++) {
      let token = '';
      let hasSingle = false;
      for (let to = i + 1; to <= Math.min(characters.length, i + longest); to++) {
        token += characters[to - 1];
        const score = scores.get(token);
        if (score === undefined) continue;
        if (to === i + 1) hasSingle = true;
        if (best[i] + score > best[to]) {
          best[to] = best[i] + score;
          from[to] = i;
        }
      }
      if (!hasSingle && best[i] + unknownScore > best[i + 1]) {
        best[i + 1] = best[i] + unknownScore;
        from[i + 1] = -1 - i;
      }
    }
    let tokens = 0;
    let wasUnknown = false;
    for (let at = characters.length; at > 0; ) {
      const isUnknown = from[at] < 0;
      const begin = isUnknown ? -1 - from[at] : from[at];
      const bytes = isUnknown && model.byte_fallback === true ? byteTokens(characters[begin]) : [];
      if (bytes.length > 0 && bytes.every((token) => scores.has(token))) tokens += bytes.length;
      else if (!isUnknown || !wasUnknown) tokens += 1;
      wasUnknown = isUnknown;
      at = begin;
    }
    return tokens;
  });
}

export interface WordPieceDocument {
  readonly vocab: Readonly<Record<string, number>>;
  readonly continuing_subword_prefix?: string;
  readonly max_input_chars_per_word?: number;
}

/** Greedy longest match from the left; a word that cannot be matched whole is one unknown token. */
export function wordPieceCounter(model: WordPieceDocument): PieceCounter {
  const known = new Set(Object.keys(model.vocab));
  const prefix = model.continuing_subword_prefix ?? '##';
  const longest = model.max_input_chars_per_word ?? 100;
  return cached((piece) => {
    const characters = [...piece];
    if (characters.length > longest) return 1;
    let tokens = 0;
    for (let from = 0; from < characters.length; tokens++) {
      let to = characters.length;
      while (to > from && !known.has((from > 0 ? prefix : '') + characters.slice(from, to).join(''))) to--;
      if (to === from) return 1;
      from = to;
    }
    return tokens;
  });
}

function cached(count: PieceCounter): PieceCounter {
  const counts = new Map<string, number>();
  return (piece) => {
    let tokens = counts.get(piece);
    if (tokens === undefined) {
      tokens = count(piece);
      if (counts.size >= CACHE_PIECES) counts.clear();
      counts.set(piece, tokens);
    }
    return tokens;
  };
}
