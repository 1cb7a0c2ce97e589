/**
 * The /admin paths of the served engine: what is wrong with it on purpose, and how to change that while it runs.
 *
 * GET /admin tells; POST /admin/faults, /stall, /speed, /kill, /drain, /start and /reset take a JSON object and answer with
 * the new state. Unknown or impossible fields are refused together, by name.
 */
import { Fields } from '../engine/autoscale/fields.js';
import { badRequest } from './api-error.js';
import type { CompletionService } from './completions.js';
import { type FaultSettings, NO_FAULTS } from './faults.js';

/** What an action does with the fields of its body; problems are collected in them. */
type Action = (fields: Fields, service: CompletionService) => () => void;

const ACTIONS: Readonly<Record<string, Action>> = {
  '/admin/faults': changeFaults,
  '/admin/stall': (fields, service) => {
    const sec = fields.seconds('seconds');
    const replica = replicaOf(fields, service, true);
    return () => service.replicas.stall(replica, sec);
  },
  '/admin/speed': (fields, service) => {
    const speed = fields.number('speed', undefined, { min: 1e-6 });
    const replica = replicaOf(fields, service, true);
    return () => service.replicas.setSpeed(replica, speed);
  },
  '/admin/kill': (fields, service) => {
    const replica = replicaOf(fields, service, false)!;
    const startAfterSec = fields.has('startAfter') ? fields.seconds('startAfter') : null;
    return () => service.kill(replica, startAfterSec);
  },
  '/admin/drain': (fields, service) => {
    const replica = replicaOf(fields, service, false)!;
    return () => service.replicas.drain(replica);
  },
  '/admin/start': (fields, service) => {
    const replica = replicaOf(fields, service, false)!;
    const afterSec = fields.seconds('after', 0);
    return () => service.replicas.startAfter(replica, afterSec);
  },
  '/admin/reset': (_fields, service) => () => {
    service.faults.settings = NO_FAULTS;
    service.replicas.setSpeed(null, service.speed);
    for (const { replica, state } of service.replicas.states())
      if (state !== 'up') service.replicas.startAfter(replica, 0);
  },
};

/** Paths that take POST. */
export const ADMIN_ACTIONS = Object.keys(ACTIONS);

/** The document of GET /admin. */
export function adminState(service: CompletionService): object {
  const gauges = new Map(service.replicas.up.map((live) => [live.index, live.engine]));
  return {
    faults: service.faults.settings,
    replicas: service.replicas.states().map((place) => ({
      ...place,
      running: gauges.get(place.replica)?.running ?? 0,
      waiting: gauges.get(place.replica)?.waiting ?? 0,
    })),
  };
}

/** Carries out a POST. Throws ApiError 400 that names every problem; nothing is changed then. */
export function adminAction(service: CompletionService, path: string, body: string): object {
  let document: unknown;
  try {
    document = body.trim() === '' ? {} : JSON.parse(body);
  } catch (error) {
    throw badRequest(null, `the body is not JSON: ${(error as Error).message}`);
  }
  const problems: string[] = [];
  const fields = new Fields(document, 'body', problems);
  const carryOut = ACTIONS[path](fields, service);
  fields.refuseUnknown();
  if (problems.length > 0) throw badRequest(null, problems.join('; '));
  carryOut();
  return adminState(service);
}

function changeFaults(fields: Fields, service: CompletionService): () => void {
  const now = service.faults.settings;
  const ratio = (key: 'errorRatio' | 'cutRatio' | 'slowRatio'): number =>
    fields.number(key, now[key], { max: 1 });
  const settings: FaultSettings = {
    errorRatio: ratio('errorRatio'),
    errorStatus: fields.number('errorStatus', now.errorStatus, { min: 400, max: 599, whole: true }),
    cutRatio: ratio('cutRatio'),
    slowRatio: ratio('slowRatio'),
    slowSec: fields.seconds('slowSec', now.slowSec),
  };
  return () => {
    service.faults.settings = settings;
  };
}

/** A replica by its number; null = all, where that is allowed. */
function replicaOf(fields: Fields, service: CompletionService, orAll: boolean): number | null {
  if (orAll && !fields.has('replica')) {
    fields.raw('replica');
    return null;
  }
  return fields.number('replica', undefined, { max: service.replicas.count - 1, whole: true });
}
