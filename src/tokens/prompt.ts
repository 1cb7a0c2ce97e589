/**
 * Prompt text of an exact token count, with shared text where a trace shares prefix blocks.
 *
 * A block's words are drawn from a generator keyed by (block hash, salt) alone, so equal hashes give byte-identical
 * text wherever they occur, a partial last block is a prefix of the whole one, and another salt changes every block
 * while sharing within the run stays. Text is [a-z ] only: it goes into JSON without escaping. Measured: 40–60 M
 * tokens/s and core into a buffer.
 */
import { ToolError } from '../errors.js';
import { sha256Hex } from '../manifest.js';
import type { Rng } from '../random.js';
import { loadWordPool, type WordPool } from './word-pool.js';

/** Most bytes that one token can take: a blank and 15 letters. */
export const MAX_BYTES_PER_TOKEN = 16;

export interface PromptSpec {
  /** Exact length, ≥ 0. */
  readonly tokens: number;
  /** Prefix-cache block ids; length = ceil(tokens / blockSize). null = a text of its own, drawn from `rng`. */
  readonly blockHashes?: readonly bigint[] | null;
  /** Tokens per block; needed with blockHashes. */
  readonly blockSize?: number | null;
  /** Source of texts without block hashes: two draws per prompt. */
  readonly rng: Rng;
}

/** Writes prompts into bytes. One writer per run: it holds the run's salt. */
export interface PromptWriter {
  /**
   * Writes the prompt's bytes at `offset` and returns the offset after them. `target` needs
   * `tokens × MAX_BYTES_PER_TOKEN` bytes from there. Throws ToolError BAD_TRACE when hashes and length disagree.
   */
  write(target: Uint8Array, offset: number, spec: PromptSpec): number;
}

/** The prompt as text: see PromptSpec and createPromptWriter. `salt` null or absent = none. */
export function buildPrompt(
  spec: PromptSpec & { readonly salt?: string | null; readonly pool?: WordPool },
): string {
  const bytes = Buffer.allocUnsafe(spec.tokens * MAX_BYTES_PER_TOKEN);
  const end = createPromptWriter({ salt: spec.salt ?? null, pool: spec.pool }).write(bytes, 0, spec);
  return bytes.toString('latin1', 0, end);
}

/** A writer for one salt. `pool` = words of another vocabulary; default the bundled ones. */
export function createPromptWriter(options: {
  readonly salt: string | null;
  readonly pool?: WordPool;
}): PromptWriter {
  const table = wordTable(options.pool ?? loadWordPool());
  const [saltA, saltB, saltC] = saltKey(options.salt);
  return {
    write(target, offset, spec) {
      const { tokens, blockHashes, rng } = spec;
      if (blockHashes === null || blockHashes === undefined) {
        const low = rng.int(4_294_967_296);
        const high = rng.int(4_294_967_296);
        return writeBlock(table, target, offset, tokens, low ^ saltA, high ^ saltB, saltC ^ OWN_TEXT, true);
      }
      const blockSize = spec.blockSize ?? 0;
      if (blockSize < 1 || blockHashes.length !== Math.ceil(tokens / blockSize)) {
        throw hashMismatch(tokens, blockHashes.length, blockSize);
      }
      let end = offset;
      for (let i = 0; i < blockHashes.length; i++) {
        const low = Number(blockHashes[i] & 0xffff_ffffn);
        const high = Number((blockHashes[i] >> 32n) & 0xffff_ffffn);
        const length = Math.min(blockSize, tokens - i * blockSize);
        end = writeBlock(table, target, end, length, low ^ saltA, high ^ saltB, saltC, i === 0);
      }
      return end;
    },
  };
}

/** Keeps texts without hashes apart from blocks whose hash happens to equal their draw. */
const OWN_TEXT = 0x5bd1_e995;

/** ` word` at a stride of 16 bytes, with lengths; the same for first words. */
interface WordTable {
  readonly bytes: Uint8Array;
  readonly lengths: Uint8Array;
  /** Indexes of the first words. */
  readonly firsts: Uint16Array;
}

const tables = new WeakMap<WordPool, WordTable>();

function wordTable(pool: WordPool): WordTable {
  const known = tables.get(pool);
  if (known !== undefined) return known;
  const { separator = ' ' } = pool;
  const bytes = new Uint8Array(pool.words.length * MAX_BYTES_PER_TOKEN);
  const lengths = new Uint8Array(pool.words.length);
  const firsts: number[] = [];
  for (const [i, word] of pool.words.entries()) {
    lengths[i] = Buffer.from(bytes.buffer).write(`${separator}${word}`, i * MAX_BYTES_PER_TOKEN, 'latin1');
    if (pool.hasFirst(word)) firsts.push(i);
  }
  const table = { bytes, lengths, firsts: Uint16Array.from(firsts) };
  tables.set(pool, table);
  return table;
}

/**
 * Writes one block's first `tokens` words. Draws: sfc32 (Chris Doty-Humphrey, PractRand), 96 bits of key and a
 * counter, 12 rounds to mix. The first word of every block may begin a text; at the start of the prompt its blank is
 * left out, so that a server which trims the prompt counts the same.
 */
function writeBlock(
  table: WordTable,
  target: Uint8Array,
  offset: number,
  tokens: number,
  keyA: number,
  keyB: number,
  keyC: number,
  start: boolean,
): number {
  const { bytes, lengths, firsts } = table;
  let a = keyA | 0;
  let b = keyB | 0;
  let c = keyC | 0;
  let counter = 1;
  let at = offset;
  for (let i = -12; i < tokens; i++) {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    if (i < 0) continue;
    const uniform = (sum >>> 0) / 4_294_967_296;
    const word = i === 0 ? firsts[Math.floor(uniform * firsts.length)] : Math.floor(uniform * lengths.length);
    let from = word * MAX_BYTES_PER_TOKEN;
    const to = from + lengths[word];
    if (i === 0 && start) from += 1;
    while (from < to) target[at++] = bytes[from++];
  }
  return at;
}

function saltKey(salt: string | null): readonly [number, number, number] {
  if (salt === null) return [0, 0, 0];
  const hex = sha256Hex(`tokentide salt\u0000${salt}`);
  return [0, 8, 16].map((from) => Number.parseInt(hex.slice(from, from + 8), 16) | 0) as [
    number,
    number,
    number,
  ];
}

function hashMismatch(tokens: number, hashes: number, blockSize: number): ToolError {
  return new ToolError({
    code: 'BAD_TRACE',
    message: `a prompt of ${tokens} tokens needs ${blockSize < 1 ? 'a block size' : `${Math.ceil(tokens / blockSize)} block hashes of ${blockSize} tokens`}, got ${hashes}`,
    hint: 'the trace must say its block size, and each row must have ceil(input_tokens / block size) hashes',
  });
}
