/** `tokentide report`: any document of ours → one self-contained HTML page, another format, or one chart. */
import { EXIT } from '../../errors.js';
import { REPORT_FORMATS, type ReportFormat } from '../../report/formats.js';
import { findBrowser } from '../../report/svg/png.js';
import { reportText, writeChart, writeReport } from '../../report/write.js';
import { formatBytes } from '../../units.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'report',
  summary: 'any result → one self-contained HTML page, or Markdown, JSON, CSV, one chart',
  description:
    'Writes a page that opens from disk, works offline and prints: the verdict in words, then the evidence as charts ' +
    'with the tables behind them. Every number keeps the exact value of the document it came from. Reads runs, ' +
    'profiles, plans, traces, workload models, and the JSON of compare and simulate.',
  arguments: [
    {
      name: 'input',
      description: 'folder of a run or plan, a trace, a model, a profile, a comparison or a simulation',
      required: true,
    },
  ],
  options: [
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file>',
      description:
        'file to write (default: report.html, or report.<format>); - prints it, as Markdown unless --format',
    },
    {
      key: 'format',
      type: 'string',
      choices: REPORT_FORMATS,
      description: "html, md, json or csv (default: by the file's ending, else html)",
    },
    {
      key: 'chart',
      type: 'string',
      value: '<id>',
      description: 'only this chart, as .svg, or as .png where Chromium is installed; a wrong id lists all',
    },
  ],
  examples: [
    'tokentide report run/ -o run/report.html',
    'tokentide report llama3.profile.json --format md -o profile.md',
    'tokentide report conv.parquet --chart trace-rate -o rate.svg',
  ],
  async run({ args, options, io, signal }) {
    const [input] = args;
    const chart = options['chart'] as string | undefined;
    const format = options['format'] as ReportFormat | undefined;
    if (chart !== undefined) {
      const output = (options['output'] as string | undefined) ?? `${chart}.svg`;
      const written = await writeChart({ input, chart, output, browser: findBrowser(process.env), signal });
      io.print(`wrote ${written.output}: ${formatBytes(written.bytes)}`);
      io.result({ schemaVersion: 1, kind: 'written-chart', chart, ...written });
      return EXIT.ok;
    }
    const output = (options['output'] as string | undefined) ?? `report.${format ?? 'html'}`;
    if (output === '-') {
      io.print((await reportText(input, format ?? 'md')).trimEnd());
      return EXIT.ok;
    }
    const written = await writeReport({ input, output, format });
    io.print(`${written.verdict}\n  because ${written.because}\n  next    ${written.next}`);
    io.print(
      `wrote ${written.output}: ${written.charts} charts, ${formatBytes(written.bytes)}${written.format === 'html' ? '; open it in a browser' : ''}`,
    );
    io.result({ schemaVersion: 1, kind: 'written-report', ...written });
    return EXIT.ok;
  },
};
