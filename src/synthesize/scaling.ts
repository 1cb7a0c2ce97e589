/**
 * The scaling verbs that a synthesis is asked for, resolved in one order: the model is changed first (class, rate,
 * lengths, think times, clock), then copied, then thinned. A target rate is met by copies.
 */
import { nearestWord, ToolError } from '../errors.js';
import type { WorkloadModel } from '../types.js';
import { type RateSpec, significant } from '../units.js';
import { isMemoryless } from './copies.js';
import { type LengthFactors, scaleLengths } from './scale-lengths.js';
import { compress, dilateThink, intensify, scaleClass } from './scale-model.js';

export interface Scaling {
  /** This many independent copies; a fraction is a thinned copy. */
  readonly superpose?: number;
  /** The same requesters send this much more. */
  readonly intensify?: number;
  /** One class sends this much more, by class id. */
  readonly classes?: Readonly<Record<string, number>>;
  /** Each request (or session) stays with this probability. Default: by session where the model has any. */
  readonly thin?: { readonly share: number; readonly by?: ThinBy };
  /** Everything happens this much faster. */
  readonly compress?: number;
  readonly dilateThink?: number;
  readonly lengths?: LengthFactors;
}

export type ThinBy = 'request' | 'session';

export interface ResolvedScaling {
  /** With every change of rates, clock and lengths. */
  readonly model: WorkloadModel;
  readonly copies: number;
  readonly share: number;
  readonly thinBy: ThinBy;
  /** Whether anything differs from the model as it was given. */
  readonly isScaled: boolean;
  readonly notes: readonly string[];
}

/** A streams' worth of memory each; more users than this are a rate. */
const MOST_COPIES = 10_000;

/**
 * Applies the verbs. `rateOf` gives the mean rate of a model. Throws BAD_VALUE for factors that are not above zero, for
 * classes that the model does not have, and for think times of models without sessions.
 */
export function resolveScaling(
  given: WorkloadModel,
  scaling: Scaling,
  rate: RateSpec | undefined,
  rateOf: (model: WorkloadModel) => number,
): ResolvedScaling {
  const notes: string[] = [];
  let model = given;
  for (const [id, factor] of Object.entries(scaling.classes ?? {})) {
    checkFactor('scale-class', factor);
    checkClass(model, id);
    model = scaleClass(model, id, factor);
    notes.push(`class ${id} × ${significant(factor)}: the mix shifts`);
  }
  if (scaling.intensify !== undefined) {
    checkFactor('intensify', scaling.intensify);
    model = intensify(model, scaling.intensify);
    notes.push(
      `rate × ${significant(scaling.intensify)} by intensifying: the same requesters send more, so bursts grow with the rate; independent further users would smooth them (--superpose)`,
    );
  }
  if (scaling.lengths !== undefined) {
    checkFactor('scale-length', scaling.lengths.input);
    checkFactor('scale-length', scaling.lengths.output);
    model = scaleLengths(model, scaling.lengths);
    notes.push(
      `lengths × ${significant(scaling.lengths.input)} (input), × ${significant(scaling.lengths.output)} (output): caps move along, template lengths stay`,
    );
  }
  if (scaling.dilateThink !== undefined) {
    checkFactor('dilate-think', scaling.dilateThink);
    if (!model.sessions) throw noSessions('--dilate-think');
    if (model.sessions.pool !== null) throw noThinkTimes();
    model = dilateThink(model, scaling.dilateThink);
    notes.push(
      `think times × ${significant(scaling.dilateThink)}: sessions start when they did and last longer`,
    );
  }
  if (scaling.compress !== undefined) {
    checkFactor('compress', scaling.compress);
    model = compress(model, scaling.compress);
    notes.push(
      `stress test, quick look: time × ${significant(1 / scaling.compress)}. Bursts and sessions shrink against service times and cache lifetimes, so this is no forecast of more traffic`,
    );
  }
  return resolveCopies(model, scaling, rate, rateOf, notes);
}

function resolveCopies(
  model: WorkloadModel,
  { superpose = 1, thin, ...changes }: Scaling,
  rate: RateSpec | undefined,
  rateOf: (model: WorkloadModel) => number,
  notes: string[],
): ResolvedScaling {
  checkFactor('superpose', superpose);
  const share = thin?.share ?? 1;
  if (!(share > 0 && share <= 1)) throw badFactor('thin', 'a probability above 0 and up to 1', share);
  const thinBy = thin?.by ?? (model.sessions ? 'session' : 'request');
  if (thin?.by === 'session' && !model.sessions) throw noSessions('--thin-by session');
  let copies = superpose;
  if (rate !== undefined) {
    copies *= rate.kind === 'factor' ? rate.factor : rate.ratePerSec / (rateOf(model) * superpose * share);
    checkFactor('rate', copies);
  }
  if (copies !== 1) {
    notes.push(
      copies > 1
        ? `rate × ${significant(copies)} by superposing ${significant(copies)} independent copies: more requesters like these; their bursts do not meet (the same requesters sending more: --intensify)`
        : `rate × ${significant(copies)} by thinning: ${significant(copies)} of these requesters`,
    );
  }
  if (share < 1) notes.push(`thinned to ${significant(share)} by ${thinBy}`);
  const isScaled = copies !== 1 || share < 1 || Object.values(changes).some((change) => change !== undefined);
  // Of Poisson streams copies and a higher rate are the same law, and one stream is cheaper.
  if (copies > 1 && isMemoryless(model))
    return { model: intensify(model, copies), copies: 1, share, thinBy, isScaled, notes };
  if (copies > MOST_COPIES)
    throw badFactor(
      'rate',
      `at most ${MOST_COPIES} copies of this model, which is bursty or has a memory,`,
      copies,
    );
  return { model, copies, share, thinBy, isScaled, notes };
}

function checkFactor(name: string, factor: number): void {
  if (!(Number.isFinite(factor) && factor > 0)) throw badFactor(name, 'a factor above 0', factor);
}

function badFactor(name: string, wanted: string, got: number): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: `expected ${wanted} for ${name}, got ${got}`,
    hint: `correct --${name}`,
  });
}

function checkClass(model: WorkloadModel, id: string): void {
  const ids = model.classes.map((one) => one.id);
  if (ids.includes(id)) return;
  const near = nearestWord(id, ids);
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `the model has no class '${id}'${near === null ? '' : ` (did you mean ${near}?)`}`,
    hint: `its classes are ${ids.slice(0, 12).join(', ')}${ids.length > 12 ? ', …' : ''}`,
  });
}

function noThinkTimes(): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: 'the sessions of this model are visits to shared documents, which have no think times',
    hint: 'use --intensify for more visits',
  });
}

function noSessions(flag: string): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: `${flag} needs a model with sessions, this one has none`,
    hint: 'fit a trace that has session ids or block hashes',
  });
}
