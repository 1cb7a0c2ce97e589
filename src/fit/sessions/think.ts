/**
 * Time between a request and its successor: from the end of the answer where the log has durations, else from arrival to
 * arrival. Which of the two is recorded, because only the first is the user's own time.
 */
import { linearRegression } from 'simple-statistics';
import { fitAllFamilies } from '../../stats/fit-families.js';
import { groupSample, positivePart } from '../../stats/sample.js';
import type { FitSummary, ThinkModel } from '../../types.js';

/** Share of requests that must tell when their answer ended. */
const KNOWN_SHARE = 0.5;

/**
 * Assumed where the source says nothing: half a second to the first token, 30 tokens per second: a large model under
 * moderate load.
 */
export const ASSUMED_ANSWER: ThinkModel['answer'] = {
  source: 'assumed',
  baseSec: 0.5,
  secPerOutputToken: 0.033,
};

export interface AnswerFacts {
  readonly outputTokens: Int32Array;
  /** Of each row, NaN = unknown; null = unknown in every row. */
  readonly durationSec: Float64Array | null;
  /** Logged think time before each row, same rule. */
  readonly thinkSec: Float64Array | null;
  /** Seconds from the trace's start. */
  readonly arrivalSec: Float64Array;
}

/** Rows of a request and its successor; −1 = none was seen. */
export interface Pair {
  readonly before: number;
  readonly row: number;
}

export interface AnswerEnds {
  readonly basis: ThinkModel['basis'];
  readonly answer: ThinkModel['answer'];
  /** Seconds to take off the time between the two arrivals; 0 for `start_to_start`. */
  readonly answerSecOf: (pair: Pair, gapSec: number) => number;
}

/** How long answers take, and which kind of think time the log can tell. */
export function answerEnds(facts: AnswerFacts, pairs: readonly Pair[]): AnswerEnds {
  const { durationSec, thinkSec } = facts;
  const answer = fitAnswer(facts, pairs);
  const secPer = (row: number): number =>
    answer.baseSec + answer.secPerOutputToken * Math.max(0, facts.outputTokens[row]);
  const known = pairs.filter(
    ({ before, row }) => isKnown(thinkSec, row) || isKnown(durationSec, before),
  ).length;
  if (pairs.length === 0 || known < KNOWN_SHARE * pairs.length || answer.source === 'assumed') {
    return { basis: 'start_to_start', answer, answerSecOf: () => 0 };
  }
  return {
    basis: 'after_answer',
    answer,
    answerSecOf: ({ before, row }, gapSec) => {
      if (row >= 0 && isKnown(thinkSec, row)) return gapSec - thinkSec![row];
      return isKnown(durationSec, before) ? durationSec![before] : secPer(before);
    },
  };
}

/** Families of the observed times, for reporting (STATISTICS §1.4 names the lognormal). */
export function waitFamilies(waitsSec: Float64Array): FitSummary[] {
  return waitsSec.length === 0 ? [] : fitAllFamilies(positivePart(groupSample(waitsSec)).positive);
}

/** Duration by output length, least squares; needs durations of most rows, or think times that tell them. */
function fitAnswer(facts: AnswerFacts, pairs: readonly Pair[]): ThinkModel['answer'] {
  const points = logged(facts) ?? fromThinkTimes(facts, pairs);
  if (points === null) return ASSUMED_ANSWER;
  const line = linearRegression(points);
  const mean = points.reduce((sum, point) => sum + point[1], 0) / points.length;
  // A falling line or one below zero is no law of durations: the mean then is.
  const usable = Number.isFinite(line.m) && line.m >= 0 && line.b >= 0;
  return {
    source: 'fitted',
    baseSec: Number((usable ? line.b : mean).toPrecision(5)),
    secPerOutputToken: usable ? Number(line.m.toPrecision(5)) : 0,
  };
}

type Points = [outputTokens: number, sec: number][];

const LEAST_POINTS = 20;

function logged({ durationSec, outputTokens }: AnswerFacts): Points | null {
  if (durationSec === null) return null;
  const points: Points = [];
  durationSec.forEach((sec, row) => {
    if (sec >= 0 && outputTokens[row] >= 0) points.push([outputTokens[row], sec]);
  });
  return points.length < Math.max(LEAST_POINTS, KNOWN_SHARE * durationSec.length) ? null : points;
}

/** What is left of the time between two arrivals after the think time. */
function fromThinkTimes(
  { thinkSec, arrivalSec, outputTokens }: AnswerFacts,
  pairs: readonly Pair[],
): Points | null {
  if (thinkSec === null) return null;
  const points = pairs
    .filter(({ before, row }) => isKnown(thinkSec, row) && outputTokens[before] >= 0)
    .map(({ before, row }): Points[number] => [
      outputTokens[before],
      Math.max(0, arrivalSec[row] - arrivalSec[before] - thinkSec[row]),
    ]);
  return points.length < Math.max(LEAST_POINTS, KNOWN_SHARE * pairs.length) ? null : points;
}

function isKnown(values: Float64Array | null, row: number): boolean {
  return values !== null && !Number.isNaN(values[row]);
}
