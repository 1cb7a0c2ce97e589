/** LiteLLM's names of API calls (`acompletion`, `aembedding`, …; the `a` marks Python's asynchronous variant). */
import type { Operation } from '../../types.js';

const OPERATIONS: Readonly<Record<string, Operation>> = {
  completion: 'chat',
  responses: 'chat',
  anthropic_messages: 'chat',
  generate_content: 'chat',
  generate_content_stream: 'chat',
  text_completion: 'completion',
  embedding: 'embedding',
  rerank: 'rerank',
};

/** Whether a call is of a tool (MCP), which the proxy logs beside those of models. */
export function isToolCall(callType: string | null): boolean {
  return callType !== null && /(^|_)mcp(_|$)/.test(callType);
}

/** null = unknown. */
export function operationOfCallType(callType: string | null): Operation | null {
  if (callType === null) return null;
  return OPERATIONS[callType] ?? OPERATIONS[callType.replace(/^a/, '')] ?? 'other';
}
