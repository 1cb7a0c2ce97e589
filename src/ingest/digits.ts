/**
 * Decimal digits four at a time: four bytes of text, loaded as one little-endian word, show by a few operations and no
 * branch how many of them are digits and what number these make. For the fast lanes, which read little else.
 */

/** Four zeros as text. `word ^ ZEROS` has the digits' values in its bytes. */
export const ZEROS = 0x30303030;

/** How many of the four bytes are digits, from the first on. `word` as loaded, with ZEROS taken off. */
export function digitCount(word: number): number {
  // The highest bit of a byte is set where it is more than 9; bytes do not carry into each other.
  const others = (((word & 0x7f7f7f7f) + 0x76767676) | word) & 0x80808080;
  return (32 - Math.clz32((others & -others) - 1)) >> 3;
}

/** The number that the first `count` bytes make, 1 to 4. */
export function digitsValue(word: number, count: number): number {
  const digits = word << (32 - 8 * count);
  const pairs = Math.imul(digits, 10) + (digits >>> 8);
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff);
}

/** 10 to the power of the index. */
export const TENS = Int32Array.from({ length: 10 }, (_, power) => 10 ** power);
