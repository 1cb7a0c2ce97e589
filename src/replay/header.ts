/** What a run is, before its first request: manifest, load, and the notes that are known by then. */
import { createManifest } from '../manifest.js';
import type { RunSessions } from '../types/run.js';
import type { EngineLimits, StringColumn } from '../types.js';
import { formatCount, formatDurationSec, significant } from '../units.js';
import { REPLAY_DEFAULTS, type ReplayOptions } from './options.js';
import type { SendPlan } from './plan.js';
import type { Preparation } from './prepare.js';
import type { Protocol } from './protocol.js';
import { limitNotes } from './server-limits.js';
import type { ReplaySource } from './source.js';
import type { RunHeader } from './summary.js';
import { endpointsOf, type Target } from './target.js';
import type { TurnPlan } from './turn-plan.js';

export interface HeaderInput {
  readonly options: ReplayOptions;
  readonly source: ReplaySource;
  readonly plan: SendPlan;
  readonly target: Target;
  readonly protocol: Protocol;
  readonly prepared: Preparation;
  readonly senders: number;
  readonly salt: string | null;
  /** By address; empty = not asked. */
  readonly serverLimits: readonly Partial<EngineLimits>[];
}

/** The header of a run; credentials are in none of its parts. */
export function headerOf(input: HeaderInput): RunHeader {
  const { options, source, plan, target, protocol, prepared, senders, salt, serverLimits } = input;
  const { schedule } = plan;
  const [firstLimits = {}] = serverLimits;
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
        closedLoop: options.closedLoop === true ? true : undefined,
        sessions: plan.turns?.mode,
        history: plan.turns?.answers,
        thinkScale: options.thinkScale ?? undefined,
        onFailedTurn: plan.turns == null ? undefined : (options.onFailedTurn ?? 'end'),
        loop: loopText(options),
        ramp: rampText(options),
        retries: options.retries,
        warmup: options.warmup,
        unmeasured: options.unmeasured,
        templateTokens: prepared.templateTokens,
        turnTokens: prepared.turnTokens === 0 ? undefined : prepared.turnTokens,
        salt,
      },
      seed: String(options.seed ?? REPLAY_DEFAULTS.seed),
      inputs: source.inputs,
      timestamp: true,
    }),
    target: {
      url: target.shownUrl,
      ...(target.otherPlaces.length === 0 ? {} : { endpoints: endpointsOf(target) }),
      protocol: protocol.name,
      model: prepared.model,
    },
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
      ...(plan.turns == null ? {} : { sessions: sessionFacts(plan.turns) }),
      ...((plan.passes ?? 1) > 1 ? { loops: plan.passes } : {}),
      ...(plan.ramp === undefined ? {} : { ramp: plan.ramp }),
      ...(options.closedLoop === true ? { closedLoop: true } : {}),
      ...((options.retries ?? 0) > 0 ? { retries: options.retries } : {}),
    },
    startedUtc: new Date().toISOString(),
    slo: options.slo ?? [],
    senders,
    ...(Object.keys(firstLimits).length === 0 ? {} : { serverLimits: firstLimits }),
    ...(serverLimits.length > 1 ? { endpointLimits: serverLimits } : {}),
    measured: Math.max(0, plan.count - (options.unmeasured ?? 0)),
    // What was found at the endpoint first: screens show the first few.
    notes: [
      ...prepared.notes,
      ...limitNotes(endpointsOf(target), serverLimits),
      ...planNotes(options, plan, salt, senders),
    ],
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
  if (plan.turns != null) notes.push(sessionNote(plan, options));
  else if (options.closedLoop !== true && plan.sessionId !== null && hasTurns(plan.sessionId)) {
    notes.push(
      'turns of a session left at their recorded instants whether or not the answer before was there (--sessions open, the default: a slow server is not spared load); --sessions closed sends them after it',
    );
  }
  if (options.loop != null) {
    notes.push(
      `the trace was passed over ${formatCount(plan.passes ?? 1)} times; later passes have other prompt texts, and rows are counted on`,
    );
  }
  if (options.closedLoop === true) {
    notes.push(
      `closed loop: ${options.concurrency} requests were kept in flight; the trace’s instants were not used, and the rate is the server’s, not the users’`,
    );
  }
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

function hasTurns({ codes }: StringColumn): boolean {
  const seen = new Set<number>();
  for (const code of codes) {
    if (code < 0) continue;
    if (seen.has(code)) return true;
    seen.add(code);
  }
  return false;
}

function sessionFacts(turns: TurnPlan): RunSessions {
  let followers = 0;
  let withHistory = 0;
  for (let i = 0; i < turns.parent.length; i++) {
    if (turns.parent[i] < 0) continue;
    followers += 1;
    if (turns.newTokens[i] >= 0) withHistory += 1;
  }
  const { mode, answers, roots: sessions } = turns;
  return { mode, answers, sessions, followers, withHistory };
}

function sessionNote({ turns }: SendPlan, options: ReplayOptions): string {
  const { mode, followers, withHistory, sessions } = sessionFacts(turns!);
  const when =
    mode === 'closed'
      ? 'its think time after the answer before it'
      : 'at its recorded instant, but never before the answer before it';
  const what =
    (options.history ?? 'real') === 'real' ? 'the real answers' : 'answers of the recorded lengths';
  return `${formatCount(sessions)} first turns left by the schedule, ${formatCount(followers)} later ones each ${when} (--sessions ${mode}); ${formatCount(withHistory)} hold the conversation so far with ${what}`;
}

function loopText(options: ReplayOptions): string | undefined {
  if (options.loop == null) return undefined;
  return options.loop.kind === 'passes' ? String(options.loop.passes) : `${options.loop.sec}s`;
}

function rampText(options: ReplayOptions): string | undefined {
  if (options.ramp == null) return undefined;
  const { rates, sec } = options.ramp;
  return rates === null ? `${sec}s` : `${rates.fromPerSec}..${rates.toPerSec}/${sec}s`;
}

function rateText(options: ReplayOptions): string | null {
  if (options.closedLoop === true) return 'max';
  if (options.rate == null) return null;
  return options.rate.kind === 'factor' ? `x${options.rate.factor}` : `${options.rate.ratePerSec}/s`;
}

function windowText(options: ReplayOptions): string | null {
  if (options.window == null) return null;
  return `${options.window.fromSec}s..${options.window.toSec === null ? '' : `${options.window.toSec}s`}`;
}
