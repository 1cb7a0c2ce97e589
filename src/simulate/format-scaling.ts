/** The screen text of an autoscaled fleet: cost, size and attainment over time, what was decided and why. */
import type { AttainmentSample, FleetSample, ScaleEvent, ScalingSummary } from '../types.js';
import { formatCount, formatDurationSec, formatRatio, significant } from '../units.js';

/** Bars of a chart; with its label and range it fits 80 columns. */
const BARS = 48;
const LEVELS = '▁▂▃▄▅▆▇█';
const EVENTS_SHOWN = 8;

export function scalingLines(scaling: ScalingSummary): string[] {
  const { autoscaler, timeline, attainment, scaleEvents } = scaling;
  const mean = scaling.meanReplicas === null ? '' : `mean ${significant(scaling.meanReplicas)}, `;
  const accelerators =
    scaling.acceleratorHours === scaling.replicaHours
      ? ''
      : `, ${significant(scaling.acceleratorHours)} accelerator-hours`;
  return [
    `${autoscaler.kind}: replicas ${mean}most ${scaling.peakReplicas}; ${significant(scaling.replicaHours)} replica-hours${accelerators}`,
    `${formatCount(scaleEvents.length)} ${scaleEvents.length === 1 ? 'change' : 'changes'} of size, ${formatCount(scaling.flaps)} undone within ten minutes`,
    ...sizeChart(timeline),
    ...attainmentChart(attainment, scaling),
    ...eventLines(scaleEvents, timeline[0]?.atSec ?? 0),
  ];
}

function sizeChart(timeline: readonly FleetSample[]): string[] {
  if (timeline.length < 2) return [];
  const ready = bars(
    timeline.map((sample) => sample.ready),
    Math.max,
  );
  const least = Math.min(...timeline.map((sample) => sample.ready));
  const most = Math.max(...timeline.map((sample) => sample.ready));
  return [`ready    ${drawn(ready, 0, most)} ${least} to ${most}`];
}

function attainmentChart(attainment: readonly AttainmentSample[], scaling: ScalingSummary): string[] {
  const ratios = attainment.map((minute) => minute.ratio).filter((ratio) => ratio !== null);
  if (ratios.length === 0 || scaling.goal === null) return [];
  const { goal, breaches, timeToRecoverSec } = scaling;
  const met = ratios.filter((ratio) => ratio >= goal).length;
  const worst = Math.min(...ratios);
  const lines =
    ratios.length < 2 ? [] : [`attained ${drawn(bars(ratios, Math.min), 0, 1)} worst ${formatRatio(worst)}`];
  lines.push(
    `${formatCount(met)} of ${formatCount(ratios.length)} minutes met the SLO for ${formatRatio(goal)} of their requests`,
  );
  if (breaches.length > 0)
    lines.push(
      `${formatCount(breaches.length)} ${breaches.length === 1 ? 'breach' : 'breaches'}, ${timeToRecoverSec === null ? 'the last one not over at the end' : `longest ${formatDurationSec(timeToRecoverSec)}`}`,
    );
  return lines;
}

function eventLines(events: readonly ScaleEvent[], startSec: number): string[] {
  const lines = events.slice(0, EVENTS_SHOWN).map(({ atSec, from, to, because }) => {
    const text = `${clock(atSec - startSec).padStart(9)}  ${String(from).padStart(3)} → ${String(to).padEnd(3)}  ${because}`;
    return text.length > 80 ? `${text.slice(0, 79)}…` : text;
  });
  const more = events.length - EVENTS_SHOWN;
  if (more > 0) lines.push(`           and ${formatCount(more)} more (see --json or -o)`);
  return lines;
}

/** At most BARS values, each standing for a run of samples by `pick`. */
function bars(values: readonly number[], pick: (...values: number[]) => number): number[] {
  const count = Math.min(BARS, values.length);
  return Array.from({ length: count }, (_, i) =>
    pick(
      ...values.slice(Math.floor((i * values.length) / count), Math.floor(((i + 1) * values.length) / count)),
    ),
  );
}

function drawn(values: readonly number[], least: number, most: number): string {
  const top = LEVELS.length - 1;
  return values
    .map((value) => LEVELS[most > least ? Math.round(((value - least) / (most - least)) * top) : 0])
    .join('');
}

/** h:mm:ss since the start. */
function clock(sec: number): string {
  const whole = Math.floor(sec);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(whole / 3_600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
