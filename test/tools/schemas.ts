/**
 * The JSON Schemas of every file that tokentide reads or writes, made from the types in `src/types/`, the option
 * tables of the commands, and the vocabulary of hand-written models. `npm run schemas` writes them; a test holds them to what it would write now.
 */
import { fileURLToPath } from 'node:url';
import { createGenerator } from 'ts-json-schema-generator';
import { COMMON_OPTIONS, type CommandSpec, type OptionSpec } from '../../src/cli/command.js';
import { NOT_STEPS } from '../../src/cli/experiment/file.js';
import { COMMANDS } from '../../src/cli/registry.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { workloadSpecSchema } from './spec-schema.js';

/** Schema file → the type that it describes and the file that holds the type. */
const DOCUMENTS: readonly { name: string; type: string; source: string; title: string }[] = [
  {
    name: 'workload-model',
    type: 'WorkloadModel',
    source: 'src/types/workload.ts',
    title: 'Workload model, written by `tokentide fit`, read by `synthesize`, `profile` and `plan`',
  },
  {
    name: 'engine-model',
    type: 'EngineModel',
    source: 'src/types/engine.ts',
    title: 'Engine model, written by `tokentide calibrate`, read by `serve`, `simulate` and `plan`',
  },
  {
    name: 'autoscaler',
    type: 'AutoscalerSpec',
    source: 'src/types/autoscale.ts',
    title: 'Autoscaler, as the simulation takes it from `simulate --autoscaler`',
  },
  {
    name: 'run',
    type: 'RunSummary',
    source: 'src/types/run.ts',
    title: 'run.json, written by `tokentide replay`',
  },
  {
    name: 'latency-profile',
    type: 'LatencyProfile',
    source: 'src/types/profile.ts',
    title: 'Latency profile, written by `tokentide profile`',
  },
  {
    name: 'capacity-plan',
    type: 'CapacityPlan',
    source: 'src/types/plan.ts',
    title: 'plan.json, written by `tokentide plan`',
  },
  {
    name: 'simulation',
    type: 'SimulationDocument',
    source: 'src/types/engine.ts',
    title: 'Simulation, written by `tokentide simulate`',
  },
  {
    name: 'fleet-comparison',
    type: 'FleetComparison',
    source: 'src/types/engine.ts',
    title: 'Two fleets on one trace, written by `tokentide simulate --versus`',
  },
  {
    name: 'trace-comparison',
    type: 'TraceComparison',
    source: 'src/types/compare.ts',
    title: 'Two traces, written by `tokentide compare`',
  },
  {
    name: 'run-comparison',
    type: 'RunComparison',
    source: 'src/types/compare.ts',
    title: 'Two runs, written by `tokentide compare`',
  },
  {
    name: 'trace-metadata',
    type: 'TraceMeta',
    source: 'src/types/trace.ts',
    title: 'Metadata in the footer of a trace, key `tokentide`',
  },
  {
    name: 'experiment-result',
    type: 'ExperimentResult',
    source: 'src/cli/experiment/run.ts',
    title: 'Record of an experiment, written by `tokentide run`',
  },
];

type Schema = Record<string, unknown>;

/** File name → content of every schema. Takes some seconds: each type is resolved by a compiler. */
export async function makeSchemas(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { name, type, source, title } of DOCUMENTS) {
    const schema = createGenerator({
      path: fileURLToPath(new URL(source, PACKAGE_ROOT)),
      tsconfig: fileURLToPath(new URL('tsconfig.json', PACKAGE_ROOT)),
      type,
      skipTypeCheck: true,
      topRef: false,
    }).createSchema(type) as Schema;
    files.set(fileOf(name), textOf({ $schema: schema['$schema'], title, ...schema }));
  }
  files.set(fileOf('workload-spec'), textOf(workloadSpecSchema()));
  files.set(fileOf('experiment'), textOf(experimentSchema(await stepCommands())));
  return files;
}

async function stepCommands(): Promise<CommandSpec[]> {
  const entries = COMMANDS.filter(({ name }) => !NOT_STEPS.includes(name));
  return Promise.all(entries.map(async (entry) => (await entry.load()).command));
}

function experimentSchema(commands: readonly CommandSpec[]): Schema {
  const definitions: Record<string, Schema> = {};
  for (const spec of commands) {
    definitions[`${spec.name}-config`] = {
      title: `--config file of \`tokentide ${spec.name}\``,
      type: 'object',
      additionalProperties: false,
      properties: propertiesOf([...spec.options, ...COMMON_OPTIONS]),
    };
    definitions[`${spec.name}-step`] = stepSchema(spec);
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Experiment of `tokentide run`; definitions/<command>-config describes --config files',
    type: 'object',
    additionalProperties: false,
    required: ['steps'],
    properties: {
      schemaVersion: { const: 1 },
      name: { type: 'string' },
      variables: {
        type: 'object',
        description: 'values that texts of the steps refer to by name; --set replaces them',
      },
      steps: {
        type: 'array',
        minItems: 1,
        items: { anyOf: commands.map(({ name }) => ({ $ref: `#/definitions/${name}-step` })) },
      },
    },
    definitions,
  };
}

function stepSchema(spec: CommandSpec): Schema {
  const words = spec.arguments.map((argument) => {
    const value = { type: ['string', 'number'], description: argument.description };
    return [
      argument.name,
      argument.variadic ? { anyOf: [value, { type: 'array', items: value }] } : value,
    ] as const;
  });
  const required = spec.arguments.filter((argument) => argument.required).map((argument) => argument.name);
  const requiredOptions = spec.options.filter((option) => option.required).map((option) => option.key);
  const body: Schema = {
    type: 'object',
    additionalProperties: false,
    properties: { ...Object.fromEntries(words), ...propertiesOf(spec.options) },
    ...(required.length + requiredOptions.length > 0 ? { required: [...required, ...requiredOptions] } : {}),
  };
  return {
    type: 'object',
    description: spec.summary,
    additionalProperties: false,
    required: [spec.name],
    properties: {
      name: { type: 'string', description: 'default: the command' },
      ...(spec.name === 'serve' ? { background: { const: true } } : {}),
      allow: {
        type: 'array',
        items: { type: 'integer' },
        description: 'exit statuses besides 0 to go on after',
      },
      [spec.name]: body,
    },
  };
}

function propertiesOf(options: readonly OptionSpec[]): Record<string, Schema> {
  return Object.fromEntries(options.map((option) => [option.key, optionSchema(option)]));
}

/** Any value may be a text that holds a variable, so texts are taken everywhere. */
function optionSchema(option: OptionSpec): Schema {
  const notes = option.default === undefined ? {} : { default: option.default };
  const description = { description: option.description, ...notes };
  if (option.choices)
    return { ...description, anyOf: [{ enum: option.choices }, { type: 'string', pattern: '\\$\\{' }] };
  switch (option.type) {
    case 'boolean':
      return { ...description, type: ['boolean', 'string'] };
    case 'strings':
      return { ...description, type: ['string', 'array'], items: { type: 'string' } };
    case 'numbers':
      return { ...description, type: ['string', 'number', 'array'], items: { type: 'number' } };
    case 'integer':
      return { ...description, type: ['integer', 'string'] };
    default:
      return { ...description, type: ['string', 'number'] };
  }
}

function fileOf(name: string): string {
  return `${name}.schema.json`;
}

function textOf(schema: Schema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
