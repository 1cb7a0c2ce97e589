/** The report of a capacity plan: how many replicas, what they cost, what fewer would have done, which thresholds. Pure. */
import type { AutoscalerAdvice, CapacityPlan, FleetTrial, Threshold } from '../types.js';
import { formatCount } from '../units.js';
import { planHeadline } from './headline.js';
import { type Html, html, prose } from './html.js';
import type { PlanReportInput } from './input.js';
import type { Page } from './page.js';
import {
  copyBlock,
  type FigureOptions,
  facts,
  figureGrid,
  figureSection,
  noteSection,
  passMark,
  present,
  type Section,
  type Tile,
  table,
} from './parts.js';
import {
  attainmentByReplicas,
  limitUseByReplicas,
  offeredRate,
  replicasOverTime,
  sortedTrials,
} from './plan-figures.js';
import { studySections } from './plan-study.js';
import { autoscaledOverTime } from './plan-timeline.js';
import { metricTable, provenanceSection, sloTable } from './shared-sections.js';
import {
  countValue,
  moneyValue,
  msValue,
  numberValue,
  perSecValue,
  ratioValue,
  secValue,
  UNKNOWN,
} from './values.js';

/** Builds the page of a plan. */
export function planPage(input: PlanReportInput): Page {
  const { plan, files } = input;
  const front = present([attainmentByReplicas(plan), limitUseByReplicas(plan)]);
  const [replicas, ...load] = autoscaledOverTime(plan);
  const overTime = present([replicas ?? null, offeredRate(plan), ...load, replicasOverTime(plan)]);
  const study = studySections(plan);
  const confirmed = plan.trials.find((trial) => trial.role === 'confirm');
  const sections: (Section | null)[] = [
    evidenceSection(plan, front),
    study.front,
    study.overTime,
    figureSection('load', 'Replicas and load over time', overTime, {
      nav: 'Load',
      intro:
        replicas === undefined
          ? undefined
          : html`The autoscaler found (${plan.autoscaling?.recommended.label}), simulated on the workload itself.`,
    }),
    noteSection('Before you trust this plan', plan.warnings),
    confirmed === undefined ? null : confirmedSection(confirmed, plan.trials),
    costSection(plan),
    plan.autoscaler === null ? null : autoscalerSection(plan.autoscaler),
    study.autoscaling,
    study.breaks,
    files.length === 0
      ? null
      : {
          id: 'manifests',
          title: 'Kubernetes manifests',
          nav: 'Manifests',
          intro:
            'Ready to apply after the names in them fit your cluster. The same text lies beside plan.json.',
          body: files.map((file, i) => copyBlock(file.name, file.content, `file-${i}`)),
        },
    sourcesSection(plan),
    provenanceSection(plan.manifest, []),
  ];
  return {
    subject: 'Capacity plan',
    name: input.name,
    context: html`${plan.workload.name} on ${plan.engine.name}, router ${plan.router}, objective <code>${plan.slo}</code>`,
    headline: planHeadline(plan),
    tiles: planTiles(plan),
    sections: present(sections),
    charts: [...front, ...study.figures, ...overTime].map((item) => item.chart),
    footer: html`Made by tokentide ${plan.manifest.version}.`,
  };
}

function planTiles(plan: CapacityPlan): Tile[] {
  const roleTile = (role: FleetTrial['role'], words: string): Tile[] => {
    const trials = plan.trials.filter((trial) => trial.role === role);
    if (trials.length === 0) return [];
    const met = trials.filter((trial) => trial.met).length;
    const goodput = trials.map((trial) => trial.goodput);
    return [
      {
        label: `${words} (${formatCount(trials[0].replicas)})`,
        value: html`${ratioValue(role === 'confirm' ? Math.min(...goodput) : Math.max(...goodput))} goodput`,
        detail: html`${role === 'confirm' ? 'at least' : 'at most'}; SLO met on ${countValue(met)} of ${countValue(trials.length)} fresh seeds`,
        tone: met === trials.length ? 'good' : 'bad',
      },
    ];
  };
  return [
    {
      label: 'Replicas',
      value: plan.replicas === null ? 'none suffices' : countValue(plan.replicas),
      detail: html`for ${perSecValue(plan.workload.meanRatePerSec)} on average, ${perSecValue(plan.workload.peakRatePerSec)} at the peak`,
    },
    ...roleTile('confirm', 'With the chosen number'),
    ...roleTile('fewer', 'With one less'),
    {
      label: 'Cost per hour',
      value: moneyValue(plan.cost.perHour),
      detail:
        plan.cost.pricePerReplicaHour === null
          ? 'no --price was given'
          : html`${moneyValue(plan.cost.pricePerReplicaHour)} per replica-hour`,
    },
  ];
}

function evidenceSection(plan: CapacityPlan, figures: readonly FigureOptions[]): Section {
  const trials = sortedTrials(plan);
  const price = plan.cost.pricePerReplicaHour;
  return {
    id: 'evidence',
    title: 'Evidence: what each fleet size would do',
    nav: 'Evidence',
    intro: html`Search trials simulate the workload itself; confirm and fewer use fresh seeds, so that the choice is no accident of one draw. Fresh seeds: ${prose(plan.freshMethod)}`,
    body: html`${table({
      caption: 'Every simulated fleet',
      captionHidden: true,
      columns: [
        { title: 'replicas' },
        { title: 'trial' },
        { title: 'seed' },
        { title: 'SLO' },
        ...[
          'goodput',
          'ttft p50',
          'ttft p99',
          'tpot p99',
          'e2e p99',
          'busy',
          'waiting max',
          'KV max',
          'preempted',
        ].map((title) => ({ title, numeric: true })),
        ...(price === null ? [] : [{ title: 'cost/h', numeric: true }]),
      ],
      rows: trials.map((trial) => [
        countValue(trial.replicas),
        trial.role,
        html`<code>${trial.seed}</code>`,
        passMark(trial.met),
        ratioValue(trial.goodput),
        msValue(trial.metrics.ttft?.p50),
        msValue(trial.metrics.ttft?.p99),
        msValue(trial.metrics.tpot?.p99),
        msValue(trial.metrics.e2e?.p99),
        ratioValue(trial.utilisation),
        numberValue(trial.waiting.max),
        ratioValue(trial.kvUsage.max),
        countValue(trial.preemptions),
        ...(price === null ? [] : [moneyValue(price * trial.replicas)]),
      ]),
      rowClass: (i) => (trials[i].role === 'confirm' ? 'strong' : null),
    })}
${figureGrid(figures)}`,
  };
}

/** In a simulation every request is sent when it is due: send lag and response.* say nothing. */
const SIMULATED_METRICS = ['ttft', 'e2e', 'tpot', 'ntpot'] as const;

function confirmedSection(trial: FleetTrial, trials: readonly FleetTrial[]): Section {
  const others = trials.filter((other) => other.role === 'confirm').length - 1;
  return {
    id: 'confirmed',
    title: `What ${formatCount(trial.replicas)} ${trial.replicas === 1 ? 'replica delivers' : 'replicas deliver'}`,
    nav: 'Delivered',
    intro: html`The confirming trial on seed <code>${trial.seed}</code>${others > 0 ? html`; the table above has the other ${countValue(others)}` : null}.`,
    body: html`${trial.slo.length === 0 ? null : sloTable(trial.slo)}${metricTable(trial.metrics, SIMULATED_METRICS)}
${facts([
  ['busy share of the replicas', ratioValue(trial.utilisation)],
  [
    'running per replica',
    html`${numberValue(trial.running.mean)} on average, ${numberValue(trial.running.max)} at most`,
  ],
  [
    'waiting per replica',
    html`${numberValue(trial.waiting.mean)} on average, ${numberValue(trial.waiting.max)} at most`,
  ],
  [
    'KV cache used',
    html`${ratioValue(trial.kvUsage.mean)} on average, ${ratioValue(trial.kvUsage.max)} at most`,
  ],
  ['preemptions', countValue(trial.preemptions)],
])}`,
  };
}

function costSection(plan: CapacityPlan): Section {
  const { cost } = plan;
  return {
    id: 'cost',
    title: 'Cost',
    intro:
      cost.pricePerReplicaHour === null
        ? 'No price was given. Plan again with --price, for example --price 2.5/h.'
        : 'In the currency of the price that was given, for a fleet of fixed size.',
    body: facts([
      ['price of a replica-hour', moneyValue(cost.pricePerReplicaHour)],
      ['fleet per hour', moneyValue(cost.perHour)],
      ['per day', cost.perHour === null ? UNKNOWN : moneyValue(cost.perHour * 24)],
      ['per million output tokens', moneyValue(cost.perMillionOutputTokens)],
      ['per million tokens, prompts included', moneyValue(cost.perMillionTokens)],
      ['per thousand requests that met the SLO', moneyValue(cost.perThousandGoodRequests)],
    ]),
  };
}

function autoscalerSection(advice: AutoscalerAdvice): Section {
  const rows: (readonly [Threshold, boolean])[] = [
    [advice.recommended, true],
    ...advice.alternatives.map((threshold) => [threshold, false] as const),
  ];
  return {
    id: 'autoscaler',
    title: 'Autoscaler thresholds',
    nav: 'Autoscaler',
    intro: html`Use <code>${advice.recommended.signal}</code> at ${numberValue(advice.recommended.target)} per replica, between ${countValue(advice.minReplicas)} and ${countValue(advice.maxReplicas)} replicas.`,
    body: html`${table({
      caption: 'Signals with their target per replica and the evidence for it',
      columns: [
        { title: 'signal' },
        { title: 'target per replica', numeric: true },
        { title: 'evidence', words: true },
        { title: 'query' },
      ],
      rows: rows.map(([threshold, recommended]) => [
        html`<code>${threshold.signal}</code>${recommended ? html` <span class="tag">recommended</span>` : null}`,
        numberValue(threshold.target),
        threshold.because,
        html`<code class="wrap">${threshold.query}</code>`,
      ]),
      rowClass: (i) => (rows[i][1] ? 'strong' : null),
    })}
${facts([
  ['capacity of one replica at the SLO', perSecValue(advice.capacityPerReplicaPerSec)],
  ['sized for, after head-room', perSecValue(advice.sizedPerReplicaPerSec)],
  ['head-room factor: sized ÷ capacity', numberValue(advice.headroom)],
  [
    'reaction time',
    html`${secValue(advice.reactionSec)} = scrape ${secValue(advice.reactionParts.scrapeSec)} + sync ${secValue(advice.reactionParts.syncSec)} + metric window ${secValue(advice.reactionParts.windowSec)} + cold start ${secValue(advice.reactionParts.coldStartSec)}`,
  ],
  ['growth of the rate within one reaction time, p99', html`×${numberValue(advice.ramp)}`],
  ['scale up by', html`${countValue(advice.scaleUpPods)} per ${secValue(advice.scaleUpPeriodSec)}`],
  [
    'scale down by',
    html`${countValue(advice.scaleDownPods)} per ${secValue(advice.scaleDownPeriodSec)}, after a window of ${secValue(advice.scaleDownWindowSec)}`,
  ],
])}
${sentences('Where these numbers come from', advice.evidence)}
${sentences('Limits of this advice', advice.warnings)}`,
  };
}

function sentences(title: string, list: readonly string[]): Html | null {
  return list.length === 0
    ? null
    : html`<h3>${title}</h3><ul class="notes">${list.map((sentence) => html`<li>${prose(sentence)}</li>`)}</ul>`;
}

function sourcesSection(plan: CapacityPlan): Section {
  const { workload, engine } = plan;
  const rows: (readonly [string, Html | string])[] = [
    ['workload', html`${workload.name} (${workload.kind}), hash <code class="hash">${workload.hash}</code>`],
    ['requests', countValue(workload.requests)],
    ['duration', secValue(workload.durationSec)],
    ['mean rate', perSecValue(workload.meanRatePerSec)],
    ['peak rate, over a minute', perSecValue(workload.peakRatePerSec)],
    ['traffic growth planned for', html`×${numberValue(plan.growth)}`],
    ['prompt tokens', countValue(workload.inputTokens)],
    ['output tokens', countValue(workload.outputTokens)],
    ['starts', workload.startUtc ?? 'relative time only'],
    ['engine', html`<code>${engine.name}</code>`],
    ['where its numbers come from', engine.source],
    ['router', plan.router],
  ];
  return {
    id: 'sources',
    title: 'Workload and engine',
    intro:
      'The plan is as good as these two. A plan holds for this workload on this engine, not for another.',
    body: facts(rows),
  };
}
