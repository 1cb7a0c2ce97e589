/** `tokentide fit`: trace → workload model file, with the quality of the fit on the screen. */
import { EXIT, ToolError } from '../../errors.js';
import type { GroupBy } from '../../fit/classes.js';
import { fitTraceFile, writeWorkloadModel } from '../../fit/fit-file.js';
import { formatFitReport } from '../../fit/report.js';
import { fitServegenFolder } from '../../fit/servegen-file.js';
import type { WorkloadModel } from '../../types.js';
import type { CommandContext, CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'fit',
  summary: 'trace → workload model, with goodness of fit',
  description:
    'Fits a workload model to a trace: the slow rate, the law of gaps after removing it, bursts, pairs of input and ' +
    'output lengths, and sessions and shared prefixes where ids or block hashes tell of them. The model file holds ' +
    'every fit with the candidates it beat, and what it is not valid for.',
  arguments: [
    {
      name: 'trace',
      description: 'trace Parquet, as `tokentide ingest` writes it; not with --servegen',
      required: false,
    },
  ],
  options: [
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file>',
      required: true,
      description: 'model file to write',
    },
    {
      key: 'by',
      type: 'string',
      choices: ['auto', 'client', 'model', 'latent', 'none'],
      default: 'auto',
      description:
        'classes: per large client or model (the small ones pooled), of similar lengths (latent), or one for ' +
        'everything; auto takes names if there are any, latent if the mix of lengths moves with time',
    },
    {
      key: 'classes',
      type: 'integer',
      value: '<n>',
      description: 'number of latent classes at most, 2 to 64; 12 when left out',
    },
    {
      key: 'sessions',
      type: 'string',
      choices: ['auto', 'off'],
      default: 'auto',
      description: 'fit sessions and shared prefixes where ids or block hashes tell of them, or never',
    },
    {
      key: 'servegen',
      type: 'string',
      value: '<folder>',
      description: 'a ServeGen client pool (chunk-*-trace.csv, chunk-*-dataset.json) instead of a trace',
    },
    { key: 'name', type: 'string', description: "the model's name; the trace's name when left out" },
    {
      key: 'bandwidth',
      type: 'duration',
      description: "standard deviation of the rate's smoothing kernel; 60s, or 300s for traces above 6 h",
    },
    {
      key: 'seed',
      type: 'string',
      default: '1',
      description:
        'seed of what fitting draws: spreading of coarse clocks, simulated dispersion, drift floor',
    },
    { key: 'licence', type: 'string', description: "licence of the trace's data, kept in the model" },
    { key: 'citation', type: 'string', description: 'how to cite the data, kept in the model' },
  ],
  examples: [
    'tokentide fit conv.parquet -o conv.workload.json',
    'tokentide fit gateway.parquet --by client --bandwidth 5m -o gateway.workload.json',
    'tokentide fit --servegen data/deepseek-r1 -o deepseek-r1.workload.json',
  ],
  async run(context) {
    const { options, io } = context;
    const path = options['output'] as string;
    const model = await fitted(context);
    await writeWorkloadModel(path, model);
    io.print(formatFitReport(model));
    io.print(`wrote ${path}`);
    io.result(model);
    return EXIT.ok;
  },
};

function fitted({ args, options, io, signal }: CommandContext): Promise<WorkloadModel> {
  const [trace] = args;
  const pool = options['servegen'] as string | undefined;
  const labels = {
    name: options['name'] as string | undefined,
    licence: options['licence'] as string | undefined,
    citation: options['citation'] as string | undefined,
    signal,
  };
  if ((trace === undefined) === (pool === undefined)) {
    throw new ToolError({
      code: 'USAGE',
      message: pool === undefined ? 'fit needs a trace' : 'fit takes a trace or --servegen, not both',
      hint: 'tokentide fit <trace.parquet> -o model.json, or tokentide fit --servegen <folder> -o model.json',
    });
  }
  if (pool !== undefined) return fitServegenFolder(pool, labels);
  return fitTraceFile(trace, {
    ...labels,
    by: options['by'] as GroupBy,
    latentClasses: options['classes'] as number | undefined,
    sessions: options['sessions'] as 'auto' | 'off',
    bandwidthSec: options['bandwidth'] as number | undefined,
    seed: options['seed'] as string,
    progress: io.progress,
  });
}
