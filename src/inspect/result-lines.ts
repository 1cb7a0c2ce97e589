/** Runs, simulations, profiles and plans on one screen. Pure. */
import type { MetricId, MetricSummaryMap } from '../types/run-support.js';
import type {
  CapacityPlan,
  LatencyProfile,
  PoolSummary,
  RunLoad,
  RunSessions,
  RunSummary,
  SimulationDocument,
  SloResult,
} from '../types.js';
import { formatCount, formatDurationSec, formatMs, formatRatio, significant } from '../units.js';
import { endpointLines } from './endpoint-lines.js';
import { provenanceLine } from './provenance.js';
import { clip, nameValues, textTable } from './text.js';

const SHOWN_NOTES = 3;

/** A run: valid or not, objectives, latency, flow. */
export function runLines(run: RunSummary): string[] {
  const { validity, load, throughput, counts } = run;
  const failed = validity.checks.filter((check) => !check.pass);
  return [
    ...nameValues([
      ['verdict', `${validity.verdict.toUpperCase()}: ${validity.because}`],
      ['next', validity.verdict === 'invalid' ? validity.recommendation : null],
      ...failed.map((check) => ['failed', `${check.check}: ${check.advice}`] as const),
      ['interrupted', run.interrupted ? 'yes: it covers only a part of the trace' : null],
      ['target', `${run.target.model ?? 'model not named'} at ${run.target.url} (${run.target.protocol})`],
      ['load', loadText(load)],
      ['turns', load.sessions == null ? null : turnsText(load.sessions)],
      [
        'endings',
        Object.entries(counts.byStatus)
          .sort((a, b) => b[1] - a[1])
          .map(([status, count]) => `${status} ${formatCount(count)}`)
          .join(', '),
      ],
      [
        'attempts',
        counts.attempts === undefined
          ? null
          : `${formatCount(counts.attempts)} for ${formatCount(counts.offered)} requests, ${formatCount(counts.retried ?? 0)} sent more than once`,
      ],
      [
        'throughput',
        `${significant(throughput.okPerSec)} ok/s, ${significant(throughput.okOutputTokensPerSec)} output tokens/s of ok requests, over ${formatDurationSec(throughput.windowSec)}`,
      ],
      [
        'goodput',
        run.goodput === null ? null : `${formatRatio(run.goodput)} of ${formatCount(counts.offered)} offered`,
      ],
      ['for information', informationText(run)],
      ['started', run.startedUtc],
      ['made by', provenanceLine(run.manifest)],
    ]),
    '',
    ...metricTable(run.metrics),
    ...endpointLines(run.endpoints),
    ...sloLines(run.slo),
    ...noteLines('note', run.notes),
  ];
}

/** Which requests left when: the trace's span, then how the load was shaped from it. */
function loadText(load: RunLoad): string {
  const { concurrency, loops, ramp, retries } = load;
  const cap = concurrency === null ? '' : `at most ${formatCount(concurrency)} in flight`;
  const shape =
    load.closedLoop === true
      ? `closed loop: ${cap}, the next leaves when one ends`
      : [`${significant(load.plannedRatePerSec)}/s planned`, load.sessions == null ? 'open loop' : '', cap]
          .filter((text) => text !== '')
          .join(', ');
  return [
    `${load.traceName}, ${formatCount(load.rows)} requests over ${formatDurationSec(load.durationSec)}, ${shape}`,
    (loops ?? 1) > 1 ? `${formatCount(loops!)} passes over the trace` : '',
    ramp == null
      ? ''
      : `ramp from ×${significant(ramp.from)} to ×${significant(ramp.to)} over ${formatDurationSec(ramp.sec)}`,
    (retries ?? 0) > 0 ? `up to ${formatCount(retries!)} retries` : '',
  ]
    .filter((text) => text !== '')
    .join('; ');
}

function turnsText({ mode, answers, sessions, followers, withHistory }: RunSessions): string {
  const when =
    mode === 'closed'
      ? 'closed: think time after the answer before'
      : 'hybrid: as recorded, never before the answer before';
  return `${when}; ${formatCount(followers)} turns in ${formatCount(sessions)} sessions waited, ${formatCount(withHistory)} with ${answers} answers in their prompt`;
}

/** Checks without a limit: they tell of the server's side and of the path to it, and spoil no run. */
const INFORMING: Readonly<Record<string, string>> = {
  connection_reuse: 'of the requests left on an open connection',
  prompts_as_asked: 'of the prompts had the asked length by the server’s count',
  server_counts: 'of the answers came with the server’s token count',
};

function informationText({ validity }: RunSummary): string | null {
  const parts = validity.checks.flatMap(({ check, value }) => {
    if (check === 'certificate' && value === 0) return ['INSECURE: the server’s certificate was not checked'];
    return value === null || INFORMING[check] === undefined
      ? []
      : [`${formatRatio(value)} ${INFORMING[check]}`];
  });
  return parts.length === 0 ? null : parts.join('; ');
}

const METRICS: readonly MetricId[] = [
  'ttft',
  'tpot',
  'itl',
  'e2e',
  'response.ttft',
  'response.e2e',
  'queue_wait',
  'send_lag',
];

function metricTable(metrics: MetricSummaryMap): string[] {
  const rows = METRICS.flatMap((id) => {
    const found = metrics[id];
    if (found === undefined || found.n === 0) return [];
    const values = [found.mean, found.p50, found.p90, found.p99, found.max].map(formatMs);
    return [[id, formatCount(found.n), ...values]];
  });
  return textTable(
    [
      { title: 'latency' },
      ...['n', 'mean', 'p50', 'p90', 'p99', 'max'].map((title) => ({ title, right: true })),
    ],
    rows,
  );
}

function sloLines(results: readonly SloResult[]): string[] {
  if (results.length === 0) return [];
  const text = (value: number | null, unit: string): string =>
    value === null
      ? '–'
      : unit === 'ms'
        ? formatMs(value)
        : unit === 'ratio'
          ? formatRatio(value)
          : significant(value);
  return [
    '',
    ...textTable(
      [
        { title: 'objective' },
        { title: 'measured', right: true },
        { title: 'n', right: true },
        { title: '' },
      ],
      results.map((result) => [
        clip(result.term, 40),
        text(result.value, result.unit),
        formatCount(result.n),
        result.met ? 'met' : 'MISSED',
      ]),
    ),
  ];
}

/** A simulation: what the engine model would have done with the trace. */
export function simulationLines(document: SimulationDocument): string[] {
  const { trace, counts, engine } = document;
  const left = Object.entries(counts.excluded).filter(([, rows]) => rows > 0);
  return [
    ...nameValues([
      [
        'trace',
        `${trace.name}, ${formatCount(counts.offered)} requests${document.offeredPerSec === null ? '' : ` at ${significant(document.offeredPerSec)}/s`}, content sha256 ${trace.hash.slice(0, 32)}…`,
      ],
      [
        'fleet',
        `${formatCount(document.replicas)} × ${engine.name}${document.scaling === undefined ? '' : ' at most'}, router ${document.router}, busy ${formatRatio(document.utilisation)}`,
      ],
      ...scalingPairs(document),
      ...poolPairs(document),
      ['refused', counts.refused > 0 ? formatCount(counts.refused) : null],
      [
        'left out',
        left.length === 0 ? null : left.map(([reason, rows]) => `${formatCount(rows)} ${reason}`).join(', '),
      ],
      [
        'running',
        `${significant(document.running.mean)} on average, ${significant(document.running.max)} at most, per replica`,
      ],
      [
        'waiting',
        `${significant(document.waiting.mean)} on average, ${significant(document.waiting.max)} at most`,
      ],
      [
        'KV cache',
        `${formatRatio(document.kvUsage.mean)} on average, ${formatRatio(document.kvUsage.max)} at most, ${formatCount(document.preemptions)} preemptions`,
      ],
      ['goodput', document.goodput === null ? null : formatRatio(document.goodput)],
      ['made by', provenanceLine(document.manifest)],
    ]),
    '',
    ...metricTable(document.metrics),
    ...sloLines(document.slo),
    ...noteLines('note', document.notes),
  ];
}

/** An autoscaled fleet: what drove it, what it used, and how long the objective was missed. */
function scalingPairs({ scaling }: SimulationDocument): (readonly [string, string | null])[] {
  if (scaling === undefined) return [];
  const { autoscaler, meanReplicas, peakReplicas, scaleEvents, flaps, cutOff, unserved, breaches } = scaling;
  const lost = [
    cutOff > 0 ? `${formatCount(cutOff)} cut off with their replica` : '',
    unserved > 0 ? `${formatCount(unserved)} never served` : '',
  ].filter((text) => text !== '');
  const missed =
    breaches.length === 0
      ? 'the objective held in every minute'
      : `the objective was missed ${formatCount(breaches.length)} times, ${scaling.timeToRecoverSec === null ? 'to the end' : `longest ${formatDurationSec(scaling.timeToRecoverSec)}`}`;
  return [
    [
      'scaling',
      `${autoscaler.kind}, ${formatCount(scaling.initialReplicas)} replicas at first, ${meanReplicas === null ? '' : `${significant(meanReplicas)} on average, `}${formatCount(peakReplicas)} at most; ${formatCount(scaleEvents.length)} changes, ${formatCount(flaps)} flaps, ${significant(scaling.replicaHours)} replica-hours`,
    ],
    ['lost', lost.length === 0 ? null : lost.join(', ')],
    ['recovery', scaling.goal === null ? null : missed],
  ];
}

/** Prefill and decode on pools of their own. */
function poolPairs({ disaggregated }: SimulationDocument): (readonly [string, string])[] {
  if (disaggregated === undefined) return [];
  const pool = ({ engine, replicas, utilisation, queueWaitMs, kvUsage }: PoolSummary): string =>
    `${formatCount(replicas)} × ${engine}, busy ${formatRatio(utilisation)}, queue p99 ${formatMs(queueWaitMs.p99)}, KV ${formatRatio(kvUsage.max)} at most`;
  const { prefill, decode, meanTransferMs } = disaggregated;
  return [
    ['prefill', pool(prefill)],
    ['decode', `${pool(decode)}; KV travels ${formatMs(meanTransferMs)} on average`],
  ];
}

/** A profile: capacity, knee, every load level. */
export function profileLines(profile: LatencyProfile): string[] {
  const { capacity, knee, target, workload, load } = profile;
  return [
    ...nameValues([
      ['verdict', `${profile.verdict.verdict}: ${profile.verdict.because}`],
      ['next', profile.verdict.recommendation],
      [
        'capacity',
        capacity.ratePerSec === null
          ? `none: ${capacity.because}`
          : `${significant(capacity.ratePerSec)}/s at ${profile.slo}`,
      ],
      [
        'knee',
        knee.ratePerSec === null ? 'not reached' : `${significant(knee.ratePerSec)}/s, ${knee.method}`,
      ],
      ['target', `${target.model ?? 'model not named'} at ${target.url} (${target.protocol})`],
      [
        'workload',
        `${workload.name}, ${significant(workload.meanInputTokens)} + ${significant(workload.meanOutputTokens)} tokens on average, ${load.shape} arrivals${load.clock === 'simulation' ? ', SIMULATED: nothing was measured' : ''}`,
      ],
      ['engine', profile.engine === null ? 'not fitted' : profile.engine.name],
      ['made by', provenanceLine(profile.manifest)],
    ]),
    '',
    ...textTable(
      [
        { title: 'offered', right: true },
        ...['done', 'n', 'ttft p99', 'tpot p99', 'e2e p99', 'goodput', 'errors'].map((title) => ({
          title,
          right: true,
        })),
        { title: '' },
      ],
      profile.levels
        .slice(0, 16)
        .map((level) => [
          `${significant(level.ratePerSec)}/s`,
          `${significant(level.completedPerSec)}/s`,
          formatCount(level.requests),
          formatMs(level.metrics.ttft?.p99 ?? null),
          formatMs(level.metrics.tpot?.p99 ?? null),
          formatMs(level.metrics.e2e?.p99 ?? null),
          level.goodput === null ? '–' : formatRatio(level.goodput),
          formatRatio(level.errorRatio),
          level.valid ? (level.sloMet ? 'met' : 'MISS') : 'INVALID',
        ]),
    ),
    ...(profile.levels.length > 16 ? [`and ${profile.levels.length - 16} more levels`] : []),
    ...noteLines('warning', profile.warnings),
  ];
}

/** A plan: replicas, what fewer would have done, cost, thresholds. */
export function planLines(plan: CapacityPlan): string[] {
  const { workload, cost, autoscaler } = plan;
  const money = (value: number | null): string => (value === null ? '–' : value.toFixed(2));
  return [
    ...nameValues([
      ['verdict', `${plan.verdict.verdict}: ${plan.verdict.because}`],
      ['next', plan.verdict.recommendation],
      ['replicas', plan.replicas === null ? 'none suffices' : formatCount(plan.replicas)],
      ['objective', plan.slo],
      [
        'workload',
        `${workload.name} (${workload.kind}), ${formatCount(workload.requests)} requests over ${formatDurationSec(workload.durationSec)}, ${significant(workload.meanRatePerSec)}/s on average, ${significant(workload.peakRatePerSec)}/s in the busiest minute${plan.growth === 1 ? '' : `, planned for ×${significant(plan.growth)}`}`,
      ],
      ['engine', `${plan.engine.name}, router ${plan.router}`],
      [
        'cost',
        cost.pricePerReplicaHour === null
          ? 'no price given'
          : `${money(cost.perHour)} per hour, ${money(cost.perMillionOutputTokens)} per million output tokens`,
      ],
      [
        'autoscaler',
        autoscaler === null
          ? 'none'
          : `${autoscaler.recommended.signal} at ${significant(autoscaler.recommended.target)} per replica, ${autoscaler.minReplicas}–${autoscaler.maxReplicas} replicas`,
      ],
      ['why', autoscaler === null ? null : autoscaler.recommended.because],
      ['files', plan.files.join(' ')],
      ['made by', provenanceLine(plan.manifest)],
    ]),
    '',
    ...textTable(
      [
        { title: 'replicas', right: true },
        { title: 'trial' },
        ...['goodput', 'ttft p50', 'ttft p99', 'tpot p99', 'busy', 'KV max'].map((title) => ({
          title,
          right: true,
        })),
        { title: '' },
      ],
      [...plan.trials]
        .sort((a, b) => a.replicas - b.replicas)
        .slice(0, 14)
        .map((trial) => [
          formatCount(trial.replicas),
          trial.role,
          formatRatio(trial.goodput),
          formatMs(trial.metrics.ttft?.p50 ?? null),
          formatMs(trial.metrics.ttft?.p99 ?? null),
          formatMs(trial.metrics.tpot?.p99 ?? null),
          formatRatio(trial.utilisation),
          formatRatio(trial.kvUsage.max),
          trial.met ? 'met' : 'MISS',
        ]),
    ),
    ...noteLines('warning', plan.warnings),
  ];
}

function noteLines(name: string, notes: readonly string[]): string[] {
  if (notes.length === 0) return [];
  const more = notes.length - SHOWN_NOTES;
  return [
    '',
    ...nameValues(notes.slice(0, SHOWN_NOTES).map((note) => [name, note] as const)),
    ...(more > 0 ? [`and ${more} more in the file`] : []),
  ];
}
