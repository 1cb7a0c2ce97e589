/** The optional parts of an engine model file: what is absent stays absent, what is there is checked. Base part. */
import type {
  AdapterLimits,
  ColdStartPhases,
  EngineModel,
  KvTransfer,
  RandomDuration,
  SchedulingPolicy,
  Speculation,
} from '../types.js';
import { Fields } from './autoscale/fields.js';
import { meanColdStartSec } from './elastic/cold-start.js';

export const OPTIONAL_KEYS = [
  'scheduling',
  'speculation',
  'adapters',
  'kvTransfer',
  'acceleratorsPerReplica',
  'coldStart',
] as const;

export type OptionalParts = Pick<EngineModel, (typeof OPTIONAL_KEYS)[number]>;

const POLICIES: readonly SchedulingPolicy[] = ['fcfs', 'priority'];

/** Reads the optional parts of a model's top level; problems are added to the list. */
export function readOptionalParts(top: Readonly<Record<string, unknown>>, problems: string[]): OptionalParts {
  const given = (key: (typeof OPTIONAL_KEYS)[number]): boolean => top[key] !== undefined;
  const part = (key: (typeof OPTIONAL_KEYS)[number]): Fields => new Fields(top[key], key, problems);
  const fields = new Fields(top, 'model', problems);
  return {
    ...(given('scheduling') ? { scheduling: fields.choice('scheduling', POLICIES) } : {}),
    ...(given('speculation') ? { speculation: readSpeculation(part('speculation')) } : {}),
    ...(given('adapters') ? { adapters: readAdapters(part('adapters')) } : {}),
    ...(given('kvTransfer') ? { kvTransfer: readTransfer(part('kvTransfer')) } : {}),
    ...(given('acceleratorsPerReplica')
      ? { acceleratorsPerReplica: fields.whole('acceleratorsPerReplica', undefined, 1) }
      : {}),
    ...(given('coldStart') ? { coldStart: readColdStart(part('coldStart')) } : {}),
  };
}

/** `coldStartSec`, or the mean of the phases; both at once must agree. */
export function coldStartSecOf(given: number | undefined, parts: OptionalParts, problems: string[]): number {
  if (parts.coldStart === undefined) return given ?? 0;
  const meanSec = meanColdStartSec(parts.coldStart);
  if (given !== undefined && Math.abs(given - meanSec) > 1e-6 * Math.max(1, meanSec))
    problems.push(`coldStartSec: ${given} s, but the phases of coldStart add up to ${meanSec} s`);
  return meanSec;
}

function readSpeculation(fields: Fields): Speculation {
  const speculation = {
    draftTokens: fields.whole('draftTokens', undefined, 1),
    acceptanceRatio: fields.number('acceptanceRatio', undefined, { max: 1 }),
    draftSec: fields.number('draftSec', 0),
  };
  fields.refuseUnknown();
  return speculation;
}

function readAdapters(fields: Fields): AdapterLimits {
  const limits = { maxLoaded: fields.whole('maxLoaded', undefined, 1), loadSec: fields.number('loadSec', 0) };
  fields.refuseUnknown();
  return limits;
}

function readTransfer(fields: Fields): KvTransfer {
  const transfer = {
    latencySec: fields.number('latencySec', 0),
    perTokenSec: fields.number('perTokenSec', 0),
  };
  fields.refuseUnknown();
  return transfer;
}

function readColdStart(fields: Fields): ColdStartPhases {
  const phases = {
    scheduleSec: readDuration(fields, 'scheduleSec'),
    pullSec: readDuration(fields, 'pullSec'),
    loadSec: readDuration(fields, 'loadSec'),
    warmupSec: readDuration(fields, 'warmupSec'),
  };
  fields.refuseUnknown();
  return phases;
}

function readDuration(fields: Fields, key: string): RandomDuration {
  if (typeof fields.raw(key) !== 'object') return fields.number(key, 0);
  const drawn = fields.child(key)!;
  const duration = { meanSec: drawn.number('meanSec', undefined), cv: drawn.number('cv', undefined) };
  drawn.refuseUnknown();
  return duration;
}
