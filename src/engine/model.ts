/**
 * Engine model files: read, checked with every problem named at once, found by path or by bundled name.
 *
 * Base part: EngineModel is the box that `calibrate` writes and `serve`, `simulate` and `plan` read. A hand-written
 * file may leave out what has a neutral value: noiseCv 0, kvAdmission watermark, prefixCaching true, coldStartSec 0,
 * calibration null, manifest. Parts that are optional by type (scheduling, speculation, …) stay absent.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearestWord, ToolError } from '../errors.js';
import { createManifest, PACKAGE_ROOT } from '../manifest.js';
import { readJsonDocument } from '../trace/files.js';
import type { EngineLimits, EngineModel, KvAdmission, StepCost } from '../types.js';
import { coldStartSecOf, OPTIONAL_KEYS, readOptionalParts } from './model-options.js';

const SUFFIX = '.engine.json';

const STEP_KEYS = ['baseSec', 'perPrefillTokenSec', 'perDecodeSeqSec', 'perKvTokenSec', 'noiseCv'] as const;
const LIMIT_KEYS = ['maxBatchedTokens', 'maxSeqs', 'kvBlocks', 'blockSize', 'maxModelLen'] as const;
const TOP_KEYS = [
  'schemaVersion',
  'kind',
  'manifest',
  'name',
  'source',
  'step',
  'limits',
  'kvAdmission',
  'prefixCaching',
  'coldStartSec',
  'calibration',
  ...OPTIONAL_KEYS,
] as const;
const ADMISSIONS: readonly KvAdmission[] = ['watermark', 'reserve'];

/** Names of the engine models that come with the package. */
export function bundledEngines(): readonly string[] {
  return readdirSync(new URL('models/', PACKAGE_ROOT))
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort();
}

/**
 * Reads an engine model from a file, or a bundled one by name (`tiny-demo`). A file of that name wins.
 * Throws ToolError FILE_NOT_FOUND with the nearest bundled name, or BAD_ENGINE with every problem of the file.
 */
export async function readEngineModel(pathOrName: string): Promise<EngineModel> {
  const path = resolveEngine(pathOrName);
  const document = await readJsonDocument<EngineModel>(path, 'engine-model', 'BAD_ENGINE');
  return parseEngineModel(document, basename(path));
}

function resolveEngine(pathOrName: string): string {
  if (existsSync(pathOrName)) return pathOrName;
  const bundled = fileURLToPath(new URL(`models/${basename(pathOrName)}${SUFFIX}`, PACKAGE_ROOT));
  if (basename(pathOrName) === pathOrName && existsSync(bundled)) return bundled;
  const names = bundledEngines();
  const near = nearestWord(pathOrName, names);
  throw new ToolError({
    code: 'FILE_NOT_FOUND',
    message: `engine model not found: ${pathOrName} is neither a file nor a bundled model`,
    hint: near !== null ? `did you mean ${near}?` : `bundled models: ${names.join(', ')}`,
  });
}

/**
 * Checks a parsed document and fills in the neutral values. `where` names it in messages.
 * Throws ToolError BAD_ENGINE that lists every problem.
 */
export function parseEngineModel(document: unknown, where: string): EngineModel {
  const problems: string[] = [];
  const top = objectOf(document, where, TOP_KEYS, problems);
  const step = objectOf(top['step'], 'step', STEP_KEYS, problems);
  const limits = objectOf(top['limits'], 'limits', LIMIT_KEYS, problems);
  const text = (key: 'name' | 'source'): string => {
    const value = top[key];
    if (typeof value !== 'string' || value.trim() === '')
      problems.push(`${key}: expected text, got ${show(value)}`);
    return String(value);
  };
  const cost = (key: (typeof STEP_KEYS)[number]): number =>
    numberOf(step[key], `step.${key}`, key === 'noiseCv' ? 0 : undefined, problems);
  const limit = (key: (typeof LIMIT_KEYS)[number]): number => {
    const value = limits[key];
    if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
    problems.push(`limits.${key}: expected a whole number from 1, got ${show(value)}`);
    return 1;
  };
  const admission = top['kvAdmission'] ?? 'watermark';
  if (!ADMISSIONS.includes(admission as KvAdmission))
    problems.push(`kvAdmission: expected ${ADMISSIONS.join(' or ')}, got ${show(admission)}`);
  const prefixCaching = top['prefixCaching'] ?? true;
  if (typeof prefixCaching !== 'boolean')
    problems.push(`prefixCaching: expected true or false, got ${show(prefixCaching)}`);
  const parsedStep: StepCost = {
    baseSec: cost('baseSec'),
    perPrefillTokenSec: cost('perPrefillTokenSec'),
    perDecodeSeqSec: cost('perDecodeSeqSec'),
    perKvTokenSec: cost('perKvTokenSec'),
    noiseCv: cost('noiseCv'),
  };
  const decodeSec = parsedStep.perDecodeSeqSec + parsedStep.perKvTokenSec;
  if (
    problems.length === 0 &&
    parsedStep.baseSec === 0 &&
    !(parsedStep.perPrefillTokenSec > 0 && decodeSec > 0)
  )
    problems.push('step: an iteration must take time: set baseSec, or both a prefill and a decode cost');
  const parsedLimits: EngineLimits = {
    maxBatchedTokens: limit('maxBatchedTokens'),
    maxSeqs: limit('maxSeqs'),
    kvBlocks: limit('kvBlocks'),
    blockSize: limit('blockSize'),
    maxModelLen: limit('maxModelLen'),
  };
  const parts = readOptionalParts(top, problems);
  const coldStartSec =
    top['coldStartSec'] === undefined
      ? undefined
      : numberOf(top['coldStartSec'], 'coldStartSec', 0, problems);
  if (parts.speculation !== undefined && parts.speculation.draftTokens >= parsedLimits.maxBatchedTokens)
    problems.push('speculation.draftTokens: one sequence with its drafts must fit into maxBatchedTokens');
  const model: EngineModel = {
    schemaVersion: 1,
    kind: 'engine-model',
    manifest: (top['manifest'] as EngineModel['manifest'] | undefined) ?? handWritten(),
    name: text('name'),
    source: text('source'),
    step: parsedStep,
    limits: parsedLimits,
    kvAdmission: admission as KvAdmission,
    prefixCaching: prefixCaching as boolean,
    coldStartSec: coldStartSecOf(coldStartSec, parts, problems),
    calibration: (top['calibration'] as EngineModel['calibration'] | undefined) ?? null,
    ...parts,
  };
  if (problems.length > 0) {
    throw new ToolError({
      code: 'BAD_ENGINE',
      message: `${where}: ${problems.join('\n       ')}`,
      hint: `compare it with a bundled model, e.g. models/${bundledEngines()[0] ?? 'tiny-demo'}${SUFFIX}`,
    });
  }
  return model;
}

function handWritten(): EngineModel['manifest'] {
  return createManifest({ command: 'hand-written', options: {}, timestamp: false });
}

function objectOf(
  value: unknown,
  name: string,
  keys: readonly string[],
  problems: string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(`${name}: expected an object, got ${show(value)}`);
    return {};
  }
  for (const key of Object.keys(value)) {
    if (keys.includes(key)) continue;
    const near = nearestWord(key, keys);
    problems.push(`${name}: unknown key '${key}'${near === null ? '' : ` (did you mean ${near}?)`}`);
  }
  return value as Record<string, unknown>;
}

function numberOf(value: unknown, name: string, neutral: number | undefined, problems: string[]): number {
  if (value === undefined && neutral !== undefined) return neutral;
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  problems.push(`${name}: expected a number from 0, got ${show(value)}`);
  return 0;
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
