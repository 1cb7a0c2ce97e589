/**
 * What if: two fleets on one trace, compared request by request. Both see the same requests at the same instants, so
 * every request is its own control: differences are paired, and their spread is that of the effect alone.
 */
import { percentileSorted, REQUEST_METRICS } from '../metrics.js';
import type { FleetComparison, PairedDifference, SimulationDocument } from '../types.js';
import type { TraceSimulation } from './simulate.js';

const COMPARED = ['ttft', 'tpot', 'e2e'] as const;

/** The document of a comparison. Throws when the two did not see the same requests (our bug). */
export function compareFleets(base: TraceSimulation, other: TraceSimulation): FleetComparison {
  const [a, b] = [base.result.requests, other.result.requests];
  if (a.length !== b.length) throw new Error(`compareFleets: ${a.length} and ${b.length} requests`);
  return {
    schemaVersion: 1,
    kind: 'fleet-comparison',
    manifest: base.document.manifest,
    base: base.document,
    other: other.document,
    paired: COMPARED.map((metric): PairedDifference => {
      const differences: number[] = [];
      for (let i = 0; i < a.length; i++) {
        const before = REQUEST_METRICS[metric](a[i]);
        const after = REQUEST_METRICS[metric](b[i]);
        if (typeof before === 'number' && typeof after === 'number') differences.push(after - before);
      }
      return summarize(metric, differences);
    }),
    goodput: difference(base.document.goodput, other.document.goodput),
    replicaHours: difference(replicaHours(base.document), replicaHours(other.document)),
  };
}

/** Replica-hours of a fleet of either kind. */
export function replicaHours(document: SimulationDocument): number {
  return document.scaling?.replicaHours ?? (document.replicas * document.makespanSec) / 3_600;
}

function summarize(metric: PairedDifference['metric'], differences: readonly number[]): PairedDifference {
  const sorted = Float64Array.from(differences).sort();
  const n = sorted.length;
  const share = (holds: (value: number) => boolean): number | null =>
    n === 0 ? null : differences.filter(holds).length / n;
  return {
    metric,
    n,
    meanMs: n === 0 ? null : differences.reduce((sum, value) => sum + value, 0) / n,
    p05Ms: percentileSorted(sorted, 0.05),
    p50Ms: percentileSorted(sorted, 0.5),
    p95Ms: percentileSorted(sorted, 0.95),
    fasterRatio: share((value) => value < 0),
    slowerRatio: share((value) => value > 0),
  };
}

function difference(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}
