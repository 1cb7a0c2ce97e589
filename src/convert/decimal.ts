/** Nanoseconds as exact decimals of larger units: no float in between, so that no digit is lost or invented. */

/** `ns` in the unit of 10^`shift` ns as a plain decimal without trailing zeros: (1500000n, 6) → `1.5`. ns ≥ 0. */
export function formatDecimal(ns: bigint, shift: number): string {
  const digits = String(ns).padStart(shift + 1, '0');
  const whole = digits.slice(0, digits.length - shift);
  const fraction = digits.slice(digits.length - shift).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** The nearest multiple of `stepNs`, halves up: order is kept. ns ≥ 0. */
export function roundTo(ns: bigint, stepNs: bigint): bigint {
  return stepNs === 1n ? ns : ((ns + stepNs / 2n) / stepNs) * stepNs;
}

/** ns since 1970 of an RFC 3339 UTC text as traces have it. */
export function epochNs(startUtc: string): bigint {
  const fraction = /\.(\d{1,9})/.exec(startUtc)?.[1] ?? '';
  const sec = Date.parse(`${startUtc.slice(0, 19)}Z`) / 1_000;
  return BigInt(sec) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** RFC 3339 UTC of ns since 1970, with at least `places` fraction digits and as many more as the value needs. */
export function formatUtc(ns: bigint, places: number): string {
  const sec = ns / 1_000_000_000n;
  const digits = String(ns % 1_000_000_000n).padStart(9, '0');
  const fraction = digits.replace(/0+$/, '').padEnd(places, '0');
  const whole = new Date(Number(sec) * 1_000).toISOString().slice(0, 19);
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`;
}
