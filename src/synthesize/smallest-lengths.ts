/** The shortest prompt and answer that a length model can draw. */
import type { LengthModel, ParametricLengthModel, QuantileTable } from '../types.js';

type Lengths = LengthModel | ParametricLengthModel;

export function smallestInput(lengths: Lengths): number {
  return lengths.kind === 'pairs' ? smallestOf(lengths.input) : (lengths.input.min ?? 1);
}

export function smallestOutput(lengths: Lengths): number {
  if (lengths.kind === 'parametric') return lengths.output.min ?? 1;
  return Math.min(...lengths.outputGivenInput.map(({ output }) => smallestOf(output)));
}

function smallestOf({ atoms, values }: QuantileTable): number {
  return Math.min(...atoms.map(([value]) => value), ...values.slice(0, 1).map(Math.round));
}
