/** Digits read four at a time are what reading them one by one gives, whatever bytes stand behind them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digitCount, digitsValue, ZEROS } from '../../src/ingest/digits.js';

test('any four bytes: as many digits and the number that the text shows', () => {
  const anyByte = fc.oneof(fc.integer({ min: 48, max: 57 }), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(anyByte, { minLength: 4, maxLength: 4 }), (bytes) => {
      const text = Buffer.from(bytes);
      const [digits] = /^[0-9]*/.exec(text.toString('latin1'))!;
      const word = text.readInt32LE(0) ^ ZEROS;
      assert.equal(digitCount(word), digits.length);
      if (digits.length > 0) assert.equal(digitsValue(word, digits.length), Number(digits));
    }),
    { numRuns: 5_000 },
  );
});
