/** The encodings of Parquet, each against a reader written here from the format's description. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bitWidthOf, packBooleans, packHybrid, packRun } from '../../src/trace/bit-packing.js';
import { ByteSink } from '../../src/trace/byte-sink.js';
import { packDeltas } from '../../src/trace/delta-packing.js';
import { bytesOfTexts, numbersOfInts, numbersOfTexts, numbersOfWords } from '../../src/trace/dictionaries.js';
import { compressSnappy } from '../../src/trace/snappy.js';
import { int32Range, int64Range, textRange } from '../../src/trace/statistics.js';

/** Reads from front to back. */
class Source {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  byte(): number {
    assert.ok(this.at < this.bytes.length, 'the bytes end early');
    return this.bytes[this.at++];
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  zigzag(): bigint {
    const value = this.varint();
    return (value >> 1n) ^ -(value & 1n);
  }

  /** Values packed side by side, least significant bit first; the rest of the last byte is skipped. */
  packed(count: number, width: number): bigint[] {
    const values = Array.from({ length: count }, (_, i) => {
      let value = 0n;
      for (let bit = 0; bit < width; bit++) {
        const place = i * width + bit;
        const byte = this.bytes[this.at + (place >> 3)];
        assert.ok(byte !== undefined, 'the bytes end early');
        value |= BigInt((byte >> (place & 7)) & 1) << BigInt(bit);
      }
      return value;
    });
    this.at += Math.ceil((count * width) / 8);
    return values;
  }
}

function readHybrid(bytes: Uint8Array, count: number, width: number): number[] {
  const source = new Source(bytes);
  const values: number[] = [];
  while (values.length < count) {
    const head = Number(source.varint());
    if (head % 2 === 1) {
      for (const value of source.packed((head >> 1) * 8, width)) values.push(Number(value));
    } else {
      let value = 0;
      for (let i = 0; i < Math.ceil(width / 8); i++) value |= source.byte() << (8 * i);
      for (let i = 0; i < head / 2; i++) values.push(value);
    }
  }
  assert.equal(source.at, bytes.length);
  // Only the last group may be longer than what is left.
  assert.ok(values.length - count < 8);
  return values.slice(0, count);
}

/** Values of a width in stretches that repeat, as levels and codes do. */
const RUNS = fc.integer({ min: 1, max: 24 }).chain((width) =>
  fc.record({
    width: fc.constant(width),
    runs: fc.array(fc.tuple(fc.nat({ max: 2 ** width - 1 }), fc.integer({ min: 1, max: 60 })), {
      maxLength: 40,
    }),
  }),
);

test('runs and groups of bits are read back', () => {
  fc.assert(
    fc.property(RUNS, ({ width, runs }) => {
      const values = Int32Array.from(runs.flatMap(([value, count]) => Array<number>(count).fill(value)));
      const sink = new ByteSink(1);
      packHybrid(values, values.length, width, sink);
      assert.deepEqual(readHybrid(sink.view(), values.length, width), [...values]);
    }),
  );
});

test('a run is one head and one value, and truth values are bits', () => {
  const sink = new ByteSink();
  packRun(1, 131_072, 1, sink);
  assert.deepEqual([...sink.view()], [0x80, 0x80, 0x10, 1]);
  fc.assert(
    fc.property(fc.array(fc.boolean()), (values) => {
      const bits = new ByteSink(1);
      packBooleans(Uint8Array.from(values, Number), bits);
      assert.deepEqual(new Source(bits.view()).packed(values.length, 1), values.map(BigInt));
      assert.equal(bits.length, Math.ceil(values.length / 8));
    }),
  );
  assert.deepEqual([0, 1, 2, 3, 255, 256].map(bitWidthOf), [0, 1, 2, 2, 8, 9]);
});

function readDeltas(bytes: Uint8Array): bigint[] {
  const source = new Source(bytes);
  const [block, miniblocks, count] = [source.varint(), source.varint(), source.varint()].map(Number);
  const values = [source.zigzag()];
  while (values.length < count) {
    const least = source.zigzag();
    const widths = Array.from({ length: miniblocks }, () => source.byte());
    for (const width of widths) {
      if (values.length === count) {
        assert.equal(width, 0);
        continue;
      }
      for (const step of source.packed(block / miniblocks, width)) {
        if (values.length < count) values.push(BigInt.asIntN(64, values.at(-1)! + least + step));
      }
    }
  }
  assert.equal(source.at, bytes.length);
  return values;
}

/** Steps of all sizes, up to the ones that are refused. */
const STEP = fc
  .integer({ min: 0, max: 53 })
  .chain((bits) => fc.bigInt({ min: -(1n << BigInt(bits)), max: 1n << BigInt(bits) }));

test('steps are read back, or refused whole when one is too large', () => {
  let refused = 0;
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
      fc.array(STEP, { maxLength: 400 }),
      (first, steps) => {
        const values = BigInt64Array.from([first, ...steps]);
        for (let i = 1; i < values.length; i++) values[i] = values[i - 1] + steps[i - 1];
        const sink = new ByteSink(1);
        sink.byte(7);
        const isPacked = packDeltas(values, sink);
        const isLarge = steps.some((step) => step >= 1n << 51n || step <= -(1n << 51n));
        assert.equal(isPacked, !isLarge);
        if (isPacked) assert.deepEqual(readDeltas(sink.view().subarray(1)), [...values]);
        else {
          assert.equal(sink.length, 1);
          refused += 1;
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(refused > 0);
});

test('unsigned values beyond 2^63 are packed as they lie, one value alone too, and none are refused', () => {
  for (const values of [
    [2n ** 64n - 1n],
    [2n ** 63n - 1n, 2n ** 63n, 2n ** 63n + 5n],
    [2n ** 64n - 1n, 0n, 2n ** 64n - 2n],
  ]) {
    const sink = new ByteSink();
    assert.ok(packDeltas(BigUint64Array.from(values), sink));
    assert.deepEqual(
      readDeltas(sink.view()).map((value) => BigInt.asUintN(64, value)),
      values,
    );
  }
  assert.equal(packDeltas(new BigInt64Array(0), new ByteSink()), false);
  assert.equal(packDeltas(BigUint64Array.of(0n, 1n << 63n), new ByteSink()), false);
});

function readSnappy(bytes: Uint8Array): Uint8Array {
  const source = new Source(bytes);
  const length = Number(source.varint());
  const out: number[] = [];
  while (source.at < bytes.length) {
    const tag = source.byte();
    if (tag % 4 === 0) {
      let last = tag >> 2;
      if (last === 60) last = source.byte();
      else if (last === 61) last = source.byte() | (source.byte() << 8);
      else assert.ok(last < 60);
      for (let i = 0; i <= last; i++) out.push(source.byte());
    } else {
      assert.equal(tag % 4, 2);
      const distance = source.byte() | (source.byte() << 8);
      assert.ok(distance > 0 && distance <= out.length);
      for (let i = 0; i <= tag >> 2; i++) out.push(out[out.length - distance]);
    }
  }
  assert.equal(out.length, length);
  return Uint8Array.from(out);
}

test('Snappy is read back: noise, repetition, and lengths around its borders', () => {
  const noise = fc.uint8Array({ maxLength: 400 });
  const repeated = fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 40 }))
    .map(([part, times]) => Uint8Array.from(Array.from({ length: times }, () => [...part]).flat()));
  const check = (input: Uint8Array): number => {
    const sink = new ByteSink(1);
    compressSnappy(input, sink);
    assert.deepEqual(readSnappy(sink.view()), input);
    return sink.length;
  };
  fc.assert(fc.property(fc.oneof(noise, repeated), (input) => void check(input)));
  const long = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >> 7);
  for (const length of [0, 1, 3, 4, 59, 60, 61, 255, 256, 257, 65_535, 65_536, 65_537, 200_000]) {
    check(long.subarray(0, length));
    assert.ok(check(new Uint8Array(length)) <= 16 + length / 16);
  }
});

test('dictionaries number values in order of first appearance, where that is smaller', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 300 }), (list) => {
      const values = Int32Array.from(list);
      const { least, most } = int32Range(values);
      const distinct = [...new Set(list)];
      for (const found of [
        numbersOfInts(values, least, most),
        numbersOfWords(BigInt64Array.from(list, BigInt)),
      ]) {
        if (found === null) continue;
        assert.deepEqual([...found.entries].map(Number), distinct);
        assert.deepEqual(
          [...found.numbers].map((number) => distinct[number]),
          list,
        );
      }
    }),
  );
  // All different, or too far apart: plain.
  assert.equal(
    numbersOfInts(
      Int32Array.from({ length: 100 }, (_, i) => i),
      0,
      99,
    ),
    null,
  );
  assert.equal(numbersOfInts(Int32Array.of(0, 2 ** 30, 0, 0), 0, 2 ** 30), null);
  assert.equal(numbersOfWords(BigUint64Array.from({ length: 100 }, (_, i) => BigInt(i) << 40n)), null);
});

test('a text that two parts of a row group have is one entry', () => {
  const column = { codes: Int32Array.of(1, -1, 2, 0, 1), dictionary: ['é', 'x', 'é'] };
  const { numbers, texts } = numbersOfTexts(column, 5, 1);
  assert.deepEqual([...numbers], [0, 1, 1, 0]);
  assert.deepEqual(texts.map(String), ['x', 'é']);
  assert.deepEqual([...bytesOfTexts(texts)], [1, 0, 0, 0, 120, 2, 0, 0, 0, 195, 169]);
});

test('ranges are the least and the greatest value, in the order of the type', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), { minLength: 1 }),
      (list) => {
        const sorted = [...list].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        const range = int64Range(BigInt64Array.from(list))!;
        const value = (bytes: Uint8Array): bigint => Buffer.from(bytes).readBigInt64LE();
        assert.deepEqual([value(range.least), value(range.most)], [sorted[0], sorted.at(-1)]);
      },
    ),
  );
  const texts = ['b', 'ä', 'ab', '😀'].map((text) => Buffer.from(text));
  assert.deepEqual(textRange(texts), { least: texts[2], most: texts[3] });
  assert.equal(textRange([Buffer.alloc(129)]), null);
  assert.equal(int64Range(new BigInt64Array(0)), null);
});
