/**
 * Requests that fail, as often as those of their class did: a hurdle before the lengths, drawn apart from them.
 *
 * Source: STATISTICS §5.3: failures are a Bernoulli draw of their own; lengths are those of successes, never shortened
 * or zero to stand for a failure. A failed row keeps its prompt and has no answer length.
 */
import { type Rng, randomOf } from '../random.js';
import type { WorkloadClass } from '../types.js';

/** Code of `ok` in `STATUSES` order of an OutcomeDrawer. */
export const OK = 0;

export class OutcomeDrawer {
  /** `ok` first, then the failures that any class has. */
  readonly statuses: readonly string[];
  readonly #rng: Rng;
  readonly #upTo: readonly (readonly number[])[];

  constructor(classes: readonly WorkloadClass[], seed: string) {
    const names = new Set(classes.flatMap(({ failures }) => Object.keys(failures?.byStatus ?? {})));
    this.statuses = ['ok', ...[...names].sort()];
    this.#rng = randomOf(seed, 'failures');
    this.#upTo = classes.map(({ failures }) => {
      let sum = 0;
      return this.statuses.slice(1).map((name) => {
        sum += failures?.byStatus[name] ?? 0;
        return sum;
      });
    });
  }

  /** Whether any request can fail. */
  get canFail(): boolean {
    return this.statuses.length > 1;
  }

  /** Code of the next request's status; one draw per request. */
  next(classIndex: number): number {
    const u = this.#rng.uniform();
    const upTo = this.#upTo[classIndex];
    for (let k = 0; k < upTo.length; k++) if (u < upTo[k]) return k + 1;
    return OK;
  }
}
