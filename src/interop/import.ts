/** Finds out which tool wrote a result file, and reads it. The edge that reads files. */
import { readFile } from 'node:fs/promises';
import { ToolError } from '../errors.js';
import { requireFile } from '../trace/files.js';
import type { OtherToolResult } from '../types.js';
import {
  importAiperf,
  importAiperfRecords,
  importGuidellm,
  importInferencePerf,
  importPerfAnalyzer,
  importVllmBench,
} from './importers.js';

/** In the order in which they are asked; each knows its own files by keys that no other has. */
const DOCUMENT_IMPORTERS = [
  importVllmBench,
  importPerfAnalyzer,
  importGuidellm,
  importInferencePerf,
  importAiperf,
] as const;

/** Reads a result file of another tool. Throws FILE_NOT_FOUND, FORMAT_UNKNOWN. */
export async function importResult(path: string): Promise<OtherToolResult> {
  await requireFile(path, 'result file');
  const text = await readFile(path, 'utf8');
  const result = fromLines(text) ?? fromDocument(text);
  if (result !== null) return result;
  throw new ToolError({
    code: 'FORMAT_UNKNOWN',
    message: `${path} is no result file that is known`,
    hint: 'known: vllm bench --save-result JSON, AIPerf and genai-perf profile exports (JSON, JSONL), perf_analyzer profile_export.json, inference-perf summary_lifecycle_metrics.json, GuideLLM benchmarks.json',
  });
}

function fromDocument(text: string): OtherToolResult | null {
  const document = parsed(text);
  if (document === null) return null;
  for (const importer of DOCUMENT_IMPORTERS) {
    const result = importer(document);
    if (result !== null) return result;
  }
  return null;
}

/** JSON Lines: every line is a document of its own. */
function fromLines(text: string): OtherToolResult | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const documents: Record<string, unknown>[] = [];
  for (const line of lines) {
    const document = parsed(line);
    if (document === null) return null;
    documents.push(document);
  }
  return documents.length === 0 ? null : importAiperfRecords(documents);
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
