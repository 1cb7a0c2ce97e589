/**
 * Mooncake traces (FAST '25) and the dialect that AIPerf reads: JSON Lines with arrival in ms from the trace's start,
 * lengths, and the ids of the prompt's 512-token blocks. An id stands for the block and everything before it, so equal
 * ids mean equal prompt beginnings. The dialect adds sessions, whose later turns may have a delay from the end of the
 * turn before in place of a timestamp: such a turn is put at the earliest instant that this allows, the arrival of the
 * turn before plus the delay (the first turn of a session without any time at zero), and `think_ns` keeps the delay.
 */
import { type Detection, detectByColumns, type LogFormat, type Sample } from '../format.js';
import { RowReject } from '../record.js';
import type { StagedRow } from '../rows.js';
import type { TimeReader } from '../time.js';
import { arrivalNs, setArrivalNs } from './instants.js';
import { sampledBlockSize } from './prefix-blocks.js';

const TIME = 0;
const INPUT = 1;
const OUTPUT = 2;
const HASHES = 3;
const SESSION = 4;
const DELAY = 5;

/** Tokens per block id. */
const BLOCK_TOKENS = 512;
const MS_PLACES = 3;

export const mooncake: LogFormat = {
  name: 'mooncake',
  title: 'Mooncake trace (JSON Lines), also with sessions and delays',
  sourceUrl: 'https://github.com/kvcache-ai/Mooncake',
  shape: 'jsonl',
  columns: [
    {
      name: 'timestamp',
      required: true,
      meaning: 'arrival, ms from the trace start; sessions may have delays',
    },
    { name: 'input_length', required: true, meaning: 'prompt tokens' },
    { name: 'output_length', required: true, meaning: 'output tokens' },
    {
      name: 'hash_ids',
      required: false,
      meaning: 'ids of the 512-token blocks of the prompt, the last one partial',
    },
    { name: 'session_id', required: false, meaning: 'conversation' },
    { name: 'delay', required: false, meaning: 'ms from the end of the turn before' },
  ],
  fills: ['inputTokens', 'outputTokens', 'blockHashes', 'sessionId', 'thinkNs'],
  arrivalBasis: 'arrival',
  timeOrigin: 'start',
  blockSize: BLOCK_TOKENS,
  plain: {
    arrival: { column: TIME, unit: 'ms' },
    counts: [
      { column: INPUT, field: 'inputTokens' },
      { column: OUTPUT, field: 'outputTokens' },
    ],
    blocks: { column: HASHES },
  },
  // A turn without a time follows the one before it.
  isSequential: ({ bytes }) => bytes.includes('"session_id"'),
  detect,
  open: ({ pseudonyms }) => {
    const clock = new TurnClock();
    return {
      read(record, row) {
        const session = record.text(SESSION);
        row.thinkNs = record.durationNs(DELAY, 'ms');
        clock.setArrival(record.time(TIME, 'ms'), session, row);
        row.inputTokens = record.count(INPUT);
        row.outputTokens = record.count(OUTPUT);
        if (record.u64List(HASHES, row.hashes)) row.blockHashes = row.hashes;
        row.sessionId = pseudonyms.of('session', session);
        return true;
      },
    };
  },
};

/** When turns arrive: at their timestamp, or after the turn before in their session. */
export class TurnClock {
  /** Arrival of the last turn of each session. */
  readonly #lastTurns = new Map<string, bigint>();

  /** Sets the arrival of a row whose `thinkNs` is read. Rejects the row when nothing tells it. */
  setArrival(time: TimeReader | null, session: string | null, row: StagedRow): void {
    if (time !== null) row.setArrival(time);
    else if (session === null) throw new RowReject('timestamp is missing');
    else {
      const previous = this.#lastTurns.get(session);
      setArrivalNs(row, previous === undefined ? 0n : previous + (row.thinkNs ?? 0n), MS_PLACES);
    }
    if (row.sec < 0) throw new RowReject('timestamp is negative');
    if (session !== null) this.#lastTurns.set(session, arrivalNs(row));
  }
}

function detect(sample: Sample): Detection {
  const { names, bytes } = sample;
  if (bytes.includes('"text_input"') || bytes.includes('"messages"'))
    return { score: 0.9, reason: 'it has no lengths for texts' };
  const found = detectByColumns(mooncake, sample);
  // AIPerf's sessions need no times, and its rows no length of the answer.
  const own = [
    ['session_id', 'input_length', 'output_length'],
    ['timestamp', 'input_length', 'hash_ids'],
  ].find((keys) => sample.shape === 'jsonl' && keys.every((name) => names.includes(name)));
  if (found.score < 1 && own === undefined) return found;
  if (names.includes('chat_id')) return { score: 0.9, reason: 'its rows would have no chat_id' };
  if (sampledBlockSize(sample) === 16) return { score: 0.9, reason: 'its blocks are of 512 tokens, not 16' };
  return found.score === 1 ? found : { score: 1, reason: `it has ${own?.join(', ')}` };
}
