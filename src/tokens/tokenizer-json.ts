/**
 * Hugging Face `tokenizer.json` files. Byte-level BPE (Llama 3, Qwen, GPT-2, Mistral's Tekken, DeepSeek) is counted by
 * tiktoken: a merge's place in the list is its rank, which is all that it needs to find the same pieces; the ids
 * themselves do not matter for counting. Measured: the same counts at two to four times the speed. The models that work
 * on characters (piece-models.ts) are counted here.
 */
import { createRequire } from 'node:module';
import { ToolError } from '../errors.js';
import {
  type BpeDocument,
  bpeCounter,
  type PieceCounter,
  type UnigramDocument,
  unigramCounter,
  type WordPieceDocument,
  wordPieceCounter,
} from './piece-models.js';
import { cutterOf, normalizerOf, type StepDocument } from './text-steps.js';

/** Counts the tokens of texts. */
export interface TextTokenizer {
  /** For people. */
  readonly name: string;
  readonly count: (text: string) => number;
}

/** What is read of the file. */
interface TokenizerJson {
  readonly model?: {
    readonly type?: string;
    readonly vocab?: Readonly<Record<string, number>>;
    readonly merges?: readonly (string | readonly [string, string])[];
    readonly ignore_merges?: boolean;
    readonly continuing_subword_prefix?: string | null;
    readonly end_of_word_suffix?: string | null;
  };
  readonly normalizer?: StepDocument | null;
  readonly pre_tokenizer?: PreTokenizer | null;
}

interface PreTokenizer {
  readonly type?: string;
  readonly pretokenizers?: readonly PreTokenizer[];
  readonly pattern?: { readonly Regex?: string };
  readonly use_regex?: boolean;
}

/** GPT-2's cut, which a ByteLevel pre-tokenizer uses by itself. */
const GPT2_PATTERN = `'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+`;

/** Reads a tokenizer's document. `name` is for messages. Throws BAD_VALUE when it is of no known kind. */
export function parseTokenizerJson(text: string, name: string): TextTokenizer {
  let document: TokenizerJson;
  try {
    document = JSON.parse(text) as TokenizerJson;
  } catch (cause) {
    throw refused(name, `is not JSON: ${(cause as Error).message}`, cause);
  }
  const { model } = document;
  const pattern = patternOf(document.pre_tokenizer ?? null);
  const isByteLevel = model?.type === 'BPE' && model.vocab !== undefined && model.merges !== undefined;
  if (!isByteLevel || pattern === null) return characterTokenizer(document, name);
  const { Tiktoken } = createRequire(import.meta.url)('tiktoken') as typeof import('tiktoken');
  const tokenizer = new Tiktoken(ranksOf(model, name), {}, pattern);
  const form = normalForm(document.normalizer?.type);
  return {
    name,
    count: (piece) => tokenizer.encode_ordinary(form === null ? piece : piece.normalize(form)).length,
  };
}

function characterTokenizer(document: TokenizerJson, name: string): TextTokenizer {
  const normalize = normalizerOf(document.normalizer, name);
  const cut = cutterOf(document.pre_tokenizer as StepDocument | null | undefined, name);
  const countPiece = pieceCounterOf(document, name);
  return {
    name,
    count(text) {
      const normal = normalize(text);
      return normal === '' ? 0 : cut(normal, true).reduce((sum, piece) => sum + countPiece(piece), 0);
    },
  };
}

function pieceCounterOf({ model }: TokenizerJson, name: string): PieceCounter {
  const hasVocabulary = model?.vocab !== undefined;
  if (hasVocabulary && model.type === 'Unigram') return unigramCounter(model as unknown as UnigramDocument);
  if (hasVocabulary && model.type === 'WordPiece')
    return wordPieceCounter(model as unknown as WordPieceDocument);
  // Models that mark the ends of words (CLIP) or their insides are others.
  const isMarked = Boolean(model?.continuing_subword_prefix) || Boolean(model?.end_of_word_suffix);
  if (hasVocabulary && model.type === 'BPE' && model.merges !== undefined && !isMarked)
    return bpeCounter(model as BpeDocument);
  throw refused(name, `has no model that is known (${model?.type ?? 'missing'})`);
}

function refused(name: string, problem: string, cause?: unknown): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: `${name} ${problem}`,
    hint: 'name a tokenizer.json with a BPE, Unigram or WordPiece model, or cl100k_base or o200k_base',
    cause,
  });
}

function normalForm(type: string | undefined): 'NFC' | 'NFD' | 'NFKC' | 'NFKD' | null {
  return type === 'NFC' || type === 'NFD' || type === 'NFKC' || type === 'NFKD' ? type : null;
}

/** The regular expression that cuts a text into pieces; null when the tokenizer cuts in another way. */
function patternOf(preTokenizer: PreTokenizer | null): string | null {
  const steps = preTokenizer?.type === 'Sequence' ? (preTokenizer.pretokenizers ?? []) : [preTokenizer];
  const isByteLevel = steps.some((step) => step?.type === 'ByteLevel');
  const patterns = steps.flatMap((step) => (step?.type === 'Split' ? [step.pattern?.Regex ?? ''] : []));
  if (!isByteLevel || patterns.includes('')) return null;
  if (patterns.length === 0) return GPT2_PATTERN;
  // Cuts one after the other: the first that matches is the finer one in the tokenizers that have several.
  return patterns.join('|');
}

/** Lines `base64 rank` of every token: bytes first, then merges in their order. */
function ranksOf(model: NonNullable<TokenizerJson['model']>, name: string): string {
  const byteOf = byteAlphabet();
  const ranks = new Map<string, number>();
  const add = (token: string): void => {
    const bytes: number[] = [];
    for (const character of token) {
      const byte = byteOf.get(character);
      if (byte === undefined) return;
      bytes.push(byte);
    }
    const encoded = Buffer.from(bytes).toString('base64');
    if (!ranks.has(encoded)) ranks.set(encoded, ranks.size);
  };
  for (const character of byteOf.keys()) add(character);
  for (const merge of model.merges!) {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge;
    if (left === undefined || right === undefined) throw refused(name, 'has a merge that is no pair');
    add(left + right);
  }
  // Tokens that stand for a whole piece though no merge makes them (Llama 3).
  if (model.ignore_merges === true) for (const token of Object.keys(model.vocab!)) add(token);
  return [...ranks].map(([encoded, rank]) => `${encoded} ${rank}`).join('\n');
}

/** GPT-2's printable stand-ins for the 256 bytes. */
function byteAlphabet(): Map<string, number> {
  const byteOf = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable =
      (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
    byteOf.set(String.fromCharCode(isPrintable ? byte : next++), byte);
  }
  return byteOf;
}
