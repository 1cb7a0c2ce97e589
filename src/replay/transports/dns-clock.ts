/** Measures name look-ups of connections that are opened. Addresses are not looked up. */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

export interface DnsClock {
  /** For `net.connect`. */
  readonly lookup: LookupFunction;
  /** ns in all. */
  spentNs(): number;
  /** For one connection: its own `lookup`, and what that took; null = none was made. */
  one(): { readonly lookup: LookupFunction; spentNs(): number | null };
}

export function createDnsClock(nowNs: () => number): DnsClock {
  let allNs = 0;
  const measured =
    (onSpent: (ns: number) => void): LookupFunction =>
    (hostname, options, callback) => {
      const startNs = nowNs();
      lookup(hostname, options, (error, address, family) => {
        const ns = nowNs() - startNs;
        allNs += ns;
        onSpent(ns);
        (callback as (error: Error | null, address: unknown, family?: unknown) => void)(
          error,
          address,
          family,
        );
      });
    };
  return {
    lookup: measured(() => undefined),
    spentNs: () => allNs,
    one: () => {
      let ownNs: number | null = null;
      return {
        lookup: measured((ns) => {
          ownNs = (ownNs ?? 0) + ns;
        }),
        spentNs: () => ownNs,
      };
    },
  };
}
