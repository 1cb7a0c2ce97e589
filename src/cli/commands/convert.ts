/** `tokentide convert`: trace → another tool's input. */
import { convertTrace, type FailurePolicy } from '../../convert/convert.js';
import { CONVERT_TARGETS } from '../../convert/targets/index.js';
import { EXIT, ToolError } from '../../errors.js';
import { formatBytes, formatCount } from '../../units.js';
import type { CommandContext, CommandIo, CommandSpec } from '../command.js';
import { labelled } from './labelled.js';

export const command: CommandSpec = {
  name: 'convert',
  summary: "trace → other tools' inputs",
  description:
    'Writes a trace in the format of another tool and says what that format cannot hold. `tokentide ingest` reads every one of them back. `-o -` writes to standard output.',
  arguments: [{ name: 'trace', description: 'trace Parquet', required: false }],
  options: [
    {
      key: 'to',
      type: 'string',
      value: '<format>',
      choices: CONVERT_TARGETS.map(({ name }) => name),
      description: 'format to write',
    },
    { key: 'output', short: 'o', type: 'string', value: '<file>', description: 'file to write, or -' },
    {
      key: 'failures',
      type: 'string',
      value: '<policy>',
      choices: ['keep', 'drop', 'refuse'],
      default: 'keep',
      description: 'failed requests: write them like others, leave them out, or stop',
    },
    {
      key: 'unknown',
      type: 'string',
      value: '<policy>',
      choices: ['drop', 'refuse'],
      default: 'drop',
      description: 'requests without a length that the format needs: leave them out, or stop',
    },
    {
      key: 'blockSize',
      type: 'integer',
      value: '<tokens>',
      description: "tokens per block id to write (default: what the format's readers assume)",
    },
    { key: 'seed', type: 'string', value: '<text>', default: '0', description: 'seed of made-up prompts' },
    { key: 'listFormats', type: 'boolean', description: 'describe the formats and stop' },
  ],
  examples: [
    'tokentide convert conv.parquet --to mooncake -o conv.jsonl',
    'tokentide convert conv.parquet --to vidur --failures drop -o - | head',
  ],
  async run({ args, options, io, signal }: CommandContext): Promise<number> {
    if (options['listFormats'] === true) {
      listFormats(io);
      return EXIT.ok;
    }
    const { to, output } = options as { to?: string; output?: string };
    const [trace] = args;
    if (trace === undefined || to === undefined || output === undefined) {
      throw new ToolError({
        code: 'USAGE',
        message: `${trace === undefined ? 'no trace given' : to === undefined ? '--to is required' : '--output is required'}`,
        hint: 'tokentide convert t.parquet --to mooncake -o t.jsonl; --list-formats describes the formats',
      });
    }
    if (output === '-' && io.json) {
      throw new ToolError({
        code: 'USAGE',
        message: '--json and -o - both want standard output',
        hint: 'write to a file',
      });
    }
    const result = await convertTrace({
      trace,
      to,
      output,
      failures: options['failures'] as FailurePolicy,
      unknown: options['unknown'] as 'drop' | 'refuse',
      blockSize: options['blockSize'] as number | undefined,
      seed: options['seed'] as string,
      signal,
      progress: io.progress,
    });
    const say = output === '-' ? (text: string) => io.note(text) : (text: string) => io.print(text);
    for (const note of result.notes) say(labelled('note', note));
    say(
      labelled(
        'written',
        `${output === '-' ? 'standard output' : output}: ${formatCount(result.rows)} requests, ${formatBytes(result.bytes)}; reads back with: tokentide ingest --format ${result.readAs}`,
      ),
    );
    io.result({ schemaVersion: 1, kind: 'conversion', ...result });
    return EXIT.ok;
  },
};

function listFormats(io: CommandIo): void {
  for (const target of CONVERT_TARGETS) {
    io.print(labelled(target.name, `${target.title}; ${target.sourceUrl}`));
    for (const { name, meaning } of target.kind === 'text' && target.blockSize !== 'own'
      ? target.columns
      : [])
      io.print(labelled('', `${name}: ${meaning}`));
  }
  io.result({
    schemaVersion: 1,
    kind: 'conversion-formats',
    formats: CONVERT_TARGETS.map(({ name, title, sourceUrl, readAs, columns }) => ({
      name,
      title,
      sourceUrl,
      readAs,
      columns: columns.map((column) => ({ name: column.name, meaning: column.meaning })),
    })),
  });
}
