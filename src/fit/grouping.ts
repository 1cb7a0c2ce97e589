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
/** χ² per degree of freedom from which the mix of latent classes counts as moving from minute to minute. */
const MOVING_MIX = 1.5;
/** The same between quarters of the window: what chance reaches once in a thousand with twelve classes. */
const DRIFTING_MIX = 1.75;
const LONG_WINDOW_SEC = 1_800;
const ABOUT = 'classes';
const MOVEMENT = 'χ² of latent class against time, per degree of freedom (1 = the mix never moves)';

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
  const one = (because: string, scores: ModelChoice['candidates'] = []): GroupedRequests => ({
    by: 'none',
    groups: [oneClass(columns)],
    choice: { about: ABOUT, chosen: 'one class', because, ...scored(scores) },
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
  const movementIn = (sec: number): number | null =>
    mixMovement(
      columns.arrivalSec,
      groups.map((group) => group.rows),
      sec,
    );
  const quick = movementIn(Math.max(blockSec, options.durationSec / 500));
  const slow = movementIn(options.durationSec / 4);
  if (quick === null || slow === null)
    return one('no client or model names; the lengths form a single class');
  const scores = [
    { name: 'latent classes by minute', score: Number(quick.toFixed(3)) },
    { name: 'latent classes by quarter of the window', score: Number(slow.toFixed(3)) },
  ];
  const measured = `${significant(quick)} by minute, moving from ${MOVING_MIX}; ${significant(slow)} by quarter, from ${DRIFTING_MIX}`;
  if (quick < MOVING_MIX && slow < DRIFTING_MIX)
    return one(`no client or model names; the mix of lengths does not move with time (${measured})`, scores);
  return {
    by: 'latent',
    groups,
    choice: {
      about: ABOUT,
      chosen: `${groups.length} latent classes`,
      because: `no client or model names; the mix of lengths moves with time (${measured})`,
      ...scored(scores),
    },
  };
}

function scored(candidates: ModelChoice['candidates']): Pick<ModelChoice, 'score' | 'candidates'> {
  return { score: candidates.length === 0 ? '' : MOVEMENT, candidates };
}

function latentGroups({ columns, usable, latentClasses: classes, seed }: GroupingOptions): RequestClass[] {
  return namedClasses(columns, latentClasses(columns, usable, { classes, seed }), 'latent');
}
