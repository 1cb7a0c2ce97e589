/**
 * Draws pairs of input and output lengths from a length model.
 *
 * Input and output have their own streams of uniforms, one uniform (or normal) per row each, so that a change of the
 * output model leaves every input as it was.
 */
import type { Rng } from '../random.js';
import { normalCdf } from '../stats/normal-cdf.js';
import { normalQuantile } from '../stats/normal-quantile.js';
import type { LengthModel, ParametricLengthModel } from '../types.js';
import { familyRank, familySampler } from './family-sampler.js';
import { tableSampler } from './table-sampler.js';

/** Fills rows [from, to) of both columns. */
export type LengthSampler = (
  inputRng: Rng,
  outputRng: Rng,
  input: Int32Array,
  output: Int32Array,
  from: number,
  to: number,
) => void;

/** One sampler per model of lengths: copies of a workload share its tables. */
const samplers = new WeakMap<object, LengthSampler>();
const outputSamplers = new WeakMap<object, (input: number, u: number) => number>();

export function lengthSampler(lengths: LengthModel | ParametricLengthModel): LengthSampler {
  return remembered(samplers, lengths, () =>
    lengths.kind === 'pairs' ? pairSampler(lengths) : copulaSampler(lengths),
  );
}

function remembered<T>(known: WeakMap<object, T>, key: object, make: () => T): T {
  let found = known.get(key);
  if (found === undefined) {
    found = make();
    known.set(key, found);
  }
  return found;
}

/** Maps a uniform on [0, 1) to an input. */
export function inputSampler(lengths: LengthModel | ParametricLengthModel): (u: number) => number {
  return lengths.kind === 'pairs' ? tableSampler(lengths.input) : familySampler(lengths.input);
}

/** Maps an input and a uniform on [0, 1) to an output: the model's law of outputs for a given input. */
export function outputSampler(
  lengths: LengthModel | ParametricLengthModel,
): (input: number, u: number) => number {
  return remembered(outputSamplers, lengths, () => makeOutputSampler(lengths));
}

function makeOutputSampler(
  lengths: LengthModel | ParametricLengthModel,
): (input: number, u: number) => number {
  if (lengths.kind === 'pairs') {
    const draw = conditionalSampler(lengths);
    return (input, u) => draw(input)(u);
  }
  const draw = familySampler(lengths.output);
  const { copulaRho: rho } = lengths;
  if (rho === 0) return (_, u) => draw(u);
  const rankOf = familyRank(lengths.input);
  const rest = Math.sqrt(1 - rho * rho);
  return (input, u) => {
    const coupled = rho * normalQuantile(rankOf(input)) + rest * normalQuantile(Math.max(u, 2 ** -54));
    return draw(Math.min(LARGEST_UNIFORM, normalCdf(coupled)));
  };
}

function pairSampler(lengths: LengthModel): LengthSampler {
  const drawInput = tableSampler(lengths.input);
  const drawOutput = conditionalSampler(lengths);
  return (inputRng, outputRng, input, output, from, to) => {
    for (let row = from; row < to; row++) {
      const tokens = drawInput(inputRng.uniform());
      input[row] = tokens;
      output[row] = drawOutput(tokens)(outputRng.uniform());
    }
  };
}

/** The output sampler for an input: its own table if it has one, else the range that holds it, else the nearest. */
function conditionalSampler(lengths: LengthModel): (input: number) => (u: number) => number {
  const own = new Map<number, (u: number) => number>();
  const tops: number[] = [];
  const samplers: ((u: number) => number)[] = [];
  const tables = lengths.outputGivenInput;
  // When every table is for one value, the tables double as ranges that end at their value.
  const hasRanges = tables.some((table) => table.inputFrom !== table.inputTo);
  for (const table of [...tables].sort((a, b) => a.inputTo - b.inputTo)) {
    const sampler = tableSampler(table.output);
    if (table.inputFrom === table.inputTo) own.set(table.inputFrom, sampler);
    if (table.inputFrom === table.inputTo && hasRanges) continue;
    tops.push(table.inputTo);
    samplers.push(sampler);
  }
  const last = samplers.length - 1;
  return (input) => {
    const exact = own.get(input);
    if (exact !== undefined) return exact;
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (input <= tops[middle]) high = middle;
      else low = middle + 1;
    }
    return samplers[low];
  };
}

/** Φ rounds to 1 above 8.3; a uniform is below 1. */
const LARGEST_UNIFORM = 1 - 2 ** -53;

/** Two families coupled by a Gaussian copula; ρ = 0 is independence. */
function copulaSampler(lengths: ParametricLengthModel): LengthSampler {
  const drawInput = familySampler(lengths.input);
  const drawOutput = familySampler(lengths.output);
  const rho = lengths.copulaRho;
  const rest = Math.sqrt(1 - rho * rho);
  if (rho === 0) {
    return (inputRng, outputRng, input, output, from, to) => {
      for (let row = from; row < to; row++) {
        input[row] = drawInput(inputRng.uniform());
        output[row] = drawOutput(outputRng.uniform());
      }
    };
  }
  return (inputRng, outputRng, input, output, from, to) => {
    for (let row = from; row < to; row++) {
      const z = inputRng.normal();
      input[row] = drawInput(Math.min(LARGEST_UNIFORM, normalCdf(z)));
      const coupled = rho * z + rest * outputRng.normal();
      output[row] = drawOutput(Math.min(LARGEST_UNIFORM, normalCdf(coupled)));
    }
  };
}
