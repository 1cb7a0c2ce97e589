/** One replica of an elastic fleet from its creation to its end, and what a monitoring system sees of it. Base part. */
import type { PodView } from '../autoscale/hpa-metrics.js';
import type { ReplicaTotals, VirtualReplica } from '../replica.js';
import { TargetSamples } from './scrapes.js';

export type PodState = 'starting' | 'ready' | 'draining' | 'gone';

export class Pod {
  readonly id: number;
  readonly createdSec: number;
  /** When its image is there and its container starts. */
  readonly runningSec: number;
  state: PodState = 'starting';
  readySec: number | null = null;
  drainingSec: number | null = null;
  endSec: number | null = null;
  /** The engine, from ready on until the pod is gone. */
  replica: VirtualReplica | null = null;
  /** What its engine had done when the pod went. */
  totals: ReplicaTotals | null = null;
  samples: TargetSamples;

  constructor(id: number, createdSec: number, runningSec: number, keepSamplesSec: number) {
    this.id = id;
    this.createdSec = createdSec;
    this.runningSec = runningSec;
    this.samples = new TargetSamples(keepSamplesSec);
  }

  /** What the HPA controller sees; null once the pod is gone. */
  view(nowSec: number): PodView | null {
    switch (this.state) {
      case 'starting':
        return { phase: nowSec < this.runningSec ? 'pending' : 'running', ready: false };
      case 'ready':
        return { phase: 'running', ready: true };
      case 'draining':
        return { phase: 'terminating', ready: this.replica !== null };
      case 'gone':
        return null;
    }
  }

  /** Scrapes it; only ready pods are targets (what is terminating has left the Service's endpoints). */
  scrape(nowSec: number): void {
    const { replica } = this;
    if (replica === null || this.state !== 'ready') return;
    replica.advance(nowSec);
    const { engine } = replica;
    const { promptTokens, generatedTokens } = engine.gauges();
    this.samples.add({
      atSec: nowSec,
      running: engine.running,
      waiting: engine.waiting,
      kvUsage: engine.kvUsage,
      finishedRequests: replica.finished,
      promptTokens,
      generatedTokens,
      held: 0,
    });
  }

  /** Ends its life and lets go of the engine's memory. */
  finish(endSec: number): void {
    this.state = 'gone';
    this.endSec = endSec;
    this.totals = this.replica?.totals() ?? null;
    this.replica = null;
  }
}

/**
 * Order in which replicas are removed, first to go first: those that are not ready yet, then the most recently ready
 * ones, then the newest (ReplicaSet controller, ActivePodsWithRanks).
 */
export function byRemovalOrder(a: Pod, b: Pod): number {
  const readiness = (pod: Pod): number => pod.readySec ?? Number.POSITIVE_INFINITY;
  const [aSec, bSec] = [readiness(a), readiness(b)];
  if (aSec !== bSec) return bSec - aSec;
  return b.createdSec !== a.createdSec ? b.createdSec - a.createdSec : b.id - a.id;
}
