/**
 * genai-bench's traffic scenarios as lengths: D, N, U, E, R, P, and mixtures M of these.
 *
 * Source: the project's scenario guide. Normal and uniform draws are cut to whole numbers, prompts to at least 1 and
 * answers to at least 2 tokens. Images and audio have no token lengths here and are refused.
 */
import type { Operation } from '../../types.js';
import type { Law } from './law.js';
import { badSpec, type Place } from './words.js';

export interface ScenarioPart {
  readonly weight: number;
  readonly input: Law;
  readonly output: Law;
  readonly leastOutput: number;
  readonly operation: Operation | null;
  /** Tokens that all prompts begin with. */
  readonly sharedPrefix: number;
}

const NUMBERS = String.raw`\((\d+),(\d+)\)`;
const KNOWN: readonly (readonly [RegExp, (numbers: readonly number[]) => Omit<ScenarioPart, 'weight'>])[] = [
  [
    new RegExp(`^D${NUMBERS}$`),
    ([input, output]) => ({ ...part(constant(input), constant(output)), leastOutput: 1 }),
  ],
  [
    new RegExp(`^N${NUMBERS}/${NUMBERS}$`),
    ([inMean, inSd, outMean, outSd]) => part(normal(inMean, inSd), normal(outMean, outSd)),
  ],
  [
    new RegExp(`^U${NUMBERS}/${NUMBERS}$`),
    ([inFrom, inTo, outFrom, outTo]) => part(uniform(inFrom, inTo, 1), uniform(outFrom, outTo, 2)),
  ],
  [new RegExp(`^U${NUMBERS}$`), ([input, output]) => part(uniform(1, input, 1), uniform(1, output, 2))],
  [
    /^E\((\d+)\)$/,
    ([tokens]) => ({ ...part(constant(tokens), constant(0)), leastOutput: 0, operation: 'embedding' }),
  ],
  [
    new RegExp(`^R${NUMBERS}$`),
    ([document, query]) => ({
      ...part(constant(document + query), constant(0)),
      leastOutput: 0,
      operation: 'rerank',
    }),
  ],
  [
    new RegExp(`^P${NUMBERS}/(\\d+)$`),
    ([prefix, suffix, output]) => ({
      ...part(constant(prefix + suffix), constant(output)),
      sharedPrefix: prefix,
    }),
  ],
];

/** Whether a text is meant as a scenario: a capital letter and a bracket. */
export function looksLikeScenario(text: string): boolean {
  return /^[A-Z]\s*\(/.test(text.trim());
}

/** Throws BAD_MODEL for strings that are no scenario, and for images and audio. */
export function parseScenario(text: string, place: Place): ScenarioPart[] {
  const compact = text.replaceAll(/\s+/g, '');
  if (/^[IA]\(/.test(compact))
    throw badSpec(
      place,
      `'${text}' asks for images or audio, which have no token lengths in a workload model`,
      'give the prompt’s tokens instead, e.g. D(1024,200)',
    );
  if (compact.startsWith('M(') && compact.endsWith(')')) {
    const parts = topLevelParts(compact.slice(2, -1)).map((entry) => {
      const match = /^(\d*\.?\d+):(.+)$/.exec(entry);
      if (!match || Number(match[1]) <= 0 || match[2].startsWith('M'))
        throw badSpec(
          place,
          `'${entry}' must be a weight and a scenario`,
          'write it like M(0.4:D(100,10),0.6:N(480,240)/(300,150))',
        );
      return { ...single(match[2], place), weight: Number(match[1]) };
    });
    const total = parts.reduce((sum, one) => sum + one.weight, 0);
    if (parts.length > 0) return parts.map((one) => ({ ...one, weight: one.weight / total }));
  }
  return [{ ...single(compact, place), weight: 1 }];
}

function single(text: string, place: Place): Omit<ScenarioPart, 'weight'> {
  for (const [pattern, make] of KNOWN) {
    const match = pattern.exec(text);
    if (match) return make(match.slice(1).map(Number));
  }
  throw badSpec(
    place,
    `'${text}' is no traffic scenario`,
    'scenarios: D(in,out), N(mean,sd)/(mean,sd), U(min,max)/(min,max), U(max in,max out), E(tokens), R(document,query), P(prefix,suffix)/out, M(w:…,w:…)',
  );
}

function part(input: Law, output: Law): Omit<ScenarioPart, 'weight'> {
  return { input, output, leastOutput: 2, operation: null, sharedPrefix: 0 };
}

const constant = (value: number): Law => ({ kind: 'constant', value });

/** Cut to whole numbers, not rounded: half a token less. */
const normal = (mean: number, sd: number): Law => ({
  kind: 'normal',
  mean: mean - 0.5,
  sd,
  bounds: { min: null, max: null },
});

/** A draw from [from, to) cut to whole numbers, at least `least`. */
const uniform = (from: number, to: number, least: number): Law => {
  const low = Math.max(1, from);
  const high = Math.max(low, to - 1);
  if (low >= least || high < least)
    return { kind: 'uniform', from: Math.max(low, least), to: Math.max(high, least) };
  return {
    kind: 'values',
    values: Array.from({ length: high - low + 1 }, (_, k) => [Math.max(least, low + k), 1] as const),
  };
};

/** Split at commas outside of brackets. */
function topLevelParts(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '(') depth += 1;
    else if (text[i] === ')') depth -= 1;
    else if (i === text.length || (text[i] === ',' && depth === 0)) {
      if (i > start) parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return parts;
}
