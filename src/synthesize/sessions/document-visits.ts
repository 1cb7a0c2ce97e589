/**
 * Visits to documents that many requests read: when they come, and which document each reads.
 *
 * A stream of their own (Poisson with the fitted rate). A visit draws how long ago its document was last used and takes
 * the one used nearest to that time, of the documents of the length that it drew; while the trace is younger than the gap law reaches, the law is cut to its age.
 */
import { randomOf } from '../../random.js';
import { renewalArrivals } from '../../stats/arrivals.js';
import { CounterRandom } from '../../stats/counter-random.js';
import { probabilityAt, quantileAt } from '../../stats/quantile-curve.js';
import { CumulativeRate } from '../../stats/rate-curve.js';
import type { DocumentPool, QuantileCurve } from '../../types.js';
import { ClassMix } from '../class-mix.js';
import { RecentUses } from './recent-uses.js';
import type { Session } from './session.js';

export interface DocumentVisitOptions {
  readonly pool: DocumentPool;
  readonly seed: string;
  /** Length of the fitted window: the period of the rate. */
  readonly periodSec: number;
  /** Multiplies the rate. */
  readonly factor: number;
  /** First instant that is no longer wanted, µs. */
  readonly endUs: number;
}

/** What draws are for; part of the file contract. */
const PURPOSE = { gap: 1, length: 2 } as const;

export class DocumentVisits {
  readonly #pool: DocumentPool;
  readonly #random: CounterRandom;
  readonly #nextSec: () => number;
  readonly #endUs: number;
  readonly #periodSec: number;
  /** Which range of lengths a visit reads; null = all alike. */
  readonly #mix: ClassMix | null;
  readonly #documents = new RecentUses<Session>();
  #visit = 0;
  #arrivalUs = 0;

  constructor({ pool, seed, periodSec, factor, endUs }: DocumentVisitOptions) {
    this.#pool = pool;
    this.#endUs = endUs;
    this.#periodSec = periodSec;
    const curves = pool.visitsByInput?.map(({ visits }) => visits) ?? [];
    this.#mix = curves.length > 0 ? new ClassMix(curves, periodSec) : null;
    this.#random = new CounterRandom(seed, 'prefixes', 'documents');
    const rng = randomOf(seed, 'arrivals', 'documents');
    this.#nextSec = renewalArrivals({
      rate: new CumulativeRate(pool.visits, periodSec, factor),
      firstGap: rng.exponential(),
      nextGap: () => rng.exponential(),
    });
    this.#advance();
  }

  /** When the next visit comes; +∞ = never. */
  get arrivalUs(): number {
    return this.#arrivalUs;
  }

  /** Number of the next visit, from 0. */
  get visit(): number {
    return this.#visit;
  }

  /** Whether a first prompt of this length becomes a document, for a uniform of its own. */
  becomesDocument(inputTokens: number, u: number): boolean {
    const bin = this.#pool.byInput.find(({ inputTo }) => inputTokens <= inputTo);
    return bin !== undefined && u < bin.share;
  }

  /** A document was used for the first time. */
  add(document: Session, usedUs: number): void {
    this.#documents.add(usedUs, document);
  }

  /** The document of the visit that is due, and on to the next visit; null = there is none to visit. */
  take(): Session | null {
    const atUs = this.#arrivalUs;
    const use = this.#find(atUs);
    if (use !== null) {
      use.isPast = true;
      this.#documents.add(atUs, use.item);
    }
    this.#visit += 1;
    this.#advance();
    return use?.item ?? null;
  }

  #find(atUs: number): ReturnType<RecentUses<Session>['nearest']> {
    const { oldestUs } = this.#documents;
    if (oldestUs === null) return null;
    const reuseGapSec = this.#gapsAt(atUs);
    const reach = probabilityAt(reuseGapSec, (atUs - oldestUs) / 1e6);
    const gapSec = quantileAt(reuseGapSec, reach * this.#random.uniform(this.#visit, 0, PURPOSE.gap));
    const wantedUs = atUs - gapSec * 1e6;
    const range = this.#rangeAt(atUs);
    // A range without a document yet is no reason to lose the visit.
    return (
      this.#documents.nearest(
        wantedUs,
        ({ firstInput }) => firstInput >= range.inputFrom && firstInput <= range.inputTo,
      ) ?? this.#documents.nearest(wantedUs)
    );
  }

  /** Past the fitted window its visits come again, and with them how long ago their documents were used. */
  #gapsAt(atUs: number): QuantileCurve {
    const { reuseGapSec, reuseGapByTime } = this.#pool;
    const inPeriodSec = (atUs / 1e6) % this.#periodSec;
    return reuseGapByTime?.findLast(({ fromSec }) => fromSec <= inPeriodSec)?.curve ?? reuseGapSec;
  }

  #rangeAt(atUs: number): { readonly inputFrom: number; readonly inputTo: number } {
    if (this.#mix === null) return { inputFrom: 0, inputTo: Number.POSITIVE_INFINITY };
    const u = this.#random.uniform(this.#visit, 0, PURPOSE.length);
    return this.#pool.visitsByInput![this.#mix.at(atUs / 1e6, u)];
  }

  #advance(): void {
    const arrivalUs = Math.floor(this.#nextSec() * 1e6);
    this.#arrivalUs = arrivalUs < this.#endUs ? arrivalUs : Number.POSITIVE_INFINITY;
  }
}
