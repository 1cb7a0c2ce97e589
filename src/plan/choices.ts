/**
 * Engine choices: what could be rented, at which price. From flags (`llama3-8b-h100-published,price=2.5/h,label=h100`)
 * or a YAML file:
 *
 * ```yaml
 * choices:
 *   - engine: llama3-8b-h100-published   # file or bundled name
 *     label: h100
 *     price: 2.5/h                       # of one replica
 *     coldStart: 90s
 *     maxReplicas: 32
 * ```
 */
import { basename } from 'node:path';
import { parseDocument } from 'yaml';
import { nearestWord, ToolError } from '../errors.js';
import { parseDurationSec, parsePricePerHour } from '../units.js';

/** One engine that the plan may choose. Undefined = as for the others. */
export interface EngineChoice {
  /** Engine model: file or bundled name. */
  readonly engine: string;
  /** Name in the plan; unique. */
  readonly label: string;
  readonly pricePerReplicaHour?: number;
  readonly coldStartSec?: number;
  readonly maxReplicas?: number;
}

const KEYS = ['engine', 'label', 'price', 'coldStart', 'maxReplicas'] as const;

/** Reads one flag. Throws ToolError BAD_VALUE that names the part that is wrong. */
export function parseEngineChoice(text: string): EngineChoice {
  const [engine, ...parts] = text.split(',').map((part) => part.trim());
  const fields: Record<string, unknown> = { engine };
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at < 1) throw bad('NAME,key=value', part, 'write it like h100.engine.json,price=2.5/h,label=h100');
    const key = part.slice(0, at).trim();
    fields[key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())] = part.slice(at + 1).trim();
  }
  return choiceOf(fields, `engine ${engine}`);
}

/** Reads a choices file's text; `where` names it. Throws FORMAT_UNKNOWN, BAD_VALUE, UNKNOWN_KEY. */
export function parseEngineChoices(text: string, where: string): EngineChoice[] {
  const document = parseDocument(text);
  const value: unknown = document.errors.length > 0 ? null : document.toJS();
  const list = typeof value === 'object' && value !== null ? (value as { choices?: unknown }).choices : null;
  if (!Array.isArray(list) || list.length === 0) {
    throw new ToolError({
      code: 'FORMAT_UNKNOWN',
      message: `${where} holds no engine choices: expected a YAML list under the key choices`,
      hint: 'write choices: with entries of engine, label and price',
    });
  }
  return list.map((entry, i) => choiceOf(entry, `${where}: choice ${i + 1}`));
}

/** Labels must tell the choices apart. Throws BAD_VALUE, and USAGE for several choices without prices. */
export function checkChoices(choices: readonly EngineChoice[], commonPrice: number | null): void {
  const labels = new Set<string>();
  for (const { label } of choices) {
    if (labels.has(label))
      throw bad('different labels', label, 'give each choice a label of its own: label=…');
    labels.add(label);
  }
  if (choices.length < 2 || commonPrice !== null) return;
  const without = choices.find((choice) => choice.pricePerReplicaHour === undefined);
  if (without === undefined) return;
  throw new ToolError({
    code: 'USAGE',
    message: `engines can be compared by cost only when each has a price; ${without.label} has none`,
    hint: `write --engine ${without.engine},price=2.5/h`,
  });
}

function choiceOf(entry: unknown, where: string): EngineChoice {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    throw bad(`${where}: an engine with its price`, String(entry), 'write engine: and price:');
  const fields = entry as Record<string, unknown>;
  for (const key of Object.keys(fields)) {
    if ((KEYS as readonly string[]).includes(key)) continue;
    const near = nearestWord(key, KEYS);
    throw new ToolError({
      code: 'UNKNOWN_KEY',
      message: `${where}: unknown key '${key}'`,
      hint: near === null ? `the keys are ${KEYS.join(', ')}` : `did you mean ${near}?`,
    });
  }
  const { engine, label, price, coldStart, maxReplicas } = fields;
  if (typeof engine !== 'string' || engine === '')
    throw bad(`${where}: the name or file of an engine model`, String(engine), 'write engine: NAME');
  return {
    engine,
    label: label === undefined ? basename(engine).replace(/\.engine\.json$|\.json$/, '') : String(label),
    pricePerReplicaHour: price === undefined ? undefined : parsePricePerHour(String(price)),
    coldStartSec: coldStart === undefined ? undefined : parseDurationSec(String(coldStart)),
    maxReplicas: maxReplicas === undefined ? undefined : wholeReplicas(maxReplicas, where),
  };
}

function wholeReplicas(value: unknown, where: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw bad(`${where}: maxReplicas as a whole number from 1`, String(value), 'correct the value');
}

function bad(wanted: string, got: string, hint: string): ToolError {
  return new ToolError({ code: 'BAD_VALUE', message: `expected ${wanted}, got '${got}'`, hint });
}
