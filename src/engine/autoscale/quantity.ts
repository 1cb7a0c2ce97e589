/** Kubernetes quantities: `24`, `7500m`, `0.5`, `2k`, `1Gi`. Source: k8s.io/apimachinery, pkg/api/resource. */

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Value of a quantity; null when it is none. */
export function parseQuantity(given: unknown): number | null {
  if (typeof given === 'number') return Number.isFinite(given) ? given : null;
  if (typeof given !== 'string') return null;
  const match = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:[eE]([+-]?\d+))?(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(
    given.trim(),
  );
  if (match === null) return null;
  const [, digits, exponent, suffix = ''] = match;
  if (exponent !== undefined && suffix !== '') return null;
  // Thousandths exactly: 7500m is 7.5, not 7.500000000000001.
  const base = Number(exponent === undefined ? digits : `${digits}e${exponent}`);
  return suffix === 'm' ? base / 1_000 : base * SUFFIXES[suffix];
}
