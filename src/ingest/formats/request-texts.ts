/** The texts of an OpenAI request body, or of a list of messages: what the model is given to read. */
import { textAt, valueAt } from './json-cell.js';

/** The prompt, or the texts of all messages in order; empty when there is none. */
export function requestTexts(payload: unknown): readonly string[] {
  const prompt = valueAt(payload, ['prompt']);
  if (typeof prompt === 'string') return [prompt];
  return messageTexts(valueAt(payload, ['messages']));
}

/** The texts of messages, in order; parts of other kinds (images) have none. */
export function messageTexts(messages: unknown): readonly string[] {
  if (!Array.isArray(messages)) return [];
  return (messages as unknown[]).flatMap((message) => {
    const content = valueAt(message, ['content']);
    if (typeof content === 'string') return [content];
    if (!Array.isArray(content)) return [];
    return (content as unknown[]).flatMap((part) => textAt(part, ['text']) ?? []);
  });
}
