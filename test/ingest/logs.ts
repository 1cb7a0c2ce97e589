/** What the ingest tests share: writing a log, ingesting it, reading the rows back. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type IngestOptions, type IngestResult, ingest } from '../../src/ingest/ingest.js';
import { readTraceRows } from '../../src/trace/read.js';
import type { TraceRow } from '../../src/types.js';
import { temporaryFolder } from '../trace/traces.js';

/** Public traces beside the repository; tests skip where they are missing. */
export const PUBLIC_TRACES = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
export const NO_PUBLIC_TRACES = existsSync(PUBLIC_TRACES) ? false : `no public traces in ${PUBLIC_TRACES}`;

export interface Ingested {
  readonly result: IngestResult;
  readonly rows: readonly TraceRow[];
  readonly output: string;
}

/** Ingests files that exist. */
export async function ingestFiles(
  context: TestContext,
  inputs: readonly string[],
  options: Partial<IngestOptions> = {},
): Promise<Ingested> {
  const output = join(temporaryFolder(context), 'out.parquet');
  const result = await ingest({ inputs, output, ...options });
  return { result, rows: await readTraceRows(output), output };
}

/** Writes one log and ingests it. */
export async function ingestText(
  context: TestContext,
  name: string,
  content: string | Uint8Array,
  options: Partial<IngestOptions> = {},
): Promise<Ingested> {
  const path = join(temporaryFolder(context), name);
  writeFileSync(path, content);
  return ingestFiles(context, [path], options);
}

/** An Azure-shaped CSV of the given times. */
export function azureCsv(times: readonly string[], newline = '\n'): string {
  const rows = times.map((time, i) => `${time.includes(',') ? `"${time}"` : time},${10 + i},${i}`);
  return ['TIMESTAMP,ContextTokens,GeneratedTokens', ...rows, ''].join(newline);
}
