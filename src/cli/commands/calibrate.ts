/** `tokentide calibrate`: measured latencies → engine model. */
import { basename } from 'node:path';
import { formatEngineFit } from '../../calibrate/format.js';
import { EXIT } from '../../errors.js';
import { calibrateEngine } from '../../verbs.js';
import type { CommandSpec } from '../command.js';
import { fitScreen } from './screen.js';

export const command: CommandSpec = {
  name: 'calibrate',
  summary: 'measured latencies → engine model',
  description:
    'Estimates what an iteration of one replica costs (per iteration, prompt token, sequence and context token) from ' +
    'the token instants of runs at two or more rates, with confidence intervals, and says how well a simulation with it ' +
    'repeats what was measured, and (from three rates on) predicts each rate from the others.',
  arguments: [
    {
      name: 'runs',
      description: 'run folders of `tokentide replay`, or profiles whose runs were kept',
      required: true,
      variadic: true,
    },
  ],
  options: [
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file>',
      required: true,
      description: 'engine model to write, e.g. mine.engine.json',
    },
    { key: 'name', type: 'string', description: 'name of the model; default: from the file' },
    {
      key: 'base',
      type: 'string',
      value: '<file|name>',
      description: 'engine model that gives limits and settings which measurements cannot show',
    },
    {
      key: 'maxBatchedTokens',
      type: 'integer',
      description: 'token budget of an iteration; default: the one that explains the runs best',
    },
    {
      key: 'url',
      type: 'string',
      value: '<url>',
      description: 'the server, if it still runs: it is asked for its KV blocks and other limits',
    },
    { key: 'maxSeqs', type: 'integer', description: 'most sequences at once; default: as seen, else 256' },
    { key: 'kvBlocks', type: 'integer', description: 'KV blocks; default 125000' },
    { key: 'blockSize', type: 'integer', description: 'tokens per KV block; default 16' },
    { key: 'maxModelLen', type: 'integer', description: 'longest prompt and answer together, tokens' },
    { key: 'coldStart', type: 'duration', description: 'time from starting a replica to ready' },
    {
      key: 'includeInvalid',
      type: 'boolean',
      description: 'use runs whose client was late, too',
    },
    {
      key: 'regressionOnly',
      type: 'boolean',
      description: 'leave out the refinement of the coefficients by simulation',
    },
  ],
  examples: [
    'tokentide calibrate runs/rate-2 runs/rate-8 -o mine.engine.json',
    'tokentide calibrate conv.profile.json --max-seqs 128 --cold-start 90s -o mine.engine.json',
  ],
  async run({ args, options, io, signal }) {
    const output = options['output'] as string;
    const limit = (key: string): object => (options[key] === undefined ? {} : { [key]: options[key] });
    const fit = await calibrateEngine({
      inputs: args,
      output,
      name: (options['name'] as string | undefined) ?? basename(output).replace(/(\.engine)?\.json$/i, ''),
      base: options['base'] as string | undefined,
      limits: {
        ...limit('maxBatchedTokens'),
        ...limit('maxSeqs'),
        ...limit('kvBlocks'),
        ...limit('blockSize'),
        ...limit('maxModelLen'),
      },
      includeInvalid: options['includeInvalid'] === true,
      url: options['url'] as string | undefined,
      coldStartSec: options['coldStart'] as number | undefined,
      refine: options['regressionOnly'] !== true,
      signal,
      progress: io.progress,
    });
    io.print(fitScreen(formatEngineFit(fit)));
    io.print(`wrote ${output}`);
    io.result({ schemaVersion: 1, kind: 'calibration', ...fit });
    return EXIT.ok;
  },
};
