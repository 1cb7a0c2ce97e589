/** What a run is, before its first request: manifest, load, and the notes that are known by then. */
import { createManifest } from '../manifest.js';
import { formatCount, formatDurationSec, significant } from '../units.js';
import { REPLAY_DEFAULTS, type ReplayOptions } from './options.js';
import type { SendPlan } from './plan.js';
import type { Preparation } from './prepare.js';
import type { Protocol } from './protocol.js';
import type { ReplaySource } from './source.js';
import type { RunHeader } from './summary.js';
import type { Target } from './target.js';

export interface HeaderInput {
  readonly options: ReplayOptions;
  readonly source: ReplaySource;
  readonly plan: SendPlan;
  readonly target: Target;
  readonly protocol: Protocol;
  readonly prepared: Preparation;
  readonly senders: number;
  readonly salt: string | null;
}

/** The header of a run; credentials are in none of its parts. */
export function headerOf(input: HeaderInput): RunHeader {
  const { options, source, plan, target, protocol, prepared, senders, salt } = input;
  const { schedule } = plan;
  return {
    manifest: createManifest({
      command: 'replay',
      options: {
        url: target.shownUrl,
        protocol: protocol.name,
        model: prepared.model,
        speed: options.speed,
        rate: rateText(options),
        window: windowText(options),
        maxGapSec: options.maxGapSec,
        requests: options.requests,
        maxOutput: options.maxOutput,
        stream: options.stream,
        ignoreEos: prepared.ignoreEos,
        // What a strict server refused and the requests did without.
        conceded: prepared.conceded.length === 0 ? undefined : prepared.conceded.join(','),
        // Names only: values may be secrets.
        extraBody: options.extraBody == null ? undefined : Object.keys(options.extraBody).join(','),
        http: target.connection.http ?? '1.1',
        insecure: target.connection.insecure === true ? true : undefined,
        places: target.otherPlaces.length === 0 ? undefined : target.otherPlaces.length + 1,
        concurrency: options.concurrency,
        warmup: options.warmup,
        unmeasured: options.unmeasured,
        templateTokens: prepared.templateTokens,
        salt,
      },
      seed: String(options.seed ?? REPLAY_DEFAULTS.seed),
      inputs: source.inputs,
      timestamp: true,
    }),
    target: { url: target.shownUrl, protocol: protocol.name, model: prepared.model },
    load: {
      traceName: source.name,
      traceHash: source.hash,
      rows: plan.count,
      durationSec: schedule.durationSec,
      speed: schedule.speed,
      rate: rateText(options),
      window: windowText(options),
      concurrency: options.concurrency ?? null,
      warmupRequests: (options.warmup ?? 0) + (options.unmeasured ?? 0),
      salt,
      plannedRatePerSec: options.plannedRatePerSec ?? schedule.ratePerSec ?? 0,
    },
    startedUtc: new Date().toISOString(),
    slo: options.slo ?? [],
    senders,
    measured: Math.max(0, plan.count - (options.unmeasured ?? 0)),
    notes: [...planNotes(options, plan, salt, senders), ...prepared.notes],
  };
}

function planNotes(options: ReplayOptions, plan: SendPlan, salt: string | null, senders: number): string[] {
  const { schedule } = plan;
  const notes: string[] = [];
  if (options.rate != null && schedule.speed !== 1) {
    notes.push(
      `the rate was reached by running time ${significant(schedule.speed)} times as fast: bursts and lulls keep their shape, think times and session gaps shrink too`,
    );
  }
  if (schedule.cappedGaps > 0)
    notes.push(
      `${formatCount(schedule.cappedGaps)} gaps were cut to ${formatDurationSec(options.maxGapSec!)}`,
    );
  for (const [reason, rows] of Object.entries(plan.leftOut))
    notes.push(`${formatCount(rows)} rows left out: ${reason}`);
  for (const [what, rows] of Object.entries(plan.changed))
    notes.push(`${formatCount(rows)} requests: ${what}`);
  notes.push(
    salt === null
      ? 'prompts are not salted: a second run of this seed finds them in the server’s prefix cache'
      : `prompts are salted with '${salt}' (--salt ${salt} repeats them)`,
  );
  if (senders > 1 && options.concurrency != null) {
    notes.push(`the cap of ${options.concurrency} is split evenly over ${senders} senders`);
  }
  return notes;
}

function rateText(options: ReplayOptions): string | null {
  if (options.rate == null) return null;
  return options.rate.kind === 'factor' ? `x${options.rate.factor}` : `${options.rate.ratePerSec}/s`;
}

function windowText(options: ReplayOptions): string | null {
  if (options.window == null) return null;
  return `${options.window.fromSec}s..${options.window.toSec === null ? '' : `${options.window.toSec}s`}`;
}
