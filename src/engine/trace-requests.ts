/**
 * Trace rows as engine requests: what an engine can run, and a count of what it cannot, by reason.
 *
 * Base part, used by every stage that simulates a trace. Lengths are never guessed: a row without a known, positive
 * input and output length is left out and counted. Prefix blocks come along when the trace has them.
 */
import type { TraceReader } from '../trace/read.js';
import type { EngineModel, EngineRequest, StringColumn, TraceBatch, TraceMeta } from '../types.js';
import { nsToSec } from '../units.js';
import { expandPrefixHashes } from './prefix.js';

/** Why a row cannot be simulated. */
export type ExclusionReason = 'input_unknown' | 'output_unknown' | 'input_zero' | 'output_zero';

export interface TraceRequestOptions {
  /** Decides whether and at which block size prefixes are named. */
  readonly engine: EngineModel;
  /** Divides arrival times; default 1. */
  readonly speed?: number;
  readonly signal?: AbortSignal;
}

/** A pass over a trace. Read `excluded` after the pass. */
export interface TraceRequests {
  /** Arrays of consecutive requests, in order of arrival; ids are row numbers. */
  batches(): AsyncGenerator<readonly EngineRequest[]>;
  readonly excluded: Readonly<Partial<Record<ExclusionReason, number>>>;
}

const COLUMNS = ['inputTokens', 'outputTokens', 'sessionId', 'blockHashes'] as const;

/** Requests per array: enough to be cheap, few enough to let the event loop breathe in between. */
const REQUESTS_PER_ARRAY = 8_192;

/** The requests of an open trace. */
export function requestsOfTrace(
  reader: Pick<TraceReader, 'batches' | 'meta'>,
  options: TraceRequestOptions,
): TraceRequests {
  const excluded: Partial<Record<ExclusionReason, number>> = {};
  const { engine, speed = 1, signal } = options;
  const columns = [
    ...(engine.prefixCaching ? COLUMNS : COLUMNS.slice(0, 3)),
    ...(engine.adapters === undefined ? [] : (['adapter'] as const)),
  ];
  return {
    excluded,
    async *batches() {
      let row = 0;
      for await (const batch of reader.batches({ columns, signal })) {
        for (let from = 0; from < batch.rowCount; from += REQUESTS_PER_ARRAY) {
          const to = Math.min(from + REQUESTS_PER_ARRAY, batch.rowCount);
          const requests: EngineRequest[] = [];
          for (let i = from; i < to; i++) {
            const request = requestOfRow(batch, i, row + i, { engine, speed, meta: reader.meta });
            if (typeof request === 'string') excluded[request] = (excluded[request] ?? 0) + 1;
            else requests.push(request);
          }
          yield requests;
        }
        row += batch.rowCount;
      }
    },
  };
}

function requestOfRow(
  batch: TraceBatch,
  i: number,
  id: number,
  how: { readonly engine: EngineModel; readonly speed: number; readonly meta: TraceMeta },
): EngineRequest | ExclusionReason {
  const { inputTokens, outputTokens } = batch;
  if (inputTokens === undefined || inputTokens.valid?.[i] === 0) return 'input_unknown';
  if (outputTokens === undefined || outputTokens.valid?.[i] === 0) return 'output_unknown';
  if (inputTokens.values[i] === 0) return 'input_zero';
  if (outputTokens.values[i] === 0) return 'output_zero';
  return {
    id,
    arrivalSec: nsToSec(Number(batch.arrivalNs[i])) / how.speed,
    inputTokens: inputTokens.values[i],
    outputTokens: outputTokens.values[i],
    prefixHashes: prefixOfRow(batch, i, how.engine, how.meta),
    sessionKey: textOf(batch.sessionId, i),
    ...(how.engine.adapters === undefined ? {} : { adapter: textOf(batch.adapter, i) }),
  };
}

function prefixOfRow(
  batch: TraceBatch,
  i: number,
  engine: EngineModel,
  meta: TraceMeta,
): BigUint64Array | null {
  const { blockHashes, inputTokens } = batch;
  if (!engine.prefixCaching || meta.blockSize === null || blockHashes === undefined) return null;
  if (blockHashes.valid?.[i] === 0) return null;
  const ids = blockHashes.values.subarray(blockHashes.offsets[i], blockHashes.offsets[i + 1]);
  return expandPrefixHashes(ids, meta.blockSize, engine.limits.blockSize, inputTokens!.values[i]);
}

function textOf(column: StringColumn | undefined, i: number): string | null {
  if (column === undefined || column.codes[i] < 0) return null;
  return column.dictionary[column.codes[i]];
}
