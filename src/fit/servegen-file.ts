/** The edge of ServeGen pools: a folder of chunk-N-trace.csv and chunk-N-dataset.json → clients. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ToolError } from '../errors.js';
import type { GroupedSample } from '../stats/sample.js';
import type { WorkloadModel } from '../types.js';
import { type ClientLengths, type ClientWindow, fitServegen, type ServegenClient } from './servegen.js';

export interface ServegenFileOptions {
  readonly name?: string;
  readonly licence?: string;
  readonly citation?: string;
  readonly ownShare?: number;
  readonly signal?: AbortSignal;
}

/** Reads and fits the pool in `folder`. Throws FILE_NOT_FOUND, BAD_ROWS that names file and line, TOO_FEW_ROWS. */
export async function fitServegenFolder(
  folder: string,
  options: ServegenFileOptions = {},
): Promise<WorkloadModel> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw notPool(folder, 'cannot be read', cause);
  });
  const numbers = names
    .map((name) => /^chunk-(\d+)-trace\.csv$/.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .sort((a, b) => Number(a) - Number(b));
  if (numbers.length === 0) throw notPool(folder, 'has no chunk-*-trace.csv');
  const hash = createHash('sha256');
  const clients: ServegenClient[] = [];
  let bytes = 0;
  for (const number of numbers) {
    options.signal?.throwIfAborted();
    const files = [`chunk-${number}-trace.csv`, `chunk-${number}-dataset.json`];
    const [trace, dataset] = await Promise.all(
      files.map((file) =>
        readFile(join(folder, file), 'utf8').catch((cause: unknown) => {
          throw notPool(folder, `has no ${file}`, cause);
        }),
      ),
    );
    for (const [k, text] of [trace, dataset].entries()) {
      hash.update(`${files[k]}\u0000`).update(text);
      bytes += (await stat(join(folder, files[k]))).size;
    }
    clients.push({
      name: `chunk-${number}`,
      windows: parseWindows(trace, files[0]),
      lengths: parseLengths(dataset, files[1]),
    });
  }
  const digest = hash.digest('hex');
  const folderName = basename(resolve(folder));
  return fitServegen({
    clients,
    name: options.name ?? folderName,
    licence: options.licence,
    citation: options.citation,
    ownShare: options.ownShare,
    hash: digest,
    inputs: [{ name: folderName, bytes, sha256: digest }],
  });
}

/** `start,rate,cv,family,parameters…`: a window without requests has an empty family. */
export function parseWindows(text: string, file: string): ClientWindow[] {
  const windows: ClientWindow[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [start, rate, cv, family] = line.split(',').map((cell) => cell.trim());
    const numbers = [start, rate, cv].map(Number);
    const word = (family ?? '').toLowerCase();
    if (
      numbers.some((value) => !Number.isFinite(value) || value < 0) ||
      !['', 'gamma', 'weibull'].includes(word)
    )
      throw badRow(file, index + 1, line, 'start, rate, cv and Gamma or Weibull');
    const [startSec, ratePerSec, variation] = numbers;
    windows.push({
      startSec,
      ratePerSec,
      cv: variation > 0 ? variation : 1,
      family: word === 'weibull' ? 'weibull' : 'gamma',
    });
  }
  return windows;
}

/** `{"0": {"input_tokens": "{45: 0.0097, …}", …}, "21600": …}`: laws as Python dictionaries in texts. */
export function parseLengths(text: string, file: string): ClientLengths[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new ToolError({
      code: 'BAD_ROWS',
      message: `${file} is not JSON: ${(cause as Error).message}`,
      hint: 'fetch the pool again',
      cause,
    });
  }
  return Object.entries(document as Record<string, Record<string, unknown>>)
    .map(([start, laws]) => ({
      startSec: Number(start),
      input: parseLaw(laws['input_tokens'], file),
      output: parseLaw(laws['output_tokens'], file),
    }))
    .sort((a, b) => a.startSec - b.startSec);
}

/** null for an empty law. */
function parseLaw(value: unknown, file: string): GroupedSample | null {
  const pairs =
    typeof value === 'string'
      ? [...value.matchAll(/([\d.]+)\s*:\s*([\d.eE+-]+)/g)].map((match) => [
          Number(match[1]),
          Number(match[2]),
        ])
      : Object.entries((value ?? {}) as Record<string, number>).map(([key, share]) => [Number(key), share]);
  const known = pairs.filter(([, share]) => share > 0).sort((a, b) => a[0] - b[0]);
  if (known.length === 0) return null;
  if (known.some(([length, share]) => !Number.isFinite(length) || length < 0 || !Number.isFinite(share)))
    throw new ToolError({
      code: 'BAD_ROWS',
      message: `${file} has a law of lengths that is no list of values and probabilities`,
      hint: 'fetch the pool again',
    });
  const total = known.reduce((sum, [, share]) => sum + share, 0);
  return {
    values: Float64Array.from(known, ([length]) => Math.round(length)),
    counts: Float64Array.from(known, ([, share]) => share / total),
    n: 1,
  };
}

function badRow(file: string, line: number, text: string, wanted: string): ToolError {
  return new ToolError({
    code: 'BAD_ROWS',
    message: `${file}, line ${line}: expected ${wanted}, got '${text.slice(0, 80)}'`,
    hint: 'fetch the pool again',
  });
}

function notPool(folder: string, problem: string, cause?: unknown): ToolError {
  return new ToolError({
    code: 'FILE_NOT_FOUND',
    message: `${folder} is no ServeGen client pool: it ${problem}`,
    hint: 'name the folder that holds chunk-*-trace.csv and chunk-*-dataset.json',
    cause,
  });
}
