/**
 * The JSON Schema of hand-written workload models (`*.yaml` for `tokentide synthesize`): keys and words come from the
 * reader's own vocabulary, what stands under them is described here. Texts such as rates and laws have a grammar of their
 * own that the reader checks; the schema says how they look.
 */
import { SPEC_VOCABULARY } from '../../src/synthesize/spec/spec.js';

type Schema = Readonly<Record<string, unknown>>;

const TEXT_OR_NUMBER = ['string', 'number'];
const ref = (name: string): Schema => ({ $ref: `#/definitions/${name}` });

/** What stands under a key; the same key means the same wherever it stands. */
const VALUES: Readonly<Record<string, Schema>> = {
  name: { type: TEXT_OR_NUMBER },
  description: { type: 'string', description: 'for people, not read' },
  duration: { type: TEXT_OR_NUMBER, description: 'length of the trace, e.g. 30m; as long as the rate says' },
  rate: ref('rate'),
  burstiness: {
    type: TEXT_OR_NUMBER,
    description: "gaps once the slow rate is removed; a number is vLLM's burstiness",
    default: 'poisson',
    examples: ['poisson', 'gamma cv 2', 'constant', 'on/off 20s/80s', 0.5],
  },
  input: ref('law'),
  output: ref('law'),
  lengths: {
    type: 'string',
    description: 'genai-bench scenarios instead of input and output',
    examples: ['N(480,240)/(300,150)', 'D(100,100)'],
  },
  correlation: ref('number'),
  operation: { enum: SPEC_VOCABULARY.operations },
  client: { type: TEXT_OR_NUMBER },
  model: { type: TEXT_OR_NUMBER },
  failures: {
    ...record(SPEC_VOCABULARY.failures, () => ref('number')),
    type: ['object', 'null'],
    description: 'share of requests by how they fail',
  },
  share: ref('number'),
};

const SESSION_VALUES: Readonly<Record<string, Schema>> = {
  kind: { enum: SPEC_VOCABULARY.kinds, default: 'chat' },
  turns: { ...ref('number'), description: 'mean number of turns' },
  continue: {
    description: 'probability of another turn after the first, second, …; the last holds on',
    anyOf: [ref('number'), { type: 'array', minItems: 1, maxItems: 64, items: ref('number') }],
  },
  think: { type: TEXT_OR_NUMBER, examples: ['lognormal p50 20s p99 5m'] },
  new_tokens: { ...ref('law'), description: 'tokens that a turn adds to the prompt' },
  output: ref('law'),
  answer: record(SPEC_VOCABULARY.answer, () => ({
    type: TEXT_OR_NUMBER,
    description: 'time, e.g. 0.5s or 25ms',
  })),
  window: { ...ref('number'), description: 'tokens of prompt and answer together, at most' },
  at_window: { enum: SPEC_VOCABULARY.atWindow, default: 'end_session' },
};

const PREFIX_VALUES: Readonly<Record<string, Schema>> = {
  block: { ...ref('number'), description: 'tokens per block hash', default: 512 },
  system_prompts: {
    type: 'array',
    items: {
      ...record(SPEC_VOCABULARY.prompts, (key) => (key === 'name' ? VALUES['name'] : ref('number'))),
      required: ['tokens'],
    },
  },
};

export function workloadSpecSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Hand-written workload model (YAML), read by `tokentide synthesize`, `profile` and `plan`',
    ...record(SPEC_VOCABULARY.top, (key) => {
      if (key === 'classes')
        return {
          type: 'array',
          minItems: 1,
          description: 'several kinds of requests, each with a share of the rate or a rate of its own',
          items: {
            ...record(SPEC_VOCABULARY.classes, (own) => VALUES[own]),
            allOf: [{ oneOf: [{ required: ['share'] }, { required: ['rate'] }] }, lengthsOnce()],
          },
        };
      if (key === 'sessions')
        return {
          ...record(SPEC_VOCABULARY.sessions, (own) => SESSION_VALUES[own]),
          type: ['object', 'null'],
          anyOf: [{ type: 'null' }, { oneOf: [{ required: ['turns'] }, { required: ['continue'] }] }],
        };
      if (key === 'prefixes')
        return { ...record(SPEC_VOCABULARY.prefixes, (own) => PREFIX_VALUES[own]), type: ['object', 'null'] };
      return VALUES[key];
    }),
    anyOf: [{ required: ['rate'] }, { required: ['classes'] }],
    if: { required: ['classes'] },
    else: lengthsOnce(),
    definitions: {
      number: { type: TEXT_OR_NUMBER, description: 'e.g. 800, 0.3, 2k or 5%' },
      law: {
        type: TEXT_OR_NUMBER,
        description: 'a law of token counts',
        examples: ['lognormal p50 800 p99 6000', 'gamma mean 150 cv 1.2 max 2000', 'constant 0', 512],
      },
      rate: {
        description: 'all requests, later turns too',
        anyOf: [
          {
            type: TEXT_OR_NUMBER,
            examples: [
              '20/s',
              '5/s for 10m, 20/s for 10m',
              'ramp 5/s to 50/s over 10m',
              'diurnal 2/s to 20/s peak 14:00',
              '10/s spikes to 100/s for 20s every 10m',
              'on 40/s for 2m off 8m',
            ],
          },
          { type: 'array', minItems: 1, items: { type: TEXT_OR_NUMBER } },
          {
            ...record(SPEC_VOCABULARY.rate, (key) =>
              key === 'unit' ? { enum: SPEC_VOCABULARY.curveUnits } : { type: TEXT_OR_NUMBER },
            ),
            required: ['curve'],
            description: 'a measured rate: CSV file and its columns',
          },
        ],
      },
    },
  };
}

/** An object with these keys and no others. Throws for a key that nothing is known about. */
function record(keys: readonly string[], schemaOf: (key: string) => Schema | undefined): Schema {
  const properties = keys.map((key) => {
    const value = schemaOf(key);
    if (value === undefined) throw new Error(`the schema of hand-written models does not describe '${key}'`);
    return [key, value] as const;
  });
  return { type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) };
}

/** Input and output, or scenarios for both. */
function lengthsOnce(): Schema {
  return {
    oneOf: [
      { required: ['input', 'output'], not: { required: ['lengths'] } },
      { required: ['lengths'], not: { anyOf: [{ required: ['input'] }, { required: ['output'] }] } },
    ],
  };
}
