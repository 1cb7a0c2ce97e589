/**
 * `compareRuns`: what changed from one run to another, with intervals, and whether that is better, worse, or no
 * difference shown. Arrow "two runs". Percentiles and shares are those of the runs' own summaries; intervals come from
 * the block bootstrap.
 */
import { createManifest } from '../manifest.js';
import { percentileSorted } from '../metrics.js';
import { type Rng, randomOf } from '../random.js';
import { isGood, parseSlo, type Slo } from '../slo.js';
import type {
  ComparedRun,
  ManifestInput,
  ProgressListener,
  RunComparison,
  RunDifference,
  RunRecord,
  RunSummary,
} from '../types.js';
import {
  type BlockDraws,
  type BlockedSample,
  blockedSample,
  drawBlocks,
  expandedInterval,
  familyInterval,
  weightedQuantiles,
} from './block-bootstrap.js';
import {
  flowBlocks,
  metricValues,
  type RatioBlocks,
  type RunSides,
  ratioOf,
  runSides,
  shareBlocks,
  thinned,
} from './run-sides.js';
import { latencyOverTime } from './run-times.js';
import { judgeRuns, loadNotes, SAME_RATE } from './run-verdict.js';

/** What a comparison reads of a run's summary. */
export interface ComparableSummary
  extends Pick<RunSummary, 'target' | 'load' | 'interrupted' | 'counts' | 'slo'> {
  readonly startedUtc: string | null;
  readonly validity: Pick<RunSummary['validity'], 'verdict' | 'because' | 'recommendation'>;
}

/** A run, read back. */
export interface RunInput {
  readonly name: string;
  readonly summary: ComparableSummary;
  readonly records: readonly RunRecord[];
  /** Another tool that measured it: there is no schedule, and what its file does not say is in `notes`. */
  readonly tool?: string;
  readonly notes?: readonly string[];
}

export interface CompareRunsOptions {
  readonly a: RunInput;
  readonly b: RunInput;
  /** Decides the resamples. */
  readonly seed: string | number;
  /** Default 2000. */
  readonly resamples?: number;
  /** Counts goodput; default: the runs' own objectives, where they are equal. */
  readonly slo?: Slo;
  readonly inputs?: readonly ManifestInput[];
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

const DEFAULT_RESAMPLES = 2_000;
const MOST_BOOTSTRAPPED = 50_000;
const PERCENTILES = [0.5, 0.9, 0.99] as const;
const METRICS = ['ttft', 'tpot', 'itl', 'e2e', 'response.ttft', 'response.e2e'] as const;

/** A percentile with fewer samples beyond it is a few requests' luck, and resamples of these say nothing of it. */
const LEAST_BEYOND = 5;

/** What the verdict rests on; the others are for information. */
const JUDGED = new Set(['ttft p50', 'ttft p99', 'tpot p50', 'tpot p99', 'e2e p50', 'e2e p99']);

const QUANTILE_PROBS = [...Array.from({ length: 100 }, (_, k) => k / 100), 0.995, 0.998, 0.999, 1];

/** A quantity before the family is known: its value in both runs and the resampled differences. */
interface Draft {
  readonly id: RunDifference['id'];
  readonly statistic: string | null;
  readonly unit: RunDifference['unit'];
  readonly judged: boolean;
  /** Samples enough for an interval. */
  readonly resolved: boolean;
  readonly nA: number;
  readonly nB: number;
  readonly a: number | null;
  readonly b: number | null;
  readonly resampled: readonly number[];
}

/** Compares two runs. Equal runs, seed and options give an equal result but for the manifest's time. */
export async function compareRuns(options: CompareRunsOptions): Promise<RunComparison> {
  const { a, b, signal, progress } = options;
  const seed = String(options.seed);
  const resamples = options.resamples ?? DEFAULT_RESAMPLES;
  const sameTrace = a.summary.load.traceHash === b.summary.load.traceHash;
  const sides = runSides(a.records, b.records, sameTrace);
  const slo = options.slo ?? commonSlo(a.summary, b.summary);
  const rng = randomOf(seed, 'bootstrap', 'compare', 'runs');
  const draws = drawBlocks({
    resamples,
    blocksA: sides.a.blocks,
    blocksB: sides.paired ? null : sides.b.blocks,
    rng,
  });
  const drafts: Draft[] = [];
  const quantiles: RunComparison['quantiles'][number][] = [];
  const scheduled = a.tool === undefined && b.tool === undefined;
  for (const [done, id] of METRICS.entries()) {
    if (!scheduled && id.startsWith('response.')) continue;
    progress?.({ stage: 'resampling', done, total: METRICS.length, unit: 'metrics' });
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    const found = metricDrafts(sides, id, draws);
    drafts.push(...found.drafts);
    if (found.quantiles !== null) quantiles.push(found.quantiles);
  }
  drafts.push(...rateDrafts(sides, { slo, draws, rng, comparableFlow: isSameLoad(a.summary, b.summary) }));
  const differences = withIntervals(drafts, draws.blocks);
  const notes = [
    ...loadNotes(a.summary, b.summary, sides),
    ...sloNotes(a.summary, b.summary, slo),
    ...[a, b].flatMap(otherToolNotes),
  ];
  return {
    schemaVersion: 1,
    kind: 'run-comparison',
    manifest: createManifest({
      command: 'compare',
      options: { resamples, slo: slo?.text ?? null },
      seed,
      inputs: options.inputs,
      timestamp: true,
    }),
    a: comparedRun(a),
    b: comparedRun(b),
    seed,
    bootstrap: {
      resamples,
      blockSec: sides.blockSec,
      blocks: draws.blocks,
      paired: sides.paired,
      pairedRows: sides.pairedRows,
    },
    differences,
    slo: slo?.text ?? null,
    quantiles,
    overTime: latencyOverTime(sides),
    verdict: judgeRuns(a, b, differences),
    notes,
  };
}

function metricDrafts(
  sides: RunSides,
  id: (typeof METRICS)[number],
  draws: BlockDraws,
): { readonly drafts: Draft[]; readonly quantiles: RunComparison['quantiles'][number] | null } {
  const [a, b] = [sides.a, sides.b].map((side) => metricSample(side, id));
  if (a.sorted.length === 0 || b.sorted.length === 0) return { drafts: [], quantiles: null };
  const resampled = PERCENTILES.map((): number[] => []);
  for (let r = 0; r < draws.resamples; r++) {
    const ofA = weightedQuantiles(a.sample, draws.a[r], PERCENTILES);
    const ofB = weightedQuantiles(b.sample, draws.b[r], PERCENTILES);
    PERCENTILES.forEach((_, k) => {
      if (ofA[k] !== null && ofB[k] !== null) resampled[k].push(ofB[k] - ofA[k]);
    });
  }
  const drafts = PERCENTILES.map((p, k): Draft => {
    const statistic = `p${p * 100}`;
    return {
      id,
      statistic,
      unit: 'ms',
      judged: JUDGED.has(`${id} ${statistic}`),
      resolved: Math.min(a.sorted.length, b.sorted.length) * (1 - p) >= LEAST_BEYOND,
      nA: a.sorted.length,
      nB: b.sorted.length,
      a: percentileSorted(a.sorted, p),
      b: percentileSorted(b.sorted, p),
      resampled: resampled[k],
    };
  });
  const at = (sorted: Float64Array): number[] => QUANTILE_PROBS.map((p) => percentileSorted(sorted, p)!);
  return { drafts, quantiles: { id, probs: QUANTILE_PROBS, a: at(a.sorted), b: at(b.sorted) } };
}

/** A side's values of one metric, in order, and the part of them that is resampled. */
function metricSample(
  side: RunSides['a'],
  id: (typeof METRICS)[number],
): { readonly sorted: Float64Array; readonly sample: BlockedSample } {
  const found = metricValues(side, id);
  const kept = thinned(found, MOST_BOOTSTRAPPED);
  // In place: of a long run's gaps there is one copy.
  return { sorted: found.values.sort(), sample: blockedSample(kept.values, kept.blocks) };
}

/** Flow follows the offered load: only equal loads let it tell the targets apart. */
function isSameLoad(a: ComparableSummary, b: ComparableSummary): boolean {
  return Math.abs(a.load.plannedRatePerSec / b.load.plannedRatePerSec - 1) <= SAME_RATE;
}

function rateDrafts(
  sides: RunSides,
  {
    slo,
    draws,
    rng,
    comparableFlow,
  }: {
    readonly slo: Slo | null;
    readonly draws: BlockDraws;
    readonly rng: Rng;
    readonly comparableFlow: boolean;
  },
): Draft[] {
  const shares = (id: 'error_rate' | 'goodput', counts: (record: RunRecord) => boolean): Draft =>
    ratioDraft(
      sides,
      { id, unit: 'ratio' },
      shareBlocks(sides.a, counts),
      shareBlocks(sides.b, counts),
      draws,
    );
  const flows = (
    id: 'requests_per_sec' | 'output_tokens_per_sec',
    amount: (record: RunRecord) => number,
  ): Draft => {
    const a = flowBlocks(sides.a, sides.blockSec, amount);
    const b = flowBlocks(sides.b, sides.blockSec, amount);
    // Ends fall into other blocks than sends: drawn by themselves, together for a pair (a block that one run lacks
    // adds nothing to it).
    const most = Math.max(a.numerator.length, b.numerator.length);
    const own = drawBlocks({
      resamples: draws.resamples,
      blocksA: sides.paired ? most : a.numerator.length,
      blocksB: sides.paired ? null : b.numerator.length,
      rng,
    });
    return {
      ...ratioDraft(sides, { id, unit: '1/s' }, a, b, own),
      judged: id === 'requests_per_sec' && comparableFlow,
    };
  };
  return [
    shares('error_rate', (record) => record.status !== 'ok'),
    ...(slo === null ? [] : [shares('goodput', (record) => isGood(slo, record))]),
    flows('requests_per_sec', () => 1),
    flows('output_tokens_per_sec', (record) => record.outputTokens ?? 0),
  ];
}

function ratioDraft(
  sides: RunSides,
  { id, unit }: Pick<Draft, 'id' | 'unit'>,
  ofA: RatioBlocks,
  ofB: RatioBlocks,
  draws: BlockDraws,
): Draft {
  const resampled: number[] = [];
  for (let r = 0; r < draws.resamples; r++) {
    const a = ratioOf(ofA, draws.a[r]);
    const b = ratioOf(ofB, draws.b[r]);
    if (a !== null && b !== null) resampled.push(b - a);
  }
  return {
    id,
    statistic: null,
    unit,
    judged: true,
    resolved: true,
    nA: sides.a.records.length,
    nB: sides.b.records.length,
    a: ratioOf(ofA, null),
    b: ratioOf(ofB, null),
    resampled,
  };
}

/** Smallest change that is worth a word: 1 % of a latency or flow, a tenth of a percent of all requests. */
const LEAST_RELATIVE = 0.01;
const LEAST_SHARE = 0.001;

const MORE_IS_BETTER = new Set<RunDifference['id']>(['goodput', 'requests_per_sec', 'output_tokens_per_sec']);

function withIntervals(drafts: readonly Draft[], blocks: number): RunDifference[] {
  const family = drafts.filter(
    (draft) => draft.judged && draft.resolved && draft.a !== null && draft.b !== null,
  ).length;
  return drafts.map(({ resampled, judged, resolved, ...draft }) => {
    const { a, b } = draft;
    const difference = a === null || b === null ? null : b - a;
    const one = difference === null || !resolved ? null : expandedInterval(resampled, blocks);
    const all =
      difference === null || !judged || !resolved
        ? null
        : familyInterval(difference, resampled, { blocks, family });
    const relative = difference === null || a === null || a === 0 ? null : difference / a;
    return {
      ...draft,
      difference,
      relative,
      low: one?.low ?? null,
      high: one?.high ?? null,
      familyLow: all?.low ?? null,
      familyHigh: all?.high ?? null,
      change:
        all === null || difference === null
          ? null
          : changeOf(draft.id, draft.unit, { difference, relative, ...all }),
    };
  });
}

function changeOf(
  id: RunDifference['id'],
  unit: RunDifference['unit'],
  found: {
    readonly difference: number;
    readonly relative: number | null;
    readonly low: number;
    readonly high: number;
  },
): NonNullable<RunDifference['change']> {
  const size =
    unit === 'ratio' ? Math.abs(found.difference) : Math.abs(found.relative ?? Number.POSITIVE_INFINITY);
  const least = unit === 'ratio' ? LEAST_SHARE : LEAST_RELATIVE;
  if ((found.low <= 0 && found.high >= 0) || size < least) return 'no_difference_shown';
  return found.difference > 0 === MORE_IS_BETTER.has(id) ? 'better' : 'worse';
}

/** The objectives of both runs when they are the same terms; null otherwise or without. */
function commonSlo(a: ComparableSummary, b: ComparableSummary): Slo | null {
  const termsA = a.slo.map((result) => result.term);
  const termsB = b.slo.map((result) => result.term);
  return termsA.length > 0 && termsA.join() === termsB.join() ? parseSlo(termsA) : null;
}

function sloNotes(a: ComparableSummary, b: ComparableSummary, slo: Slo | null): string[] {
  if (slo !== null || (a.slo.length === 0 && b.slo.length === 0)) return [];
  return ['the runs were held to different objectives: goodput is not compared (--slo sets one for both)'];
}

function otherToolNotes({ name, tool, notes = [] }: RunInput): string[] {
  return tool === undefined
    ? []
    : [
        `${name} was measured by ${tool}: whether its client kept up is not known, and its own definitions are translated to ours`,
        ...notes.map((note) => `${name}: ${note}`),
      ];
}

function comparedRun({ name, summary, records, tool }: RunInput): ComparedRun {
  const measured = records.filter((record) => record.phase === 'measure');
  return {
    name,
    url: summary.target.url,
    model: summary.target.model,
    traceName: summary.load.traceName,
    traceHash: summary.load.traceHash,
    startedUtc: summary.startedUtc,
    ...(tool === undefined ? {} : { tool }),
    valid: summary.validity.verdict === 'valid',
    offered: measured.length,
    ok: measured.filter((record) => record.status === 'ok').length,
  };
}
