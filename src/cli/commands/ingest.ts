/** `tokentide ingest`: logs → trace, with a data-quality summary. */
import { EXIT, ToolError } from '../../errors.js';
import { LOG_FORMATS } from '../../ingest/formats/index.js';
import { type IngestResult, ingest } from '../../ingest/ingest.js';
import { MAP_TARGETS } from '../../ingest/map.js';
import { formatBytes, formatCount } from '../../units.js';
import type { CommandContext, CommandIo, CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'ingest',
  summary: 'production logs → trace',
  description:
    'Reads request logs (plain or gzip), rejects what is damaged by reason and line, sorts by arrival and writes one trace (Parquet) with its data-quality report inside. `-` reads standard input.',
  arguments: [
    {
      name: 'files',
      description: 'logs of one format, in the order of their rows',
      required: false,
      variadic: true,
    },
  ],
  options: [
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<trace.parquet>',
      description: 'where to write the trace',
    },
    { key: 'format', type: 'string', value: '<name>', description: 'log format, or auto', default: 'auto' },
    {
      key: 'map',
      type: 'string',
      value: '<spec.yaml>',
      description: 'which column of a CSV or JSON Lines file is what, in which unit',
    },
    {
      key: 'tz',
      type: 'string',
      value: '<zone>',
      description:
        'zone of times that name none: UTC, +05:30 or Europe/Berlin (default: UTC, whatever the zone of this machine)',
    },
    { key: 'strict', type: 'boolean', description: 'stop at the first bad row' },
    {
      key: 'name',
      type: 'string',
      value: '<text>',
      description: 'name of the trace (default: of the first file)',
    },
    {
      key: 'keepIds',
      type: 'boolean',
      description: 'keep identifiers as they are (default: keyed pseudonyms)',
    },
    {
      key: 'pseudonymKeyFile',
      type: 'string',
      value: '<file>',
      description: 'secret for the pseudonyms, so that several ingests join (default: random)',
    },
    {
      key: 'allowTruncated',
      type: 'boolean',
      description: 'keep the complete rows of a gzip file that ends early',
    },
    {
      key: 'compat',
      type: 'string',
      value: '<profile>',
      choices: ['parquetjs'],
      description: 'write for readers that know only old Parquet',
    },
    { key: 'listFormats', type: 'boolean', description: 'describe the known formats and stop' },
  ],
  examples: [
    'tokentide ingest AzureLLMInferenceTrace_conv.csv -o conv.parquet',
    'tokentide ingest gateway-*.jsonl.gz --map gateway.yaml --tz Europe/Berlin -o week.parquet',
  ],
  async run({ args, options, io, signal }: CommandContext): Promise<number> {
    if (options['listFormats'] === true) {
      listFormats(io);
      return EXIT.ok;
    }
    if (args.length === 0)
      throw usage('no input given', 'name one or more log files, or - for standard input');
    if (options['output'] === undefined)
      throw usage('--output is required', 'say where to write the trace: -o trace.parquet');
    const result = await ingest({
      inputs: args,
      output: options['output'] as string,
      format: options['format'] as string,
      map: options['map'] as string | undefined,
      tz: options['tz'] as string | undefined,
      strict: options['strict'] as boolean | undefined,
      name: options['name'] as string | undefined,
      keepIds: options['keepIds'] as boolean | undefined,
      pseudonymKey: await keyOf(options['pseudonymKeyFile'] as string | undefined),
      allowTruncated: options['allowTruncated'] as boolean | undefined,
      compat: (options['compat'] as 'parquetjs' | undefined) ?? null,
      signal,
      progress: io.progress,
    });
    printSummary(io, result);
    io.result({ schemaVersion: 1, kind: 'ingest', ...result });
    return EXIT.ok;
  },
};

async function keyOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const { readFile } = await import('node:fs/promises');
  const { requireFile } = await import('../../trace/files.js');
  await requireFile(path, 'a key file');
  return (await readFile(path, 'utf8')).trim();
}

function usage(message: string, hint: string): ToolError {
  return new ToolError({ code: 'USAGE', message, hint });
}

const WIDTH = 80;
const LABEL = 12;

function printSummary(io: CommandIo, result: IngestResult): void {
  const { quality, meta, format } = result;
  const line = (label: string, text: string): void => io.print(paragraph(label, text));
  const second = format.second === null ? '' : `; second: ${format.second}`;
  line('format', `${format.name}, because ${format.reason}${second}`);
  line('rows', `${formatCount(quality.rowsIn)} in, ${formatCount(quality.rowsOut)} kept`);
  for (const reject of quality.rejects) {
    const example = reject.example === null ? '' : ` '${reject.example}'`;
    line(
      '  dropped',
      `${formatCount(reject.rows)} × ${reject.reason}${example} (first: ${reject.firstFile}, line ${reject.firstLine})`,
    );
  }
  line('start', meta.startUtc ?? 'not known: times count from the start of the trace');
  line('time zone', quality.zoneRule);
  line('clock', quality.clock.finding);
  const statuses = Object.entries(quality.statusCounts).map(
    ([status, count]) => `${status} ${formatCount(count)}`,
  );
  line('status', statuses.join(', '));
  if (quality.unknownInputRows + quality.unknownOutputRows > 0) {
    line(
      'unknown',
      `prompt length in ${formatCount(quality.unknownInputRows)} rows, output length in ${formatCount(quality.unknownOutputRows)}`,
    );
  }
  for (const note of quality.notes) line('note', note);
  line(
    'written',
    `${result.output}: ${formatCount(result.rows)} rows, ${formatBytes(result.bytes)}, content ${result.contentHash.slice(0, 12)}`,
  );
}

/** A label and its text, wrapped to the terminal's 80 columns. */
function paragraph(label: string, text: string): string {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > WIDTH - LABEL) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  lines.push(current);
  return lines.map((content, i) => (i === 0 ? label : '').padEnd(LABEL) + content).join('\n');
}

const MAP_EXAMPLE = `format: csv                # or jsonl; names are then dotted paths
separator: ";"
columns:
  arrival: {from: start, unit: ms}  # iso s ms us ns dotnet-ticks
  input_tokens: prompt_tokens
  output_tokens: {from: [out, completion]}  # first there is
  http_status: code
  ttft: {from: first_token_s, unit: s}
  operation: {from: kind, values: {c: chat}, otherwise: other}
  model: {constant: chat-8b}
arrival_basis: arrival     # or end, log_write, unknown
where:
  - {column: kind, one_of: [c, e]}`;

function listFormats(io: CommandIo): void {
  for (const format of LOG_FORMATS) {
    io.print(paragraph(format.name, `${format.title}; ${format.sourceUrl}`));
    for (const column of format.columns) {
      io.print(paragraph('', `${column.name}${column.required ? '' : ' (optional)'}: ${column.meaning}`));
    }
  }
  io.print(paragraph('--map', 'any other CSV or JSON Lines file, by a mapping such as:'));
  io.print(MAP_EXAMPLE.replaceAll(/^/gm, ' '.repeat(LABEL)));
  const targets = Object.entries(MAP_TARGETS).map(([target, kind]) => `${target} (${kind})`);
  io.print(paragraph('', `columns that a mapping may fill: ${targets.join(', ')}`));
  io.result({
    schemaVersion: 1,
    kind: 'log-formats',
    formats: LOG_FORMATS.map(({ name, title, sourceUrl, shape, columns }) => ({
      name,
      title,
      sourceUrl,
      shape,
      columns,
    })),
  });
}
