/** The report of a latency profile: how much load the endpoint carries within the SLO, and how it behaves around it. Pure. */
import type { MetricId } from '../types/run-support.js';
import type { EngineModel, LatencyProfile, LoadLevel, ProfileCapacity } from '../types.js';
import { formatDurationSec } from '../units.js';
import { calibrationFigure } from './calibration-figure.js';
import { profileHeadline } from './headline.js';
import { type Html, html, prose } from './html.js';
import type { ProfileReportInput } from './input.js';
import type { Page } from './page.js';
import {
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
import { evidenceSections } from './profile-evidence.js';
import {
  arrangeProfile,
  errorsByLoad,
  gaugesByLoad,
  goodputByLoad,
  latencyByLoad,
  type ProfileData,
  requestsByLoad,
  tokensByLoad,
} from './profile-figures.js';
import { provenanceSection, sloTable } from './shared-sections.js';
import {
  countValue,
  inUnit,
  msValue,
  numberValue,
  perSecValue,
  ratioValue,
  secValue,
  tokensPerSecValue,
  UNKNOWN,
} from './values.js';

/** Builds the page of a profile. */
export function profilePage(input: ProfileReportInput): Page {
  const { profile } = input;
  const data = arrangeProfile(profile);
  const drawable = data.levels.length > 0;
  const latency = drawable ? latencyFigures(data) : [];
  const flow = drawable
    ? present([requestsByLoad(data), tokensByLoad(data), goodputByLoad(data), errorsByLoad(data)])
    : [];
  const gauges = drawable ? gaugesByLoad(data) : [];
  const quality = profile.engine?.calibration ?? null;
  const fitted = quality === null ? null : calibrationFigure(quality);
  const engineFigures = fitted === null ? [] : [fitted];
  const evidence = evidenceSections(profile);
  const sections: (Section | null)[] = [
    figureSection('load', 'Latency against load', latency, {
      nav: 'Latency',
      intro: html`${prose(profile.knee.because)} ${prose(profile.capacity.because)}`,
    }),
    noteSection('Before you trust these numbers', profile.warnings),
    figureSection('throughput', 'Throughput, goodput and errors against load', flow, { nav: 'Throughput' }),
    levelsSection(profile.levels),
    objectivesSection(profile),
    ...evidence.sections,
    figureSection('gauges', 'What the server said of itself', gauges, {
      nav: 'Server',
      intro: 'Gauges scraped at each load. These are the signals that an autoscaler can read.',
    }),
    profile.engine === null ? null : engineSection(profile.engine, engineFigures),
    loadSection(profile),
    provenanceSection(profile.manifest, [
      [
        'workload',
        html`${profile.workload.name}, content hash <code class="hash">${profile.workload.hash}</code>`,
      ],
    ]),
  ];
  return {
    subject: 'Latency profile',
    name: input.name,
    context: html`${profile.target.model ?? 'model not named'} at <code>${profile.target.url}</code> (${profile.target.protocol}), under ${profile.workload.name}: on average ${countValue(profile.workload.meanInputTokens)} prompt and ${countValue(profile.workload.meanOutputTokens)} output tokens${profile.load.clock === 'simulation' ? html`. <strong>Simulated: nothing was measured</strong>` : null}`,
    headline: profileHeadline(profile),
    tiles: profileTiles(profile, data),
    sections: present(sections),
    charts: [...latency, ...flow, ...evidence.figures, ...gauges, ...engineFigures].map((item) => item.chart),
    footer: html`Made by tokentide ${profile.manifest.version}.`,
  };
}

/** Metrics of the SLO first, then the usual three. */
function latencyFigures(data: ProfileData): FigureOptions[] {
  const named = data.slo.flatMap((term) => (term.kind === 'latency' ? [term.metric as MetricId] : []));
  const ids = [...new Set<MetricId>([...named, 'ttft', 'tpot', 'e2e'])];
  return ids.flatMap((id) => latencyByLoad(data, id) ?? []);
}

function profileTiles(profile: LatencyProfile, data: ProfileData): Tile[] {
  const { capacity, knee } = profile;
  const best = data.levels.reduce((max, level) => Math.max(max, level.throughput.okOutputTokensPerSec), 0);
  const met = profile.levels.filter((level) => level.valid && level.sloMet).length;
  const invalid = profile.levels.length - data.levels.length;
  return [
    {
      label: 'Capacity at the objective',
      value: perSecValue(capacity.ratePerSec),
      detail: capacityDetail(capacity),
      tone: capacity.ratePerSec === null ? 'warn' : 'good',
    },
    {
      label: 'Knee',
      value: knee.ratePerSec === null ? 'not reached' : perSecValue(knee.ratePerSec),
      detail: knee.method,
    },
    {
      label: 'Best output throughput',
      value: data.levels.length > 0 ? tokensPerSecValue(best) : UNKNOWN,
      detail: 'output tokens of ok requests ÷ window',
    },
    {
      label: 'Load levels',
      value: countValue(profile.levels.length),
      detail: html`${countValue(met)} met the objective, ${countValue(invalid)} invalid`,
      tone: invalid > 0 ? 'warn' : 'plain',
    },
  ];
}

function capacityDetail({ metAtPerSec, missedAtPerSec, toleranceRatio }: ProfileCapacity): Html {
  const met = metAtPerSec === null ? html`met at no level` : html`met at ${perSecValue(metAtPerSec)}`;
  if (missedAtPerSec === null) return html`${met}, no valid level missed it`;
  const tolerance = toleranceRatio === null ? null : html` (±${ratioValue(toleranceRatio)})`;
  return html`${met}, missed at ${perSecValue(missedAtPerSec)}${tolerance}`;
}

const LEVEL_COLUMNS = [
  'sent',
  'completed',
  'requests',
  'in system',
  'ttft p50',
  'ttft p99',
  'tpot p99',
  'e2e p99',
  'goodput',
  'errors',
];

function levelsSection(levels: readonly LoadLevel[]): Section {
  return {
    id: 'levels',
    title: 'Load levels',
    intro:
      'One run per level and attempt, by rising rate, without its warm-up. The last attempt at a rate counts; invalid levels are not drawn and do not count. A level whose backlog grew to its end is overloaded whatever its percentiles say.',
    body: table({
      caption: 'Every load level',
      captionHidden: true,
      columns: [
        { title: 'offered' },
        ...LEVEL_COLUMNS.map((title) => ({ title, numeric: true })),
        { title: 'objective' },
        { title: 'because', words: true },
        { title: 'run', words: true },
      ],
      rows: levels.map((level) => [
        perSecValue(level.ratePerSec),
        perSecValue(level.achievedPerSec),
        perSecValue(level.completedPerSec),
        countValue(level.requests),
        numberValue(level.inFlightMean),
        msValue(level.metrics.ttft?.p50),
        msValue(level.metrics.ttft?.p99),
        msValue(level.metrics.tpot?.p99),
        msValue(level.metrics.e2e?.p99),
        ratioValue(level.goodput),
        ratioValue(level.errorRatio),
        level.valid ? passMark(level.sloMet) : UNKNOWN,
        [level.because, ...(level.steady ? [] : ['not steady']), ...level.notes].join('; '),
        runCell(level),
      ]),
      rowClass: (i) => (levels[i].valid ? null : 'muted'),
    }),
  };
}

function runCell(level: LoadLevel): Html {
  const validity = level.valid
    ? html`valid`
    : html`${passMark(false, ['valid', 'invalid'])} ${level.invalidBecause}`;
  return html`${validity}${level.attempt > 1 ? html`, attempt ${countValue(level.attempt)}` : null}${
    level.runDir === null ? null : html` <code>${level.runDir}</code>`
  }`;
}

/** How the levels' requests were made. */
function loadSection(profile: LatencyProfile): Section {
  const { load, workload } = profile;
  return {
    id: 'workload',
    title: 'How the load was made',
    body: facts([
      [
        'arrivals',
        load.shape === 'stationary'
          ? 'stationary at each level’s rate, lengths resampled jointly from the workload'
          : 'the workload’s own, time scaled to each level’s rate',
      ],
      ['variation of the gaps (1 = Poisson)', numberValue(load.gapCv)],
      ['left out as warm-up, of each level', ratioValue(load.warmupRatio)],
      ['errors allowed', ratioValue(load.maxErrorRatio)],
      [
        'clock',
        load.clock === 'endpoint'
          ? 'real time, over HTTP'
          : 'virtual time: the engine model was simulated, nothing was measured',
      ],
      ['mean prompt', html`${numberValue(workload.meanInputTokens)} tokens`],
      ['mean answer', html`${numberValue(workload.meanOutputTokens)} tokens`],
    ]),
  };
}

/** The terms at the two levels that enclose the capacity. */
function objectivesSection(profile: LatencyProfile): Section | null {
  const { metAtPerSec, missedAtPerSec } = profile.capacity;
  const levels = [metAtPerSec, missedAtPerSec].flatMap(
    (rate) => profile.levels.find((level) => level.ratePerSec === rate && level.slo.length > 0) ?? [],
  );
  if (levels.length === 0) return null;
  return {
    id: 'objectives',
    title: 'Objectives at the edge',
    intro: 'The load levels next to the capacity, on either side.',
    body: levels.map(
      (
        level,
      ) => html`<h3>At ${perSecValue(level.ratePerSec)}, ${countValue(level.requests)} requests over ${secValue(level.durationSec)}</h3>
${sloTable(level.slo)}`,
    ),
  };
}

function engineSection(engine: EngineModel, figures: readonly FigureOptions[]): Section {
  const { step, limits, calibration } = engine;
  const micro = (sec: number): string => formatDurationSec(sec);
  return {
    id: 'engine',
    title: calibration === null ? 'Engine model' : 'Fitted engine model',
    nav: 'Engine',
    intro: html`What one iteration of the engine costs${calibration === null ? ', as given' : ', fitted to these runs'}; <code>serve</code>, <code>simulate</code> and <code>plan</code> use it. ${prose(engine.source)}`,
    body: html`${facts([
      ['name', html`<code>${engine.name}</code>`],
      ['fixed cost of an iteration', micro(step.baseSec)],
      ['per prompt token computed', micro(step.perPrefillTokenSec)],
      ['per decoding sequence', micro(step.perDecodeSeqSec)],
      ['per token of context held', micro(step.perKvTokenSec)],
      ['noise per iteration (coefficient of variation)', numberValue(step.noiseCv)],
      ['token budget of an iteration', countValue(limits.maxBatchedTokens)],
      ['sequences at once', countValue(limits.maxSeqs)],
      [
        'KV cache',
        html`${countValue(limits.kvBlocks)} blocks of ${countValue(limits.blockSize)} tokens, admission: ${engine.kvAdmission}`,
      ],
      ['longest prompt + output', html`${countValue(limits.maxModelLen)} tokens`],
      ['prefix caching', engine.prefixCaching ? 'on' : 'off'],
      ['cold start', secValue(engine.coldStartSec)],
      [
        'fit',
        calibration === null
          ? 'not calibrated'
          : html`${countValue(calibration.samples)} requests of ${countValue(calibration.runs)} runs; median error of the percentiles ${inUnit(medianError(engine), 'ratio')}`,
      ],
    ])}
${figureGrid(figures)}`,
  };
}

/** Median of |simulated − measured| ÷ measured over the calibration's percentiles; null without any. */
export function medianError(engine: EngineModel): number | null {
  const errors = (engine.calibration?.errors ?? [])
    .filter((error) => error.measuredMs > 0)
    .map((error) => Math.abs(error.simulatedMs / error.measuredMs - 1))
    .sort((a, b) => a - b);
  if (errors.length === 0) return null;
  const middle = (errors.length - 1) / 2;
  return (errors[Math.floor(middle)] + errors[Math.ceil(middle)]) / 2;
}
