/** `tokentide replay`: a trace → an endpoint, on exact time; prints what was measured and whether it counts. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, ToolError } from '../../errors.js';
import { runLines } from '../../inspect/result-lines.js';
import { estimateReplay, type ReplayEstimate } from '../../replay/estimate.js';
import { REPLAY_DEFAULTS, type ReplayOptions } from '../../replay/options.js';
import { replayTrace } from '../../replay/replay.js';
import { exitStatusOf } from '../../replay/validity.js';
import { RUN_LOG_NAME } from '../../trace/run-log.js';
import type { RunSummary } from '../../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../../units.js';
import { type CommandContext, type CommandIo, type CommandSpec, flagOf } from '../command.js';
import { LiveView } from '../live-view.js';
import { ENDPOINT_OPTIONS, endpointSettings, urlsOf } from './endpoint-options.js';
import { LOAD_OPTIONS, loadSettings } from './load-options.js';
import { costLines, priceOptions, pricesOf } from './price-options.js';
import { fitScreen } from './screen.js';
import { runSelfTest } from './self-test.js';

export const command: CommandSpec = {
  name: 'replay',
  summary: 'trace → endpoint, on exact time; measures and judges itself',
  description:
    'Sends every request of a trace at its own instant (open loop), with a prompt of the exact token length and text ' +
    'shared where the trace shares prefix blocks, and records raw instants. The run folder holds requests.parquet and ' +
    'run.json. The run says INVALID when the client was the bottleneck. Exits 6 when invalid, 5 when an SLO is missed, ' +
    '4 when the endpoint is down or refuses the requests, 130 when interrupted (files are written all the same). The ' +
    'API key is read from TOKENTIDE_API_KEY or OPENAI_API_KEY and is never printed or stored.',
  arguments: [
    {
      name: 'trace',
      description:
        'trace Parquet, as `tokentide ingest` or `synthesize` writes it; not needed with --self-test',
      required: false,
    },
  ],
  options: [
    {
      key: 'url',
      type: 'strings',
      value: '<url>',
      description: 'needed; endpoint: its origin, API root or full address; repeatable (see --affinity)',
    },
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<folder>',
      description: 'needed; folder of the run',
    },
    { key: 'force', type: 'boolean', description: 'replace the run that the folder holds' },
    ...ENDPOINT_OPTIONS,
    ...LOAD_OPTIONS,
    {
      key: 'warmup',
      type: 'integer',
      default: 0,
      description: 'requests before the measurement, of the same kind, never in the results',
    },
    {
      key: 'slo',
      type: 'strings',
      value: '<text>',
      description: 'objective, e.g. "p99(ttft) < 500ms"; repeatable',
    },
    { key: 'noStream', type: 'boolean', description: 'ask for whole answers (no TTFT then)' },
    { key: 'timeoutConnect', type: 'duration', default: '10s', description: 'to open a connection' },
    {
      key: 'timeoutFirstByte',
      type: 'duration',
      default: '600s',
      description: 'from sending to the response head',
    },
    { key: 'timeoutIdle', type: 'duration', default: '600s', description: 'between two reads of an answer' },
    {
      key: 'salt',
      type: 'string',
      value: '<random|none|text>',
      default: REPLAY_DEFAULTS.salt,
      description: 'changes all prompt text, so that a run does not meet the prefix cache of an earlier one',
    },
    { key: 'seed', type: 'string', default: REPLAY_DEFAULTS.seed, description: 'seed of prompt text' },
    {
      key: 'keepChunks',
      type: 'string',
      choices: ['yes', 'no'],
      default: 'yes',
      description: 'keep the instant of every chunk (8 bytes each); itl needs it',
    },
    {
      key: 'dcgmUrl',
      type: 'string',
      value: '<url>',
      description: 'page of a DCGM exporter to scrape each second: use, power and energy of the GPUs',
    },
    {
      key: 'selfTest',
      type: 'boolean',
      description:
        'measure no endpoint but this machine, against a server that does nothing: the highest rates it can vouch for',
    },
    {
      key: 'dryRun',
      type: 'boolean',
      description: 'say what would be sent (requests, tokens, time, cost) and send nothing',
    },
    ...priceOptions('with --dry-run'),
    { key: 'noTrial', type: 'boolean', description: 'send no trial request before the load' },
    {
      key: 'blockSize',
      type: 'integer',
      description: 'tokens per prefix block, when the trace does not say it',
    },
  ],
  examples: [
    'tokentide replay conv.parquet --url http://localhost:8000 --window 10m..20m --slo "p99(ttft) < 500ms" -o run',
    'tokentide replay chats.parquet --url http://localhost:8000 --sessions closed --retries 2 -o run',
    'tokentide replay --self-test',
  ],
  async run(context) {
    const { args, options, io, signal } = context;
    if (options['selfTest'] === true)
      return runSelfTest(context, (await endpointSettings(context)).senders ?? 'auto');
    const isDry = options['dryRun'] === true;
    requireAll(context, isDry ? [] : ['url', 'output']);
    const dir = options['output'] as string;
    const live = liveViewOf(io);
    const settings: ReplayOptions = {
      ...(await endpointSettings(context)),
      trace: args[0],
      url: urlsOf(options['url'])[0] ?? '',
      outDir: dir,
      force: options['force'] === true,
      ...loadSettings(options),
      warmup: options['warmup'] as number,
      slo: options['slo'] as string[] | undefined,
      stream: options['noStream'] === true ? 'never' : 'trace',
      trial: options['noTrial'] !== true,
      timeoutConnectSec: options['timeoutConnect'] as number,
      timeoutFirstByteSec: options['timeoutFirstByte'] as number,
      timeoutIdleSec: options['timeoutIdle'] as number,
      salt: options['salt'] as string,
      seed: options['seed'] as string,
      keepChunks: options['keepChunks'] === 'yes',
      blockSize: options['blockSize'] as number | undefined,
      dcgmUrl: options['dcgmUrl'] as string | undefined,
      // The live view takes over once requests are sent.
      progress: (step) => {
        if (live === null || step.stage !== 'replay') io.progress(step);
      },
      live,
      signal,
    };
    if (isDry) {
      const estimate = await estimateReplay(settings, pricesOf(options));
      io.print(fitScreen(formatEstimate(estimate)));
      io.result({ schemaVersion: 1, kind: 'replay-estimate', ...estimate });
      return EXIT.ok;
    }
    // A second Ctrl-C ends this process at once.
    const onExit = (): void => {
      if (existsSync(join(dir, RUN_LOG_NAME)))
        io.note(
          `stopped: what had ended is kept, \`tokentide recover ${dir}\` makes the files of the run from it`,
        );
    };
    process.once('exit', onExit);
    const summary = await replayTrace(settings).finally(() => {
      live?.end();
      process.off('exit', onExit);
    });
    io.print(fitScreen(runLines(summary).join('\n')));
    io.print(fitScreen(`\n${clientLine(summary)}`));
    io.print(`\nwrote ${dir}/run.json and ${dir}/requests.parquet`);
    io.print(`next: tokentide report ${dir} -o report.html`);
    io.result(summary);
    return exitStatusOf(summary);
  },
};

function liveViewOf(io: CommandIo): LiveView | null {
  if (io.quiet) return null;
  return new LiveView({
    columns: () => process.stderr.columns,
    interactive: io.interactive,
    colour: io.interactive && !process.env['NO_COLOR'],
    write: (text) => process.stderr.write(text),
    nowMs: () => performance.now(),
  });
}

/** What a replay needs and a self-test does not. Throws USAGE with everything that is missing. */
function requireAll({ args, options }: CommandContext, keys: readonly string[]): void {
  const missing = [
    ...(args[0] === undefined ? ['the trace'] : []),
    ...keys.filter((key) => options[key] === undefined).map(flagOf),
  ];
  if (missing.length === 0) return;
  throw new ToolError({
    code: 'USAGE',
    message: missing.map((word) => `${word} is required`).join('\n       '),
    hint: 'write for example: tokentide replay trace.parquet --url http://localhost:8000 -o run',
  });
}

function formatEstimate(estimate: ReplayEstimate): string {
  const { durationSec, ratePerSec, busiestSecond, cost } = estimate;
  const reasons = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([reason, n]) => `${formatCount(n)} ${reason}`)
      .join(', ');
  const unknown =
    estimate.outputUnknown > 0 ? ` (${formatCount(estimate.outputUnknown)} lengths unknown)` : '';
  return [
    `would send ${formatCount(estimate.requests)} requests of ${estimate.traceName}, and sends nothing`,
    `tokens    ${formatCount(estimate.inputTokens)} prompt + ${formatCount(estimate.outputTokens)} output${unknown}`,
    durationSec === null
      ? 'time      as the answers come: turns or places wait for them'
      : `time      ${formatDurationSec(durationSec)} from the first to the last request, then the last answers`,
    ...(ratePerSec === null
      ? []
      : [
          `rate      ${significant(ratePerSec)}/s on average, busiest second ${formatCount(busiestSecond ?? 0)}`,
        ]),
    `senders   ${formatCount(estimate.senders)}`,
    ...(Object.keys(estimate.leftOut).length === 0 ? [] : [`left out  ${reasons(estimate.leftOut)}`]),
    ...(Object.keys(estimate.changed).length === 0 ? [] : [`changed   ${reasons(estimate.changed)}`]),
    ...costLines(cost),
  ].join('\n');
}

/** How many processes sent, over how many connections, and what that took. */
function clientLine({ client }: RunSummary): string {
  const count = (n: number, word: string): string => `${formatCount(n)} ${word}${n === 1 ? '' : 's'}`;
  const reused =
    client.connectionsReused == null
      ? ''
      : ` (${formatCount(client.connectionsReused)} requests left on an open one)`;
  const used = client.cpuShare === null ? '' : `, the busiest used ${formatRatio(client.cpuShare)} of a core`;
  return `sent by ${formatCount(client.senders)} sender${client.senders === 1 ? '' : 's'} over ${count(client.connectionsOpened, 'connection')}${reused}${used}`;
}
