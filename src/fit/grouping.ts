/**
 * What the classes of a model are: clients or models where the trace names them, latent classes where the mix of
 * lengths moves with time, one class otherwise.
 *
 * Source: STATISTICS §2.4.1 and the burst test of §2.4.3. In bursts (R > 4) rates per class are the memory of single
 * bursts and the mix has no slow course, so one class with load states is kept unless latent classes are asked for.
 */
import type { ArrivalModel, ModelChoice } from '../types.js';
import { significant } from '../units.js';
import { BURST_LIMIT } from './arrivals.js';
import {
  type GroupBy,
  namedClasses,
  oneClass,
  POOLED_CLASS,
  type RequestClass,
  splitClasses,
} from './classes.js';
import type { FitColumns } from './columns.js';
import { latentClasses } from './latent.js';
import { mixMovement } from './mix.js';
import type { UsableRows } from './prepare.js';

export interface GroupingOptions {
  readonly columns: FitColumns;
  readonly usable: UsableRows;
  readonly by: GroupBy;
  readonly latentClasses: number;
  readonly seed: string;
  readonly durationSec: number;
  /** Arrivals of everything together; asked for only when latent classes are possible. */
  readonly together: () => ArrivalModel;
}

export interface GroupedRequests {
  readonly by: Exclude<GroupBy, 'auto'>;
  readonly groups: readonly RequestClass[];
  readonly choice: ModelChoice;
}

/** Fewer rows give latent classes of a few dozen. */
const LEAST_LATENT_ROWS = 1_000;
/** χ² per degree of freedom from which the mix of latent classes counts as moving. */
const MOVING_MIX = 1.5;
const LONG_WINDOW_SEC = 1_800;
const ABOUT = 'classes';
const NO_SCORE = 'χ² of latent class by minute, per degree of freedom (1 = the mix never moves)';

export function groupRequests(options: GroupingOptions): GroupedRequests {
  const { columns, by } = options;
  switch (by) {
    case 'none':
      return { by, groups: [oneClass(columns)], choice: asked('one class') };
    case 'client':
    case 'model':
      return { by, groups: splitClasses(columns, by), choice: asked(`by ${by}`) };
    case 'latent':
      return { by, groups: latentGroups(options), choice: asked('latent classes') };
    case 'auto':
      return automatic(options);
  }
}

function asked(chosen: string): ModelChoice {
  return { about: ABOUT, chosen, because: 'asked for', score: '', candidates: [] };
}

function automatic(options: GroupingOptions): GroupedRequests {
  const { columns } = options;
  for (const by of ['client', 'model'] as const) {
    const groups = splitClasses(columns, by);
    const named = groups.filter((group) => group.id !== POOLED_CLASS);
    if (groups.length > 1 && named.length > 0) {
      const because = `the trace names ${named.length} ${by}${named.length === 1 ? '' : 's'} with enough requests of their own`;
      return { by, groups, choice: { ...asked(`by ${by}`), because } };
    }
  }
  const one = (because: string, movement: number | null = null): GroupedRequests => ({
    by: 'none',
    groups: [oneClass(columns)],
    choice: { about: ABOUT, chosen: 'one class', because, ...scored(movement) },
  });
  if (options.usable.rows.length < LEAST_LATENT_ROWS)
    return one(`no client or model names, and fewer than ${LEAST_LATENT_ROWS} known lengths`);
  const { burstIndex } = options.together();
  if (typeof burstIndex === 'number' && burstIndex > BURST_LIMIT)
    return one(
      `no client or model names; arrivals come in bursts (burst index ${significant(burstIndex)}), in which rates per class are noise`,
    );
  const groups = latentGroups(options);
  const blockSec = options.durationSec < LONG_WINDOW_SEC ? 30 : 60;
  const movement = mixMovement(
    columns.arrivalSec,
    groups.map((group) => group.rows),
    Math.max(blockSec, options.durationSec / 500),
  );
  if (movement === null || movement < MOVING_MIX)
    return one(
      `no client or model names; the mix of lengths does not move with time (${movement === null ? 'a single class' : significant(movement)})`,
      movement,
    );
  return {
    by: 'latent',
    groups,
    choice: {
      about: ABOUT,
      chosen: `${groups.length} latent classes`,
      because: `no client or model names; the mix of lengths moves with time (${significant(movement)}, moving from ${MOVING_MIX})`,
      ...scored(movement),
    },
  };
}

function scored(movement: number | null): Pick<ModelChoice, 'score' | 'candidates'> {
  if (movement === null) return { score: '', candidates: [] };
  return {
    score: NO_SCORE,
    candidates: [{ name: 'latent classes', score: Number(movement.toFixed(3)) }],
  };
}

function latentGroups({ columns, usable, latentClasses: classes, seed }: GroupingOptions): RequestClass[] {
  return namedClasses(columns, latentClasses(columns, usable, { classes, seed }), 'latent');
}
