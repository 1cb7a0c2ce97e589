/** Trace rows → engine requests: what planning keeps of a log, and how many rows it cannot use. */
import { expandPrefixHashes } from '../engine/prefix.js';
import type { EngineModel, EngineRequest, TraceRow } from '../types.js';
import { formatCount, NS_PER_SEC, significant } from '../units.js';

export interface EngineRequests {
  /** Arrivals from 0 at the first kept row. */
  readonly requests: readonly EngineRequest[];
  /** Rows left out, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
}

/**
 * Requests of rows in order of arrival. Left out: rows that generate nothing (embeddings, reranks, no output token)
 * and rows without both lengths. Prefix blocks of `blockSize` tokens (null = none) are cut to the engine's size.
 */
export function engineRequests(
  rows: Iterable<TraceRow>,
  blockSize: number | null,
  engine: Pick<EngineModel, 'limits' | 'prefixCaching'>,
): EngineRequests {
  const requests: EngineRequest[] = [];
  const leftOut: Record<string, number> = {};
  let startNs: bigint | null = null;
  for (const row of rows) {
    const reason = unusable(row);
    if (reason !== null) {
      leftOut[reason] = (leftOut[reason] ?? 0) + 1;
      continue;
    }
    startNs ??= row.arrivalNs;
    requests.push({
      id: requests.length,
      arrivalSec: Number(row.arrivalNs - startNs) / NS_PER_SEC,
      inputTokens: row.inputTokens!,
      outputTokens: row.outputTokens!,
      prefixHashes:
        engine.prefixCaching && blockSize !== null && row.blockHashes !== null
          ? expandPrefixHashes(row.blockHashes, blockSize, engine.limits.blockSize, row.inputTokens!)
          : null,
      sessionKey: row.sessionId,
    });
  }
  return { requests, leftOut };
}

/** A sentence on rows left out, with the growth factor that makes up for them; null when there are none. */
export function leftOutWarning({ requests, leftOut }: EngineRequests): string | null {
  const total = Object.values(leftOut).reduce((sum, rows) => sum + rows, 0);
  if (total === 0) return null;
  const reasons = Object.entries(leftOut).map(([reason, rows]) => `${formatCount(rows)} ${reason}`);
  const factor = significant((requests.length + total) / Math.max(1, requests.length), 4);
  return `${formatCount(total)} rows left out (${reasons.join(', ')}): if they are load too, plan with --growth ${factor}`;
}

function unusable(row: TraceRow): string | null {
  if (row.operation === 'embedding' || row.operation === 'rerank') return `of operation ${row.operation}`;
  if (row.inputTokens === null || row.outputTokens === null) return 'without both lengths';
  if (row.inputTokens < 1) return 'without input tokens';
  if (row.outputTokens < 1) return 'without output tokens';
  return null;
}
