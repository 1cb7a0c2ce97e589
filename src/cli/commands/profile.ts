/** `tokentide profile`: many load levels → knee, and capacity at the SLO. */
import { EXIT, ToolError } from '../../errors.js';
import { expectedTime, formatLevel, formatProfile, formatProfileEstimate } from '../../profile/format.js';
import { samplesNeeded } from '../../profile/judge.js';
import { MLPERF_DEFAULTS } from '../../profile/mlperf.js';
import { DEFAULT_MAX_LEVELS, DEFAULT_RESOLUTION } from '../../profile/profile.js';
import { costOf } from '../../replay/estimate.js';
import { parseSlo } from '../../slo.js';
import type { LatencyProfile, ProfileLoad } from '../../types.js';
import {
  estimateProfileEndpoint,
  type ProfileEndpointOptions,
  type ProfileTarget,
  profileEndpoint,
} from '../../verbs.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { ENDPOINT_OPTIONS, endpointSettings, urlsOf } from './endpoint-options.js';
import { costLines, priceOptions, pricesOf } from './price-options.js';
import { fitScreen } from './screen.js';

/** Measured requests of a level, when nobody says. */
const FEWEST_REQUESTS = 100;

export const command: CommandSpec = {
  name: 'profile',
  summary: 'many load levels → knee and capacity at the SLO',
  description:
    'Sends one run per load level and finds the largest rate that meets the SLO. A level offers its rate steadily: ' +
    'Poisson arrivals, lengths drawn as whole rows of the workload (--shape trace keeps its own arrivals, with time ' +
    'scaled). The first part of a level is not measured. A level is missed when a term is missed, when its backlog ' +
    'grows, or when more than 1 % of requests fail. With --engine the engine model is profiled behind its own server; ' +
    'with --virtual too, in virtual time. Interrupted, the levels that had ended are kept, and --resume goes on. Exits 5 when no rate meets the SLO, 6 when no level gave a valid run, 130 when interrupted.',
  arguments: [
    {
      name: 'workload',
      description: 'trace Parquet, workload model file, or bundled model by name',
      required: true,
    },
  ],
  options: [
    {
      key: 'url',
      type: 'strings',
      value: '<url>',
      description: 'endpoint: its origin, API root or full address; repeatable (see --affinity)',
    },
    {
      key: 'engine',
      short: 'e',
      type: 'string',
      value: '<file|name>',
      description: 'engine model to profile instead, behind an embedded server on a free port',
    },
    { key: 'virtual', type: 'boolean', description: 'with --engine: in virtual time, without a server' },
    { key: 'replicas', type: 'integer', default: 1, description: 'with --engine: engines behind one router' },
    {
      key: 'slo',
      type: 'strings',
      value: '<text>',
      required: true,
      description: 'objective, e.g. "p99(ttft) < 500ms"; repeatable',
    },
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file>',
      description: 'needed; profile to write; the runs are kept in a .runs folder beside it',
    },
    {
      key: 'rates',
      type: 'string',
      value: '<list|auto>',
      default: 'auto',
      description: 'requests/s joined by commas, one run each, or auto: search the capacity',
    },
    {
      key: 'quick',
      type: 'boolean',
      description:
        'a first look in minutes: levels of 30s, 100 requests and 1m at most, ±10 %, 8 runs; percentiles are wide',
    },
    {
      key: 'duration',
      type: 'duration',
      description: 'measured part of a level; default: 60s (--quick: 30s)',
    },
    {
      key: 'minRequests',
      type: 'integer',
      description:
        "measured requests of a level at least; default: ten beyond the SLO's percentile (p99: 1000), from 100 (--quick: 100)",
    },
    {
      key: 'maxDuration',
      type: 'duration',
      description:
        'a level lasts so long at most, warm-up included; default: 10m (--quick: 1m; --virtual: no limit)',
    },
    { key: 'maxRequests', type: 'integer', description: 'requests of a level at most, warm-up included' },
    {
      key: 'warmupRatio',
      type: 'number',
      default: 0.1,
      description: 'first part of a level that is not measured, 0 to 0.9',
    },
    {
      key: 'resolution',
      type: 'number',
      description: `auto: wanted half-width of the bracket around the capacity, as a ratio; default: ${DEFAULT_RESOLUTION} (--quick: 0.1)`,
    },
    {
      key: 'maxLevels',
      type: 'integer',
      description: `auto: runs at most; default: ${DEFAULT_MAX_LEVELS} (--quick: 8)`,
    },
    {
      key: 'startRate',
      type: 'number',
      description: "auto: first rate, requests/s; default: an eighth of the workload's",
    },
    { key: 'maxRate', type: 'number', description: 'auto: highest rate, requests/s' },
    {
      key: 'shape',
      type: 'string',
      choices: ['stationary', 'trace'],
      default: 'stationary',
      description: "a level's arrivals: drawn at its rate, or the workload's own with time scaled",
    },
    {
      key: 'gapCv',
      type: 'number',
      default: 1,
      description: 'stationary: coefficient of variation of the gaps (gamma); 1 = Poisson, 0 = constant',
    },
    {
      key: 'maxErrorRatio',
      type: 'number',
      default: 0.01,
      description: 'failures above this share miss a level, unless the SLO has a term for them',
    },
    { key: 'seed', type: 'string', default: '42', description: 'number or text that decides every draw' },
    {
      key: 'mode',
      type: 'string',
      choices: ['slo', 'mlperf'],
      default: 'slo',
      description:
        'mlperf: judge levels by the rules of MLPerf LoadGen (early stopping at 99 %, latency from the schedule)',
    },
    {
      key: 'minDuration',
      type: 'duration',
      default: `${MLPERF_DEFAULTS.minDurationSec}s`,
      description: 'mlperf: measured part of a level at least (LoadGen itself wants 600s)',
    },
    {
      key: 'dryRun',
      type: 'boolean',
      description: 'say what would be sent (levels, requests, tokens, time, cost) and send nothing',
    },
    ...priceOptions('money per million tokens at each level'),
    { key: 'resume', type: 'boolean', description: 'take levels whose finished runs are there as they are' },
    ...ENDPOINT_OPTIONS,
    { key: 'maxSeqs', type: 'integer', description: "fitted engine: the server's most sequences at once" },
    {
      key: 'maxBatchedTokens',
      type: 'integer',
      description: "fitted engine: the server's token budget of an iteration",
    },
    { key: 'kvBlocks', type: 'integer', description: "fitted engine: the server's KV blocks" },
  ],
  examples: [
    'tokentide profile conv.parquet --url http://gpu:8000 --slo "p99(ttft) < 1s" -o conv.profile.json',
    'tokentide profile conv.parquet --engine tiny-demo --slo "p90(ttft) < 200ms" --rates 5,10,20 --duration 20s -o tiny.profile.json',
  ],
  async run(context) {
    const { args, options, io, signal } = context;
    const mlperf =
      options['mode'] === 'mlperf'
        ? { minDurationSec: options['minDuration'] as number, minQueries: MLPERF_DEFAULTS.minQueries }
        : null;
    const dry = options['dryRun'] === true;
    if (!dry && options['output'] === undefined) {
      throw new ToolError({
        code: 'USAGE',
        message: '--output is required',
        hint: 'write for example -o conv.profile.json, or --dry-run to see what would be sent',
      });
    }
    const size = sizeOf(options);
    const prices = pricesOf(options);
    const settings: ProfileEndpointOptions = {
      mlperf,
      workload: args[0],
      output: (options['output'] as string | undefined) ?? '',
      slo: options['slo'] as string[],
      target: targetOf(context, dry),
      levels: ratesOf(options['rates'] as string),
      ...size,
      maxRequests: options['maxRequests'] as number | undefined,
      pricePerHour: prices.perHour,
      startRatePerSec: options['startRate'] as number | undefined,
      maxRatePerSec: options['maxRate'] as number | undefined,
      load: {
        shape: options['shape'] as ProfileLoad['shape'],
        gapCv: options['gapCv'] as number,
        warmupRatio: ratio(options, 'warmupRatio', 0.9),
        maxErrorRatio: ratio(options, 'maxErrorRatio', 1),
      },
      seed: options['seed'] as string,
      resume: options['resume'] === true,
      replay: await endpointSettings(context),
      limits: limitsOf(context),
      onLevel: (level) => io.note(formatLevel(level)),
      onEstimate(estimate) {
        if (options['virtual'] !== true) io.note(expectedTime(estimate));
      },
      signal,
      progress: io.progress,
    };
    if (dry) {
      const estimate = await estimateProfileEndpoint(settings);
      const { durationSec, inputTokens, outputTokens } = estimate.total;
      const cost = costOf(prices, durationSec, inputTokens, outputTokens);
      io.print(fitScreen([formatProfileEstimate(estimate), ...costLines(cost, estimate.search)].join('\n')));
      io.result({ schemaVersion: 1, kind: 'profile-estimate', ...estimate, cost });
      return EXIT.ok;
    }
    const profile = await profileEndpoint(settings);
    if (options['quick'] === true)
      io.note('--quick: short levels, so percentiles are wide; measure again without it before you plan');
    io.print(fitScreen(formatProfile(profile)));
    io.print(`wrote ${options['output'] as string}`);
    io.result(profile);
    return exitStatus(profile);
  },
};

/** How long levels are and how far the search goes: what was asked for, else the preset. */
function sizeOf(options: CommandContext['options']) {
  const preset = options['quick'] === true ? QUICK : THOROUGH;
  const slo = parseSlo(options['slo'] as string[]);
  const fewest = options['quick'] === true ? FEWEST_REQUESTS : Math.max(FEWEST_REQUESTS, samplesNeeded(slo));
  return {
    durationSec: (options['duration'] as number | undefined) ?? preset.durationSec,
    minRequests: (options['minRequests'] as number | undefined) ?? fewest,
    maxLevelSec:
      (options['maxDuration'] as number | undefined) ??
      (options['virtual'] === true ? undefined : preset.maxLevelSec),
    maxLevels: (options['maxLevels'] as number | undefined) ?? preset.maxLevels,
    resolution: options['resolution'] === undefined ? preset.resolution : ratio(options, 'resolution', 0.5),
  };
}

const THOROUGH = {
  durationSec: 60,
  maxLevelSec: 600,
  maxLevels: DEFAULT_MAX_LEVELS,
  resolution: DEFAULT_RESOLUTION,
};
/** `--quick`: capacity to ±10 % in some minutes. */
const QUICK = { durationSec: 30, maxLevelSec: 60, maxLevels: 8, resolution: 0.1 };

function targetOf({ options }: CommandContext, dry: boolean): ProfileTarget {
  const url = urlsOf(options['url']).at(0);
  const engine = options['engine'] as string | undefined;
  if (dry && url === undefined && engine === undefined) return { kind: 'url', url: '' };
  if ((url === undefined) === (engine === undefined)) {
    throw new ToolError({
      code: 'USAGE',
      message:
        url === undefined
          ? 'profile needs an endpoint or an engine model'
          : '--url and --engine exclude each other',
      hint: 'give --url http://host:port, or --engine <file|name>',
    });
  }
  if (url !== undefined) return { kind: 'url', url };
  const kind = options['virtual'] === true ? 'simulation' : 'engine';
  return { kind, engine: engine!, replicas: options['replicas'] as number };
}

function ratesOf(text: string): readonly number[] | 'auto' {
  if (text.trim() === 'auto') return 'auto';
  const rates = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (rates.every((rate) => Number.isFinite(rate) && rate > 0)) return rates;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected rates above zero joined by commas, or auto, got '${text}'`,
    hint: 'write --rates 1,2,4 or --rates auto',
  });
}

function ratio(options: CommandContext['options'], key: string, most: number): number {
  const value = options[key] as number;
  if (value >= 0 && value <= most) return value;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected ${key} from 0 to ${most}, got ${value}`,
    hint: 'it is a ratio: 0.1 is 10 %',
  });
}

function limitsOf({ options }: CommandContext): Record<string, number> {
  const given = ['maxSeqs', 'maxBatchedTokens', 'kvBlocks'].filter((key) => options[key] !== undefined);
  return Object.fromEntries(given.map((key) => [key, options[key] as number]));
}

function exitStatus(profile: LatencyProfile): number {
  if (profile.interrupted === true) return EXIT.interrupted;
  switch (profile.verdict.verdict) {
    case 'slo never met':
      return EXIT.sloMissed;
    case 'invalid':
      return EXIT.runInvalid;
    default:
      return EXIT.ok;
  }
}
