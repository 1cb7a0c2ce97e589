/**
 * Calibration without chunk instants: one observation per request, its decoding from first to last token.
 *
 * In that stretch the engine ran one iteration per token of the request; on average over it c(t) sequences decoded
 * with k(t) tokens of context, and the prompts whose first token came out inside were computed. Contexts grow
 * linearly between first and last token. Coarser than iterations, but it needs no more than first and last instants.
 */
import type { CalibrationRequest, StepObservation } from './steps.js';

/** A request without its chunks: only first and last token instants and how many tokens lie between. */
export interface SpanRequest extends Pick<CalibrationRequest, 'sentSec' | 'inputTokens' | 'prefillTokens'> {
  readonly firstSec: number;
  readonly lastSec: number;
  readonly outputTokens: number;
}

/** One observation per request with at least two tokens. Cost O(n log n). */
export function requestObservations(requests: readonly SpanRequest[]): StepObservation[] {
  const timeline = new LoadTimeline(requests);
  const byFirst = [...requests].sort((a, b) => a.firstSec - b.firstSec);
  const firsts = Float64Array.from(byFirst, (request) => request.firstSec);
  const prefillSums = new Float64Array(byFirst.length + 1);
  byFirst.forEach((request, i) => {
    prefillSums[i + 1] = prefillSums[i] + request.prefillTokens;
  });
  const observations: StepObservation[] = [];
  for (const request of requests) {
    const durationSec = request.lastSec - request.firstSec;
    const iterations = request.outputTokens - 1;
    if (iterations < 1 || durationSec <= 0) continue;
    const load = timeline.between(request.firstSec, request.lastSec);
    observations.push({
      durationSec,
      iterations,
      prefillTokens:
        prefillSums[countUpTo(firsts, request.lastSec)] - prefillSums[countUpTo(firsts, request.firstSec)],
      decodeSeqs: (iterations * load.sequenceSec) / durationSec,
      kvTokens: (iterations * load.contextTokenSec) / durationSec,
    });
  }
  return observations;
}

/** Integrals over time of the decoding sequences and of their context, exact between breakpoints. */
class LoadTimeline {
  readonly #times: Float64Array;
  readonly #sequenceSec: Float64Array;
  readonly #contextTokenSec: Float64Array;

  constructor(requests: readonly SpanRequest[]) {
    const spans = requests.filter((request) => request.lastSec > request.firstSec);
    const changes = spans.flatMap((request) => {
      const slope = request.outputTokens / (request.lastSec - request.firstSec);
      return [
        { sec: request.firstSec, sequences: 1, context: request.inputTokens, slope },
        {
          sec: request.lastSec,
          sequences: -1,
          context: -(request.inputTokens + request.outputTokens),
          slope: -slope,
        },
      ];
    });
    changes.sort((a, b) => a.sec - b.sec);
    this.#times = Float64Array.from(changes, (change) => change.sec);
    this.#sequenceSec = new Float64Array(changes.length);
    this.#contextTokenSec = new Float64Array(changes.length);
    let sequences = 0;
    let context = 0;
    let slope = 0;
    changes.forEach((change, i) => {
      const pause = i === 0 ? 0 : change.sec - this.#times[i - 1];
      if (i > 0) {
        this.#sequenceSec[i] = this.#sequenceSec[i - 1] + sequences * pause;
        this.#contextTokenSec[i] =
          this.#contextTokenSec[i - 1] + context * pause + (slope * pause * pause) / 2;
      }
      context += slope * pause + change.context;
      sequences += change.sequences;
      slope += change.slope;
    });
  }

  /** Both ends must be instants of a first or last token. */
  between(fromSec: number, toSec: number): { sequenceSec: number; contextTokenSec: number } {
    const from = countUpTo(this.#times, fromSec) - 1;
    const to = countUpTo(this.#times, toSec) - 1;
    return {
      sequenceSec: this.#sequenceSec[to] - this.#sequenceSec[from],
      contextTokenSec: this.#contextTokenSec[to] - this.#contextTokenSec[from],
    };
  }
}

function countUpTo(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
