/** Sessions told from block ids: the public trace's known numbers, branches, shared heads, ids that stay. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ingestFiles, ingestText, NO_PUBLIC_TRACES, PUBLIC_TRACES } from './logs.js';

const line = (ms: number, tokens: number, ids: readonly number[], rest: object = {}): string =>
  JSON.stringify({ timestamp: ms, input_length: tokens, output_length: 5, hash_ids: ids, ...rest });

test('turns, a branch, a shared head and a short prompt', async (context) => {
  const log = [
    line(0, 1_100, [1, 2, 3]), // first turn of A: blocks 1 and 2 are complete
    line(10, 1_100, [1, 9, 8]), // shares one block with A: a system prompt, no turn of it
    line(20, 1_700, [1, 2, 4, 5]), // A, second turn
    line(30, 600, [7, 6]), // fills one block: cannot be told
    line(40, 1_300, [1, 2, 10]), // A again from its first turn: another answer
    line(50, 2_200, [1, 2, 4, 11, 12]), // A, third turn
    line(60, 1_100, [1, 2, 3]), // as long as the first: a repetition, no turn
  ].join('\n');
  const { rows, result } = await ingestText(context, 'trace.jsonl', log, { recoverSessions: true });
  assert.deepEqual(
    rows.map(({ requestId, sessionId, parentId, turn }) => [requestId, sessionId, parentId, turn]),
    [
      ['r-1', 's-1', null, 1],
      ['r-2', 's-2', null, 1],
      ['r-3', 's-1', 'r-1', 2],
      ['r-4', null, null, null],
      ['r-5', 's-1', 'r-1', 2],
      ['r-6', 's-1', 'r-3', 3],
      ['r-7', 's-3', null, 1],
    ],
  );
  const notes = result.quality.notes.join('\n');
  assert.match(notes, /3 of 7 requests \(42\.9 %\) go on from an earlier one, 3 sessions/);
  assert.match(notes, /1 requests fill fewer than 2 blocks or have no ids/);
  const plain = await ingestText(context, 'trace.jsonl', log);
  assert.ok(plain.rows.every(({ sessionId, turn }) => sessionId === null && turn === null));
});

test('sessions that the source names stay', async (context) => {
  const log = [
    line(0, 1_100, [1, 2, 3], { session_id: 'theirs' }),
    line(10, 1_700, [1, 2, 4, 5]),
    line(20, 2_300, [1, 2, 4, 6, 7]),
  ].join('\n');
  const { rows, result } = await ingestText(context, 'trace.jsonl', log, {
    recoverSessions: true,
    keepIds: true,
  });
  assert.deepEqual(
    rows.map(({ sessionId, turn }) => [sessionId, turn]),
    [
      ['theirs', null],
      ['s-1', 1],
      ['s-1', 2],
    ],
  );
  assert.match(result.quality.notes.join('\n'), /1 requests keep the session that the source names/);
});

test('a format without block ids refuses', async (context) => {
  const csv = 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n';
  await assert.rejects(
    ingestText(context, 'azure.csv', csv, { recoverSessions: true }),
    /sessions cannot be recovered: azure-llm has no block ids/,
  );
});

test('Mooncake conversations: 8 123 sessions, three quarters of one turn', {
  skip: NO_PUBLIC_TRACES,
}, async (context) => {
  const file = join(PUBLIC_TRACES, 'mooncake-fast25/conversation_trace.jsonl');
  const { rows } = await ingestFiles(context, [file], { recoverSessions: true });
  const turns = new Map<string, number>();
  for (const { sessionId } of rows)
    if (sessionId !== null) turns.set(sessionId, (turns.get(sessionId) ?? 0) + 1);
  const untold = rows.filter(({ sessionId }) => sessionId === null).length;
  // The reference counts each prompt that is too short to be told as a session of its own.
  assert.equal(turns.size + untold, 8_123);
  const single = [...turns.values()].filter((count) => count === 1).length + untold;
  assert.ok(Math.abs(single / 8_123 - 0.756) < 0.0005, `${single}`);
  const inOthers = rows.length - single;
  assert.ok(Math.abs(inOthers / rows.length - 0.489) < 0.0005, `${inOthers}`);
});
