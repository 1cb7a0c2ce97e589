/** Columns of the four public traces, read by hand so that tests of statistics do not depend on ingest. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DATA = new URL('../../../../shared/data/', import.meta.url);

export type PublicTraceName = 'azure_code' | 'azure_conv' | 'mooncake_conversation' | 'mooncake_synthetic';

const FILES: Readonly<Record<PublicTraceName, string>> = {
  azure_code: 'azure-llm-2023/AzureLLMInferenceTrace_code.csv',
  azure_conv: 'azure-llm-2023/AzureLLMInferenceTrace_conv.csv',
  mooncake_conversation: 'mooncake-fast25/conversation_trace.jsonl',
  mooncake_synthetic: 'mooncake-fast25/synthetic_trace.jsonl',
};

export const PUBLIC_TRACES = Object.keys(FILES) as PublicTraceName[];

export interface PublicTrace {
  /** Seconds since the first row. */
  readonly timesSec: Float64Array;
  readonly arrivalNs: BigInt64Array;
  readonly inputTokens: Int32Array;
  readonly outputTokens: Int32Array;
}

/** Why a test of real data is skipped, or false when the data are there. */
export function missingData(): string | false {
  const missing = Object.values(FILES).find((file) => !existsSync(new URL(file, DATA)));
  return missing === undefined ? false : `public trace not found: ${fileURLToPath(new URL(missing, DATA))}`;
}

const cache = new Map<PublicTraceName, PublicTrace>();

export function readPublicTrace(name: PublicTraceName): PublicTrace {
  let trace = cache.get(name);
  if (trace === undefined) {
    trace = parse(name);
    cache.set(name, trace);
  }
  return trace;
}

function parse(name: PublicTraceName): PublicTrace {
  const text = readFileSync(new URL(FILES[name], DATA), 'utf8');
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const rows = FILES[name].endsWith('.csv') ? lines.slice(1).map(parseAzure) : lines.map(parseMooncake);
  const first = rows[0].ns;
  return {
    timesSec: Float64Array.from(rows, (row) => Number(row.ns - first) / 1e9),
    arrivalNs: BigInt64Array.from(rows, (row) => row.ns - first),
    inputTokens: Int32Array.from(rows, (row) => row.input),
    outputTokens: Int32Array.from(rows, (row) => row.output),
  };
}

interface ParsedRow {
  readonly ns: bigint;
  readonly input: number;
  readonly output: number;
}

function parseAzure(line: string): ParsedRow {
  const [stamp, input, output] = line.split(',');
  const [date, clock] = stamp.split(' ');
  const [whole, fraction] = clock.split('.');
  const ms = BigInt(Date.parse(`${date}T${whole}Z`));
  return {
    ns: ms * 1_000_000n + BigInt(fraction.padEnd(9, '0')),
    input: Number(input),
    output: Number(output),
  };
}

function parseMooncake(line: string): ParsedRow {
  const row = JSON.parse(line) as { timestamp: number; input_length: number; output_length: number };
  return { ns: BigInt(row.timestamp) * 1_000_000n, input: row.input_length, output: row.output_length };
}

/** Gaps between consecutive times. */
export function gapsOf(timesSec: Float64Array): Float64Array {
  return Float64Array.from({ length: timesSec.length - 1 }, (_, i) => timesSec[i + 1] - timesSec[i]);
}
