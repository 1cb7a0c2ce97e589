import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CountMap } from '../../src/inspect/count-map.js';
import { clip, nameValues, sparkline, textTable, wrap } from '../../src/inspect/text.js';
import { percentileSorted } from '../../src/metrics.js';

test('a sparkline scales to its highest value and tells empty from small', () => {
  assert.equal(sparkline([0, 1, 4, 8]), ' ▁▄█');
  assert.equal(sparkline([0, 0.001, 100]), ' ▁█');
  assert.equal(sparkline([0, 0]), '  ');
  assert.equal(sparkline([]), '');
});

test('tables align on both sides', () => {
  assert.deepEqual(
    textTable(
      [{ title: 'a' }, { title: 'n', right: true }],
      [
        ['xyz', '1'],
        ['b', '200'],
      ],
    ),
    ['a      n', 'xyz    1', 'b    200'],
  );
});

test('wrapping keeps every word, in order, within the width', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1, maxLength: 12 })),
      fc.integer({ min: 5, max: 40 }),
      (words, width) => {
        const text = words.join(' ');
        const lines = wrap(text, width);
        for (const line of lines) assert.ok([...line].length <= width);
        assert.equal(lines.join('').replace(/\s/g, ''), text.replace(/\s/g, ''));
      },
    ),
  );
  assert.deepEqual(wrap('a'.repeat(7), 3), ['aaa', 'aaa', 'a']);
});

test('names and values: unknown ones are left out, long ones continue under themselves', () => {
  const lines = nameValues([
    ['a', 'x'],
    ['gone', null],
    ['bcd', `${'word '.repeat(20)}end`],
  ]);
  assert.equal(lines[0], 'a    x');
  assert.ok(lines.length > 2);
  assert.ok(lines.slice(2).every((line) => line.startsWith('     w') || line.startsWith('     end')));
});

test('clipping counts characters, not bytes', () => {
  assert.equal(clip('→→→→', 4), '→→→→');
  assert.equal(clip('→→→→→', 4), '→→→…');
});

test('percentiles of counted values equal those of the sorted samples', () => {
  const probs = [0, 0.01, 0.25, 0.5, 0.9, 0.999, 1];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 300 }), (values) => {
      const counts = new CountMap();
      for (const value of values) counts.add(value);
      const sorted = Float64Array.from(values).sort();
      const expected = probs.map((p) => percentileSorted(sorted, p));
      const found = counts.percentiles(probs);
      expected.forEach((value, i) => {
        if (value === null) assert.equal(found[i], null);
        else assert.ok(Math.abs(found[i]! - value) < 1e-9, `p${probs[i]}: ${found[i]} for ${value}`);
      });
      const positive = values.filter((value) => value > 0).length;
      assert.equal(
        counts.logBins(7).reduce((sum, count) => sum + count, 0),
        positive,
      );
    }),
  );
});
