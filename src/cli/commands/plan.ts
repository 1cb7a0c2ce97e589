/** `tokentide plan`: replicas, cost, autoscaler thresholds and manifests, with the evidence. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { DEFAULT_ROUTER, ROUTER_POLICIES } from '../../engine/router.js';
import { EXIT } from '../../errors.js';
import { type EngineChoice, parseEngineChoice, parseEngineChoices } from '../../plan/choices.js';
import { formatPlan } from '../../plan/format.js';
import { PLAN_DEFAULTS } from '../../plan/plan-defaults.js';
import { DEFAULT_TARGET } from '../../plan/plan-files.js';
import type { FreshMethod } from '../../plan/traffic.js';
import { requireFile } from '../../trace/files.js';
import type { RouterPolicy } from '../../types.js';
import { type PlanCapacityOptions, planCapacity } from '../../verbs.js';
import type { CommandSpec } from '../command.js';
import { fitScreen } from './screen.js';

export const command: CommandSpec = {
  name: 'plan',
  summary: 'replicas, cost, autoscaler thresholds and manifests',
  description:
    'Finds the smallest fleet that meets the SLO when the workload is simulated on the engine model, confirms it on ' +
    'fresh seeds, shows what one replica fewer does, and derives autoscaler settings from a profile of one replica ' +
    '(measured with `tokentide profile`, or simulated here). The autoscaler is then simulated as Kubernetes runs it, ' +
    'its settings are searched for the cheapest that keeps the SLO over time, and both fleets are shown under more ' +
    'traffic, a lost replica and a burst. With several engines and prices the cheapest one is planned and all of them ' +
    'are compared. Exits 5 when no fleet meets the SLO.',
  arguments: [
    {
      name: 'workload',
      description: 'trace Parquet, workload model file, or bundled model by name',
      required: true,
    },
  ],
  options: [
    {
      key: 'engine',
      short: 'e',
      type: 'strings',
      value: '<file|name>',
      description:
        'engine model file or bundled name; default: the one fitted in --profile. Repeatable, ' +
        'with NAME,price=2.5/h (and label=, cold-start=, max-replicas=): the cheapest that meets the SLO is planned',
    },
    {
      key: 'choices',
      type: 'string',
      value: '<file.yaml>',
      description: 'engines to choose from, as a YAML list: engine, label, price, coldStart, maxReplicas',
    },
    {
      key: 'profile',
      short: 'p',
      type: 'string',
      value: '<file>',
      description: 'measured profile: thresholds come from it; default: one replica is simulated',
    },
    {
      key: 'noMixCorrection',
      type: 'boolean',
      description: "take --profile as it is, also when its mix of lengths is not the workload's",
    },
    {
      key: 'slo',
      type: 'strings',
      value: '<text>',
      description: 'objective, e.g. "p99(ttft) < 2s"; repeatable; default: the one of --profile',
    },
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<folder>',
      default: 'plan',
      description: 'folder to write',
    },
    { key: 'price', type: 'price', description: 'price of one replica, e.g. 2.5/h' },
    {
      key: 'growth',
      type: 'number',
      default: 1,
      description: 'traffic multiplier: more customers like these',
    },
    {
      key: 'router',
      type: 'string',
      choices: ROUTER_POLICIES,
      default: DEFAULT_ROUTER,
      description: 'which replica gets a request',
    },
    {
      key: 'maxReplicas',
      type: 'integer',
      default: PLAN_DEFAULTS.maxReplicas,
      description: 'largest fleet that is tried',
    },
    {
      key: 'freshSeeds',
      type: 'integer',
      default: PLAN_DEFAULTS.freshSeeds,
      description: 'fresh draws of the workload that the size must meet too',
    },
    {
      key: 'fresh',
      type: 'string',
      choices: ['rotate', 'bootstrap'],
      default: 'rotate',
      description: 'fresh draw of a trace: turn each minute by a random offset, or draw minutes anew',
    },
    {
      key: 'duration',
      type: 'duration',
      description: 'length of a synthesis from a workload model; default: its fitted window',
    },
    { key: 'seed', type: 'string', default: '42', description: 'number or text that decides every draw' },
    {
      key: 'coldStart',
      type: 'duration',
      description: "time from starting a replica to ready; default: the engine model's",
    },
    {
      key: 'scrape',
      type: 'duration',
      default: `${PLAN_DEFAULTS.scrapeSec}s`,
      description: 'scrape interval of the metrics',
    },
    {
      key: 'sync',
      type: 'duration',
      default: `${PLAN_DEFAULTS.syncSec}s`,
      description: "the autoscaler's own interval",
    },
    {
      key: 'metricWindow',
      type: 'duration',
      default: `${PLAN_DEFAULTS.windowSec}s`,
      description: 'time the metric is averaged over',
    },
    {
      key: 'autoscaler',
      short: 'a',
      type: 'string',
      choices: ['hpa', 'keda', 'knative'],
      default: PLAN_DEFAULTS.autoscaler,
      description: 'autoscaler that is simulated, and whose thresholds are searched',
    },
    {
      key: 'autoscalerTrials',
      type: 'integer',
      default: PLAN_DEFAULTS.scalerTrials,
      description: 'settings that are tried at most; 0 = advise by the recipe, untested',
    },
    {
      key: 'windowGoal',
      type: 'number',
      default: PLAN_DEFAULTS.windowGoal,
      description: 'share of windows, up to 1, in which the autoscaled fleet must meet the SLO',
    },
    {
      key: 'attainmentWindow',
      type: 'duration',
      description: 'window of attainment over time; default 1m, longer for more than a day',
    },
    { key: 'noBreakTests', type: 'boolean', description: 'do not simulate how the plan breaks' },
    {
      key: 'profileReplicas',
      type: 'integer',
      default: 1,
      description: 'replicas behind the endpoint of --profile',
    },
    {
      key: 'deployment',
      type: 'string',
      default: DEFAULT_TARGET.deployment,
      description: 'Deployment that the manifests scale',
    },
    { key: 'namespace', type: 'string', default: DEFAULT_TARGET.namespace, description: 'its namespace' },
    {
      key: 'prometheus',
      type: 'string',
      value: '<url>',
      default: DEFAULT_TARGET.prometheusUrl,
      description: 'Prometheus that KEDA asks',
    },
  ],
  examples: [
    'tokentide plan conv.parquet --engine llama3-8b-h100-published --slo "p99(ttft) < 2s" --price 2.5/h',
    'tokentide plan conv.parquet --slo "p99(ttft) < 2s" -e llama3-8b-h100-published,price=2.5/h -e mine.engine.json,price=1.2/h',
    'tokentide plan conv.workload.json --profile conv.profile.json --growth 1.5 --cold-start 90s -o plan/',
  ],
  async run({ args, options, io, signal }) {
    const output = options['output'] as string;
    const plan = await planCapacity({
      workload: args[0],
      output,
      slo: options['slo'] as string[] | undefined,
      choices: await choicesOf(options),
      profile: options['profile'] as string | undefined,
      mixCorrection: options['noMixCorrection'] !== true,
      profileReplicas: options['profileReplicas'] as number,
      router: options['router'] as RouterPolicy,
      maxReplicas: options['maxReplicas'] as number,
      freshSeeds: options['freshSeeds'] as number,
      fresh: options['fresh'] as FreshMethod,
      growth: options['growth'] as number,
      durationSec: options['duration'] as number | undefined,
      pricePerReplicaHour: (options['price'] as number | undefined) ?? null,
      seed: options['seed'] as string,
      autoscaler: options['autoscaler'] as PlanCapacityOptions['autoscaler'],
      scalerTrials: options['autoscalerTrials'] as number,
      windowGoal: options['windowGoal'] as number,
      attainmentWindowSec: options['attainmentWindow'] as number | undefined,
      breakTests: options['noBreakTests'] !== true,
      reaction: {
        scrapeSec: options['scrape'] as number,
        syncSec: options['sync'] as number,
        windowSec: options['metricWindow'] as number,
        ...(options['coldStart'] === undefined ? {} : { coldStartSec: options['coldStart'] as number }),
      },
      manifests: {
        deployment: options['deployment'] as string,
        namespace: options['namespace'] as string,
        prometheusUrl: options['prometheus'] as string,
      },
      signal,
      progress: io.progress,
    });
    io.print(fitScreen(formatPlan(plan, output)));
    io.result(plan);
    return plan.replicas === null ? EXIT.sloMissed : EXIT.ok;
  },
};

async function choicesOf(options: Readonly<Record<string, unknown>>): Promise<EngineChoice[]> {
  const flags = ((options['engine'] as string[] | undefined) ?? []).map(parseEngineChoice);
  const file = options['choices'] as string | undefined;
  if (file === undefined) return flags;
  await requireFile(file, 'a file of engine choices');
  return [...flags, ...parseEngineChoices(await readFile(file, 'utf8'), basename(file))];
}
