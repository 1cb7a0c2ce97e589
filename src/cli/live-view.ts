/**
 * The live view of a replay: a few lines redrawn in place on a terminal, one plain line every few seconds elsewhere.
 * It draws on stderr and is erased before the results are printed.
 */
import type { LiveFigure, LiveState } from '../replay/live.js';
import { formatCount, formatDurationSec, formatMs, significant } from '../units.js';

export interface LiveViewOptions {
  /** The terminal's width; undefined = not a terminal. */
  readonly columns: () => number | undefined;
  readonly interactive: boolean;
  readonly colour: boolean;
  /** Writes to the terminal. */
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

const REDRAW_MS = 250;
const PLAIN_MS = 5_000;
/** Below this width a table cannot be read. */
const TABLE_COLUMNS = 44;

/** Draws states as they come. */
export class LiveView {
  readonly #options: LiveViewOptions;
  #drawnLines = 0;
  #shownMs: number;

  constructor(options: LiveViewOptions) {
    this.#options = options;
    this.#shownMs = options.interactive ? Number.NEGATIVE_INFINITY : options.nowMs();
  }

  /** True when a new state would be shown: making one costs a sort. */
  get due(): boolean {
    return this.#options.nowMs() - this.#shownMs >= (this.#options.interactive ? REDRAW_MS : PLAIN_MS);
  }

  show(state: LiveState): void {
    if (!this.due) return;
    const { interactive, colour, write, nowMs } = this.#options;
    this.#shownMs = nowMs();
    if (!interactive) {
      write(`${plainLine(state)}\n`);
      return;
    }
    const columns = Math.max(10, (this.#options.columns() ?? 80) - 1);
    const lines = liveLines(state, columns);
    const shown = colour ? lines.map((line, i) => (i === 2 ? `\u001b[2m${line}\u001b[22m` : line)) : lines;
    write(`${this.#erasing()}${shown.map((line) => `${line}\u001b[K`).join('\n')}\n`);
    this.#drawnLines = lines.length;
  }

  /** Takes the view off the screen. */
  end(): void {
    if (this.#drawnLines > 0) this.#options.write(`${this.#erasing()}\u001b[J`);
    this.#drawnLines = 0;
  }

  #erasing(): string {
    return this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A\r`;
  }
}

/** The view's lines, none wider than `columns`. */
export function liveLines(state: LiveState, columns: number): string[] {
  const lines = [headline(state), `rate: ${rates(state)}`];
  if (columns >= TABLE_COLUMNS) {
    const row = (title: string, cells: readonly string[]): string =>
      title.padEnd(12) + cells.map((cell) => cell.padStart(10)).join('');
    lines.push(row(`last ${significant(state.windowSec)} s`, ['p50', 'p99', 'n']));
    for (const [title, figure] of figuresOf(state)) {
      lines.push(row(title, [formatMs(figure.p50), formatMs(figure.p99), formatCount(figure.n)]));
    }
  } else {
    for (const [title, { p50, p99 }] of figuresOf(state))
      lines.push(`${title} ${formatMs(p50)} ${formatMs(p99)}`);
  }
  return lines.map((line) =>
    [...line].length > columns ? `${[...line].slice(0, columns - 1).join('')}…` : line,
  );
}

/** One line for logs. */
export function plainLine(state: LiveState): string {
  const figures = figuresOf(state)
    .filter(([, { n }]) => n > 0)
    .map(([title, { p50, p99 }]) => `${title} ${formatMs(p50)}/${formatMs(p99)}`);
  const shown = figures.length === 0 ? '' : `; p50/p99: ${figures.join(', ')}`;
  return `${headline(state)}; ${rates(state)}${shown}`;
}

function headline({ elapsedSec, plannedSec, ended, total, inFlight, failures }: LiveState): string {
  const planned = plannedSec > 0 ? ` of ${formatDurationSec(plannedSec)}` : '';
  const failed = failures.map(([status, n]) => `${formatCount(n)} ${status}`).join(', ');
  const errors = failed === '' ? 'no errors' : failed;
  return `replay ${formatDurationSec(Math.floor(elapsedSec))}${planned}: ${formatCount(ended)} of ${formatCount(total)} ended, ${formatCount(inFlight)} in flight, ${errors}`;
}

function rates({ offeredPerSec, sentPerSec }: LiveState): string {
  const rate = (value: number | null): string => (value === null ? '–' : `${significant(value)}/s`);
  return offeredPerSec === null
    ? `sent ${rate(sentPerSec)}`
    : `offered ${rate(offeredPerSec)}, sent ${rate(sentPerSec)}`;
}

const figuresOf = (state: LiveState): readonly (readonly [string, LiveFigure])[] => [
  ['ttft', state.ttft],
  ['tpot', state.tpot],
  ['e2e', state.e2e],
  ['send lag', state.sendLag],
];
