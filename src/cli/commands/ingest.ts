/** `tokentide ingest`: logs → trace, with a data-quality summary. */
import { EXIT, ToolError } from '../../errors.js';
import { KNOWN_FORMATS } from '../../ingest/detect.js';
import { type IngestResult, ingest } from '../../ingest/ingest.js';
import { MAP_TARGETS } from '../../ingest/map.js';
import type { PrivacyAudit } from '../../ingest/privacy-audit.js';
import { writeRateCurve } from '../../ingest/rate-curve.js';
import { exampleText, placeOf } from '../../ingest/rejects.js';
import type { ArrivalBasis, TraceQuality } from '../../types.js';
import { formatBytes, formatCount, formatDurationSec } from '../../units.js';
import type { CommandContext, CommandIo, CommandSpec } from '../command.js';
import { LABEL_WIDTH, labelled } from './labelled.js';

export const command: CommandSpec = {
  name: 'ingest',
  summary: 'production logs → trace',
  description:
    'Reads request logs (plain, gzip, Zstandard, tar; JSON in any layout, CSV, text, Parquet; files, folders or patterns in any order), rejects what is damaged by reason and line, sorts by arrival and writes one trace (Parquet) with its data-quality report inside. `-` reads standard input.',
  arguments: [
    {
      name: 'files',
      description: 'logs of one format: files, folders or patterns, in any order',
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
      key: 'auditPrivacy',
      type: 'boolean',
      description:
        'before the trace gets its name, search the inputs once more for anything of theirs that is in it',
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
      description:
        'a compressed file that ends early is no error (its complete rows are written anyway, but the exit status is 3)',
    },
    {
      key: 'tokenizer',
      type: 'string',
      value: '<name|file>',
      description:
        'count texts whose lengths are not logged: cl100k_base, o200k_base or a tokenizer.json (estimates; no text is kept)',
    },
    {
      key: 'recoverSessions',
      type: 'boolean',
      description: 'tell sessions, parents and turns from block ids where the source names no sessions',
    },
    {
      key: 'keepText',
      type: 'string',
      value: '<texts.jsonl>',
      description:
        'also write prompts and answers, as people wrote them, to this file, keyed by request id (default: text is dropped)',
    },
    {
      key: 'rateCurve',
      type: 'string',
      value: '<rate.csv>',
      description: 'write requests per second and mean lengths of a usage export, which is no trace',
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
    if (options['rateCurve'] !== undefined) return rateCurve(args, options['rateCurve'] as string, io);
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
      auditPrivacy: options['auditPrivacy'] as boolean | undefined,
      pseudonymKey: await keyOf(options['pseudonymKeyFile'] as string | undefined),
      allowTruncated: options['allowTruncated'] as boolean | undefined,
      tokenizer: options['tokenizer'] as string | undefined,
      recoverSessions: options['recoverSessions'] as boolean | undefined,
      keepText: options['keepText'] as string | undefined,
      compat: (options['compat'] as 'parquetjs' | undefined) ?? null,
      signal,
      progress: io.progress,
    });
    printSummary(io, result, options);
    io.result({ schemaVersion: 1, kind: 'ingest', ...result });
    return EXIT.ok;
  },
};

async function rateCurve(inputs: readonly string[], output: string, io: CommandIo): Promise<number> {
  const curve = await writeRateCurve({ inputs, output });
  const from = curve.startUtc === null ? '' : ` from ${curve.startUtc}`;
  io.print(
    `${output}: ${formatCount(curve.buckets)} buckets of ${formatDurationSec(curve.bucketSec)}${from}, ${formatCount(curve.requests)} requests`,
  );
  io.result({ schemaVersion: 1, kind: 'rate-curve', ...curve });
  return EXIT.ok;
}

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

function printSummary(io: CommandIo, result: IngestResult, options: CommandContext['options']): void {
  const { quality, meta, format } = result;
  const line = (label: string, text: string): void => io.print(labelled(label, text));
  const second = format.second === null ? '' : `; second: ${format.second}`;
  line('format', `${format.name}, because ${format.reason}${second}`);
  const { recordsIn = quality.rowsIn } = quality;
  const records = recordsIn === quality.rowsIn ? '' : ` (from ${formatCount(recordsIn)} records)`;
  line('rows', `${formatCount(quality.rowsIn)} in${records}, ${formatCount(quality.rowsOut)} kept`);
  for (const reject of quality.rejects) {
    const example = reject.example === null ? '' : `: ${exampleText(reject.example)}`;
    const place = reject.firstFile === null ? '' : ` (first: ${placeOf(reject.firstFile, reject.firstLine)})`;
    line('  dropped', `${formatCount(reject.rows)} × ${reject.reason}${example}${place}`);
  }
  const unordered = [
    [quality.duplicateRows ?? 0, 'delivered more than once'],
    [quality.outOfOrderRows, 'out of order'],
    [quality.tiedRows ?? 0, 'at the instant of the one before'],
  ] as const;
  line('order', unordered.map(([count, what]) => `${formatCount(count)} ${what}`).join(', '));
  line('start', meta.startUtc ?? 'not known: times count from the start of the trace');
  line('arrival', `${ARRIVAL_TEXT[meta.arrivalBasis]}; written to ${resolutionText(meta.timeResolutionNs)}`);
  line('time zone', quality.zoneRule);
  line('clock', quality.clock.finding);
  line('status', countsText(quality.statusCounts));
  line('privacy', privacyText(options));
  if (result.privacyAudit !== undefined) line('  audit', auditText(result.privacyAudit));
  if (Object.keys(quality.httpStatusCounts ?? {}).length > 0)
    line('HTTP status', countsText(quality.httpStatusCounts ?? {}));
  lengthLines(quality, line);
  quarterLines(quality, line);
  for (const { fromNs, lengthNs } of quality.silences ?? []) {
    line(
      'silence',
      `${formatDurationSec(lengthNs / 1e9)}, ${formatDurationSec(fromNs / 1e9)} after the start`,
    );
  }
  for (const note of quality.notes) line('note', note);
  line(
    'written',
    `${result.output}: ${formatCount(result.rows)} rows, ${formatBytes(result.bytes)}, content ${result.contentHash.slice(0, 12)}`,
  );
}

/** What became of identifiers and text. */
function privacyText(options: CommandContext['options']): string {
  const ids =
    options['keepIds'] === true
      ? 'identifiers KEPT as they are'
      : `identifiers are pseudonyms, keyed by ${options['pseudonymKeyFile'] === undefined ? 'a random key that is not kept' : 'the given key'}`;
  const text =
    options['keepText'] === undefined ? 'no text is kept' : `TEXT KEPT in ${String(options['keepText'])}`;
  return `${ids}; ${text}`;
}

function auditText(audit: PrivacyAudit): string {
  const looked = `${formatCount(audit.words)} words and ${formatCount(audit.texts)} runs of words of the trace are nowhere in ${formatBytes(audit.searchedBytes)} of input`;
  return `clean: ${formatCount(audit.pseudonyms)} pseudonyms; ${looked}; model names kept: ${formatCount(audit.modelNames)}`;
}

const ARRIVAL_TEXT: Readonly<Record<ArrivalBasis, string>> = {
  arrival: 'the request came in',
  end: 'the request ended',
  log_write: 'the log line was written',
  synthetic: 'drawn from a model',
  unknown: 'the source does not say what its times mean',
};

function resolutionText(resolutionNs: number | null): string {
  return resolutionNs === null ? 'an unknown resolution' : formatDurationSec(resolutionNs / 1e9);
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([word, count]) => `${word} ${formatCount(count)}`)
    .join(', ');
}

type Line = (label: string, text: string) => void;

function lengthLines({ inputLengths, outputLengths }: TraceQuality, line: Line): void {
  for (const [label, facts] of [
    ['input', inputLengths],
    ['output', outputLengths],
  ] as const) {
    if (facts === undefined) continue;
    const unknown = facts.unknownRows > 0 ? `${formatCount(facts.unknownRows)} unknown` : '';
    const known =
      facts.meanTokens === null
        ? ''
        : `${formatCount(facts.minTokens ?? 0)} to ${formatCount(facts.maxTokens ?? 0)} tokens, mean ${facts.meanTokens.toFixed(1)}`;
    line(label, [known, unknown].filter((text) => text !== '').join('; '));
  }
}

function quarterLines({ quarters = [] }: TraceQuality, line: Line): void {
  if (quarters.length === 0) return;
  const mean = (value: number | null): string => (value === null ? '–' : value.toFixed(0));
  line('quarters', 'of the time: requests/s, mean input and output tokens');
  for (const { ratePerSec, meanInputTokens, meanOutputTokens } of quarters) {
    line('', `${ratePerSec.toPrecision(3)}/s, ${mean(meanInputTokens)} in, ${mean(meanOutputTokens)} out`);
  }
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
  for (const format of KNOWN_FORMATS) {
    io.print(labelled(format.name, `${format.title}; ${format.sourceUrl}`));
    if (format.texts !== undefined) io.print(labelled('', 'carries text, for --keep-text and --tokenizer'));
    for (const column of format.columns) {
      io.print(labelled('', `${column.name}${column.required ? '' : ' (optional)'}: ${column.meaning}`));
    }
  }
  io.print(labelled('--rate-curve', 'OpenAI usage export (JSON pages or CSV): a rate curve, never a trace'));
  io.print(labelled('--map', 'any other CSV or JSON Lines file, by a mapping such as:'));
  io.print(MAP_EXAMPLE.replaceAll(/^/gm, ' '.repeat(LABEL_WIDTH)));
  const targets = Object.entries(MAP_TARGETS).map(([target, kind]) => `${target} (${kind})`);
  io.print(labelled('', `columns that a mapping may fill: ${targets.join(', ')}`));
  io.result({
    schemaVersion: 1,
    kind: 'log-formats',
    formats: KNOWN_FORMATS.map(({ name, title, sourceUrl, shape, columns, texts }) => ({
      name,
      title,
      sourceUrl,
      shape,
      carriesText: texts !== undefined,
      columns,
    })),
  });
}
