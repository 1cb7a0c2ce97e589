/** `tokentide simulate`: a trace on an engine model, in virtual time. */
import { readEngineModel } from '../../engine/model.js';
import { DEFAULT_ROUTER, ROUTER_POLICIES } from '../../engine/router.js';
import { EXIT } from '../../errors.js';
import { formatSimulation } from '../../simulate/format.js';
import { simulateTrace } from '../../simulate/simulate.js';
import { parseSlo } from '../../slo.js';
import { writeJson } from '../../trace/files.js';
import type { RouterPolicy } from '../../types.js';
import type { RateSpec } from '../../units.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'simulate',
  summary: 'the engine model in virtual time',
  description:
    'Runs every request of a trace through a fleet of engine models in virtual time, thousands of times faster than ' +
    'life, and reports latencies as a run would. Rows without known lengths are left out and counted. Exits 5 when ' +
    'the SLO is missed.',
  arguments: [{ name: 'trace', description: 'trace Parquet', required: true }],
  options: [
    {
      key: 'engine',
      short: 'e',
      type: 'string',
      value: '<file|name>',
      required: true,
      description: 'engine model file, or the name of a bundled one such as llama3-8b-h100-published',
    },
    { key: 'replicas', short: 'n', type: 'integer', default: 1, description: 'engines behind one router' },
    {
      key: 'router',
      type: 'string',
      choices: ROUTER_POLICIES,
      default: DEFAULT_ROUTER,
      description: 'which replica gets a request',
    },
    { key: 'speed', type: 'number', default: 1, description: 'divides arrival times: 2 = twice the load' },
    {
      key: 'rate',
      type: 'rate',
      description: 'scales arrival times: x2 doubles the rate, 20/s sets its mean',
    },
    { key: 'engineSpeed', type: 'number', default: 1, description: 'divides iteration times' },
    {
      key: 'slo',
      type: 'strings',
      value: '<text>',
      description: 'objective, e.g. "p99(ttft) < 500ms"; repeatable',
    },
    { key: 'seed', type: 'string', default: '1', description: "seed of the iterations' noise" },
    { key: 'itl', type: 'boolean', description: 'ITL also for traces above 50 000 rows (8 bytes per token)' },
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file.json>',
      description: 'also write the result here',
    },
  ],
  examples: [
    'tokentide simulate conv.parquet --engine llama3-8b-h100-published --replicas 2',
    'tokentide simulate conv.parquet -e mine.engine.json -n 4 --rate x3 --slo "p99(ttft) < 500ms"',
  ],
  async run({ args, options, io, signal }) {
    const slo = options['slo'] as string[] | undefined;
    const { document } = await simulateTrace({
      trace: args[0],
      engine: await readEngineModel(options['engine'] as string),
      replicas: options['replicas'] as number,
      router: options['router'] as RouterPolicy,
      speed: options['speed'] as number,
      rate: options['rate'] as RateSpec | undefined,
      engineSpeed: options['engineSpeed'] as number,
      slo: slo === undefined ? undefined : parseSlo(slo),
      seed: options['seed'] as string,
      keepChunks: options['itl'] === true ? true : undefined,
      signal,
      progress: io.progress,
    });
    const output = options['output'] as string | undefined;
    if (output !== undefined) await writeJson(output, document);
    io.print(formatSimulation(document));
    for (const note of document.notes) io.note(`note: ${note}`);
    if (output !== undefined) io.print(`wrote ${output}`);
    io.result(document);
    return document.sloMet === false ? EXIT.sloMissed : EXIT.ok;
  },
};
