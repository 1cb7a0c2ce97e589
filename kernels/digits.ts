/**
 * Decimal digits eight at a time: eight bytes of text, loaded as one little-endian word, show by a few operations and no
 * branch how many of them are digits and what number these make.
 */

/** Eight zeros as text. `word ^ ZEROS` has the digits' values in its bytes. */
export const ZEROS: u64 = 0x3030303030303030;

/** How many of the eight bytes are digits, from the first on. `word` as loaded, with ZEROS taken off. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function digitCount(word: u64): i32 {
  // The highest bit of a byte is set where it is more than 9; bytes do not carry into each other.
  const others = (((word & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676) | word) & 0x8080808080808080;
  return i32(ctz(others) >> 3);
}

/** The number that the first `count` bytes make, 1 to 8. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function digitsValue(word: u64, count: i32): u64 {
  const digits = word << u64(64 - 8 * count);
  const pairs = digits * 10 + (digits >> 8);
  const high = (pairs & 0x000000ff000000ff) * 0x000f424000000064;
  const low = ((pairs >> 16) & 0x000000ff000000ff) * 0x0000271000000001;
  return (high + low) >> 32;
}

/** Powers of ten that 32 bits hold. */
const TENS = memory.data<i32>([1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000]);

/** 10 to the power 0 to 9. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function ten(power: i32): i32 {
  return load<i32>(TENS + (<usize>power << 2));
}

/** Where the number that the last call of `readNumber` read ends, and how many digits it has: 0 = there is none. */
export let numberEnd: usize = 0;
export let numberDigits: i32 = 0;

/** Reads a whole number of any length; beyond 19 digits the value is not to be used. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function readNumber(from: usize): u64 {
  let word = load<u64>(from) ^ ZEROS;
  let count = digitCount(word);
  let value: u64 = count == 0 ? 0 : digitsValue(word, count);
  let at = from + count;
  if (count == 8) {
    for (let digit = u32(load<u8>(at)) - 48; digit <= 9; digit = u32(load<u8>(at)) - 48) {
      value = value * 10 + digit;
      at += 1;
    }
  }
  numberEnd = at;
  numberDigits = i32(at - from);
  return value;
}
