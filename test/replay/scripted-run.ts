/** Replays rows against the scripted endpoint, with real sender processes, and reads the run back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { get_encoding } from 'tiktoken';
import { ToolError } from '../../src/errors.js';
import { createManifest } from '../../src/manifest.js';
import type { ReplayOptions } from '../../src/replay/options.js';
import { replayTrace } from '../../src/replay/replay.js';
import { readRun } from '../../src/replay/run-folder.js';
import {
  chatDone,
  chatRole,
  chatStop,
  chatToken,
  chatUsage,
  type Script,
  type ScriptedAnswer,
  type ScriptedRequest,
} from '../../src/replay/testing/script.js';
import {
  createScriptedEndpoint,
  type ScriptedEndpoint,
  type ScriptedEndpointOptions,
} from '../../src/replay/testing/scripted-endpoint.js';
import { batchFromRows, emptyRow } from '../../src/trace/batch.js';
import { writeTrace } from '../../src/trace/write.js';
import type { RunRecord, RunSummary, TraceRow } from '../../src/types.js';

const encoding = get_encoding('cl100k_base');

/** A folder of this test file's own, removed at its end. */
export const ROOT = mkdtempSync(join(tmpdir(), 'tokentide-replay-'));
after(() => rmSync(ROOT, { recursive: true }));

let runs = 0;
/** A folder name that no other run has. */
export const freshDir = (): string => join(ROOT, `run-${++runs}`);

export interface Body {
  readonly model: string;
  readonly messages: readonly [{ readonly content: string }];
  readonly max_tokens: number;
  readonly ignore_eos?: boolean;
}

export const bodyOf = (request: { readonly body: string }): Body => JSON.parse(request.body) as Body;
export const promptOf = (request: { readonly body: string }): string => bodyOf(request).messages[0].content;
export const lengthOf = (text: string): number => encoding.encode_ordinary(text).length;

/** An answer of `max_tokens` tokens whose usage counts the prompt. */
export function answer(
  request: ScriptedRequest,
  options: { atMs?: number; usage?: boolean; extraPrompt?: number } = {},
): ScriptedAnswer {
  const { atMs = 0, usage = true, extraPrompt = 0 } = options;
  const { max_tokens: tokens } = bodyOf(request);
  return {
    steps: [
      { atMs, write: chatRole() + chatToken(' one').repeat(tokens) + chatStop('length') },
      ...(usage ? [{ atMs, write: chatUsage(lengthOf(promptOf(request)) + extraPrompt, tokens) }] : []),
      { atMs, write: chatDone() },
      { atMs, end: 'complete' },
    ],
  };
}

export const rowsAt = (times: readonly number[], overrides: Partial<TraceRow> = {}): TraceRow[] =>
  times.map((ms, i) =>
    emptyRow({
      arrivalNs: BigInt(ms * 1e6),
      inputTokens: 12 + i,
      outputTokens: 3 + (i % 4),
      requestId: `r${i}`,
      operation: 'chat',
      ...overrides,
    }),
  );

export const ROWS = rowsAt(Array.from({ length: 12 }, (_, i) => i * 15));

export interface Replayed {
  readonly summary: RunSummary;
  readonly records: readonly RunRecord[];
  readonly endpoint: ScriptedEndpoint;
  readonly dir: string;
}

/** One run with everything optional switched off, unless asked for. */
export async function replay(
  script: Script,
  options: Partial<ReplayOptions> & {
    readonly pages?: ScriptedEndpointOptions['pages'];
    readonly rows?: readonly TraceRow[];
  } = {},
): Promise<Replayed> {
  const { pages, rows = ROWS, ...rest } = options;
  const endpoint = await createScriptedEndpoint({ script, pages });
  const dir = rest.outDir ?? freshDir();
  try {
    const summary = await replayTrace({
      trace: { name: 'test', rows, blockSize: null },
      url: endpoint.url,
      outDir: dir,
      warmUpCode: false,
      trial: false,
      metricsUrl: 'none',
      ...rest,
    });
    return { summary, records: (await readRun(dir)).records, endpoint, dir };
  } finally {
    await endpoint.close();
  }
}

/** Whether an error is the refusal with this code, and says this. */
export const thrown =
  (code: string, pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof ToolError && error.code === code && pattern.test(`${error.message} ${error.hint}`);

/** Writes rows as a trace file. */
export async function writeRows(path: string, rows: readonly TraceRow[], name = 'test'): Promise<void> {
  await writeTrace({
    path,
    batches: [batchFromRows(rows)],
    meta: {
      schemaVersion: 1,
      kind: 'trace',
      name,
      startUtc: null,
      timeResolutionNs: null,
      arrivalBasis: 'synthetic',
      blockSize: null,
      droppedRows: {},
      quality: null,
      manifest: createManifest({ command: 'test', options: {}, timestamp: false }),
    },
  });
}
