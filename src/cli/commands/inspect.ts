/** `tokentide inspect`: what is in this file, on one screen. */
import { EXIT } from '../../errors.js';
import { inspectFile } from '../../inspect/inspect.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'inspect',
  summary: 'what is in this file: trace, model, run, profile, plan, simulation or comparison',
  description:
    'Shows on one screen what a file is, where it came from and its key numbers. Traces are read whole, in a stream: ' +
    'rate, clock, token quantiles, how both change from quarter to quarter, how much prompts share, and all that the ' +
    'ingest found about the log.',
  arguments: [
    {
      name: 'file',
      description:
        'trace Parquet, workload or engine model, profile, simulation, comparison, or the folder of a run or plan',
      required: true,
    },
  ],
  options: [
    {
      key: 'ascii',
      type: 'boolean',
      description: 'charts and signs in ASCII only (default where the locale is not UTF-8)',
    },
  ],
  examples: ['tokentide inspect conv.parquet', 'tokentide inspect models/tiny-demo.engine.json --json'],
  async run({ args, options, io, signal }) {
    const ascii = (options['ascii'] as boolean | undefined) ?? !isUtf8(process.env);
    const { lines, ...result } = await inspectFile(args[0], { progress: io.progress, ascii, signal });
    io.print(lines.join('\n'));
    io.result({ schemaVersion: 1, kind: 'inspection', ...result });
    return EXIT.ok;
  },
};

/** Whether the locale says UTF-8; one that is not set is taken to. */
function isUtf8(environment: Readonly<Record<string, string | undefined>>): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = environment;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((name) => name !== undefined && name !== '');
  return locale === undefined || /utf-?8/i.test(locale);
}
