/**
 * The workload behind a plan or a profile, trace or model alike: its batches, its facts, and its requests in memory. How
 * a model is read and drawn from is the caller's, as another stage does it.
 */
import { basename } from 'node:path';
import { requestsOfTrace } from '../engine/trace-requests.js';
import { ToolError } from '../errors.js';
import { hashInput } from '../manifest.js';
import { openTrace } from '../trace/read.js';
import type { EngineModel, EngineRequest, ManifestInput, TraceBatch, TraceMeta } from '../types.js';
import { formatCount, significant } from '../units.js';

/** A trace or a workload model, behind one face. */
export interface Workload {
  readonly kind: 'trace' | 'workload-model';
  readonly input: ManifestInput;
  readonly meta: TraceMeta;
  /** Of the workload as it is, requests per second. */
  readonly meanRatePerSec: number;
  /** All rows; the seed is for models. */
  batches(seed: string): AsyncIterable<TraceBatch>;
}

/** A trace file as a workload. Throws what opening it throws, and NO_ROWS when it is empty. */
export async function openTraceWorkload(path: string): Promise<Workload> {
  const reader = await openTrace(path);
  let firstNs: bigint | null = null;
  let lastNs = 0n;
  try {
    for await (const batch of reader.batches({ columns: [] })) {
      if (batch.rowCount === 0) continue;
      firstNs ??= batch.arrivalNs[0];
      lastNs = batch.arrivalNs[batch.rowCount - 1];
    }
  } finally {
    reader.close();
  }
  if (firstNs === null) {
    throw new ToolError({
      code: 'NO_ROWS',
      message: `${basename(path)} has no rows`,
      hint: 'ingest a log with requests in it',
    });
  }
  const durationSec = Number(lastNs - firstNs) / 1e9;
  return {
    kind: 'trace',
    input: await hashInput(path),
    meta: reader.meta,
    meanRatePerSec: durationSec > 0 ? (reader.rowCount - 1) / durationSec : reader.rowCount,
    async *batches() {
      const own = await openTrace(path);
      try {
        yield* own.batches();
      } finally {
        own.close();
      }
    },
  };
}

export interface WorkloadRequests {
  /** In order of arrival, from 0. */
  readonly requests: readonly EngineRequest[];
  /** null when every row is there. */
  readonly warning: string | null;
}

/** All requests of a workload. Memory: about 150 bytes each. */
export async function workloadRequests(
  batches: () => AsyncIterable<TraceBatch>,
  meta: TraceMeta,
  engine: EngineModel,
  signal?: AbortSignal,
): Promise<WorkloadRequests> {
  const source = requestsOfTrace({ batches, meta }, { engine, signal });
  const kept: EngineRequest[] = [];
  for await (const part of source.batches()) for (const request of part) kept.push(request);
  const startSec = kept[0]?.arrivalSec ?? 0;
  return {
    requests: kept.map((one, id) => ({ ...one, id, arrivalSec: one.arrivalSec - startSec })),
    warning: excludedWarning(kept.length, source.excluded),
  };
}

function excludedWarning(kept: number, excluded: Readonly<Record<string, number>>): string | null {
  const total = Object.values(excluded).reduce((sum, rows) => sum + rows, 0);
  if (total === 0) return null;
  const reasons = Object.entries(excluded).map(([reason, rows]) => `${reason} ${formatCount(rows)}`);
  const factor = significant((kept + total) / Math.max(1, kept), 4);
  return `${formatCount(total)} rows left out (${reasons.join(', ')}): if they are load too, plan with --growth ${factor}`;
}
