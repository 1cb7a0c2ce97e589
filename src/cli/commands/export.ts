/** `tokentide export`: a run as the result file of another tool. */
import { EXIT } from '../../errors.js';
import { EXPORT_TARGETS, exportRun } from '../../interop/export.js';
import { formatBytes, formatCount } from '../../units.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'export',
  summary: 'a run as the result file of another tool',
  description: `Writes what another tool would have written for the same requests, by its own definitions:\n${EXPORT_TARGETS.map(({ name, summary }) => `  ${name.padEnd(15)} ${summary}`).join('\n')}`,
  arguments: [{ name: 'run', description: 'folder of a run', required: true }],
  options: [
    {
      key: 'to',
      type: 'string',
      value: '<target>',
      choices: EXPORT_TARGETS.map(({ name }) => name),
      required: true,
      description: 'whose file',
    },
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file>',
      description: "file to write; default: the tool's own name for it, in the run folder",
    },
  ],
  examples: [
    'tokentide export run/ --to vllm-bench -o result.json',
    'tokentide export run/ --to chrome-trace -o trace.json',
  ],
  async run({ args, options, io }) {
    const written = await exportRun({
      run: args[0],
      to: options['to'] as string,
      output: options['output'] as string | undefined,
    });
    io.print(
      `wrote ${written.output}: ${formatCount(written.requests)} requests, ${formatBytes(written.bytes)}`,
    );
    io.result({ schemaVersion: 1, kind: 'written-export', ...written });
    return EXIT.ok;
  },
};
