/** `tokentide simulate`: a trace on an engine model, in virtual time. */
import { readAutoscalerSpec } from '../../engine/autoscale/spec.js';
import type { Pool } from '../../engine/disaggregated.js';
import { readEngineModel } from '../../engine/model.js';
import { DEFAULT_ROUTER, ROUTER_POLICIES } from '../../engine/router.js';
import { EXIT, ToolError } from '../../errors.js';
import { type FleetChanges, parseFleetChanges } from '../../simulate/fleet-changes.js';
import { formatSimulation } from '../../simulate/format.js';
import { formatComparison } from '../../simulate/format-versus.js';
import { type ScalingConditions, type SimulateTraceOptions, simulateTrace } from '../../simulate/simulate.js';
import { compareFleets } from '../../simulate/versus.js';
import { parseSlo } from '../../slo.js';
import { writeJson } from '../../trace/files.js';
import type { EngineModel, RouterPolicy } from '../../types.js';
import { parseDurationSec, type RateSpec } from '../../units.js';
import type { CommandSpec } from '../command.js';

export const command: CommandSpec = {
  name: 'simulate',
  summary: 'the engine model in virtual time',
  description:
    'Runs every request of a trace through a fleet of engine models in virtual time, thousands of times faster than ' +
    'life, and reports latencies as a run would. Rows without known lengths are left out and counted. An autoscaler ' +
    '(a short YAML, or an hpa.yaml, keda.yaml or Knative Service as it is applied) resizes the fleet as Kubernetes ' +
    'would: scrape delay, sync, windows, policies, cold start, draining. --versus runs the same requests through a ' +
    'second fleet and compares request by request. Exits 5 when the SLO is missed.',
  arguments: [{ name: 'trace', description: 'trace Parquet', required: true }],
  options: [
    {
      key: 'engine',
      short: 'e',
      type: 'string',
      value: '<file|name>',
      required: true,
      description: 'engine model file, or the name of a bundled one such as llama3-8b-h100-published',
    },
    {
      key: 'replicas',
      short: 'n',
      type: 'integer',
      description:
        "engines behind one router; with an autoscaler those at the start (default: 1, or the autoscaler's minimum)",
    },
    {
      key: 'prefillReplicas',
      type: 'integer',
      description: 'compute prompts on this many replicas of their own; --replicas then decode',
    },
    {
      key: 'prefillEngine',
      type: 'string',
      value: '<file|name>',
      description:
        'engine model of the prefill replicas (default: --engine); its kvTransfer is the way between',
    },
    {
      key: 'autoscaler',
      short: 'a',
      type: 'string',
      value: '<file.yaml>',
      description: 'resizes the fleet: hpa.yaml or keda.yaml of a plan, or `kind: hpa` with metrics',
    },
    { key: 'scrape', type: 'duration', default: '15s', description: 'time between two scrapes of a replica' },
    {
      key: 'coldStart',
      type: 'duration',
      description: "from a replica's creation to ready (default: the engine model's)",
    },
    {
      key: 'grace',
      type: 'duration',
      description: 'a removed replica is killed after this (default: when its last request has ended)',
    },
    {
      key: 'versus',
      type: 'string',
      value: '<changes>',
      description: 'a second fleet for the same requests, e.g. replicas=4 or engine=x,autoscaler=keda.yaml',
    },
    {
      key: 'router',
      type: 'string',
      choices: ROUTER_POLICIES,
      default: DEFAULT_ROUTER,
      description: 'which replica gets a request',
    },
    { key: 'speed', type: 'number', default: 1, description: 'divides arrival times: 2 = twice the load' },
    {
      key: 'rate',
      type: 'rate',
      description: 'scales arrival times: x2 doubles the rate, 20/s sets its mean',
    },
    { key: 'engineSpeed', type: 'number', default: 1, description: 'divides iteration times' },
    {
      key: 'slo',
      type: 'strings',
      value: '<text>',
      description: 'objective, e.g. "p99(ttft) < 500ms"; repeatable',
    },
    { key: 'price', type: 'price', description: 'price of one replica, e.g. 2.5/h' },
    {
      key: 'fail',
      type: 'strings',
      value: '<time>',
      description: 'a replica dies then, e.g. 20m, and another one starts in its place; repeatable',
    },
    { key: 'seed', type: 'string', default: '1', description: "seed of the iterations' noise" },
    { key: 'itl', type: 'boolean', description: 'ITL also for traces above 50 000 rows (8 bytes per token)' },
    {
      key: 'output',
      short: 'o',
      type: 'string',
      value: '<file.json>',
      description: 'also write the result here',
    },
  ],
  examples: [
    'tokentide simulate conv.parquet --engine llama3-8b-h100-published --replicas 2',
    'tokentide simulate conv.parquet -e mine.engine.json -n 4 --rate x3 --slo "p99(ttft) < 500ms"',
    'tokentide simulate conv.parquet -e mine.engine.json --autoscaler plan/hpa.yaml --cold-start 90s --slo "p99(ttft) < 2s"',
    'tokentide simulate conv.parquet -e mine.engine.json -n 4 --versus autoscaler=plan/keda.yaml',
    'tokentide simulate conv.parquet -e mine.engine.json -n 3 --prefill-replicas 1',
    'tokentide simulate conv.parquet -e mine.engine.json -n 3 --fail 20m --cold-start 90s --price 2.5/h',
  ],
  async run({ args, options, io, signal }) {
    const slo = options['slo'] as string[] | undefined;
    const autoscaler = options['autoscaler'] as string | undefined;
    const versus = options['versus'] as string | undefined;
    const changes = versus === undefined ? null : parseFleetChanges(versus);
    const engine = await readEngineModel(options['engine'] as string);
    const fleet: SimulateTraceOptions = {
      trace: args[0],
      engine,
      prefill: await prefillPool(engine, options),
      replicas: options['replicas'] as number | undefined,
      autoscaler: autoscaler === undefined ? undefined : await readAutoscalerSpec(autoscaler),
      scaling: conditions(options, options['coldStart'] as number | undefined),
      router: options['router'] as RouterPolicy,
      speed: options['speed'] as number,
      rate: options['rate'] as RateSpec | undefined,
      engineSpeed: options['engineSpeed'] as number,
      slo: slo === undefined ? undefined : parseSlo(slo),
      pricePerReplicaHour: (options['price'] as number | undefined) ?? null,
      seed: options['seed'] as string,
      keepChunks: options['itl'] === true ? true : undefined,
      signal,
      progress: io.progress,
    };
    const simulation = await simulateTrace(fleet);
    const output = options['output'] as string | undefined;
    if (changes === null) {
      const { document } = simulation;
      if (output !== undefined) await writeJson(output, document);
      io.print(formatSimulation(document));
      for (const note of document.notes) io.note(`note: ${note}`);
      io.result(document);
    } else {
      const other = await simulateTrace({ ...fleet, ...(await changedFleet(fleet, changes, options)) });
      const comparison = compareFleets(simulation, other);
      if (output !== undefined) await writeJson(output, comparison);
      io.print(formatComparison(comparison));
      for (const note of simulation.document.notes) io.note(`note: first: ${note}`);
      for (const note of other.document.notes) io.note(`note: other: ${note}`);
      io.result(comparison);
    }
    if (output !== undefined) io.print(`wrote ${output}`);
    return simulation.document.sloMet === false ? EXIT.sloMissed : EXIT.ok;
  },
};

/** The prefill replicas; undefined = the fleet computes prompts and answers alike. */
async function prefillPool(
  engine: EngineModel,
  options: Readonly<Record<string, unknown>>,
): Promise<Pool | undefined> {
  const replicas = options['prefillReplicas'] as number | undefined;
  const name = options['prefillEngine'] as string | undefined;
  if (replicas === undefined) {
    if (name === undefined) return undefined;
    throw new ToolError({
      code: 'USAGE',
      message: '--prefill-engine needs --prefill-replicas',
      hint: 'say how many replicas compute prompts, e.g. --prefill-replicas 2',
    });
  }
  return {
    engine: name === undefined ? engine : await readEngineModel(name),
    replicas,
    router: options['router'] as RouterPolicy,
  };
}

function conditions(
  options: Readonly<Record<string, unknown>>,
  coldStartSec: number | undefined,
): ScalingConditions {
  return {
    scrapeSec: options['scrape'] as number,
    terminationGraceSec: (options['grace'] as number | undefined) ?? null,
    failuresSec: ((options['fail'] as string[] | undefined) ?? []).map(parseDurationSec),
    coldStart:
      coldStartSec === undefined
        ? undefined
        : { scheduleSec: 0, pullSec: 0, loadSec: coldStartSec, warmupSec: 0 },
  };
}

/** The second fleet's options where they differ from the first one's. */
async function changedFleet(
  first: SimulateTraceOptions,
  changes: FleetChanges,
  options: Readonly<Record<string, unknown>>,
): Promise<Partial<SimulateTraceOptions>> {
  const { engine, autoscaler, router, replicas, engineSpeed, coldStartSec } = changes;
  const resized = autoscaler !== undefined;
  return {
    engine: engine === undefined ? first.engine : await readEngineModel(engine),
    autoscaler: !resized
      ? first.autoscaler
      : autoscaler === null
        ? undefined
        : await readAutoscalerSpec(autoscaler),
    // Another autoscaler begins at its own minimum.
    replicas: replicas ?? (resized && autoscaler !== null ? undefined : first.replicas),
    router: router ?? first.router,
    engineSpeed: engineSpeed ?? first.engineSpeed,
    scaling: coldStartSec === undefined ? first.scaling : conditions(options, coldStartSec),
  };
}
