/**
 * The Knative pod autoscaler: two windows over the load, the short one for panic.
 *
 * Base part. Source: Knative Serving, pkg/autoscaler/scaling/autoscaler.go (Scale),
 * pkg/autoscaler/aggregation/bucketing.go (WindowAverage) and pkg/reconciler/autoscaling/kpa/scaler.go
 * (applyBounds, handleScaleToZero). Load is given once a second: the mean concurrency, or the requests of that second.
 */
import type { KnativeSpec } from '../../types.js';

/** Seconds that one bucket of the windows stands for. */
export const KNATIVE_BUCKET_SEC = 1;

export interface KnativeDecision {
  readonly replicas: number;
  readonly panicking: boolean;
  readonly because: string;
}

export class KnativeController {
  readonly #spec: KnativeSpec;
  readonly #window: BucketWindow;
  /** Recent wishes, for `scaleDownDelaySec`. */
  #wishes: { readonly atSec: number; readonly replicas: number }[] = [];
  /** When panic was last justified; null = not panicking. */
  #panicSec: number | null;
  #panicReplicas: number;
  /** Since when the fleet has been up, and since when the wish has been zero. */
  #activeSinceSec: number | null;
  #zeroSinceSec: number | null = null;

  /** A controller that finds more than one replica starts in panic: it lacks the history to scale down. */
  constructor(spec: KnativeSpec, initialReplicas: number, nowSec: number) {
    this.#spec = spec;
    this.#window = new BucketWindow(spec.stableSec);
    this.#panicSec = initialReplicas > 1 ? nowSec : null;
    this.#panicReplicas = initialReplicas;
    this.#activeSinceSec = initialReplicas > 0 ? nowSec : null;
  }

  /** Load of the whole fleet in the second that begins at `fromSec`. */
  record(fromSec: number, load: number): void {
    this.#window.record(Math.floor(fromSec), load);
  }

  /** A request came while there was no replica: how many to start. */
  activate(nowSec: number): number {
    this.#activeSinceSec = nowSec;
    this.#zeroSinceSec = null;
    return this.#withinBounds(this.#spec.activationReplicas);
  }

  /** One tick. `readyReplicas` answer requests; `specReplicas` is what was asked for last. */
  tick(nowSec: number, specReplicas: number, readyReplicas: number): KnativeDecision {
    const spec = this.#spec;
    const stable = this.#window.average(nowSec, spec.stableSec);
    const panic = this.#window.average(nowSec, spec.panicSec);
    if (stable === null || panic === null)
      return { replicas: specReplicas, panicking: this.#panicSec !== null, because: 'no load seen yet' };
    const ready = Math.max(1, readyReplicas);
    const target = spec.target * spec.utilizationRatio;
    const most = Math.ceil(spec.maxScaleUpRate * ready);
    const least = Math.floor(ready / spec.maxScaleDownRate);
    const wanted = (load: number): number => Math.ceil(load / target);
    const bounded = (replicas: number): number => {
      const rated = Math.min(Math.max(replicas, least), most);
      return replicas > 0
        ? Math.max(rated, spec.activationReplicas > 1 ? spec.activationReplicas : 0)
        : rated;
    };
    this.#updatePanic(nowSec, wanted(panic) / ready >= spec.panicThresholdRatio);
    let wish = bounded(wanted(stable));
    if (this.#panicSec !== null) {
      this.#panicReplicas = Math.max(this.#panicReplicas, wish, bounded(wanted(panic)));
      wish = this.#panicReplicas;
    }
    wish = this.#delayed(nowSec, wish);
    const replicas = this.#awake(nowSec, specReplicas, this.#withinBounds(wish));
    const panicking = this.#panicSec !== null;
    return {
      replicas,
      panicking,
      because: `${panicking ? 'panic' : 'stable'}: ${spec.metric} ${round(stable)} over ${spec.stableSec} s, ${round(panic)} over ${spec.panicSec} s`,
    };
  }

  #updatePanic(nowSec: number, over: boolean): void {
    if (over) this.#panicSec = nowSec;
    else if (this.#panicSec !== null && this.#panicSec + this.#spec.stableSec < nowSec) {
      this.#panicSec = null;
      this.#panicReplicas = 0;
    }
  }

  /** The largest wish of the last `scaleDownDelaySec`. */
  #delayed(nowSec: number, wish: number): number {
    const { scaleDownDelaySec } = this.#spec;
    if (scaleDownDelaySec === 0) return wish;
    this.#wishes = this.#wishes.filter((past) => past.atSec > nowSec - scaleDownDelaySec);
    this.#wishes.push({ atSec: nowSec, replicas: wish });
    return Math.max(...this.#wishes.map((past) => past.replicas));
  }

  #withinBounds(replicas: number): number {
    const { minReplicas, maxReplicas } = this.#spec;
    return Math.max(minReplicas, maxReplicas === null ? replicas : Math.min(maxReplicas, replicas));
  }

  /** To zero only after a stable window of life and a grace period without load. */
  #awake(nowSec: number, specReplicas: number, wish: number): number {
    if (specReplicas === 0 && wish > 0) this.#activeSinceSec = nowSec;
    if (wish > 0) {
      this.#zeroSinceSec = null;
      return wish;
    }
    if (specReplicas === 0) return 0;
    this.#zeroSinceSec ??= nowSec;
    const { stableSec, scaleToZeroGraceSec } = this.#spec;
    const old = nowSec - (this.#activeSinceSec ?? nowSec) >= stableSec;
    return old && nowSec - this.#zeroSinceSec >= scaleToZeroGraceSec ? 0 : 1;
  }
}

function round(load: number): number {
  return Math.round(load * 100) / 100;
}

/** A ring of one-second buckets; a second without a record counts as zero. */
class BucketWindow {
  readonly #buckets: Float64Array;
  #first: number | null = null;
  #last = 0;

  constructor(windowSec: number) {
    this.#buckets = new Float64Array(Math.max(1, Math.ceil(windowSec / KNATIVE_BUCKET_SEC)));
  }

  record(second: number, load: number): void {
    const size = this.#buckets.length;
    if (this.#first === null || second - this.#last >= size) {
      this.#buckets.fill(0);
      this.#first = second;
    } else for (let s = this.#last + 1; s <= second; s++) this.#buckets[s % size] = 0;
    this.#buckets[second % size] = load;
    this.#last = second;
  }

  /** Mean over the last `windowSec` seconds, or since the first record when that is less; null without any. */
  average(nowSec: number, windowSec: number): number | null {
    if (this.#first === null) return null;
    const size = this.#buckets.length;
    const now = Math.floor(nowSec);
    if (now - this.#last >= size) return 0;
    const buckets = Math.min(Math.ceil(windowSec / KNATIVE_BUCKET_SEC), size, this.#last - this.#first + 1);
    let sum = 0;
    for (let k = 0; k < buckets; k++) sum += this.#buckets[(this.#last - k) % size];
    // Rounded down to six digits, so that noise of the sum does not add a replica.
    return Math.floor((sum / buckets) * 1e6) / 1e6;
  }
}
