/**
 * A context window other than the source's: prompt and answer together must fit, by a policy that is named and counted.
 *
 * Source: STATISTICS §5.8: both lengths are judged together after the draw; clamping each on its own, or shrinking both in
 * proportion, changes their joint law in silence. `drop` leaves the request out; `truncate` cuts the prompt, then the
 * answer; `resample` draws the answer anew, and the pair where the prompt
 * leaves no room for one.
 */
import { type Rng, randomOf } from '../random.js';
import type { WorkloadClass } from '../types.js';
import { inputSampler, outputSampler } from './length-sampler.js';
import type { RequestSource } from './request-source.js';

export const WINDOW_POLICIES = ['drop', 'truncate', 'resample'] as const;
export type WindowPolicy = (typeof WINDOW_POLICIES)[number];

export interface ContextWindow {
  /** Tokens of prompt and answer together. */
  readonly tokens: number;
  readonly policy: WindowPolicy;
}

/** What the policy did; counts up while the stream is read. */
export interface WindowCounts {
  requests: number;
  dropped: number;
  truncated: number;
  resampled: number;
}

/** Answers drawn for one prompt before the prompt is drawn anew too: little room may be left for an answer. */
const ANSWERS_PER_PROMPT = 20;
/** Draws before a request that will not fit is cut. */
const MOST_DRAWS = 400;

export interface WindowOptions {
  readonly window: ContextWindow;
  readonly classes: readonly WorkloadClass[];
  readonly seed: string;
  readonly counts: WindowCounts;
}

export function withinWindow(source: RequestSource, options: WindowOptions): RequestSource {
  return new WindowedSource(source, options);
}

interface Laws {
  readonly input: (u: number) => number;
  readonly output: (input: number, u: number) => number;
}

class WindowedSource implements RequestSource {
  input = 0;
  output = 0;
  readonly #source: RequestSource;
  readonly #window: ContextWindow;
  readonly #counts: WindowCounts;
  readonly #laws: readonly Laws[];
  readonly #rng: Rng;

  constructor(source: RequestSource, { window, classes, seed, counts }: WindowOptions) {
    this.#source = source;
    this.#window = window;
    this.#counts = counts;
    this.#laws =
      window.policy === 'resample'
        ? classes.map(({ lengths }) => ({ input: inputSampler(lengths), output: outputSampler(lengths) }))
        : [];
    this.#rng = randomOf(seed, 'lengths', 'window');
    this.#settle();
  }

  get arrivalUs(): number {
    return this.#source.arrivalUs;
  }

  get classIndex(): number {
    return this.#source.classIndex;
  }

  advance(): void {
    this.#source.advance();
    this.#settle();
  }

  #settle(): void {
    const { tokens, policy } = this.#window;
    for (;;) {
      const { input, output, arrivalUs } = this.#source;
      this.input = input;
      this.output = output;
      if (arrivalUs === Number.POSITIVE_INFINITY) return;
      this.#counts.requests += 1;
      if (input + output <= tokens) return;
      if (policy === 'resample' && this.#redraw()) {
        this.#counts.resampled += 1;
        return;
      }
      if (policy !== 'drop') {
        // The answer keeps its length as long as one token of prompt fits beside it.
        this.output = Math.min(output, tokens - 1);
        this.input = Math.min(input, tokens - this.output);
        this.#counts.truncated += 1;
        return;
      }
      this.#counts.dropped += 1;
      this.#source.advance();
    }
  }

  #redraw(): boolean {
    const laws = this.#laws[this.#source.classIndex];
    const { tokens } = this.#window;
    for (let draw = 0; draw < MOST_DRAWS; draw++) {
      const isStuck = draw % ANSWERS_PER_PROMPT === ANSWERS_PER_PROMPT - 1;
      if (this.input >= tokens || isStuck) this.input = laws.input(this.#rng.uniform());
      this.output = laws.output(this.input, this.#rng.uniform());
      if (this.input + this.output <= tokens) return true;
    }
    return false;
  }
}
