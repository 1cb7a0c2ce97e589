/** `tokentide demo`: the whole picture on the bundled log. */
import { runDemo } from '../../demo/demo.js';
import { EXIT } from '../../errors.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'demo',
  summary: 'the whole picture on a bundled log, in about a minute',
  description:
    'Runs ingest, fit, synthesize, serve, replay, profile, plan and report on an invented gateway log against the embedded ' +
    'engine, and prints each command line so that it can be repeated by hand.',
  arguments: [],
  options: [
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<folder>',
      default: 'demo-out',
      description: 'folder for what it writes',
    },
  ],
  examples: ['tokentide demo', 'tokentide demo -o /tmp/first-look'],
  async run({ options, io, signal }) {
    const result = await runDemo({ folder: options['output'] as string, print: io.print, signal });
    io.result({ schemaVersion: 1, kind: 'demo', ...result });
    return EXIT.ok;
  },
};
