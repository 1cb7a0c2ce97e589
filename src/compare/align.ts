/**
 * Brings both traces onto one window and one kind of clock before anything is compared.
 *
 * A real trace starts with its first arrival and ends with its last; a synthetic one starts at its time 0, and its end
 * is taken as the real one's when its last arrival comes within a tenth of it (a quiet end is part of the window). What
 * the second trace has beyond the real one's window is cut off. Times on a coarse grid are spread over their cells
 * (statistics page §5.2): the real trace's by its own clock audit, the other's only when the real one's were, because a
 * coarse clock that the real trace does not have is a difference that a server would feel.
 */
import { ToolError } from '../errors.js';
import { randomOf } from '../random.js';
import { clockGridSec, spreadOverCells } from '../stats/clock-grid.js';
import { formatCount, formatDurationSec, formatRatio } from '../units.js';
import type { ComparableTrace } from './columns.js';
import { cutAfter, type Sample } from './sample.js';

export interface AlignedTrace {
  readonly sample: Sample;
  readonly spreadGridSec: number | null;
}

export interface Aligned {
  readonly a: AlignedTrace;
  readonly b: AlignedTrace;
  readonly notes: readonly string[];
}

export interface AlignOptions {
  readonly seed: string;
  /** Compare times as they are, coarse or not. */
  readonly literalTimes: boolean;
}

/** Fewer rows say nothing about a distribution. */
const LEAST_ROWS = 20;

/** The second trace counts as covering the real one's window when its last arrival comes this far. */
const COVERING = 0.9;

/** Throws TOO_FEW_ROWS for traces without rows enough or without a duration. */
export function alignTraces(a: ComparableTrace, b: ComparableTrace, options: AlignOptions): Aligned {
  requireRows(a, 'the first trace');
  requireRows(b, 'the second trace');
  const notes: string[] = [];
  const gridA = options.literalTimes ? null : clockGridSec(a.arrivalSec);
  const gridB = clockGridSec(b.arrivalSec);
  const spreadB = gridA === null ? null : gridB;
  if (gridA !== null) notes.push(spreadNote('the first trace', gridA));
  if (spreadB !== null) notes.push(spreadNote('the second trace', spreadB));
  if (gridB !== null && spreadB === null && !options.literalTimes) {
    notes.push(
      `the second trace's clock ticks every ${formatDurationSec(gridB)} and the first one's does not: its times are compared as they are`,
    );
  }
  const first = sampleOf(a, gridA, options.seed);
  const second = sampleOf(b, spreadB, options.seed);
  const { sample, note } = withinWindow(second, first.durationSec);
  if (note !== null) notes.push(note);
  for (const [which, one] of [
    ['first', first],
    ['second', sample],
  ] as const) {
    const unusable = one.arrivalSec.length - countUsable(one);
    if (unusable === 0) continue;
    notes.push(
      `${formatCount(unusable)} rows of the ${which} trace (${formatRatio(unusable / one.arrivalSec.length)}) have no known input or output of at least one token: they count as arrivals only`,
    );
  }
  return {
    a: { sample: first, spreadGridSec: gridA },
    b: { sample, spreadGridSec: spreadB },
    notes,
  };
}

/** Prefix reuse and conversations are compared only where both traces tell of them; what one lacks the other loses. */
export function commonKnowledge(
  a: ComparableTrace,
  b: ComparableTrace,
): { readonly first: ComparableTrace; readonly second: ComparableTrace; readonly notes: readonly string[] } {
  const { blocks: p } = a;
  const { blocks: q } = b;
  if (p !== null && q !== null && p.blockSize === q.blockSize) return { first: a, second: b, notes: [] };
  const notes: string[] = [];
  if (p !== null && q !== null) {
    notes.push(
      `prefix reuse is not compared: blocks of ${p.blockSize} tokens in the first trace, of ${q.blockSize} in the second`,
    );
  } else if (p !== null || q !== null) {
    notes.push(
      `prefix reuse is not compared: only the ${p !== null ? 'first' : 'second'} trace has block hashes`,
    );
  }
  const sessions = a.sessions !== null && b.sessions !== null;
  const kept = (trace: ComparableTrace): ComparableTrace => ({
    ...trace,
    blocks: null,
    sessions: sessions ? trace.sessions : null,
  });
  return { first: kept(a), second: kept(b), notes };
}

/** Rows whose lengths can be compared and simulated. */
export function countUsable({ inputTokens, outputTokens }: Sample): number {
  let usable = 0;
  for (let i = 0; i < inputTokens.length; i++) if (inputTokens[i] >= 1 && outputTokens[i] >= 1) usable += 1;
  return usable;
}

function sampleOf(trace: ComparableTrace, gridSec: number | null, seed: string): Sample {
  const spread =
    gridSec === null
      ? trace.arrivalSec
      : // The same draws for both: a trace does not differ from itself.
        spreadOverCells(trace.arrivalSec, gridSec, randomOf(seed, 'jitter', 'compare'));
  const startSec = trace.synthetic ? 0 : trace.arrivalSec[0];
  // The window ends with the last arrival (its cell, on a grid): a row on that edge is no part of any count window.
  const endSec = trace.arrivalSec[trace.arrivalSec.length - 1] + (gridSec ?? 0);
  const n = trace.arrivalSec.length;
  return {
    durationSec: endSec - startSec,
    arrivalSec: spread.map((t) => t - startSec),
    inputTokens: trace.inputTokens,
    outputTokens: trace.outputTokens,
    blocks: trace.blocks,
    blockRows: trace.blocks === null ? null : Uint32Array.from({ length: n }, (_, row) => row),
    sessions: trace.sessions,
  };
}

function withinWindow(sample: Sample, durationSec: number): { sample: Sample; note: string | null } {
  const own = sample.durationSec;
  if (own < COVERING * durationSec) {
    const note = `the second trace spans ${formatDurationSec(own)} of the first one's ${formatDurationSec(durationSec)}: maxima, slow variation and cache hits are not like for like`;
    return { sample, note };
  }
  if (own <= durationSec) return { sample: { ...sample, durationSec }, note: null };
  const cut = cutAfter(sample, durationSec);
  const left = sample.arrivalSec.length - cut.arrivalSec.length;
  const note =
    own > 1.01 * durationSec
      ? `${formatCount(left)} rows of the second trace beyond the first one's ${formatDurationSec(durationSec)} are left out`
      : null;
  return { sample: cut, note };
}

function spreadNote(which: string, gridSec: number): string {
  const step = formatDurationSec(gridSec);
  return `the clock of ${which} ticks every ${step}: its times are spread over ${step} at random (--literal-times compares them as they are)`;
}

function requireRows(trace: ComparableTrace, which: string): void {
  const n = trace.arrivalSec.length;
  if (n >= LEAST_ROWS && trace.arrivalSec[n - 1] > trace.arrivalSec[0]) return;
  throw new ToolError({
    code: 'TOO_FEW_ROWS',
    message: `${which} (${trace.name}) has ${formatCount(n)} rows${n >= LEAST_ROWS ? ' at one instant' : ''}; a comparison needs at least ${LEAST_ROWS} over some time`,
    hint: 'compare longer traces',
  });
}
