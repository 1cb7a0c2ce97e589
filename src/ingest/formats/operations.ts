/** Which kind of model call an HTTP path is. */
import type { Operation } from '../../types.js';

const PATHS: readonly (readonly [RegExp, Operation])[] = [
  [/embed/i, 'embedding'],
  [/rerank|\/score\b/i, 'rerank'],
  [/chat|\/messages\b|\/responses\b|generateContent|converse/i, 'chat'],
  [/completions?\b|\/generate|\/invo(ke|cations)|\/predict/i, 'completion'],
];

/** null = no path of a model call, as of a health check. */
export function operationOfPath(path: string): Operation | null {
  const [plain] = path.split('?', 1);
  return PATHS.find(([pattern]) => pattern.test(plain))?.[1] ?? null;
}
