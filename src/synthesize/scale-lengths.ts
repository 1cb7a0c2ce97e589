/**
 * Longer (or shorter) prompts and answers. Pure, model → model.
 *
 * Source: STATISTICS §6: what is not an atom is multiplied; caps move to the new cap, because the window grew too;
 * templates and hard lower ends stay what they are. Tables that consist of atoms only hold few distinct values, not
 * templates, and are multiplied whole. A family is scaled with its bounds.
 */

import { familyOf } from '../stats/families.js';
import type {
  ConditionalTable,
  FamilyDistribution,
  LengthModel,
  ParametricLengthModel,
  QuantileTable,
  WorkloadModel,
} from '../types.js';
import { timesCurve } from './scale-model.js';

export interface LengthFactors {
  readonly input: number;
  readonly output: number;
}

export function scaleLengths(model: WorkloadModel, factors: LengthFactors): WorkloadModel {
  const { sessions, prefixes } = model;
  return {
    ...model,
    classes: model.classes.map((one) => ({ ...one, lengths: scaledLengths(one.lengths, factors) })),
    ...(sessions
      ? {
          sessions: {
            ...sessions,
            continuation: {
              ...sessions.continuation,
              leastInputTokens: Math.round(sessions.continuation.leastInputTokens * factors.input),
              byInput: scaledRanges(sessions.continuation.byInput, factors.input),
            },
            think: {
              ...sessions.think,
              ...(sessions.think.byInput && { byInput: scaledRanges(sessions.think.byInput, factors.input) }),
            },
            pool: sessions.pool && {
              ...sessions.pool,
              byInput: scaledRanges(sessions.pool.byInput, factors.input),
              ...(sessions.pool.visitsByInput && {
                visitsByInput: scaledRanges(sessions.pool.visitsByInput, factors.input),
              }),
            },
            growth: {
              ...sessions.growth,
              byTurn: sessions.growth.byTurn.map((turn) => ({
                ...turn,
                curve: timesCurve(turn.curve, factors.input),
              })),
              medianTokens: sessions.growth.medianTokens * factors.input,
            },
            outputGivenInput: sessions.outputGivenInput.map((table) =>
              scaledConditional(table, (tokens) => times(tokens, factors.input), factors.output),
            ),
            window: {
              ...sessions.window,
              tokens: times(sessions.window.tokens, Math.max(factors.input, factors.output)),
            },
          },
        }
      : {}),
    ...(prefixes?.branches
      ? {
          prefixes: {
            ...prefixes,
            branches: {
              ...prefixes.branches,
              byInput: scaledRanges(prefixes.branches.byInput, factors.input),
            },
          },
        }
      : {}),
  };
}

/** The largest count that a trace can hold; open ranges end there. */
const LARGEST_TOKENS = 2_147_483_647;

interface InputRange {
  readonly inputFrom: number;
  readonly inputTo: number;
}

/** Ranges without gaps move with the prompts that they are about; the last stays open. */
function scaledRanges<R extends InputRange>(ranges: readonly R[], factor: number): R[] {
  const scaled: R[] = [];
  ranges.forEach((range, k) => {
    const inputFrom = k === 0 ? range.inputFrom : scaled[k - 1].inputTo + 1;
    const isLast = k === ranges.length - 1;
    const inputTo = isLast ? range.inputTo : Math.max(inputFrom, times(range.inputTo, factor));
    scaled.push({ ...range, inputFrom, inputTo });
  });
  return scaled;
}

type Lengths = LengthModel | ParametricLengthModel;

function scaledLengths(lengths: Lengths, factors: LengthFactors): Lengths {
  if (lengths.kind === 'parametric') {
    return {
      ...lengths,
      input: scaledFamily(lengths.input, factors.input),
      output: scaledFamily(lengths.output, factors.output),
    };
  }
  const moved = atomMove(lengths.input, factors.input);
  return {
    ...lengths,
    input: scaledTable(lengths.input, factors.input),
    outputGivenInput: lengths.outputGivenInput.map((table) =>
      scaledConditional(table, moved, factors.output),
    ),
    inputFits: [],
    outputFits: [],
  };
}

const times = (tokens: number, factor: number): number =>
  Math.min(LARGEST_TOKENS, Math.max(tokens === 0 ? 0 : 1, Math.round(tokens * factor)));

/** Where an input value goes: templates stay, the rest is multiplied. */
function atomMove(table: QuantileTable, factor: number): (tokens: number) => number {
  const staying = new Set(
    table.probs.length === 0
      ? []
      : table.atoms.map(([value]) => value).filter((value) => !table.caps?.includes(value)),
  );
  return (tokens) => (staying.has(tokens) ? tokens : times(tokens, factor));
}

function scaledConditional(
  table: ConditionalTable,
  moveInput: (tokens: number) => number,
  outputFactor: number,
): ConditionalTable {
  const isOneValue = table.inputFrom === table.inputTo;
  const inputFrom = moveInput(table.inputFrom);
  return {
    inputFrom,
    inputTo: isOneValue ? inputFrom : Math.max(inputFrom, moveInput(table.inputTo)),
    output: scaledTable(table.output, outputFactor),
  };
}

function scaledTable(table: QuantileTable, factor: number): QuantileTable {
  const move = atomMove(table, factor);
  const counts = new Map<number, number>();
  for (const [value, count] of table.atoms) {
    const moved = move(value);
    counts.set(moved, (counts.get(moved) ?? 0) + count);
  }
  const { mixture: _, ...rest } = table;
  return {
    ...rest,
    atoms: [...counts].sort((a, b) => a[0] - b[0]),
    values: table.values.map((value) => value * factor),
    ...(table.caps === undefined ? {} : { caps: table.caps.map(move) }),
  };
}

function scaledFamily(distribution: FamilyDistribution, factor: number): FamilyDistribution {
  const { family, params, min, max } = distribution;
  return {
    family,
    params:
      family === 'constant'
        ? { value: times(params['value'], factor) }
        : familyOf(family).scaled(params, factor),
    min: min === null ? null : times(min, factor),
    max: max === null ? null : times(max, factor),
  };
}
