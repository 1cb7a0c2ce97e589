/**
 * Usage exports (OpenAI's usage API and dashboard): buckets of requests. They become a rate curve, a CSV with a row per
 * bucket, and never a trace, because nothing in them says when a single request came.
 */
import { ToolError } from '../errors.js';
import { writeFileAtomic } from '../trace/files.js';
import { openInput } from './container.js';
import { CsvReader } from './csv.js';
import { isUsageExport } from './detect.js';
import { parseOpenAiUsage, type UsageBucket } from './formats/openai-usage.js';
import { expandInputs } from './inputs.js';
import { takeSample } from './sample.js';

export interface RateCurveOptions {
  readonly inputs: readonly string[];
  /** Path of the CSV. */
  readonly output: string;
  readonly signal?: AbortSignal;
}

export interface RateCurve {
  readonly output: string;
  readonly buckets: number;
  /** Length of the first bucket. */
  readonly bucketSec: number;
  readonly startUtc: string | null;
  readonly requests: number;
}

/** Pages of a usage export are small: longer inputs are something else. */
const MAX_BYTES = 256 << 20;
const HEADER =
  'start_utc,end_utc,requests,rate_per_sec,mean_input_tokens,mean_cached_tokens,mean_output_tokens';

/** Writes the rate curve of usage exports. Throws FORMAT_UNKNOWN, BAD_ROWS, NO_ROWS, and what reading files throws. */
export async function writeRateCurve(options: RateCurveOptions): Promise<RateCurve> {
  const pages: unknown[] = [];
  for (const path of (await expandInputs(options.inputs)).files) {
    const source = await openInput(path, { allowTruncated: false, signal: options.signal });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of source.chunks()) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw notUsage(source.name);
      chunks.push(chunk);
    }
    pages.push(...pagesOf(Buffer.concat(chunks), source.name));
  }
  const buckets = parseOpenAiUsage(pages, options.inputs.join(', '));
  if (buckets.length === 0) {
    throw new ToolError({
      code: 'NO_ROWS',
      message: 'the usage export has no buckets',
      hint: 'was the time range empty?',
    });
  }
  await writeFileAtomic(options.output, `${[HEADER, ...buckets.map(lineOf)].join('\n')}\n`);
  return {
    output: options.output,
    buckets: buckets.length,
    bucketSec: buckets[0].endSec - buckets[0].startSec,
    startUtc: utc(buckets[0].startSec),
    requests: buckets.reduce((sum, { requests }) => sum + requests, 0),
  };
}

function pagesOf(bytes: Buffer, fileName: string): unknown[] {
  const sample = takeSample(fileName, bytes);
  if (!isUsageExport(sample)) throw notUsage(fileName);
  if (sample.shape === 'csv') return [pageOfCsv(bytes)];
  const text = bytes.toString('utf8').trim();
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    // One page a line, as when the API was read page by page.
  }
  try {
    return text.split('\n').map((line) => JSON.parse(line) as unknown);
  } catch (cause) {
    throw new ToolError({
      code: 'BAD_ROWS',
      message: `${fileName} is no JSON: ${(cause as Error).message}`,
      hint: 'fetch the export again',
      cause,
    });
  }
}

/** The dashboard's CSV, a row per bucket and model or project, as a page of the API. */
function pageOfCsv(bytes: Buffer): unknown {
  const reader = new CsvReader();
  reader.feed(bytes);
  reader.finish();
  const names = reader.nextTexts() ?? [];
  const data: unknown[] = [];
  for (let fields = reader.nextTexts(); fields !== null; fields = reader.nextTexts()) {
    const row = Object.fromEntries(names.map((name, index) => [name, fields[index] ?? '']));
    data.push({
      start_time: Number(row['start_time']),
      end_time: Number(row['end_time']),
      // A bucket without requests has empty cells.
      results: row['num_model_requests'] === '' ? [] : [row],
    });
  }
  return { data };
}

function lineOf({
  startSec,
  endSec,
  requests,
  inputTokens,
  cachedTokens,
  outputTokens,
}: UsageBucket): string {
  const mean = (tokens: number): string => (requests === 0 ? '' : String(tokens / requests));
  return [
    utc(startSec),
    utc(endSec),
    requests,
    requests / (endSec - startSec),
    mean(inputTokens),
    mean(cachedTokens),
    mean(outputTokens),
  ].join(',');
}

function utc(sec: number): string {
  return new Date(sec * 1_000).toISOString().replace('.000Z', 'Z');
}

function notUsage(fileName: string): ToolError {
  return new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `${fileName} is no usage export`,
    hint: 'a rate curve is made of OpenAI usage exports; ingest logs of requests with -o trace.parquet',
  });
}
