/**
 * Scaling verbs that change the model: how much more, how much faster, how much longer. Pure, model → model.
 *
 * "Four times the traffic" has several meanings whose needed capacity differs by 2.2 times on one trace (STATISTICS §6):
 * `intensify` is the same requesters sending more (bursts grow with the rate), `scaleClass` one kind of request growing,
 * `compress` a faster clock, `dilateThink` slower readers. More independent requesters are superposed copies instead, see
 * copies.ts; longer prompts and answers are in scale-lengths.ts.
 */
import { hmmMeanCount } from '../stats/count-hmm.js';
import type {
  ArrivalModel,
  CountHmmModel,
  QuantileCurve,
  RateCurve,
  TurnCurve,
  WorkloadModel,
} from '../types.js';

/** Multiplies the rate of everything: λ(t) and the mean counts of load states, not their durations. */
export function intensify(model: WorkloadModel, factor: number): WorkloadModel {
  return {
    ...model,
    meanRatePerSec: model.meanRatePerSec * factor,
    classes: model.classes.map((one) => ({
      ...one,
      requests: one.requests * factor,
      arrivals: withRate(one.arrivals, factor),
    })),
    ...(model.shared ? { shared: withBursts(model.shared, factor) } : {}),
    ...(model.sessions?.pool
      ? {
          sessions: {
            ...model.sessions,
            pool: { ...model.sessions.pool, visits: timesRate(model.sessions.pool.visits, factor) },
          },
        }
      : {}),
  };
}

/**
 * Multiplies the rate of one class; the mix shifts. Load states that all classes share grow by what the class adds.
 * The class must exist.
 */
export function scaleClass(model: WorkloadModel, classId: string, factor: number): WorkloadModel {
  const before = model.classes.reduce((sum, one) => sum + one.requests, 0);
  const classes = model.classes.map((one) =>
    one.id === classId
      ? { ...one, requests: one.requests * factor, arrivals: withRate(one.arrivals, factor) }
      : one,
  );
  const growth = classes.reduce((sum, one) => sum + one.requests, 0) / before;
  return {
    ...model,
    meanRatePerSec: model.meanRatePerSec * growth,
    classes,
    ...(model.shared ? { shared: withBursts(model.shared, growth) } : {}),
  };
}

/** Everything happens `factor` times as fast, think times and reuse gaps too: a quick look, not a forecast. */
export function compress(model: WorkloadModel, factor: number): WorkloadModel {
  const { sessions, prefixes } = model;
  return {
    ...model,
    durationSec: model.durationSec / factor,
    meanRatePerSec: model.meanRatePerSec * factor,
    classes: model.classes.map((one) => ({
      ...one,
      arrivals: {
        ...one.arrivals,
        rate: fasterRate(one.arrivals.rate, factor),
        bursts: fasterBursts(one.arrivals.bursts, factor),
        ...(one.arrivals.gapsByTime
          ? { gapsByTime: { ...one.arrivals.gapsByTime, stepSec: one.arrivals.gapsByTime.stepSec / factor } }
          : {}),
      },
    })),
    ...(model.shared
      ? { shared: { ...model.shared, bursts: fasterBursts(model.shared.bursts, factor) } }
      : {}),
    ...(sessions
      ? {
          sessions: {
            ...sessions,
            continuation: {
              ...sessions.continuation,
              ...(sessions.continuation.byStart && {
                byStart: sessions.continuation.byStart.map(({ fromSec, odds }) => ({
                  fromSec: fromSec / factor,
                  odds,
                })),
              }),
            },
            think: {
              ...sessions.think,
              byTurn: timesCurves(sessions.think.byTurn, 1 / factor),
              answer: {
                ...sessions.think.answer,
                baseSec: sessions.think.answer.baseSec / factor,
                secPerOutputToken: sessions.think.answer.secPerOutputToken / factor,
              },
            },
            pool:
              sessions.pool === null
                ? null
                : {
                    ...sessions.pool,
                    visits: fasterRate(sessions.pool.visits, factor),
                    ...(sessions.pool.visitsByInput && {
                      visitsByInput: sessions.pool.visitsByInput.map((range) => ({
                        ...range,
                        visits: fasterRate(range.visits, factor),
                      })),
                    }),
                    reuseGapSec: timesCurve(sessions.pool.reuseGapSec, 1 / factor),
                    ...(sessions.pool.reuseGapByTime && {
                      reuseGapByTime: sessions.pool.reuseGapByTime.map(({ fromSec, curve }) => ({
                        fromSec: fromSec / factor,
                        curve: timesCurve(curve, 1 / factor),
                      })),
                    }),
                  },
          },
        }
      : {}),
    ...(prefixes?.branches
      ? {
          prefixes: {
            ...prefixes,
            branches: {
              ...prefixes.branches,
              reuseGapSec: timesCurve(prefixes.branches.reuseGapSec, 1 / factor),
            },
          },
        }
      : {}),
  };
}

/** Multiplies the time between an answer and the next turn; starts of sessions stay. */
export function dilateThink(model: WorkloadModel, factor: number): WorkloadModel {
  if (!model.sessions) return model;
  const { sessions } = model;
  return {
    ...model,
    sessions: {
      ...sessions,
      think: { ...sessions.think, byTurn: timesCurves(sessions.think.byTurn, factor) },
    },
  };
}

/** Mean rate of load states, per second. */
export function burstRatePerSec(bursts: CountHmmModel): number {
  return hmmMeanCount(bursts) / bursts.binSec;
}

function withRate(arrivals: ArrivalModel, factor: number): ArrivalModel {
  return { ...withBursts(arrivals, factor), rate: timesRate(arrivals.rate, factor) };
}

function withBursts<T extends { readonly bursts?: CountHmmModel | null }>(arrivals: T, factor: number): T {
  const { bursts } = arrivals;
  if (!bursts) return arrivals;
  return { ...arrivals, bursts: { ...bursts, mean: bursts.mean.map((mean) => mean * factor) } };
}

function timesRate(rate: RateCurve, factor: number): RateCurve {
  return { ...rate, ratePerSec: rate.ratePerSec.map((value) => value * factor) };
}

function fasterRate(rate: RateCurve, factor: number): RateCurve {
  return {
    ...timesRate(rate, factor),
    stepSec: rate.stepSec / factor,
    bandwidthSec: rate.bandwidthSec === null ? null : rate.bandwidthSec / factor,
    ...(rate.repeatSec === undefined ? {} : { repeatSec: rate.repeatSec / factor }),
  };
}

function fasterBursts(bursts: CountHmmModel | null | undefined, factor: number): CountHmmModel | null {
  return bursts ? { ...bursts, binSec: bursts.binSec / factor } : null;
}

function timesCurves(curves: readonly TurnCurve[], factor: number): TurnCurve[] {
  return curves.map((one) => ({ ...one, curve: timesCurve(one.curve, factor) }));
}

export function timesCurve(curve: QuantileCurve, factor: number): QuantileCurve {
  return { ...curve, values: curve.values.map((value) => value * factor) };
}
