/**
 * What a profile would send, before anything is sent: its levels, requests, tokens and time. A search's levels depend on
 * the answers, so for these it is the ladder that the search climbs while the SLO is met, and the most that it can take.
 */
import type { LoadPool } from './load.js';
import { DEFAULT_MAX_LEVELS, levelSize, mlperfSize, type ProfileOptions } from './profile.js';

export type ProfileSize = Pick<
  ProfileOptions,
  | 'levels'
  | 'slo'
  | 'mlperf'
  | 'load'
  | 'durationSec'
  | 'minRequests'
  | 'maxRequests'
  | 'maxLevelSec'
  | 'maxLevels'
  | 'startRatePerSec'
  | 'maxRatePerSec'
>;

export interface LevelEstimate {
  readonly ratePerSec: number;
  /** Warm-up included. */
  readonly requests: number;
  /** First to last arrival. */
  readonly durationSec: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface ProfileEstimate {
  readonly workloadName: string;
  /** `auto`: which levels run depends on the answers. */
  readonly search: boolean;
  /** Levels at most. */
  readonly mostLevels: number;
  /** The rates asked for; or the search's first ones, doubling, as long as each is met. */
  readonly levels: readonly LevelEstimate[];
  /** Of a search whose capacity is near eight times the first rate, the workload's own by default; null without a search. */
  readonly likelySec: number | null;
  /** Of all levels; of a search's `mostLevels` at the size of the largest one shown. Last answers come on top. */
  readonly total: Omit<LevelEstimate, 'ratePerSec'>;
}

/** Steps of a search's ladder that are shown. */
const LADDER = 6;
/** Doublings from the default first rate, an eighth of the workload's, to the workload's own. */
export const OWN_RATE_STEP = 3;

/** Sizes a profile. The pool needs a row with both lengths, which `drawLevelLoad` checks when a level is drawn. */
export function estimateProfile(
  workloadName: string,
  pool: LoadPool,
  means: { readonly meanInputTokens: number; readonly meanOutputTokens: number },
  asked: ProfileSize,
): ProfileEstimate {
  const size = asked.mlperf == null ? asked : { ...asked, ...mlperfSize(asked, asked.mlperf) };
  const search = size.levels === 'auto';
  const rates = size.levels === 'auto' ? ladderOf(pool, size) : [...size.levels].sort((a, b) => a - b);
  const levels = rates.map((ratePerSec): LevelEstimate => {
    const { requests } = levelSize(ratePerSec, size);
    return {
      ratePerSec,
      requests,
      durationSec: requests / ratePerSec,
      inputTokens: Math.round(requests * means.meanInputTokens),
      outputTokens: Math.round(requests * means.meanOutputTokens),
    };
  });
  const mostLevels = search ? (size.maxLevels ?? DEFAULT_MAX_LEVELS) : levels.length;
  const total = (key: keyof LevelEstimate): number => {
    const values = levels.map((level) => level[key]);
    return search ? mostLevels * Math.max(...values) : values.reduce((sum, value) => sum + value, 0);
  };
  return {
    workloadName,
    search,
    mostLevels,
    levels,
    likelySec: search ? likelySec(levels, mostLevels) : null,
    total: {
      requests: total('requests'),
      durationSec: total('durationSec'),
      inputTokens: total('inputTokens'),
      outputTokens: total('outputTokens'),
    },
  };
}

/** The climb to the first miss, then the rest of the levels around the last met one. */
function likelySec(levels: readonly LevelEstimate[], mostLevels: number): number {
  const climb = levels.slice(0, Math.min(OWN_RATE_STEP + 2, mostLevels));
  const around = climb[Math.min(OWN_RATE_STEP, climb.length - 1)].durationSec;
  return climb.reduce((sum, level) => sum + level.durationSec, 0) + (mostLevels - climb.length) * around;
}

function ladderOf(pool: LoadPool, size: ProfileSize): number[] {
  const start = size.startRatePerSec ?? pool.meanRatePerSec / 8;
  const most = size.maxRatePerSec ?? Number.POSITIVE_INFINITY;
  const steps = Math.min(LADDER, size.maxLevels ?? DEFAULT_MAX_LEVELS);
  const rates = Array.from({ length: steps }, (_, step) => start * 2 ** step).filter((rate) => rate <= most);
  return rates.length > 0 ? rates : [most];
}
