/** `tokentide inspect`: what is in this file, on one screen. */
import { EXIT } from '../../errors.js';
import { inspectFile } from '../../inspect/inspect.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'inspect',
  summary: 'what is in this file: trace, model, run, profile or plan',
  description:
    'Shows on one screen what a file is, where it came from and its key numbers. Traces are read whole, in a stream: ' +
    'rate, clock, token quantiles, how both change from quarter to quarter, and how much prompts share.',
  arguments: [
    {
      name: 'file',
      description: 'trace Parquet, workload or engine model, profile, or the folder of a run or plan',
      required: true,
    },
  ],
  options: [],
  examples: ['tokentide inspect conv.parquet', 'tokentide inspect models/tiny-demo.engine.json --json'],
  async run({ args, io, signal }) {
    const { lines, ...result } = await inspectFile(args[0], { progress: io.progress, signal });
    io.print(lines.join('\n'));
    io.result({ schemaVersion: 1, kind: 'inspection', ...result });
    return EXIT.ok;
  },
};
