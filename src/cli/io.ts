/** Terminal output: results on stdout, notes and progress on stderr. */
import type { Progress, ProgressListener } from '../types.js';
import { formatCount, formatDurationSec } from '../units.js';
import type { CommandIo } from './command.js';

export interface IoOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** The real terminal. Progress is a rewritten line on a terminal, one plain line per 5 s elsewhere. */
export function terminalIo(options: IoOptions): CommandIo {
  const interactive = process.stderr.isTTY === true;
  const colour = process.stdout.isTTY === true && !process.env['NO_COLOR'];
  const progress = options.quiet ? () => undefined : progressLine(interactive);
  return {
    json: options.json,
    quiet: options.quiet,
    interactive,
    colour,
    print(text) {
      clearLine(interactive && !options.quiet);
      if (!options.json) process.stdout.write(`${text}\n`);
    },
    result(document) {
      if (options.json) process.stdout.write(`${JSON.stringify(document, bigintAsText, 2)}\n`);
    },
    note(text) {
      clearLine(interactive && !options.quiet);
      if (!options.quiet) process.stderr.write(`${text}\n`);
    },
    progress,
  };
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

let lineShown = false;

function clearLine(interactive: boolean): void {
  if (interactive && lineShown) process.stderr.write('\r\u001b[2K');
  lineShown = false;
}

function progressLine(interactive: boolean): ProgressListener {
  let stage = '';
  let startedMs = 0;
  let shownMs = 0;
  return (progress: Progress) => {
    const nowMs = performance.now();
    if (progress.stage !== stage) {
      stage = progress.stage;
      startedMs = nowMs;
      shownMs = interactive ? 0 : nowMs;
    }
    const elapsedMs = nowMs - startedMs;
    if (nowMs - shownMs < (interactive ? 100 : 5_000)) return;
    shownMs = nowMs;
    const text = describe(progress, elapsedMs / 1_000);
    if (interactive) {
      process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
      lineShown = true;
    } else {
      process.stderr.write(`${text}\n`);
    }
  };
}

function describe(progress: Progress, elapsedSec: number): string {
  const rate = elapsedSec > 0.5 ? ` ${formatCount(progress.done / elapsedSec)}/s` : '';
  if (progress.total === null || progress.total === 0)
    return `${progress.stage}: ${formatCount(progress.done)} ${progress.unit}${rate}`;
  const share = progress.done / progress.total;
  const remaining =
    share > 0.02 && elapsedSec > 1 ? `, ${formatDurationSec((elapsedSec * (1 - share)) / share)} left` : '';
  const percent = Math.floor(share * 100);
  return `${progress.stage}: ${percent} % of ${formatCount(progress.total)} ${progress.unit}${rate}${remaining}`;
}
