/** `tokentide report`: run, profile or plan → one self-contained HTML page. */
import { EXIT } from '../../errors.js';
import { writeReport } from '../../report/write.js';
import { formatBytes } from '../../units.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'report',
  summary: 'run, profile or plan → one self-contained HTML page',
  description:
    'Writes a page that opens from disk, works offline and prints: the verdict in words, then the evidence as charts ' +
    'with the tables behind them. Every number keeps the exact value of the document it came from.',
  arguments: [{ name: 'input', description: 'folder of a run or plan, or a profile', required: true }],
  options: [
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file.html>',
      description: 'page to write',
      default: 'report.html',
    },
  ],
  examples: [
    'tokentide report run/ -o run/report.html',
    'tokentide report llama3.profile.json -o profile.html',
  ],
  async run({ args, options, io }) {
    const written = await writeReport({ input: args[0], output: options['output'] as string });
    io.print(`${written.verdict}\n  because ${written.because}\n  next    ${written.next}`);
    io.print(
      `wrote ${written.output}: ${written.charts} charts, ${formatBytes(written.bytes)}; open it in a browser`,
    );
    io.result({ schemaVersion: 1, kind: 'written-report', ...written });
    return EXIT.ok;
  },
};
