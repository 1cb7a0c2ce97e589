/** JSON text in which bigints are bare integers: epoch ns have more digits than a double keeps. */

const MARK = '\u0000int:';

/** Throws (our bug) on NaN and Infinity. */
export function jsonText(document: unknown, indent?: number): string {
  const text = JSON.stringify(
    document,
    (key, value: unknown) => {
      if (typeof value === 'bigint') return `${MARK}${value}`;
      if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${key} is ${value}`);
      return value;
    },
    indent,
  );
  return text.replace(/"\\u0000int:(-?\d+)"/g, '$1');
}
