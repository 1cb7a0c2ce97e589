/** LiteLLM's names of API calls (`acompletion`, `aembedding`, …; the `a` marks Python's asynchronous variant). */
import type { Operation } from '../../types.js';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  completion: 'chat',
  responses: 'chat',
  anthropic_messages: 'chat',
  generate_content: 'chat',
  text_completion: 'completion',
  embedding: 'embedding',
  rerank: 'rerank',
};

/** null = unknown. */
export function operationOfCallType(callType: string | null): Operation | null {
  if (callType === null) return null;
  return OPERATIONS[callType] ?? OPERATIONS[callType.replace(/^a/, '')] ?? 'other';
}
