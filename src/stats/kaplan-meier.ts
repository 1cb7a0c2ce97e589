/**
 * Probability that something happens by a time, when the window's end hides part of it: a request whose successor had
 * no time to come is no evidence that there was none.
 *
 * Source: Kaplan & Meier, J. Amer. Statist. Assoc. 53 (1958): S(t) = Π (1 − dᵢ/nᵢ) over event times ≤ t. The estimate
 * stops where few are still under observation: beyond, one event more or less decides it. Cost: one sort.
 */

export interface EventCurve {
  /** Distinct times of events, rising. */
  readonly times: Float64Array;
  /** 1 − S at these times, rising, below or equal to 1. */
  readonly probabilities: Float64Array;
  readonly observed: number;
  readonly events: number;
}

/**
 * `durations[i]` is the time to the event where `happened[i]` is 1, else the time under observation. Steps with fewer than
 * `leastAtRisk` still under observation are left out.
 */
export function eventCurve(
  durations: ArrayLike<number>,
  happened: ArrayLike<number>,
  leastAtRisk = 1,
): EventCurve {
  const n = durations.length;
  // Of equal times events come first: who leaves at t was under observation at t.
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => durations[a] - durations[b] || happened[b] - happened[a],
  );
  const times: number[] = [];
  const probabilities: number[] = [];
  let survival = 1;
  let events = 0;
  for (let k = 0; k < n; ) {
    const time = durations[order[k]];
    const atRisk = n - k;
    let here = 0;
    for (; k < n && durations[order[k]] === time; k++) here += happened[order[k]];
    events += here;
    if (here === 0 || atRisk < leastAtRisk) continue;
    survival *= 1 - here / atRisk;
    times.push(time);
    probabilities.push(1 - survival);
  }
  return {
    times: Float64Array.from(times),
    probabilities: Float64Array.from(probabilities),
    observed: n,
    events,
  };
}

/** Probability of the event by `time`; 0 before the first. */
export function probabilityBy(curve: EventCurve, time: number): number {
  let low = 0;
  let high = curve.times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (curve.times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : curve.probabilities[low - 1];
}

/** Probability that the event happens at all, as far as the curve goes. */
export function probabilityEver(curve: EventCurve): number {
  return curve.probabilities.length === 0 ? 0 : curve.probabilities[curve.probabilities.length - 1];
}
