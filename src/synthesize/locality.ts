/**
 * Locality: some requests repeat the input length and the class of one of the requests shortly before them; their
 * answer is drawn anew for that input. Source: STATISTICS §2.5.
 */
import { type Rng, randomOf } from '../random.js';
import type { LocalityModel, WorkloadClass } from '../types.js';
import { outputSampler } from './length-sampler.js';
import type { RequestSource } from './request-source.js';

export function withLocality(
  source: RequestSource,
  locality: LocalityModel | null | undefined,
  classes: readonly WorkloadClass[],
  seed: string,
): RequestSource {
  return locality ? new LocalSource(source, locality, classes, seed) : source;
}

class LocalSource implements RequestSource {
  input = 0;
  output = 0;
  classIndex = 0;
  readonly #source: RequestSource;
  readonly #share: number;
  readonly #inputs: Int32Array;
  readonly #classes: Int32Array;
  #seen = 0;
  readonly #outputs: readonly ((input: number, u: number) => number)[];
  readonly #choice: Rng;
  readonly #place: Rng;
  readonly #answer: Rng;

  constructor(
    source: RequestSource,
    locality: LocalityModel,
    classes: readonly WorkloadClass[],
    seed: string,
  ) {
    this.#source = source;
    this.#share = locality.inputRepeatShare;
    this.#inputs = new Int32Array(locality.windowRequests);
    this.#classes = new Int32Array(locality.windowRequests);
    this.#outputs = classes.map((one) => outputSampler(one.lengths));
    this.#choice = randomOf(seed, 'lengths', 'repeat', 'choice');
    this.#place = randomOf(seed, 'lengths', 'repeat', 'place');
    this.#answer = randomOf(seed, 'lengths', 'repeat', 'output');
    this.#settle();
  }

  get arrivalUs(): number {
    return this.#source.arrivalUs;
  }

  advance(): void {
    this.#source.advance();
    this.#settle();
  }

  /** Decides what the present request is, and remembers it. */
  #settle(): void {
    const window = this.#inputs.length;
    const before = Math.min(this.#seen, window);
    if (this.#choice.uniform() < this.#share && before > 0) {
      const place = (this.#seen - 1 - this.#place.int(before)) % window;
      this.input = this.#inputs[place];
      this.classIndex = this.#classes[place];
      this.output = this.#outputs[this.classIndex](this.input, this.#answer.uniform());
    } else {
      this.input = this.#source.input;
      this.output = this.#source.output;
      this.classIndex = this.#source.classIndex;
    }
    this.#inputs[this.#seen % window] = this.input;
    this.#classes[this.#seen % window] = this.classIndex;
    this.#seen += 1;
  }
}
