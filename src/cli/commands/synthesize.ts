/** `tokentide synthesize`: workload model → seeded trace. */
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { EXIT } from '../../errors.js';
import { hashInput } from '../../manifest.js';
import { readWorkloadModel } from '../../synthesize/check-model.js';
import { synthesizeToFile } from '../../synthesize/synthesize-file.js';
import { formatBytes, formatCount, type RateSpec } from '../../units.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'synthesize',
  summary: 'workload model → seeded trace',
  description:
    'Draws a trace from a workload model. The same model, seed and options give the same bytes on every machine and ' +
    'with any number of workers. --rate multiplies the fitted rate (intensify: the same requesters send more).',
  arguments: [{ name: 'model', description: 'workload model, as `tokentide fit` writes it', required: true }],
  options: [
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file>',
      required: true,
      description: 'trace Parquet to write',
    },
    {
      key: 'seed',
      type: 'string',
      default: '1',
      description: 'number or text that decides every draw',
    },
    {
      key: 'duration',
      type: 'duration',
      description: 'length of the trace; the fitted window when left out, longer repeats its rate curve',
    },
    { key: 'rate', type: 'rate', description: 'x2 multiplies the rate, 20/s sets its mean' },
    {
      key: 'requests',
      type: 'integer',
      description: 'stop after this many requests; without --duration the rate curve repeats until then',
    },
    {
      key: 'workers',
      type: 'integer',
      description: 'threads that draw (1 = none beside the writer); by the number of cores when left out',
    },
  ],
  examples: [
    'tokentide synthesize conv.workload.json --seed 42 -o synthetic.parquet',
    'tokentide synthesize conv.workload.json --seed 42 --duration 10m --rate x2 -o double.parquet',
  ],
  async run({ args, options, io, signal }) {
    const [path] = args;
    const model = await readWorkloadModel(path);
    const output = options['output'] as string;
    const seed = options['seed'] as string;
    const written = await synthesizeToFile({
      model,
      path: output,
      inputs: [await hashInput(path)],
      seed,
      durationSec: options['duration'] as number | undefined,
      rate: options['rate'] as RateSpec | undefined,
      requests: options['requests'] as number | undefined,
      workers: (options['workers'] as number | undefined) ?? defaultWorkers(),
      signal,
      progress: io.progress,
    });
    for (const note of written.notes) io.note(note);
    io.print(
      `wrote ${output}: ${formatCount(written.rows)} requests, ${formatBytes(written.bytes)}, seed ${seed}`,
    );
    io.print(`content hash ${written.contentHash}`);
    io.result({
      schemaVersion: 1,
      kind: 'synthesis',
      trace: basename(output),
      model: model.name,
      seed,
      rows: written.rows,
      bytes: written.bytes,
      contentHash: written.contentHash,
      notes: written.notes,
    });
    return EXIT.ok;
  },
};

/** One thread writes; up to four more draw. */
function defaultWorkers(): number {
  return Math.max(1, Math.min(4, availableParallelism() - 1));
}
