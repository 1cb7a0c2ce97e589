/** Small traces for tests of fit: columns given directly. */
import type { StringColumn, TraceBatch, TraceMeta } from '../../src/types.js';

export interface Columns {
  readonly timesSec: ArrayLike<number>;
  readonly input: ArrayLike<number | null>;
  readonly output: ArrayLike<number | null>;
  readonly clientId?: ArrayLike<string | null>;
  readonly model?: ArrayLike<string | null>;
  readonly operation?: ArrayLike<string | null>;
  readonly status?: ArrayLike<string | null>;
}

/** One batch, or several of `batchRows` rows. */
export function batchesOf(columns: Columns, batchRows = Number.POSITIVE_INFINITY): TraceBatch[] {
  const n = columns.timesSec.length;
  const batches: TraceBatch[] = [];
  for (let from = 0; from < n; from += batchRows) {
    const to = Math.min(n, from + batchRows);
    const part = <T>(values: ArrayLike<T>): T[] => Array.from(values).slice(from, to);
    const tokens = (values: ArrayLike<number | null>): TraceBatch['inputTokens'] => ({
      values: Int32Array.from(part(values), (value) => value ?? 0),
      valid: Uint8Array.from(part(values), (value) => (value === null ? 0 : 1)),
    });
    const texts = (values: ArrayLike<string | null> | undefined): StringColumn | undefined => {
      if (values === undefined) return undefined;
      const dictionary = [...new Set(part(values).filter((value) => value !== null))];
      return {
        codes: Int32Array.from(part(values), (value) => (value === null ? -1 : dictionary.indexOf(value))),
        dictionary,
      };
    };
    batches.push({
      rowCount: to - from,
      arrivalNs: BigInt64Array.from(part(columns.timesSec), (t) => BigInt(Math.round(t * 1e6)) * 1_000n),
      inputTokens: tokens(columns.input),
      outputTokens: tokens(columns.output),
      clientId: texts(columns.clientId),
      model: texts(columns.model),
      operation: texts(columns.operation),
      status: texts(columns.status),
    });
  }
  return batches;
}

export const TEST_META: Pick<TraceMeta, 'name' | 'contentHash' | 'startUtc' | 'quality'> = {
  name: 'test',
  contentHash: '0'.repeat(64),
  startUtc: null,
  quality: null,
};
