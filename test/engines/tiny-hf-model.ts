/**
 * A tiny Llama model as a Hugging Face folder without weights, for servers that make them up (vLLM's `--load-format
 * dummy`). Each word of the prompt pool is one token, so a prompt of n words is n tokens for the server too.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadWordPool } from '../../src/tokens/word-pool.js';

const SPECIAL = ['<unk>', '<eos>'];
const EOS = 1;

/** Writes configuration and tokenizer into a new folder; returns the size of the vocabulary. */
export function writeTinyHfModel(folder: string, contextTokens: number): number {
  const vocabulary = [...SPECIAL, ...loadWordPool().words];
  const write = (name: string, content: object): void =>
    writeFileSync(join(folder, name), JSON.stringify(content));
  mkdirSync(folder, { recursive: true });
  write('config.json', {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: 128,
    intermediate_size: 256,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    head_dim: 64,
    vocab_size: vocabulary.length,
    max_position_embeddings: contextTokens,
    rms_norm_eps: 1e-5,
    torch_dtype: 'float32',
    bos_token_id: EOS,
    eos_token_id: EOS,
    tie_word_embeddings: false,
    hidden_act: 'silu',
  });
  write('tokenizer.json', {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordLevel',
      vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
      unk_token: SPECIAL[0],
    },
  });
  write('tokenizer_config.json', {
    tokenizer_class: 'PreTrainedTokenizerFast',
    eos_token: SPECIAL[EOS],
    unk_token: SPECIAL[0],
    model_max_length: contextTokens,
    chat_template: '{% for message in messages %}{{ message.content }}{% endfor %}',
  });
  return vocabulary.length;
}
