/**
 * Requests in ShareGPT conversations: every answer of the model is one, its prompt everything said before it. Leading
 * answers (some conversations begin with one) have no prompt and are no request.
 */
import { textAt, valueAt } from './json-cell.js';

export interface ShareGptTurn {
  /** 1-based, counting answers. */
  readonly turn: number;
  readonly prompt: readonly string[];
  readonly answer: string;
}

const MODEL_NAMES = new Set(['gpt', 'assistant', 'chatgpt', 'bing', 'bard', 'model']);

export function shareGptTurns(conversation: unknown): ShareGptTurn[] {
  const said = valueAt(conversation, ['conversations']) ?? valueAt(conversation, ['conversation']);
  const turns: ShareGptTurn[] = [];
  const before: string[] = [];
  for (const message of Array.isArray(said) ? (said as unknown[]) : []) {
    const from = textAt(message, ['from'], ['role']) ?? '';
    const value = textAt(message, ['value'], ['content']) ?? '';
    const isAnswer = MODEL_NAMES.has(from.toLowerCase());
    if (isAnswer && before.some((text) => text !== '')) {
      turns.push({ turn: turns.length + 1, prompt: [...before], answer: value });
    }
    before.push(value);
  }
  return turns;
}
