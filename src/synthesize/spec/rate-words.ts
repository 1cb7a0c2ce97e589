/**
 * A rate over time in words → a rate curve.
 *
 * `20/s` · `5/s for 10m, 20/s for 10m, 5/s` · `ramp 5/s to 50/s over 10m, 50/s for 5m` · `diurnal 2/s to 20/s peak 14:00` ·
 * `10/s spikes to 100/s for 20s every 10m` · `on 40/s for 2m off 8m` · a measured curve. The curve's knots are means over
 * one step, so that its integral is that of the words whatever the step.
 */
import type { RateCurve } from '../../types.js';
import { badSpec, type Place, parseRatePerSec, parseSeconds } from './words.js';

/** Linear from one rate to the other. */
export interface RatePiece {
  readonly sec: number;
  readonly from: number;
  readonly to: number;
}

export interface RateOverTime {
  readonly curve: RateCurve;
  readonly durationSec: number;
  readonly meanRatePerSec: number;
}

const DEFAULT_SEC = 600;
const DAY_SEC = 86_400;
const MOST_KNOTS = 100_000;
const HINT =
  'write it like 20/s, "5/s for 10m, 20/s for 10m", "ramp 5/s to 50/s over 10m", "diurnal 2/s to 20/s peak 14:00"';

/** `durationSec` null = as long as the words say, 10 min if they do not. */
export function rateOverTime(
  words: string | readonly string[],
  durationSec: number | null,
  place: Place,
): RateOverTime {
  const clauses = (typeof words === 'string' ? words.split(/\s*(?:,|;|\bthen\b)\s*/i) : words).filter(
    (clause) => clause.trim() !== '',
  );
  if (clauses.length === 0) throw badSpec(place, 'expected a rate', HINT);
  const state: Builder = { pieces: [], openEnded: null };
  for (const clause of clauses) {
    if (state.openEnded !== null)
      throw badSpec(
        place,
        `'${clause}' never begins: what stands before it has no end`,
        'add "for 10m" to it',
      );
    addClause(state, clause.trim(), durationSec, place);
  }
  return curveOf(state, durationSec, place);
}

interface Builder {
  readonly pieces: RatePiece[];
  /** The rate that lasts until the end. */
  openEnded: number | null;
}

const R = String.raw`(\d[\d.]*\s*(?:\/\s*\w+|\s*per\s*\w+|rps)?)`;
const D = String.raw`((?:[\d.]+\s*(?:ms|sec|s|min|m|h|d)?\s*)+)`;
const pattern = (text: string): RegExp => new RegExp(`^${text}$`, 'i');
const STEADY = pattern(`(?:hold\\s+)?${R}(?:\\s+for\\s+${D})?`);
const HOLD = pattern(`hold(?:\\s+for\\s+${D})?`);
const RAMP = pattern(`ramp(?:\\s+(?:from\\s+)?${R})?\\s+to\\s+${R}\\s+(?:over|in|for)\\s+${D}`);
const SPIKE = pattern(`spike\\s+to\\s+${R}\\s+for\\s+${D}`);
const SPIKES = pattern(`${R}(?:\\s+with)?\\s+spikes\\s+(?:to\\s+)?${R}\\s+for\\s+${D}\\s+every\\s+${D}`);
const ON_OFF = pattern(`on\\s+${R}\\s+for\\s+${D}\\s+off(?:\\s+${R})?(?:\\s+for)?\\s+${D}`);
const DIURNAL = pattern(`diurnal\\s+${R}\\s+to\\s+${R}(?:\\s+peak(?:\\s+at)?\\s+(\\d{1,2}):(\\d{2}))?`);

function addClause(state: Builder, clause: string, durationSec: number | null, place: Place): void {
  const rate = (text: string): number => parseRatePerSec(text, place);
  const sec = (text: string): number => {
    const value = parseSeconds(text.trim(), place);
    if (value > 0) return value;
    throw badSpec(place, `'${clause}' lasts no time`, HINT);
  };
  const before = state.pieces.at(-1)?.to ?? 0;
  const total = durationSec ?? DEFAULT_SEC;
  let match = DIURNAL.exec(clause);
  if (match) {
    const peakSec = match[3] === undefined ? DAY_SEC / 2 : Number(match[3]) * 3_600 + Number(match[4]) * 60;
    state.pieces.push(...diurnal(rate(match[1]), rate(match[2]), peakSec, durationSec ?? DAY_SEC));
    return;
  }
  match = SPIKES.exec(clause);
  if (match) {
    const [base, peak, forSec, everySec] = [rate(match[1]), rate(match[2]), sec(match[3]), sec(match[4])];
    if (forSec >= everySec) throw badSpec(place, `spikes of ${forSec} s every ${everySec} s never end`, HINT);
    for (let at = 0; at < total; at += everySec) {
      state.pieces.push(flat(base, everySec - forSec), flat(peak, forSec));
    }
    return;
  }
  match = ON_OFF.exec(clause);
  if (match) {
    const [on, onSec, offSec] = [rate(match[1]), sec(match[2]), sec(match[4])];
    const off = match[3] === undefined ? 0 : rate(match[3]);
    for (let at = 0; at < total; at += onSec + offSec) state.pieces.push(flat(on, onSec), flat(off, offSec));
    return;
  }
  match = RAMP.exec(clause);
  if (match) {
    state.pieces.push({
      from: match[1] === undefined ? before : rate(match[1]),
      to: rate(match[2]),
      sec: sec(match[3]),
    });
    return;
  }
  match = SPIKE.exec(clause);
  if (match) {
    state.pieces.push(flat(rate(match[1]), sec(match[2])));
    return;
  }
  match = HOLD.exec(clause);
  if (match) {
    if (match[1] === undefined) state.openEnded = before;
    else state.pieces.push(flat(before, sec(match[1])));
    return;
  }
  match = STEADY.exec(clause);
  if (match === null && /(?:^|\s)-\d/.test(clause))
    throw badSpec(place, `a rate must not be below zero, got '${clause}'`, HINT);
  if (match === null) throw badSpec(place, `'${clause}' is no rate`, HINT);
  if (match[2] === undefined) state.openEnded = rate(match[1]);
  else state.pieces.push(flat(rate(match[1]), sec(match[2])));
}

const flat = (rate: number, sec: number): RatePiece => ({ from: rate, to: rate, sec });

/** A cosine between both rates with a period of a day, from midnight. */
function diurnal(low: number, high: number, peakSec: number, durationSec: number): RatePiece[] {
  const stepSec = 600;
  const at = (t: number): number =>
    (low + high) / 2 + ((high - low) / 2) * Math.cos((2 * Math.PI * (t - peakSec)) / DAY_SEC);
  const pieces: RatePiece[] = [];
  for (let t = 0; t < durationSec; t += stepSec)
    pieces.push({ from: at(t), to: at(t + stepSec), sec: Math.min(stepSec, durationSec - t) });
  return pieces;
}

function curveOf({ pieces, openEnded }: Builder, durationSec: number | null, place: Place): RateOverTime {
  const said = pieces.reduce((sum, piece) => sum + piece.sec, 0);
  if (said === 0 && openEnded !== null) {
    if (openEnded <= 0) throw badSpec(place, 'a rate of zero sends nothing', HINT);
    const total = durationSec ?? DEFAULT_SEC;
    return {
      curve: { stepSec: total, ratePerSec: [openEnded], bandwidthSec: null },
      durationSec: total,
      meanRatePerSec: openEnded,
    };
  }
  const total = durationSec ?? (openEnded === null ? said : said + DEFAULT_SEC);
  const last = openEnded ?? pieces[pieces.length - 1].to;
  return sampled(total > said ? [...pieces, flat(last, total - said)] : pieces, total, place);
}

/** Pieces → knots that are means over a step around them. */
export function sampled(pieces: readonly RatePiece[], durationSec: number, place: Place): RateOverTime {
  const shortest = Math.min(...pieces.map((piece) => piece.sec));
  const stepSec = Math.max(durationSec / MOST_KNOTS, Math.min(durationSec / 20, shortest / 8, 60));
  const knots = Math.ceil(durationSec / stepSec - 1e-9) + 1;
  const integral = integralOf(pieces);
  const ratePerSec = Array.from({ length: knots }, (_, k) => {
    const from = Math.max(0, (k - 0.5) * stepSec);
    const to = Math.min(durationSec, (k + 0.5) * stepSec);
    const mean = to > from ? (integral(to) - integral(from)) / (to - from) : 0;
    return Number(Math.max(0, mean).toPrecision(9));
  });
  const meanRatePerSec = integral(durationSec) / durationSec;
  if (!(meanRatePerSec > 0)) throw badSpec(place, 'a rate of zero sends nothing', HINT);
  return { curve: { stepSec, ratePerSec, bandwidthSec: null }, durationSec, meanRatePerSec };
}

/** ∫ rate from 0 to t; arguments may come in any order, rising ones are cheap. */
function integralOf(pieces: readonly RatePiece[]): (t: number) => number {
  const starts: number[] = [];
  const sums: number[] = [];
  let start = 0;
  let sum = 0;
  for (const { sec, from, to } of pieces) {
    starts.push(start);
    sums.push(sum);
    start += sec;
    sum += (sec * (from + to)) / 2;
  }
  let place = 0;
  return (t) => {
    if (starts[place] > t) place = 0;
    while (place + 1 < starts.length && starts[place + 1] <= t) place += 1;
    const { sec, from, to } = pieces[place];
    const within = Math.min(sec, Math.max(0, t - starts[place]));
    return sums[place] + within * (from + ((to - from) * within) / (2 * sec));
  };
}
