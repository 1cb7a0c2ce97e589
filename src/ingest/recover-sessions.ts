/**
 * Sessions recovered from block ids on request: sorted batches get session, parent and turn where the prompts tell that one
 * request goes on from another (stats/prefix-links.ts). A session is everything that goes on from one first request, so that
 * two answers to one question are turns of equal number. Memory: some 30 bytes a request and 28 a distinct block.
 */
import { BlockNumbers } from '../stats/block-numbers.js';
import { LEAST_BLOCKS, PrefixLinks } from '../stats/prefix-links.js';
import { stringColumn } from '../trace/batch.js';
import { isKnown } from '../trace/columns.js';
import type { StringColumn, TraceBatch } from '../types.js';
import { formatCount, formatRatio } from '../units.js';
import type { RowField } from './rows.js';

/** Columns that recovery fills. */
export const RECOVERED_FIELDS: readonly RowField[] = ['requestId', 'sessionId', 'parentId', 'turn'];

interface Place {
  readonly requestId: string;
  readonly session: number;
  readonly turn: number;
}

/** Adds sessions to batches in order of arrival. */
export class SessionRecovery {
  readonly #links: PrefixLinks;
  readonly #numbers = new BlockNumbers();
  readonly #places: (Place | null)[] = [];
  #list = new Int32Array(1 << 10);
  #sessions = 0;
  #linked = 0;
  #untold = 0;
  #named = 0;

  constructor(blockSize: number) {
    this.#links = new PrefixLinks(blockSize);
  }

  /** The batch with what was recovered. Ids that the source has stay; rows with a session of their own are left alone. */
  add(batch: TraceBatch): TraceBatch {
    const { rowCount } = batch;
    const request: string[] = [];
    const session: (string | null)[] = [];
    const parent: (string | null)[] = [];
    const turn = new Int32Array(rowCount);
    for (let row = 0; row < rowCount; row++) {
      const own = textAt(batch.sessionId, row);
      const requestId = textAt(batch.requestId, row) ?? `r-${this.#places.length + 1}`;
      request.push(requestId);
      const before = this.#follow(batch, row);
      const place = own === null ? this.#placeOf(before, batch, row, requestId) : null;
      if (own !== null) this.#named += 1;
      this.#places.push(place);
      session.push(own ?? (place === null ? null : `s-${place.session}`));
      const isLinked = place !== null && place.turn > 1;
      parent.push(textAt(batch.parentId, row) ?? (isLinked ? this.#places[before]!.requestId : null));
      turn[row] = place?.turn ?? 0;
    }
    const isTurn = Uint8Array.from(turn, (value, row) => (value > 0 || knownTurn(batch, row) ? 1 : 0));
    if (batch.turn !== undefined)
      for (let row = 0; row < rowCount; row++) if (knownTurn(batch, row)) turn[row] = batch.turn.values[row];
    return {
      ...batch,
      requestId: stringColumn(request),
      sessionId: stringColumn(session),
      parentId: stringColumn(parent),
      turn: { values: turn, valid: isTurn },
    };
  }

  /** What was found. */
  notes(): string[] {
    const rows = this.#places.length;
    const notes = [
      `sessions recovered from block ids: ${formatCount(this.#linked)} of ${formatCount(rows)} requests (${formatRatio(this.#linked / Math.max(1, rows))}) go on from an earlier one, ${formatCount(this.#sessions)} sessions`,
    ];
    if (this.#untold > 0)
      notes.push(
        `${formatCount(this.#untold)} requests fill fewer than ${LEAST_BLOCKS} blocks or have no ids: their session is unknown`,
      );
    if (this.#named > 0)
      notes.push(`${formatCount(this.#named)} requests keep the session that the source names`);
    return notes;
  }

  #follow({ blockHashes, inputTokens }: TraceBatch, row: number): number {
    const isListed = blockHashes !== undefined && isKnown(blockHashes, row);
    const isSized = inputTokens !== undefined && isKnown(inputTokens, row);
    if (!isListed || !isSized) return this.#links.follow(this.#list, 0, 0, 0);
    const { offsets, values } = blockHashes;
    const count = offsets[row + 1] - offsets[row];
    if (count > this.#list.length) this.#list = new Int32Array(count * 2);
    for (let k = 0; k < count; k++) {
      const id = values[offsets[row] + k];
      this.#list[k] = this.#numbers.of(Number(id & 0xffff_ffffn), Number(id >> 32n));
    }
    return this.#links.follow(this.#list, 0, count, inputTokens.values[row]);
  }

  /** null = the prompt is too short to tell. */
  #placeOf(
    before: number,
    { blockHashes, inputTokens }: TraceBatch,
    row: number,
    requestId: string,
  ): Place | null {
    const earlier = before < 0 ? null : this.#places[before];
    if (earlier !== null) {
      this.#linked += 1;
      return { requestId, session: earlier.session, turn: earlier.turn + 1 };
    }
    const blocks = blockHashes === undefined ? 0 : blockHashes.offsets[row + 1] - blockHashes.offsets[row];
    const tokens = inputTokens === undefined || !isKnown(inputTokens, row) ? 0 : inputTokens.values[row];
    if (this.#links.completeBlocks(blocks, tokens) < LEAST_BLOCKS) {
      this.#untold += 1;
      return null;
    }
    this.#sessions += 1;
    return { requestId, session: this.#sessions, turn: 1 };
  }
}

function textAt(column: StringColumn | undefined, row: number): string | null {
  return column === undefined || column.codes[row] < 0 ? null : column.dictionary[column.codes[row]];
}

function knownTurn({ turn }: TraceBatch, row: number): boolean {
  return turn !== undefined && isKnown(turn, row);
}
