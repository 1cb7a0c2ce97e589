/**
 * A tiny Llama model with random weights, written as GGUF: what a real llama.cpp server needs to be measured. Lengths and
 * timing are real; what it says is noise.
 *
 * Its vocabulary is the prompt word pool (each word with and without its blank) and single ASCII characters, cut greedily
 * (llama.cpp's `rwkv` tokenizer), so a prompt of n words is n tokens for the server too, and every generated token is
 * whole text. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3).
 */
import { writeFileSync } from 'node:fs';
import { loadWordPool } from '../../src/tokens/word-pool.js';

/**
 * About 30 M weights, most of them the vocabulary's: a few ms an iteration on one core. 32 bits each: reading them costs more
 * than computing with them, so that sequences share an iteration as they do on an accelerator (with 16 bits they hardly do).
 */
const EMBEDDING = 256;
const LAYERS = 8;
const FEED_FORWARD = 768;
const HEADS = 4;
const CONTEXT = 4_096;

const CHAT_TEMPLATE = '{% for message in messages %}{{ message.content }}{% endfor %}';

/** Writes the model; the same bytes every time. */
export function writeTinyModel(path: string): void {
  const tokens = vocabulary();
  const tensors = tensorsOf(tokens.length);
  const head = new GgufBytes();
  head.raw(Buffer.from('GGUF'));
  head.u32(3);
  head.u64(tensors.length);
  const entries = entriesOf(tokens);
  head.u64(entries.length);
  for (const [key, write] of entries) {
    head.text(key);
    write(head);
  }
  let offset = 0;
  for (const { name, shape } of tensors) {
    head.text(name);
    head.u32(shape.length);
    for (const size of shape) head.u64(size);
    head.u32(0);
    head.u64(offset);
    offset = aligned(offset + bytesOf(shape));
  }
  const start = head.bytes();
  const data = Buffer.alloc(aligned(start.length) + offset);
  start.copy(data);
  let at = aligned(start.length);
  const random = randomWeights(7);
  for (const { shape, random: drawn } of tensors) {
    const values = new Float32Array(data.buffer, data.byteOffset + at, bytesOf(shape) / 4);
    for (let i = 0; i < values.length; i++) values[i] = drawn ? random() : 1;
    at += aligned(bytesOf(shape));
  }
  writeFileSync(path, data);
}

function vocabulary(): string[] {
  const characters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
  const words = loadWordPool().words.filter((word) => word.length > 1);
  return ['<|endoftext|>', ...characters, ...words, ...loadWordPool().words.map((word) => ` ${word}`)];
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Random weights; else ones (norms). */
  readonly random: boolean;
}

function tensorsOf(vocabularySize: number): Tensor[] {
  const weights = (name: string, columns: number, rows: number): Tensor => ({
    name: `${name}.weight`,
    shape: [columns, rows],
    random: true,
  });
  const norm = (name: string): Tensor => ({ name: `${name}.weight`, shape: [EMBEDDING], random: false });
  return [
    weights('token_embd', EMBEDDING, vocabularySize),
    ...Array.from({ length: LAYERS }, (_, i) => `blk.${i}`).flatMap((block) => [
      norm(`${block}.attn_norm`),
      ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) =>
        weights(`${block}.${name}`, EMBEDDING, EMBEDDING),
      ),
      norm(`${block}.ffn_norm`),
      weights(`${block}.ffn_gate`, EMBEDDING, FEED_FORWARD),
      weights(`${block}.ffn_up`, EMBEDDING, FEED_FORWARD),
      weights(`${block}.ffn_down`, FEED_FORWARD, EMBEDDING),
    ]),
    norm('output_norm'),
    weights('output', EMBEDDING, vocabularySize),
  ];
}

type Entry = readonly [key: string, write: (bytes: GgufBytes) => void];

function entriesOf(tokens: readonly string[]): Entry[] {
  const text = (key: string, value: string): Entry => [key, (bytes) => bytes.textValue(value)];
  const whole = (key: string, value: number): Entry => [key, (bytes) => bytes.wholeValue(value)];
  return [
    text('general.architecture', 'llama'),
    text('general.name', 'tokentide-tiny-random'),
    whole('general.file_type', 0),
    whole('llama.context_length', CONTEXT),
    whole('llama.embedding_length', EMBEDDING),
    whole('llama.block_count', LAYERS),
    whole('llama.feed_forward_length', FEED_FORWARD),
    whole('llama.attention.head_count', HEADS),
    whole('llama.attention.head_count_kv', HEADS),
    whole('llama.rope.dimension_count', EMBEDDING / HEADS),
    ['llama.attention.layer_norm_rms_epsilon', (bytes) => bytes.floatValue(1e-5)],
    text('tokenizer.ggml.model', 'rwkv'),
    ['tokenizer.ggml.tokens', (bytes) => bytes.textsValue(tokens.map(escaped))],
    ['tokenizer.ggml.token_type', (bytes) => bytes.wholesValue(tokens.map((_, i) => (i === 0 ? 3 : 1)))],
    whole('tokenizer.ggml.eos_token_id', 0),
    whole('tokenizer.ggml.bos_token_id', 0),
    text('tokenizer.chat_template', CHAT_TEMPLATE),
  ];
}

/** The tokenizer reads Python's escapes. */
const escaped = (token: string): string => token.replaceAll('\\', '\\\\');

const ALIGNMENT = 32;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const bytesOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 4);

/** Between −0.02 and 0.02 (xorshift32). */
function randomWeights(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state / 2 ** 31) * 0.02;
  };
}

/** Little-endian bytes of the file's head. */
class GgufBytes {
  readonly #pieces: Buffer[] = [];

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
  raw(piece: Buffer): void {
    this.#pieces.push(piece);
  }
  u32(value: number): void {
    const piece = Buffer.alloc(4);
    piece.writeUInt32LE(value);
    this.raw(piece);
  }
  u64(value: number): void {
    const piece = Buffer.alloc(8);
    piece.writeBigUInt64LE(BigInt(value));
    this.raw(piece);
  }
  text(value: string): void {
    const piece = Buffer.from(value, 'utf8');
    this.u64(piece.length);
    this.raw(piece);
  }
  wholeValue(value: number): void {
    this.u32(4);
    this.u32(value);
  }
  floatValue(value: number): void {
    this.u32(6);
    const piece = Buffer.alloc(4);
    piece.writeFloatLE(value);
    this.raw(piece);
  }
  textValue(value: string): void {
    this.u32(8);
    this.text(value);
  }
  textsValue(values: readonly string[]): void {
    this.u32(9);
    this.u32(8);
    this.u64(values.length);
    for (const value of values) this.text(value);
  }
  wholesValue(values: readonly number[]): void {
    this.u32(9);
    this.u32(5);
    this.u64(values.length);
    for (const value of values) this.u32(value);
  }
}
