/** What the server said of itself over a run: requests, KV and GPU use, tokens per second. From server.jsonl. Pure. */
import type { ServerSample } from '../types.js';
import { formatCount, formatRatio, nsToSec, significant } from '../units.js';
import type { ChartColour, ChartShade, ChartUnit } from './chart.js';
import type { FlowId } from './definitions.js';
import { type CurveColumn, curveFigure } from './paired-figures.js';
import { type FigureOptions, present } from './parts.js';
import { clockText } from './run-data.js';
import { numberValue, ratioValue, tokensPerSecValue } from './values.js';

/** More samples than this are thinned: every k-th, and the last. */
const MOST_SAMPLES = 1_200;

/** The stretch of time that all figures of a run share. */
export interface RunWindow {
  readonly fromSec: number;
  readonly toSec: number;
  readonly shades: readonly ChartShade[];
}

/** Figures over the run's time; empty without samples. A failed scrape is a gap. */
export function serverFigures(samples: readonly ServerSample[], window: RunWindow): FigureOptions[] {
  const [engine, gpu] = (['server', 'gpu'] as const).map((source) =>
    samples.filter((sample) => sample.source === source),
  );
  return present([
    gaugeFigure(engine, window, {
      id: 'server-requests',
      title: 'Requests inside the server',
      definition: 'server_requests',
      label: 'requests, all replicas',
      unit: 'count',
      gauges: [
        ['running', 'blue'],
        ['waiting', 'red'],
      ],
      reading: (peaks) =>
        `At most ${significant(peaks['running'] ?? 0)} ran at once${peaks['waiting'] === undefined ? '' : ` and ${significant(peaks['waiting'])} waited`}. Waiting that grows is a server past its capacity.`,
    }),
    gaugeFigure(engine, window, {
      id: 'server-kv',
      title: 'KV cache use',
      definition: 'kv_usage',
      label: 'share',
      unit: 'ratio',
      gauges: [
        ['kv_usage', 'purple'],
        ['prefix_hit', 'teal'],
      ],
      reading: (peaks) =>
        `The KV cache was at most ${formatRatio(peaks['kv_usage'] ?? 0)} full. Near 100 % the server preempts requests or lets them wait.`,
    }),
    tokensFigure(engine, window),
    gaugeFigure(gpu, window, {
      id: 'server-gpu',
      title: 'GPU use',
      definition: 'gpu_usage',
      label: 'share of time busy',
      unit: 'ratio',
      gauges: [['gpu_usage', 'orange']],
      reading: (peaks) => `At most ${formatRatio(peaks['gpu_usage'] ?? 0)}.`,
    }),
    gaugeFigure(gpu, window, {
      id: 'server-power',
      title: 'GPU power',
      definition: 'gpu_power',
      label: 'watts',
      unit: 'number',
      gauges: [['gpu_power_watts', 'red']],
      reading: (peaks) => `At most ${significant(peaks['gpu_power_watts'] ?? 0)} W.`,
    }),
  ]);
}

interface GaugeWords {
  readonly id: string;
  readonly title: string;
  readonly definition: FlowId;
  readonly label: string;
  readonly unit: ChartUnit;
  readonly gauges: readonly (readonly [string, ChartColour])[];
  readonly reading: (peaks: Readonly<Record<string, number>>) => string;
}

function gaugeFigure(
  samples: readonly ServerSample[],
  window: RunWindow,
  words: GaugeWords,
): FigureOptions | null {
  const told = words.gauges.filter(([name]) => samples.some((sample) => sample.values?.[name] !== undefined));
  if (told.length === 0) return null;
  const shown = thinned(samples);
  const value = words.unit === 'ratio' ? ratioValue : numberValue;
  const peaks = Object.fromEntries(
    told.map(([name]) => [name, Math.max(...samples.map((sample) => sample.values?.[name] ?? 0))]),
  );
  return timeFigure(shown, window, {
    ...words,
    reading: words.reading(peaks),
    columns: told.map(([name, colour]) => ({
      series: { label: name, colour, style: 'line' },
      values: shown.map((sample) => sample.values?.[name] ?? null),
      value,
    })),
  });
}

/** Growth of the counters between scrapes ÷ time between them. */
function tokensFigure(samples: readonly ServerSample[], window: RunWindow): FigureOptions | null {
  const told = (
    [
      ['generation_tokens', 'generated', 'blue'],
      ['prompt_tokens', 'prompt', 'grey'],
    ] as const
  ).filter(([name]) => samples.some((sample) => sample.values?.[name] !== undefined));
  if (told.length === 0) return null;
  const shown = thinned(samples);
  const rates = told.map(([name]) => growth(shown, name));
  const most = Math.max(0, ...rates[0].map((rate) => rate ?? 0));
  return timeFigure(shown, window, {
    id: 'server-tokens',
    title: 'Tokens per second, by the server’s own count',
    definition: 'server_tokens',
    label: 'tokens per second',
    unit: 'tokensPerSec',
    reading: `At most ${significant(most)} ${told[0][1]} tokens/s between two scrapes.`,
    columns: told.map(([, label, colour], i) => ({
      series: { label, colour, style: 'line', hidden: i > 0 },
      values: rates[i],
      value: tokensPerSecValue,
    })),
  });
}

/** Per second, from the sample before; null at the first one, after a failed scrape and after a restart. */
function growth(samples: readonly ServerSample[], name: string): (number | null)[] {
  return samples.map((sample, i) => {
    const [now, before] = [sample.values?.[name], samples[i - 1]?.values?.[name]];
    if (now === undefined || before === undefined || now < before) return null;
    const sec = nsToSec(sample.atNs - samples[i - 1].atNs);
    return sec > 0 ? (now - before) / sec : null;
  });
}

function timeFigure(
  samples: readonly ServerSample[],
  window: RunWindow,
  words: Omit<GaugeWords, 'gauges' | 'reading'> & {
    readonly reading: string;
    readonly columns: readonly CurveColumn[];
  },
): FigureOptions | null {
  const failed = samples.filter((sample) => sample.values === null).length;
  return curveFigure(
    {
      id: words.id,
      title: words.title,
      reading: `${words.reading}${failed === 0 ? '' : ` ${formatCount(failed)} failed scrapes are gaps.`}`,
      n: `${formatCount(samples.length)} scrapes`,
      window: `window ${clockText(window.fromSec)}–${clockText(window.toSec)} from the run’s start`,
      definitions: [words.definition],
      wide: true,
    },
    {
      x: {
        label: 'time from the run’s start',
        unit: 'clock',
        scale: 'linear',
        range: [window.fromSec, window.toSec],
      },
      y: { label: words.label, unit: words.unit, scale: 'linear' },
      at: samples.map((sample) => nsToSec(sample.atNs)),
      xValue: clockText,
      columns: words.columns,
      shades: window.shades,
      group: 'run-time',
      height: 'low',
    },
  );
}

function thinned(samples: readonly ServerSample[]): readonly ServerSample[] {
  const step = Math.max(1, Math.ceil(samples.length / MOST_SAMPLES));
  return samples.filter((_, i) => i % step === 0 || i === samples.length - 1);
}
