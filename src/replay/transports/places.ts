/** Which address serves which request, when a service has several. */

/** `round-robin` by place in the plan; `session` keeps a session on one address and spreads the rest. */
export type Affinity = 'round-robin' | 'session';

/**
 * The address of request i. A session's address depends on its id alone (highest random weight: Thaler & Ravishankar
 * 1998), so that it is the same in every sender and every run, and most sessions stay where they are when an address is
 * added.
 */
export function placeOf(
  i: number,
  sessionId: string | null,
  places: readonly string[],
  affinity: Affinity,
): number {
  if (places.length < 2) return 0;
  if (affinity === 'round-robin' || sessionId === null) return i % places.length;
  let best = 0;
  let bestWeight = -1;
  for (const [place, url] of places.entries()) {
    const weight = hash(`${url}\u0000${sessionId}`);
    if (weight > bestWeight) {
      best = place;
      bestWeight = weight;
    }
  }
  return best;
}

/** FNV-1a (Fowler, Noll, Vo), 32 bits, with MurmurHash3's finalizer so that near texts have far values. */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
