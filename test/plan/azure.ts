/** The public Azure conversation log as engine requests, when the data lies beside the repository. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { EngineRequest } from '../../src/types.js';

const FILE = fileURLToPath(
  new URL('../../../../shared/data/azure-llm-2023/AzureLLMInferenceTrace_conv.csv', import.meta.url),
);

/** Why a test must be skipped, or false. */
export const azureMissing: string | false = existsSync(FILE)
  ? false
  : 'AzureLLMInferenceTrace_conv.csv is not beside the repository';

/** All requests, in order of arrival from 0. */
export function azureConversation(): EngineRequest[] {
  const [, ...lines] = readFileSync(FILE, 'utf8').trim().split('\n');
  const rows = lines.map((line) => line.split(','));
  const startMs = Date.parse(`${rows[0][0].slice(0, 19)}Z`);
  return rows.map(([time, input, output], id) => ({
    id,
    arrivalSec: (Date.parse(`${time.slice(0, 19)}Z`) - startMs) / 1e3 + Number(`0.${time.slice(20)}`),
    inputTokens: Number(input),
    outputTokens: Number(output),
    prefixHashes: null,
    sessionKey: null,
  }));
}
