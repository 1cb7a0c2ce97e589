/**
 * Whether a machine had room for what was measured on it: what others took, how long a process stood without a core, and
 * what a bare answer over loopback took. Timing that is asserted at all is asserted only where this finds nothing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { percentileSorted } from '../src/metrics.js';

/** Shares above these say that the measured process was held up by others. */
const MOST = { others: 0.05, stolen: 0.005, waited: 0.02 } as const;
/** A bare answer takes 0.3 ms on an idle machine (p99), and some milliseconds where others want the cores. */
const MOST_ANSWER_P99_MS = 1;

/**
 * Looks at the machine before and after a measurement. `reason` says in words why timing says nothing, or null when the
 * machine was quiet; each look takes two seconds. `waitShares` are what measured processes stood ready without a core, 0–1.
 */
export async function watchMachine(): Promise<{
  readonly reason: (waitShares?: Readonly<Record<string, number | null>>) => Promise<string | null>;
}> {
  const before = await look();
  const ticksBefore = readTicks();
  return {
    reason: async (waitShares = {}) => {
      const ticks = readTicks();
      const after = await look();
      if (ticks === null || ticksBefore === null || before.others === null || after.others === null)
        return 'the system does not tell what else runs';
      const others = Math.max(before.others, after.others);
      if (others > MOST.others) return `others take ${percent(others)} of the cores`;
      const answerMs = Math.max(before.answerP99Ms, after.answerP99Ms);
      if (answerMs > MOST_ANSWER_P99_MS)
        return `a bare answer over loopback takes ${answerMs.toFixed(2)} ms (p99)`;
      const stolen = (ticks.stolen - ticksBefore.stolen) / (ticks.all - ticksBefore.all);
      if (stolen > MOST.stolen) return `the host took ${percent(stolen)} of the time away`;
      for (const [name, share] of Object.entries(waitShares)) {
        if (share !== null && share > MOST.waited)
          return `${name} stood without a core for ${percent(share)} of the time`;
      }
      return null;
    },
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

async function look(): Promise<{ readonly others: number | null; readonly answerP99Ms: number }> {
  const answerP99Ms = await bareAnswerP99Ms();
  return { others: await busyShare(), answerP99Ms };
}

const ECHO = `require('net').createServer((socket) => socket.setNoDelay().on('data', (piece) => socket.write(piece)))
  .listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;
const ANSWERS = 200;

/** p99 of the time between writing a byte to another process and reading it back, ms: no code of ours is in it. */
async function bareAnswerP99Ms(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ECHO], { stdio: ['ignore', 'pipe', 'inherit'] });
  let socket: Socket | null = null;
  try {
    const [printed] = (await once(child.stdout, 'data')) as [Buffer];
    socket = connect(Number(printed.toString()), '127.0.0.1').setNoDelay();
    await once(socket, 'connect');
    const tookMs = new Float64Array(ANSWERS);
    for (let i = -ANSWERS; i < ANSWERS; i++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      const startMs = performance.now();
      socket.write('x');
      await once(socket, 'data');
      // The first half warms the code up.
      if (i >= 0) tookMs[i] = performance.now() - startMs;
    }
    return percentileSorted(tookMs.sort(), 0.99)!;
  } finally {
    socket?.destroy();
    child.kill('SIGKILL');
  }
}

/** Busy share of the machine's cores over the next second, 0–1; null where the system does not tell. */
async function busyShare(): Promise<number | null> {
  const before = readTicks();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const after = readTicks();
  if (before === null || after === null) return null;
  return (after.busy - before.busy) / (after.all - before.all);
}

/** Ticks of all cores since the start, those in use, and those that a hypervisor gave to others; null where unknown. */
function readTicks(): { readonly all: number; readonly busy: number; readonly stolen: number } | null {
  try {
    // user nice system idle iowait irq softirq steal; what follows is counted in user already.
    const ticks = readFileSync('/proc/stat', 'latin1').split('\n')[0].split(/\s+/).slice(1, 9).map(Number);
    const all = ticks.reduce((sum, one) => sum + one, 0);
    return { all, busy: all - ticks[3] - ticks[4], stolen: ticks[7] };
  } catch {
    return null;
  }
}
