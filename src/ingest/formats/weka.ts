/**
 * Weka (kv-cache-tester) sessions of coding agents: one JSON object per session with all calls of the main agent and its
 * subagents, float seconds from the session's start, so that sessions have no place on a common clock. Hash ids that are
 * local to a session are mixed with its id, so that those of different sessions do not meet.
 */
import { RowReject } from '../record.js';
import type { StagedRow } from '../rows.js';
import { detectByKeys } from './detect-keys.js';
import { secondsNs, setArrivalNs } from './instants.js';
import { countAt, jsonCell, textAt, valueAt } from './json-cell.js';
import type { ManyRowsFormat } from './many-rows.js';
import { wekaRequests } from './weka-requests.js';

const ID = 0;
const BLOCK_SIZE = 1;
const REQUESTS = 2;
const SCOPE = 3;

const NS_PLACES = 9;
const U64_MASK = (1n << 64n) - 1n;

export const weka: ManyRowsFormat = {
  name: 'weka',
  title: 'Weka kv-cache-tester sessions (JSON)',
  sourceUrl: 'https://github.com/callanjfox/kv-cache-tester',
  shape: 'jsonl',
  columns: [
    { name: 'id', required: true, meaning: 'the session' },
    { name: 'block_size', required: true, meaning: 'tokens per hash id' },
    {
      name: 'requests',
      required: true,
      meaning:
        'calls: t, api_time, think_time, ttft (s), in and out (tokens), hash_ids, model; subagents nest calls',
    },
    {
      name: 'hash_id_scope',
      required: false,
      meaning: 'global: equal ids of all sessions are the same block; else they count within the session',
    },
    { name: 'models', required: true, meaning: 'tells the format; each call has its own' },
  ],
  fills: [
    'inputTokens',
    'outputTokens',
    'requestId',
    'sessionId',
    'parentId',
    'turn',
    'thinkNs',
    'model',
    'operation',
    'stream',
    'blockHashes',
    'ttftNs',
    'durationNs',
  ],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: null,
  detect: (sample) => detectByKeys(weka, sample),
  open: ({ pseudonyms }) => {
    let blockSize: number | null = null;
    return {
      get blockSize() {
        return blockSize;
      },
      readAll(record, row, emit) {
        const session = record.text(ID);
        const tokens = record.count(BLOCK_SIZE);
        if (session === null || tokens === null || tokens === 0) {
          throw new RowReject('id or block_size is missing');
        }
        blockSize ??= tokens;
        if (tokens !== blockSize) {
          throw new RowReject('block_size is not that of the sessions before', String(tokens));
        }
        const salt = record.text(SCOPE) === 'global' ? null : hash64(session);
        const previous = new Map<string | null, { id: string; turn: number }>();
        const calls = wekaRequests({ requests: jsonCell(record, REQUESTS) });
        calls.forEach(({ atNs, call, agent }, index) => {
          if (atNs === null) throw new RowReject('t is missing', `request ${index + 1} of the session`);
          setArrivalNs(row, atNs, NS_PLACES);
          const id = `${session}/${index + 1}`;
          const before = previous.get(agent);
          row.requestId = pseudonyms.of('request', id);
          row.sessionId = pseudonyms.of('session', agent === null ? session : `${session}/${agent}`);
          // A subagent's first call follows from the main agent's last one.
          row.parentId = pseudonyms.of('request', (before ?? previous.get(null))?.id ?? null);
          row.turn = (before?.turn ?? 0) + 1;
          previous.set(agent, { id, turn: row.turn });
          fillFromCall(call, row, tokens, salt);
          emit();
        });
        return calls.length > 0;
      },
    };
  },
};

function fillFromCall(call: unknown, row: StagedRow, blockSize: number, salt: bigint | null): void {
  row.inputTokens = countAt(call, ['in']);
  row.outputTokens = countAt(call, ['out']);
  row.model = textAt(call, ['model']);
  row.operation = 'chat';
  row.stream = textAt(call, ['type']) === 's';
  row.thinkNs = secondsNs(valueAt(call, ['think_time']));
  row.durationNs = secondsNs(valueAt(call, ['api_time']));
  row.ttftNs = secondsNs(valueAt(call, ['ttft']));
  readHashes(valueAt(call, ['hash_ids']), row, blockSize, salt);
}

/** Sets the block ids when there is one for every block of the prompt; other lists do not say what they leave out. */
function readHashes(ids: unknown, row: StagedRow, blockSize: number, salt: bigint | null): void {
  if (!Array.isArray(ids) || row.inputTokens === null) return;
  if (ids.length !== Math.ceil(row.inputTokens / blockSize)) return;
  row.hashes.clear();
  for (const id of ids as unknown[]) {
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0)
      throw new RowReject('hash_ids has no whole number');
    row.hashes.pushBig(salt === null ? BigInt(id) : mix64(salt ^ BigInt(id)));
  }
  row.blockHashes = row.hashes;
}

/** FNV-1a, 64 bits (Fowler, Noll, Vo). */
function hash64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & U64_MASK;
  return hash;
}

/** SplitMix64's finaliser (Steele, Lea, Flood 2014): one to one, so that ids of a session stay apart. */
function mix64(value: bigint): bigint {
  let mixed = value & U64_MASK;
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & U64_MASK;
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & U64_MASK;
  return mixed ^ (mixed >> 31n);
}
