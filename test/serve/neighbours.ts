/** Whether a machine had room for what was measured on it: what others took, and how long a process stood without a core. */
import { readFileSync } from 'node:fs';
import { busyShare } from '../replay/processes.js';

/** Shares above these say that the measured process was held up by others. */
const MOST = { others: 0.05, stolen: 0.005, waited: 0.02 } as const;

/**
 * Looks at the machine before and after a measurement. `reason` says in words why timing says nothing, or null when the
 * machine was quiet; it takes a second. `waitShares` are what measured processes stood ready without a core, 0–1.
 */
export async function watchNeighbours(): Promise<{
  readonly reason: (waitShares: Readonly<Record<string, number | null>>) => Promise<string | null>;
}> {
  const before = await busyShare();
  const ticksBefore = readTicks();
  return {
    reason: async (waitShares) => {
      const ticks = readTicks();
      const after = await busyShare();
      if (before === null || after === null || ticks === null || ticksBefore === null)
        return 'the system does not tell what else runs';
      const others = Math.max(before, after);
      if (others > MOST.others) return `others take ${percent(others)} of the cores`;
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

/** Ticks of all cores since the start, and those of them that a hypervisor gave to others; null where unknown. */
function readTicks(): { readonly all: number; readonly stolen: number } | null {
  try {
    // user nice system idle iowait irq softirq steal; what follows is counted in user already.
    const ticks = readFileSync('/proc/stat', 'latin1').split('\n')[0].split(/\s+/).slice(1, 9).map(Number);
    return { all: ticks.reduce((sum, one) => sum + one, 0), stolen: ticks[7] };
  } catch {
    return null;
  }
}
