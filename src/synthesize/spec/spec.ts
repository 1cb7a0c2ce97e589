/**
 * Hand-written models: a short YAML → a workload model, for people without logs.
 *
 * ```yaml
 * rate: 20/s                            # or steps, ramps, diurnal, spikes, on/off, {curve: file.csv}
 * burstiness: gamma cv 2                # or poisson, constant, on/off 20s/80s, a number (vLLM)
 * input: lognormal p50 800 p99 6000
 * output: gamma mean 150 cv 1.2 max 2000
 * correlation: 0.3
 * ```
 * Several kinds of requests stand in `classes`, each with a share or a rate of its own; `sessions` and `prefixes` add turns
 * and shared prompt beginnings. Unknown keys are refused with the nearest known one.
 */
import { createManifest } from '../../manifest.js';
import type {
  FailureModel,
  LengthModel,
  ManifestInput,
  Operation,
  ParametricLengthModel,
  QuantileTable,
  WorkloadClass,
  WorkloadModel,
} from '../../types.js';
import { formatDurationSec } from '../../units.js';
import { parseBurstiness } from './burstiness.js';
import { parseScenario, type ScenarioPart } from './genai-bench.js';
import { type Law, parseLaw } from './law.js';
import { familyOfLaw, tableOfLaw } from './law-table.js';
import { rateFromFile } from './rate-file.js';
import { type RateOverTime, rateOverTime } from './rate-words.js';
import {
  ANSWER_KEYS,
  AT_WINDOW,
  PREFIX_KEYS,
  PROMPT_KEYS,
  prefixesOfWords,
  prefixModel,
  SESSION_KEYS,
  SESSION_KINDS,
  sessionsOfWords,
  singleTurns,
} from './sessions-words.js';
import { badSpec, choiceAt, numberAt, type Place, parseSeconds, recordAt, textAt, under } from './words.js';

const CLASS_KEYS = [
  'rate',
  'burstiness',
  'input',
  'output',
  'lengths',
  'correlation',
  'operation',
  'client',
  'model',
  'failures',
];
export const SPEC_KEYS = [
  'name',
  'description',
  'duration',
  ...CLASS_KEYS,
  'classes',
  'sessions',
  'prefixes',
];
/** Of one entry in `classes`, and of a measured rate. */
const ENTRY_KEYS = ['name', 'share', ...CLASS_KEYS];
const CURVE_KEYS = ['curve', 'time', 'value', 'unit'];
const CURVE_UNITS = ['rate', 'requests'] as const;
const OPERATIONS: readonly Operation[] = ['chat', 'completion', 'embedding', 'rerank', 'other'];
const FAILURES = ['http_error', 'stream_error', 'truncated', 'timeout', 'cancelled'] as const;

export interface SpecOptions {
  /** The YAML's content. */
  readonly document: unknown;
  /** Name of the model unless the document has one. */
  readonly name: string;
  /** Text of a curve file named in the document; paths are as written there. */
  readonly curves: Readonly<Record<string, string>>;
  readonly inputs?: readonly ManifestInput[];
}

/** Files that a document's rates refer to, as written. */
export function curvesOf(document: unknown): string[] {
  const found: string[] = [];
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { rate, classes } = value as { rate?: { curve?: unknown }; classes?: unknown };
    if (typeof rate?.curve === 'string') found.push(rate.curve);
    if (Array.isArray(classes)) classes.forEach(look);
  };
  look(document);
  return found;
}

/** Throws BAD_MODEL that names the key and what may stand there. */
export function modelOfSpec({ document, name, curves, inputs }: SpecOptions): WorkloadModel {
  const spec = recordAt(document, '', SPEC_KEYS);
  const durationSec = spec['duration'] === undefined ? null : parseSeconds(spec['duration'], 'duration');
  if (durationSec !== null && !(durationSec > 0)) throw badSpec('duration', 'must be above zero');
  const parts = classParts(spec);
  const rates = ratesOf(spec, parts, durationSec, curves);
  const whole = rates.reduce((longest, one) => Math.max(longest, one.durationSec), 0);
  const lengths = parts.map((part) => lengthsOf(part));
  const output = outputTable(lengths[0]);
  const words = spec['sessions'];
  const found = words === undefined || words === null ? null : sessionsOfWords(words, 'sessions', output);
  const shared = parts.flatMap(({ scenario }) =>
    scenario !== null && scenario.sharedPrefix > 0 ? [scenario] : [],
  );
  const prefixes =
    spec['prefixes'] === undefined || spec['prefixes'] === null
      ? scenarioPrefixes(shared)
      : prefixesOfWords(spec['prefixes'], 'prefixes');
  const meanTurns = found?.meanTurns ?? 1;
  const classes = parts.map((part, k): WorkloadClass => {
    const { curve, meanRatePerSec } = rates[k];
    // The rate that people write is that of all requests; classes describe first turns.
    const first = { ...curve, ratePerSec: curve.ratePerSec.map((rate) => rate / meanTurns) };
    const burstiness = textAt(
      part.words['burstiness'] ?? spec['burstiness'] ?? 'poisson',
      under(part.place, 'burstiness'),
    );
    const { gaps, bursts } = parseBurstiness(
      burstiness,
      meanRatePerSec / meanTurns,
      under(part.place, 'burstiness'),
    );
    if (bursts && curve.ratePerSec.length > 1)
      throw badSpec(
        under(part.place, 'burstiness'),
        'random on/off needs a constant rate',
        'write the pauses into the rate: "on 40/s for 2m off 8m"',
      );
    return {
      id: part.name,
      clientId: optionalText(part.words, part.place, 'client'),
      model: optionalText(part.words, part.place, 'model') ?? optionalText(spec, '', 'model'),
      requests: Math.max(1, Math.round((meanRatePerSec * rates[k].durationSec) / meanTurns)),
      operation: operationOf(part, spec),
      ...failuresOf(part.words['failures'] ?? spec['failures'], under(part.place, 'failures')),
      arrivals: { rate: first, gaps, bursts, dispersion: [], dequantizedGridNs: null },
      lengths: lengths[k],
    };
  });
  return {
    schemaVersion: 1,
    kind: 'workload-model',
    manifest: createManifest({ command: 'synthesize', options: { spec: name }, inputs, timestamp: false }),
    name: optionalText(spec, '', 'name') ?? name,
    source: null,
    durationSec: whole,
    meanRatePerSec: rates.reduce((sum, one) => sum + one.meanRatePerSec, 0),
    by: 'none',
    classes,
    ...(found !== null || prefixes !== null
      ? { sessions: found?.sessions ?? singleTurns(output), prefixes }
      : {}),
    warnings: [
      'written by hand: nothing in it was measured',
      ...(found === null || found.meanTurns === 1
        ? []
        : [
            `sessions start at time zero: until the first ones are ${formatDurationSec(300)} and more old, fewer requests come than the rate says`,
          ]),
    ],
  };
}

interface ClassPart {
  readonly name: string;
  readonly place: Place;
  readonly words: Readonly<Record<string, unknown>>;
  /** Share of the whole rate; null = it has a rate of its own. */
  readonly share: number | null;
  readonly scenario: ScenarioPart | null;
}

/** One part per class; a mixture of scenarios makes several. */
function classParts(spec: Readonly<Record<string, unknown>>): ClassPart[] {
  const { classes } = spec;
  if (classes === undefined)
    return withScenarios({ name: 'all', place: '', words: spec, share: 1, scenario: null });
  if (!Array.isArray(classes) || classes.length === 0) throw badSpec('classes', 'expected a list of classes');
  const parts = classes.map((one, k): ClassPart => {
    const place = `classes[${k}]`;
    const words = recordAt(one, place, ENTRY_KEYS);
    const share = words['share'];
    if ((share === undefined) === (words['rate'] === undefined))
      throw badSpec(
        place,
        'needs either a share of the rate or a rate of its own',
        'write "share: 0.7" or "rate: 5/s"',
      );
    return {
      name: optionalText(words, place, 'name') ?? `class-${k + 1}`,
      place,
      words,
      share: share === undefined ? null : numberAt(share, under(place, 'share'), { min: 0, max: 1e9 }),
      scenario: null,
    };
  });
  const total = parts.reduce((sum, { share }) => sum + (share ?? 0), 0);
  if (total === 0 && parts.some(({ share }) => share !== null))
    throw badSpec('classes', 'shares sum to zero');
  return parts
    .filter(({ share }) => share !== 0)
    .map((part) => ({ ...part, share: part.share === null ? null : part.share / total }))
    .flatMap(withScenarios);
}

function withScenarios(part: ClassPart): ClassPart[] {
  const { lengths } = part.words;
  if (lengths === undefined) return [part];
  const at = under(part.place, 'lengths');
  if (part.words['input'] !== undefined || part.words['output'] !== undefined)
    throw badSpec(at, 'is given beside input or output: use one or the other');
  const scenarios = parseScenario(textAt(lengths, at), at);
  return scenarios.map((scenario, k) => ({
    ...part,
    name: scenarios.length === 1 ? part.name : `${part.name}-${k + 1}`,
    share: (part.share ?? 1) * scenario.weight,
    scenario,
  }));
}

/** Rate of each part; shares are of the document's rate. */
function ratesOf(
  spec: Readonly<Record<string, unknown>>,
  parts: readonly ClassPart[],
  durationSec: number | null,
  curves: Readonly<Record<string, string>>,
): RateOverTime[] {
  const read = (value: unknown, place: Place): RateOverTime => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const words = recordAt(value, place, CURVE_KEYS);
      const file = textAt(words['curve'], under(place, 'curve'));
      return rateFromFile({
        text: curves[file] ?? '',
        time: optionalText(words, place, 'time') ?? undefined,
        value: optionalText(words, place, 'value') ?? undefined,
        unit:
          words['unit'] === undefined
            ? undefined
            : choiceAt(words['unit'], under(place, 'unit'), CURVE_UNITS),
        durationSec,
        place,
      });
    }
    const list = Array.isArray(value)
      ? value.map((one, k) => textAt(one, `${place}[${k}]`))
      : textAt(value, place);
    return rateOverTime(list, durationSec, place);
  };
  const needsWhole = parts.some((part) => part.words['rate'] === undefined || part.words === spec);
  if (needsWhole && spec['rate'] === undefined)
    throw badSpec('rate', 'is missing', 'write it like "rate: 20/s"');
  const whole = needsWhole ? read(spec['rate'], 'rate') : null;
  return parts.map((part) => {
    const isOwn = part.words !== spec && part.words['rate'] !== undefined;
    const rate = isOwn ? read(part.words['rate'], under(part.place, 'rate')) : whole!;
    const share = part.share ?? 1;
    return {
      ...rate,
      meanRatePerSec: rate.meanRatePerSec * share,
      curve: { ...rate.curve, ratePerSec: rate.curve.ratePerSec.map((one) => one * share) },
    };
  });
}

function lengthsOf({ words, place, scenario }: ClassPart): LengthModel | ParametricLengthModel {
  const law = (key: 'input' | 'output'): Law => {
    if (scenario !== null) return scenario[key];
    const at = under(place, key);
    if (words[key] === undefined)
      throw badSpec(at, 'is missing', `write it like "${key}: lognormal p50 800 p99 6000"`);
    return parseLaw(textAt(words[key], at), at);
  };
  const input = law('input');
  const output = law('output');
  const leastOutput = scenario?.leastOutput ?? 1;
  const copulaRho =
    words['correlation'] === undefined
      ? 0
      : numberAt(words['correlation'], under(place, 'correlation'), { min: -1, max: 1 });
  const families = [familyOfLaw(input, 1), familyOfLaw(output, 1)] as const;
  if (families[0] !== null && families[1] !== null && leastOutput > 0)
    return { kind: 'parametric', input: families[0], output: families[1], copulaRho };
  if (copulaRho !== 0)
    throw badSpec(
      under(place, 'correlation'),
      'needs input and output from families such as lognormal or gamma',
    );
  const inputTable = tableOfLaw(input, 1, under(place, 'input'));
  return {
    kind: 'pairs',
    input: inputTable,
    outputGivenInput: [
      {
        inputFrom: Math.round(smallest(inputTable)),
        inputTo: Math.round(largest(inputTable)),
        output: tableOfLaw(output, leastOutput, under(place, 'output')),
      },
    ],
    spearman: null,
    inputFits: [],
    outputFits: [],
  };
}

const smallest = ({ atoms, values }: QuantileTable): number =>
  Math.min(...atoms.map(([value]) => value), ...values.slice(0, 1));
const largest = ({ atoms, values }: QuantileTable): number =>
  Math.max(...atoms.map(([value]) => value), ...values.slice(-1));

/** The law of first answers as a table, for later turns. */
function outputTable(lengths: LengthModel | ParametricLengthModel): QuantileTable {
  if (lengths.kind === 'pairs') return lengths.outputGivenInput[0].output;
  const { family, params, min, max } = lengths.output;
  const law: Law =
    family === 'constant'
      ? { kind: 'constant', value: params['value'] }
      : { kind: 'family', family, params, bounds: { min, max } };
  return tableOfLaw(law, 1, 'output');
}

function scenarioPrefixes(scenarios: readonly ScenarioPart[]) {
  if (scenarios.length === 0) return null;
  const blockSize = 16;
  const total = scenarios.reduce((sum, { weight }) => sum + weight, 0);
  return prefixModel(
    blockSize,
    scenarios.map(({ sharedPrefix, weight }, k) => ({
      name: `prefix-${k + 1}`,
      blocks: Math.max(1, Math.floor(sharedPrefix / blockSize)),
      extends: null,
      sharedBlocks: 0,
      share: weight / Math.max(1, total),
    })),
  );
}

function operationOf(
  { words, place, scenario }: ClassPart,
  spec: Readonly<Record<string, unknown>>,
): Operation {
  if (scenario?.operation) return scenario.operation;
  const value = words['operation'] ?? spec['operation'];
  return value === undefined ? 'chat' : choiceAt(value, under(place, 'operation'), OPERATIONS);
}

function failuresOf(value: unknown, place: Place): { readonly failures?: FailureModel } {
  if (value === undefined || value === null) return {};
  const words = recordAt(value, place, FAILURES);
  const byStatus = Object.fromEntries(
    Object.entries(words).map(([status, share]) => [
      status,
      numberAt(share, under(place, status), { min: 0, max: 0.999 }),
    ]),
  );
  return { failures: { byStatus } };
}

function optionalText(words: Readonly<Record<string, unknown>>, place: Place, key: string): string | null {
  return words[key] === undefined || words[key] === null ? null : textAt(words[key], under(place, key));
}

/** For help texts and the JSON Schema: every key with the keys below it, and the words that stand for a choice. */
export const SPEC_VOCABULARY = {
  top: SPEC_KEYS,
  classes: ENTRY_KEYS,
  rate: CURVE_KEYS,
  sessions: SESSION_KEYS,
  prefixes: PREFIX_KEYS,
  prompts: PROMPT_KEYS,
  answer: ANSWER_KEYS,
  operations: OPERATIONS,
  failures: FAILURES,
  kinds: SESSION_KINDS,
  atWindow: AT_WINDOW,
  curveUnits: CURVE_UNITS,
};
