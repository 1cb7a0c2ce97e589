/**
 * Requests of a Weka (kv-cache-tester) session file: calls of the main agent, and nested agents with calls of their own.
 * Times of nested calls have two conventions, relative to their own agent's start (raw kv-cache-tester) or to the
 * session's (SemiAnalysis AgentX): a nested call that is earlier than its agent's start can only be relative.
 */
import { secondsNs } from './instants.js';
import { countAt, textAt, valueAt } from './json-cell.js';

export interface WekaRequest {
  /** From the session's start; null = unknown. */
  readonly atNs: bigint | null;
  readonly call: unknown;
  /** The main agent, or the id of one that it started. */
  readonly agent: string | null;
}

/** All calls, in the file's order. */
export function wekaRequests(session: unknown): WekaRequest[] {
  const entries = listAt(session, 'requests');
  const subagents = entries.filter((entry) => textAt(entry, ['type']) === 'subagent');
  const isRelative = subagents.some((subagent) =>
    listAt(subagent, 'requests').some((call) => (timeOf(call) ?? 0n) < (timeOf(subagent) ?? 0n)),
  );
  return entries.flatMap((entry) => {
    if (textAt(entry, ['type']) !== 'subagent') return [{ atNs: timeOf(entry), call: entry, agent: null }];
    const originNs = isRelative ? (timeOf(entry) ?? 0n) : 0n;
    const agent = textAt(entry, ['agent_id']);
    return listAt(entry, 'requests').map((call) => {
      const atNs = timeOf(call);
      return { atNs: atNs === null ? null : originNs + atNs, call, agent };
    });
  });
}

/** Block size of the session's hash ids. */
export function wekaBlockSize(session: unknown): number | null {
  return countAt(session, ['block_size']);
}

function timeOf(entry: unknown): bigint | null {
  return secondsNs(valueAt(entry, ['t']));
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const found = valueAt(value, [key]);
  return Array.isArray(found) ? found : [];
}
