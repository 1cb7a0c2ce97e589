/** `tokentide serve`: the engine model behind an OpenAI-compatible server. */
import { readAutoscalerSpec } from '../../engine/autoscale/spec.js';
import { readEngineModel } from '../../engine/model.js';
import { DEFAULT_ROUTER, ROUTER_POLICIES } from '../../engine/router.js';
import { EXIT } from '../../errors.js';
import { DEFAULT_ENGINE, serveEngine } from '../../serve/server.js';
import { TOKEN_ENCODINGS } from '../../tokens/counter.js';
import type { RouterPolicy } from '../../types.js';
import { formatCount, formatDurationSec, formatMs, SEC_PER_HOUR, significant } from '../../units.js';
import type { CommandSpec } from '../command.js';

/** How long requests in flight may take to finish after the first Ctrl-C. */
const DRAIN_SEC = 5;

export const command: CommandSpec = {
  name: 'serve',
  summary: 'the engine model behind an OpenAI-compatible server',
  description:
    "Serves /v1/chat/completions, /v1/completions, /v1/models, /health and /metrics (vLLM's names) until Ctrl-C. " +
    "Answers are seeded words of one token each; their timing is the engine model's, iteration by iteration, queueing, " +
    'prefix cache and preemption included. The answer is as long as max_tokens says; without it a seeded length is ' +
    'drawn, and with ignore_eos the context is filled.\n\n' +
    'Faults are switched while it runs: POST a JSON body; GET /admin shows them.\n' +
    '  /admin/faults {"errorRatio": 0.1, "errorStatus": 503}  share refused\n' +
    '                {"cutRatio": 0.05}                share of answers cut midway\n' +
    '                {"slowSec": 2, "slowRatio": 0.5}  share held back at first\n' +
    '  /admin/stall  {"seconds": 3, "replica": 1}      freezes one, or all without it\n' +
    '  /admin/speed  {"speed": 0.5, "replica": 0}      divides iteration times\n' +
    '  /admin/kill   {"replica": 2, "startAfter": "30s"}  connections break; it comes\n' +
    '                back with an empty cache, or never without startAfter\n' +
    '  /admin/drain  {"replica": 2}                    it takes no more, and goes down\n' +
    '                when it is done\n' +
    '  /admin/start  {"replica": 2}                    brings one that is down back\n' +
    '  /admin/reset  {}                                all as at the start',
  arguments: [],
  options: [
    {
      key: 'engine',
      short: 'e',
      type: 'string',
      value: '<file|name>',
      default: DEFAULT_ENGINE,
      description: 'engine model file, or the name of a bundled one (tiny-demo is fast and small)',
    },
    { key: 'port', short: 'p', type: 'integer', default: 8000, description: 'TCP port; 0 = any free one' },
    { key: 'host', type: 'string', default: '127.0.0.1', description: 'address to listen on; 0.0.0.0 = all' },
    {
      key: 'replicas',
      short: 'n',
      type: 'integer',
      description:
        'engines behind the port (default 1); with an autoscaler those at the start (default its minimum)',
    },
    {
      key: 'autoscaler',
      short: 'a',
      type: 'string',
      value: '<file.yaml>',
      description:
        'resizes the fleet as it serves: hpa.yaml or keda.yaml of a plan, or `kind: hpa` with metrics',
    },
    {
      key: 'scrape',
      type: 'duration',
      default: '15s',
      description: "time between two scrapes of a replica by the autoscaler's monitoring",
    },
    {
      key: 'coldStart',
      type: 'duration',
      description: "from a replica's creation to ready (default: the engine model's)",
    },
    {
      key: 'router',
      type: 'string',
      choices: ROUTER_POLICIES,
      default: DEFAULT_ROUTER,
      description: 'which replica gets a request; sessions by x-session-id or user',
    },
    { key: 'speed', type: 'number', default: 1, description: 'divides iteration times: 2 = twice as fast' },
    {
      key: 'modelName',
      type: 'string',
      description: 'served model name, others are then refused; without it any name is accepted',
    },
    {
      key: 'encoding',
      type: 'string',
      choices: TOKEN_ENCODINGS,
      default: TOKEN_ENCODINGS[0],
      description: 'vocabulary that prompts are counted in',
    },
    {
      key: 'record',
      type: 'string',
      value: '<file.jsonl>',
      description: "write every request's instants here",
    },
    {
      key: 'admin',
      type: 'string',
      choices: ['on', 'off'],
      default: 'on',
      description: 'whether /admin switches faults',
    },
    {
      key: 'seed',
      type: 'string',
      default: '1',
      description: "seed of answers and of the iterations' noise",
    },
  ],
  examples: [
    'tokentide serve --engine llama3-8b-h100-published --port 8000',
    'tokentide serve --engine tiny-demo --replicas 4 --router prefix-aware --record served.jsonl',
    'tokentide serve --engine tiny-demo --autoscaler plan/hpa.yaml --cold-start 30s',
    'curl -X POST localhost:8000/admin/kill -d \'{"replica": 2, "startAfter": "30s"}\'',
  ],
  async run({ options, io, signal }) {
    const engine = await readEngineModel(options['engine'] as string);
    const record = options['record'] as string | undefined;
    const autoscaler = options['autoscaler'] as string | undefined;
    const coldStartSec = options['coldStart'] as number | undefined;
    const server = await serveEngine({
      engine,
      port: options['port'] as number,
      host: options['host'] as string,
      replicas: options['replicas'] as number | undefined,
      autoscaler: autoscaler === undefined ? undefined : await readAutoscalerSpec(autoscaler),
      scrapeSec: options['scrape'] as number,
      coldStart:
        coldStartSec === undefined
          ? undefined
          : { scheduleSec: 0, pullSec: 0, loadSec: coldStartSec, warmupSec: 0 },
      onScale: ({ atSec, from, to, because }) =>
        io.note(`${formatDurationSec(atSec)}: ${from} → ${to} replicas: ${because}`),
      router: options['router'] as RouterPolicy,
      speed: options['speed'] as number,
      modelName: options['modelName'] as string | undefined,
      encoding: options['encoding'] as string,
      recordPath: record,
      admin: options['admin'] === 'on',
      seed: options['seed'] as string,
    });
    const serving = `serving ${engine.name} at ${server.url}`;
    if (io.json) io.note(serving);
    else io.print(serving);
    if (engine.calibration === null)
      io.note('note: this engine is not calibrated; its file says where the numbers come from');
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await server.close({ drainSec: DRAIN_SEC });
    const lateness = server.lateness();
    io.print(`served ${formatCount(server.served)} requests`);
    const scaling = server.scaling();
    if (scaling !== null) {
      const hours = scaling.replicaSec / SEC_PER_HOUR;
      io.print(
        `${scaling.lives.length} replicas in all, ${significant(hours)} replica-hours, ${scaling.scaleEvents.length} changes of size`,
      );
    }
    for (const [replica, { steps, p50Ms, p99Ms, maxMs }] of lateness.entries()) {
      if (steps === 0 && scaling !== null) continue;
      io.print(
        `replica ${replica}: ${formatCount(steps)} iterations, ended late by p50 ${formatMs(p50Ms)}, p99 ${formatMs(p99Ms)}, max ${formatMs(maxMs)}`,
      );
    }
    if (record !== undefined) io.print(`wrote ${record}`);
    io.result({
      schemaVersion: 1,
      kind: 'served',
      url: server.url,
      engine: engine.name,
      served: server.served,
      lateness,
      ...(scaling === null ? {} : { scaling }),
    });
    return EXIT.ok;
  },
};
