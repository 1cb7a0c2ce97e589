/** Measures name look-ups of connections that are opened. Look-ups of addresses take no time and are not counted. */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

export interface DnsClock {
  /** For `net.connect`. */
  readonly lookup: LookupFunction;
  /** ns in all. */
  spentNs(): number;
}

export function createDnsClock(nowNs: () => number): DnsClock {
  let spentNs = 0;
  return {
    lookup: (hostname, options, callback) => {
      const startNs = nowNs();
      lookup(hostname, options, (error, address, family) => {
        spentNs += nowNs() - startNs;
        (callback as (error: Error | null, address: unknown, family?: unknown) => void)(
          error,
          address,
          family,
        );
      });
    },
    spentNs: () => spentNs,
  };
}
