/** `tokentide replay --self-test` on the screen. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '../../errors.js';
import { textTable } from '../../inspect/text.js';
import { replayTrace } from '../../replay/replay.js';
import { readRun } from '../../replay/run-folder.js';
import { type SelfTestResult, selfTest } from '../../replay/self-test/self-test.js';
import { formatCount, formatMs, formatRatio } from '../../units.js';
import type { CommandContext } from '../command.js';
import { fitScreen } from './screen.js';

/** Runs the self-test in a folder that is removed, and prints it. Returns 6 when the machine can vouch for no rate. */
export async function runSelfTest(context: CommandContext, senders: number | 'auto'): Promise<number> {
  const { io, signal } = context;
  const workDir = await mkdtemp(join(tmpdir(), 'tokentide-self-test-'));
  try {
    const result = await selfTest({
      replay: async (options) => {
        const summary = await replayTrace(options);
        return { summary, records: (await readRun(options.outDir)).records };
      },
      workDir,
      senders,
      progress: io.progress,
      signal,
    });
    io.print(fitScreen(selfTestLines(result).join('\n')));
    io.result({ schemaVersion: 1, kind: 'replay-self-test', ...result });
    return result.highestPerSec.short === null && result.highestPerSec.streams === null
      ? EXIT.runInvalid
      : EXIT.ok;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** The steps as a table, and what follows from them. */
export function selfTestLines(result: SelfTestResult): string[] {
  const { steps, highestPerSec, ceilingFound } = result;
  const share = (value: number | null): string => (value === null ? '–' : formatRatio(value));
  const table = textTable(
    [
      { title: 'load' },
      ...['per s', 'reached', 'lag p50', 'p99', 'TTFT err', 'loop p99', 'CPU'].map((title) => ({
        title,
        right: true,
      })),
      { title: '' },
    ],
    steps.map((step) => [
      step.load,
      formatCount(step.ratePerSec),
      share(step.achievedRatio),
      formatMs(step.sendLagP50Ms),
      formatMs(step.sendLagP99Ms),
      step.ttftErrorP99Ms === null ? '–' : formatMs(step.ttftErrorP99Ms),
      formatMs(step.loopDelayP99Ms),
      share(step.cpuShare),
      step.pass ? 'ok' : 'FAILED',
    ]),
  );
  const told = (load: 'short' | 'streams', what: string): string => {
    const highest = highestPerSec[load];
    if (highest === null) return `this machine can vouch for no rate of ${what}`;
    return `this machine can vouch for ${formatCount(highest)} ${what} per second${ceilingFound[load] ? '' : ' and more: it was the highest tried'}`;
  };
  const failed = steps
    .filter(({ pass }) => !pass)
    .map(({ load, ratePerSec, because }) => `${load} at ${formatCount(ratePerSec)}/s: ${because}`);
  return [
    ...table,
    '',
    told('short', 'short requests'),
    told('streams', 'streams (48 chunks, 20 ms apart)'),
    ...failed,
    'The server of this test ran on the same machine: with the server elsewhere there is room for more.',
  ];
}
