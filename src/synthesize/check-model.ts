/**
 * Refuses workload models that cannot be drawn from, naming every wrong key, before a single row is made: hand-edited
 * files are where negative rates, misspelt families and impossible correlations come from.
 */
import { basename } from 'node:path';
import { ToolError } from '../errors.js';
import { FAMILIES, findFamily } from '../stats/families.js';
import { readJsonDocument } from '../trace/files.js';
import type {
  CountHmmModel,
  FailureModel,
  FamilyDistribution,
  GapModel,
  GapsByTime,
  QuantileTable,
  WorkloadModel,
} from '../types.js';
import { workloadModelPath } from './bundled-models.js';
import { massWithinBounds } from './family-sampler.js';
import {
  anything,
  both,
  list,
  number,
  object,
  oneOf,
  optional,
  orNull,
  type Rule,
  record,
  text,
  tuple,
} from './model-schema.js';
import { meanRatePerSec } from './plan.js';
import { prefixRule, sessionRule } from './sessions/check-sessions.js';
import { isSpecPath, readSpec } from './spec/read-spec.js';

const LARGEST_TOKENS = 2_147_483_647;
const tokens = number({ min: 0, max: LARGEST_TOKENS, integer: true });
const familyNames = FAMILIES.map((family) => family.name);

/** Parameters that the family has, within its bounds, and no others. */
function checkParams(
  family: string,
  params: Readonly<Record<string, number>>,
  path: string,
  problems: string[],
): void {
  const known = findFamily(family);
  const names = family === 'constant' ? ['value'] : (known?.parameters ?? []);
  // A constant of zero is a length: embeddings have no answer.
  const bounds = (name: string) =>
    family === 'constant' ? { min: 0 } : { above: known?.least?.[name] ?? 0 };
  const rules = names.map((name) => [name, number(bounds(name))] as const);
  const before = problems.length;
  object(Object.fromEntries(rules))(params, path, problems);
  if (known?.shares === undefined || problems.length > before) return;
  const sum = known.shares.reduce((total, name) => total + params[name], 0);
  if (Math.abs(sum - 1) > 1e-6)
    problems.push(`${path}: ${known.shares.join(', ')} must sum to 1, they sum to ${sum}`);
}

const quantileTable: Rule = both(
  object({
    n: number({ above: 0 }),
    atoms: list(tuple(tokens, number({ above: 0 }))),
    probs: list(number({ min: 0, max: 1 })),
    values: list(number({ min: 0, max: LARGEST_TOKENS })),
    caps: optional(list(tokens)),
    floor: optional(tokens),
    mixture: optional(anything),
  }),
  (value, path, problems) => {
    const { n, atoms, probs, values } = value as QuantileTable;
    const rising = (items: readonly number[], strictly: boolean): boolean =>
      items.every((item, i) => i === 0 || item > items[i - 1] || (!strictly && item === items[i - 1]));
    if (probs.length !== values.length) problems.push(`${path}.probs and .values must be equally long`);
    if (!rising(probs, true)) problems.push(`${path}.probs must rise`);
    if (!rising(values, false)) problems.push(`${path}.values must not fall`);
    if (probs.length === 1 || (probs.length > 0 && (probs[0] !== 0 || probs.at(-1) !== 1)))
      problems.push(`${path}.probs must run from 0 to 1`);
    const atomRows = atoms.reduce((sum, [, count]) => sum + count, 0);
    if (atomRows > n * (1 + 1e-9)) problems.push(`${path}.atoms count ${atomRows} rows of ${n}`);
    if (atoms.length === 0 && probs.length === 0) problems.push(`${path} has neither atoms nor probs`);
  },
);

const familyDistribution: Rule = both(
  object({
    family: oneOf(...familyNames, 'constant'),
    params: record(anything),
    min: orNull(tokens),
    max: orNull(tokens),
  }),
  (value, path, problems) => {
    const distribution = value as FamilyDistribution;
    const before = problems.length;
    checkParams(distribution.family, distribution.params, `${path}.params`, problems);
    if (distribution.min !== null && distribution.max !== null && distribution.min > distribution.max) {
      problems.push(`${path}.min must not be above .max`);
    } else if (problems.length === before && !(massWithinBounds(distribution) > 1e-9)) {
      problems.push(`${path} has no probability between min and max`);
    } else if (problems.length === before && distribution.max === null && !hasMean(distribution)) {
      problems.push(`${path} has an infinite mean: give it a max, or parameters with a lighter tail`);
    }
  },
);

const conditionalTable = both(
  object({ inputFrom: tokens, inputTo: tokens, output: quantileTable }),
  (value, path, problems) => {
    const { inputFrom, inputTo } = value as { inputFrom: number; inputTo: number };
    if (inputFrom > inputTo) problems.push(`${path}.inputFrom must not be above .inputTo`);
  },
);

function hasMean({ family, params }: FamilyDistribution): boolean {
  return family === 'constant' || Number.isFinite(findFamily(family)!.mean(params));
}

const pairLengths = object({
  kind: oneOf('pairs'),
  input: quantileTable,
  outputGivenInput: list(conditionalTable, 1),
  spearman: orNull(number({ min: -1, max: 1 })),
  inputFits: list(anything),
  outputFits: list(anything),
  dependence: optional(anything),
});

const parametricLengths = object({
  kind: oneOf('parametric'),
  input: familyDistribution,
  output: familyDistribution,
  copulaRho: number({ min: -1, max: 1 }),
});

const lengths: Rule = (value, path, problems) => {
  const kind = (value as { kind?: unknown } | null | undefined)?.kind;
  if (kind === 'parametric') parametricLengths(value, path, problems);
  else if (kind === 'pairs') pairLengths(value, path, problems);
  else oneOf('pairs', 'parametric')(kind, `${path}.kind`, problems);
};

const gaps: Rule = both(
  object({
    family: oneOf(...familyNames),
    params: record(anything),
    candidates: list(anything),
    cv: number({ min: 0 }),
    zeroShare: optional(number({ min: 0, max: 0.999_999 })),
  }),
  (value, path, problems) => {
    const { family, params, zeroShare } = value as GapModel;
    const before = problems.length;
    checkParams(family, params, `${path}.params`, problems);
    if (problems.length > before) return;
    const mean = findFamily(family)!.mean(params) * (1 - (zeroShare ?? 0));
    if (!(Math.abs(mean - 1) < 1e-6)) problems.push(`${path} must have mean gap 1, it has ${mean}`);
  },
);

const gapLaw: Rule = both(
  object({ family: oneOf(...familyNames), params: record(anything) }),
  (value, path, problems) => {
    const { family, params } = value as GapModel;
    const before = problems.length;
    checkParams(family, params, `${path}.params`, problems);
    if (problems.length > before) return;
    const mean = findFamily(family)!.mean(params);
    if (!(Math.abs(mean - 1) < 1e-6)) problems.push(`${path} must have mean gap 1, it has ${mean}`);
  },
);

const gapsByTime: Rule = both(
  object({
    stepSec: number({ above: 0 }),
    lawOfStep: list(number({ min: 0, integer: true }), 1),
    laws: list(gapLaw, 1),
  }),
  (value, path, problems) => {
    const { lawOfStep, laws } = value as GapsByTime;
    const step = lawOfStep.findIndex((law) => law >= laws.length);
    if (step >= 0)
      problems.push(`${path}.lawOfStep[${step}] must be below ${laws.length}, the number of laws`);
  },
);

const probability = number({ min: 0, max: 1 });

const countHmm: Rule = both(
  object({
    binSec: number({ above: 0 }),
    clock: optional(oneOf('operational')),
    mean: list(number({ above: 0 }), 1),
    size: list(orNull(number({ above: 0 }))),
    transition: list(list(probability)),
    offsets: list(
      object({
        countFrom: number({ min: 1, integer: true }),
        countTo: number({ min: 1, integer: true }),
        patterns: list(list(probability, 1), 1),
      }),
    ),
    logLikelihood: number(),
    bic: number(),
    candidates: list(anything),
  }),
  (value, path, problems) => {
    const { mean, size, transition } = value as CountHmmModel;
    if (size.length !== mean.length) problems.push(`${path}.size must have one entry per state`);
    const isSquare =
      transition.length === mean.length && transition.every((row) => row.length === mean.length);
    if (!isSquare) problems.push(`${path}.transition must have one row and one column per state`);
    transition.forEach((row, i) => {
      const sum = row.reduce((total, share) => total + share, 0);
      if (Math.abs(sum - 1) > 1e-6)
        problems.push(`${path}.transition[${i}] must sum to 1, it sums to ${sum}`);
    });
  },
);

/** Statuses of a trace that are not an end as asked. */
const FAILURES = ['http_error', 'stream_error', 'truncated', 'timeout', 'cancelled'];

const operation = oneOf('chat', 'completion', 'embedding', 'rerank', 'other');

const arrivalsBesideRate = {
  gaps,
  dispersion: list(anything),
  dequantizedGridNs: orNull(number({ above: 0 })),
  burstIndex: optional(orNull(number({ min: 0 }))),
  bursts: optional(orNull(countHmm)),
  gapsByTime: optional(orNull(gapsByTime)),
};

const rateCurve = object({
  stepSec: number({ above: 0 }),
  ratePerSec: list(number({ min: 0 }), 1),
  bandwidthSec: orNull(number({ above: 0 })),
  repeatSec: optional(number({ above: 0 })),
});

const failures: Rule = both(object({ byStatus: record(probability) }), (value, path, problems) => {
  const { byStatus } = value as FailureModel;
  const unknown = Object.keys(byStatus).filter((status) => !FAILURES.includes(status));
  for (const status of unknown) oneOf(...FAILURES)(status, `a key of ${path}.byStatus`, problems);
  const sum = Object.values(byStatus).reduce((total, share) => total + share, 0);
  if (!(sum < 1)) problems.push(`${path}.byStatus must sum to below 1, it sums to ${sum}`);
});

const workloadClass = object({
  id: text,
  clientId: orNull(text),
  model: orNull(text),
  requests: number({ min: 0 }),
  operation: optional(operation),
  failures: optional(failures),
  arrivals: object({
    rate: rateCurve,
    ...arrivalsBesideRate,
  }),
  lengths,
});

const locality = object({
  inputRepeatShare: number({ min: 0, max: 0.999 }),
  windowRequests: number({ min: 1, max: 100_000, integer: true }),
  source: number({ min: 0, max: 1 }),
  shuffled: number({ min: 0, max: 1 }),
});

const workloadModel: Rule = both(
  object({
    schemaVersion: oneOf(1),
    kind: oneOf('workload-model'),
    manifest: record(anything),
    name: text,
    source: orNull(record(anything)),
    durationSec: number({ above: 0 }),
    meanRatePerSec: number({ above: 0 }),
    by: oneOf('client', 'model', 'latent', 'none'),
    classes: list(workloadClass, 1),
    shared: optional(orNull(object(arrivalsBesideRate))),
    locality: optional(orNull(locality)),
    choices: optional(list(anything)),
    sessions: optional(orNull(sessionRule(conditionalTable, rateCurve))),
    prefixes: optional(orNull(prefixRule)),
    drift: optional(list(anything)),
    warnings: list(text),
  }),
  (value, _path, problems) => {
    const model = value as WorkloadModel;
    const ids = model.classes.map((one) => one.id);
    const twice = ids.find((id, k) => ids.indexOf(id) !== k);
    if (twice !== undefined) problems.push(`classes must have different ids, '${twice}' occurs twice`);
    if (!(meanRatePerSec(model) > 0)) problems.push('classes must have a rate above zero somewhere');
    if (model.prefixes && !model.sessions) problems.push('prefixes need sessions, which are missing');
    if (model.shared && !haveOneGrid(model))
      problems.push('with shared arrivals, the rate curves of all classes must have equal knots');
  },
);

function haveOneGrid({ classes }: WorkloadModel): boolean {
  const [first] = classes.map((one) => one.arrivals.rate);
  return classes.every(
    ({ arrivals: { rate } }) =>
      rate.stepSec === first.stepSec && rate.ratePerSec.length === first.ratePerSec.length,
  );
}

const MOST_PROBLEMS = 8;

/** Throws BAD_MODEL that lists the wrong keys; returns when the model can be drawn from. `name` is shown. */
export function checkWorkloadModel(model: unknown, name = 'workload model'): asserts model is WorkloadModel {
  const problems: string[] = [];
  workloadModel(model, '', problems);
  if (problems.length === 0) return;
  const more = problems.length > MOST_PROBLEMS ? [`and ${problems.length - MOST_PROBLEMS} more`] : [];
  throw new ToolError({
    code: 'BAD_MODEL',
    message: `${name}: ${[...problems.slice(0, MOST_PROBLEMS), ...more].join('\n       ')}`,
    hint: 'correct these keys, or fit the model again with `tokentide fit`',
  });
}

/**
 * Reads and checks a model file, a hand-written YAML, or a bundled model by name (`chat`). Throws FILE_NOT_FOUND,
 * FILE_EMPTY or BAD_MODEL.
 */
export async function readWorkloadModel(pathOrName: string): Promise<WorkloadModel> {
  const path = workloadModelPath(pathOrName);
  const document = isSpecPath(path)
    ? await readSpec(path)
    : await readJsonDocument<WorkloadModel>(path, 'workload-model', 'BAD_MODEL');
  checkWorkloadModel(document, basename(path));
  return document;
}
