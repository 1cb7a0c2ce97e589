/** The edge of the block bootstrap: trace file → resampled trace file. */
import { createManifest, hashInput } from '../manifest.js';
import { openTrace } from '../trace/read.js';
import { type WrittenTrace, writeTrace } from '../trace/write.js';
import type { Int32Column, ProgressListener, StringColumn, TraceBatch } from '../types.js';
import { BOOTSTRAP_COLUMNS, bootstrapTrace, type ResampledTrace } from './block-bootstrap.js';

export interface BootstrapFileOptions {
  readonly trace: string;
  readonly path: string;
  readonly seed: string | number;
  /** Default 60 s. */
  readonly blockSec?: number;
  readonly durationSec?: number;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

const DEFAULT_BLOCK_SEC = 60;

/** Equal trace, seed and options give equal bytes. Throws what reading, resampling and writing throw. */
export async function bootstrapToFile(options: BootstrapFileOptions): Promise<WrittenTrace> {
  const { path, seed, durationSec, signal, progress, blockSec = DEFAULT_BLOCK_SEC } = options;
  const reader = await openTrace(options.trace);
  try {
    const parts: TraceBatch[] = [];
    for await (const batch of reader.batches({ columns: BOOTSTRAP_COLUMNS, signal })) parts.push(batch);
    const trace = wholeTrace(parts);
    return await writeTrace({
      path,
      meta: {
        schemaVersion: 1,
        kind: 'trace',
        name: reader.meta.name,
        startUtc: null,
        timeResolutionNs: 1_000,
        arrivalBasis: 'synthetic',
        blockSize: null,
        droppedRows: {},
        quality: null,
        manifest: createManifest({
          command: 'synthesize',
          options: { bootstrap: reader.meta.name, blockSec, durationSec: durationSec ?? null },
          seed: String(seed),
          inputs: [await hashInput(options.trace)],
          timestamp: false,
        }),
      },
      batches: bootstrapTrace({ trace, seed, blockSec, durationSec }),
      columns: BOOTSTRAP_COLUMNS,
      signal,
      progress,
    });
  } finally {
    reader.close();
  }
}

/** Batches in one piece. */
export function wholeTrace(parts: readonly TraceBatch[]): ResampledTrace {
  const rows = parts.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const arrivalSec = new Float64Array(rows);
  let at = 0;
  for (const { arrivalNs, rowCount } of parts)
    for (let i = 0; i < rowCount; i++) arrivalSec[at++] = Number(arrivalNs[i]) / 1e9;
  const tokens = (of: (batch: TraceBatch) => Int32Column | undefined): Int32Array => {
    const values = new Int32Array(rows).fill(-1);
    let start = 0;
    for (const batch of parts) {
      const column = of(batch);
      for (let i = 0; column !== undefined && i < batch.rowCount; i++)
        if (column.valid === null || column.valid[i] === 1) values[start + i] = column.values[i];
      start += batch.rowCount;
    }
    return values;
  };
  const texts = (of: (batch: TraceBatch) => StringColumn | undefined): StringColumn => {
    const codes = new Int32Array(rows).fill(-1);
    const dictionary: string[] = [];
    const known = new Map<string, number>();
    let start = 0;
    for (const batch of parts) {
      const column = of(batch);
      const own = column?.dictionary.map((word) => {
        const code = known.get(word) ?? dictionary.push(word) - 1;
        known.set(word, code);
        return code;
      });
      for (let i = 0; column !== undefined && i < batch.rowCount; i++)
        if (column.codes[i] >= 0) codes[start + i] = own![column.codes[i]];
      start += batch.rowCount;
    }
    return { codes, dictionary };
  };
  return {
    arrivalSec,
    inputTokens: tokens((batch) => batch.inputTokens),
    outputTokens: tokens((batch) => batch.outputTokens),
    maxOutputTokens: tokens((batch) => batch.maxOutputTokens),
    names: {
      clientId: texts((batch) => batch.clientId),
      model: texts((batch) => batch.model),
      operation: texts((batch) => batch.operation),
      status: texts((batch) => batch.status),
    },
    durationSec: rows === 0 ? 0 : arrivalSec[rows - 1],
  };
}
