/** `--versus`: what is different about the other fleet, as text: `replicas=4,autoscaler=keda.yaml`. Pure. */
import { DEFAULT_ROUTER, ROUTER_POLICIES } from '../engine/router.js';
import { nearestWord, ToolError } from '../errors.js';
import type { RouterPolicy } from '../types.js';
import { parseDurationSec } from '../units.js';

/** Undefined = as in the first fleet. */
export interface FleetChanges {
  /** Engine model: file or bundled name. */
  readonly engine?: string;
  readonly replicas?: number;
  readonly router?: RouterPolicy;
  /** Autoscaler file; null = none. */
  readonly autoscaler?: string | null;
  readonly engineSpeed?: number;
  readonly coldStartSec?: number;
}

const KEYS = ['engine', 'replicas', 'router', 'autoscaler', 'engine-speed', 'cold-start'] as const;

/** Reads the changes. Throws ToolError BAD_VALUE that names the part that is wrong. */
export function parseFleetChanges(text: string): FleetChanges {
  const changes: { -readonly [Key in keyof FleetChanges]: FleetChanges[Key] } = {};
  for (const part of text.split(',')) {
    const [key, value = ''] = part.split('=', 2).map((word) => word.trim());
    switch (key as (typeof KEYS)[number]) {
      case 'engine':
        changes.engine = required(part, value);
        break;
      case 'replicas':
        changes.replicas = positive(part, value, true);
        break;
      case 'router':
        if (!ROUTER_POLICIES.includes(value as RouterPolicy))
          throw bad(`a router out of ${ROUTER_POLICIES.join(', ')}`, part, `write router=${DEFAULT_ROUTER}`);
        changes.router = value as RouterPolicy;
        break;
      case 'autoscaler':
        changes.autoscaler = required(part, value) === 'none' ? null : value;
        break;
      case 'engine-speed':
        changes.engineSpeed = positive(part, value, false);
        break;
      case 'cold-start':
        changes.coldStartSec = parseDurationSec(required(part, value));
        break;
      default: {
        const near = nearestWord(key, KEYS);
        throw bad(
          'changes of the first fleet, key=value',
          part,
          near === null ? `the keys are ${KEYS.join(', ')}` : `did you mean ${near}?`,
        );
      }
    }
  }
  return changes;
}

function required(part: string, value: string): string {
  if (value !== '') return value;
  throw bad('key=value', part, 'write it like replicas=4,autoscaler=keda.yaml');
}

function positive(part: string, value: string, whole: boolean): number {
  const number = Number(required(part, value));
  if (number > 0 && Number.isFinite(number) && (!whole || Number.isSafeInteger(number))) return number;
  throw bad(whole ? 'a whole number from 1' : 'a number above zero', part, 'correct the value');
}

function bad(wanted: string, got: string, hint: string): ToolError {
  return new ToolError({ code: 'BAD_VALUE', message: `expected ${wanted}, got '${got.trim()}'`, hint });
}
