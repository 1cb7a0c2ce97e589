/** The protocols, by name. */
import { nearestWord, ToolError } from '../../errors.js';
import type { Protocol } from '../protocol.js';
import { anthropicMessages } from './anthropic-messages.js';
import { llamaCpp } from './llama-cpp.js';
import { ollamaChat, ollamaGenerate } from './ollama.js';
import { openaiChat } from './openai-chat.js';
import { openaiCompletions, openaiCompletionsIds } from './openai-completions.js';
import { openaiEmbeddings } from './openai-embeddings.js';
import { openaiResponses } from './openai-responses.js';
import { sglang } from './sglang.js';
import { tgi } from './tgi.js';
import { kserveInfer, tritonTrtllm, tritonVllm } from './triton.js';
import { vllmGenerate } from './vllm-generate.js';

export const PROTOCOLS: readonly Protocol[] = [
  openaiChat,
  openaiCompletions,
  openaiCompletionsIds,
  openaiResponses,
  openaiEmbeddings,
  anthropicMessages,
  vllmGenerate,
  sglang,
  tgi,
  llamaCpp,
  ollamaGenerate,
  ollamaChat,
  tritonTrtllm,
  tritonVllm,
  kserveInfer,
];

/** The protocol of a name. Throws ToolError BAD_VALUE with the nearest one. */
export function protocolNamed(name: string): Protocol {
  const found = PROTOCOLS.find((protocol) => protocol.name === name);
  if (found !== undefined) return found;
  const names = PROTOCOLS.map((protocol) => protocol.name);
  const near = nearestWord(name, names);
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected one of the protocols ${names.join(', ')}, got '${name}'`,
    hint: near === null ? 'pick one of them' : `did you mean ${near}?`,
  });
}
