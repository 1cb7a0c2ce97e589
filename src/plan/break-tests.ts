/**
 * How a plan breaks: the fixed fleet and the autoscaled one when traffic is a fifth higher, when a replica dies at the
 * worst moment, and in a burst such as one draw in twenty of the workload's own block bootstrap has.
 */
import type { BreakTest, EngineRequest, FleetOutcome } from '../types.js';
import { formatDurationSec, formatRatio, significant } from '../units.js';
import { type Burst, busiestSec } from './burst.js';
import { missText, replicasText, requestsText } from './evidence.js';
import { type FleetConditions, type FleetRun, fixedFleet, meanText, simulateOutcome } from './outcome.js';

export interface BreakTestOptions {
  readonly conditions: FleetConditions;
  readonly replicas: number;
  /** The autoscaled fleet; null = there is none. */
  readonly autoscaled:
    | ((requests: readonly EngineRequest[]) => Pick<FleetRun, 'label' | 'autoscaler' | 'initialReplicas'>)
    | null;
  readonly requests: readonly EngineRequest[];
  /** The workload with a fifth more customers. */
  readonly grown: () => Promise<readonly EngineRequest[]>;
  /** null = the workload cannot be resampled. */
  readonly burst: Burst | null;
  /** Time that the autoscaler needs to react, seconds. */
  readonly reactionSec: number;
  readonly coldStartSec: number;
  readonly seed: string;
}

/** Traffic of the growth test, relative to the plan's. */
export const BREAK_GROWTH = 1.2;
/** Replicas that are added at most to say how many would hold. */
const MOST_ADDED = 3;

/** Runs the tests; about six simulations, and up to three more for each that the fixed fleet fails. */
export async function breakTests(options: BreakTestOptions): Promise<BreakTest[]> {
  const { requests, conditions, burst } = options;
  const atSec = busiestSec(requests, conditions.engine, Math.max(120, options.reactionSec));
  const tests: BreakTest[] = [];
  tests.push(
    await run(options, {
      id: 'growth',
      text: `${significant((BREAK_GROWTH - 1) * 100)} % more traffic of the same kind`,
      requests: await options.grown(),
    }),
    await run(options, {
      id: 'lost-replica',
      text: `a replica dies with its requests at ${formatDurationSec(atSec)}, where the workload is busiest; another one is ready after ${formatDurationSec(options.coldStartSec)}`,
      requests,
      failuresSec: [atSec],
    }),
  );
  if (burst !== null) {
    const { draws, blockSec, stretchSec, workRatio } = burst;
    tests.push(
      await run(options, {
        id: 'burst',
        text: `of ${draws} block bootstraps (blocks of ${formatDurationSec(blockSec)}) the one whose busiest ${formatDurationSec(stretchSec)} is at the 95th percentile: ${significant(workRatio)} × the workload's own`,
        requests: burst.requests,
        seed: burst.seed,
      }),
    );
  }
  return tests;
}

interface Incident {
  readonly id: BreakTest['id'];
  readonly text: string;
  readonly requests: readonly EngineRequest[];
  readonly failuresSec?: readonly number[];
  /** Of the engine's and the autoscaler's draws; default: the plan's. */
  readonly seed?: string;
}

async function run(options: BreakTestOptions, incident: Incident): Promise<BreakTest> {
  const { conditions, replicas, autoscaled } = options;
  const { id, text, requests, failuresSec, seed = options.seed } = incident;
  const simulate = (fleet: Pick<FleetRun, 'label' | 'autoscaler' | 'initialReplicas'>) =>
    simulateOutcome(conditions, { ...fleet, requests, failuresSec, seed });
  const fixed = await simulate(fixedFleet(replicas));
  const scaled = autoscaled === null ? null : await simulate(autoscaled(requests));
  let holding: number | null = null;
  for (let added = 1; !fixed.met && holding === null && added <= MOST_ADDED; added++) {
    if ((await simulate(fixedFleet(replicas + added))).met) holding = replicas + added;
  }
  const sentences = [sentence(fixed)];
  if (!fixed.met) {
    sentences.push(
      holding === null
        ? `${replicasText(replicas + MOST_ADDED)} would still miss it`
        : `${replicasText(holding)} would keep it`,
    );
  }
  if (scaled !== null) sentences.push(`autoscaled: ${sentence(scaled, false)}`);
  return { id, text, static: fixed, autoscaled: scaled, because: sentences.join('; ') };
}

function sentence(outcome: FleetOutcome, named = true): string {
  const { met, slo, attainment, cutOff, timeToRecoverSec, goodput } = outcome;
  const who = named ? outcome.label : meanText(outcome);
  const verb = who === replicasText(1) ? ['keeps', 'misses'] : ['keep', 'miss'];
  const missed = missText(slo);
  const parts = [
    met ? `${who} ${verb[0]} the SLO` : `${who} ${verb[1]} it${missed === '' ? '' : ` (${missed})`}`,
    `${formatRatio(goodput)} of requests and ${formatRatio(attainment.metRatio ?? 0)} of windows within it`,
  ];
  if (cutOff > 0) parts.push(`${requestsText(cutOff)} cut off`);
  if (!met && timeToRecoverSec !== null && timeToRecoverSec > 0)
    parts.push(`longest breach ${formatDurationSec(timeToRecoverSec)}`);
  return parts.join(', ');
}
