import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ToolError } from '../src/errors.js';
import {
  formatCount,
  formatDurationSec,
  formatRatio,
  parseDurationSec,
  parsePricePerHour,
  parseRate,
  parseWindowSec,
} from '../src/units.js';

test('durations', () => {
  const cases: [string, number][] = [
    ['500ms', 0.5],
    ['1.5s', 1.5],
    ['10m', 600],
    ['1h30m', 5_400],
    ['2d', 172_800],
    ['250us', 250e-6],
    ['250µs', 250e-6],
    ['30', 30],
    ['0.25', 0.25],
    ['90 min', 5_400],
  ];
  for (const [text, sec] of cases) assert.equal(parseDurationSec(text), sec, text);
  for (const text of ['', 'abc', '-5s', '5 parsecs', '5s!', 's', '1h-3m']) {
    assert.throws(
      () => parseDurationSec(text),
      (error) => error instanceof ToolError && error.exitCode === 2,
      text,
    );
  }
});

test('rates: factors and absolute', () => {
  assert.deepEqual(parseRate('x2'), { kind: 'factor', factor: 2 });
  assert.deepEqual(parseRate('0.5x'), { kind: 'factor', factor: 0.5 });
  assert.deepEqual(parseRate('20/s'), { kind: 'absolute', ratePerSec: 20 });
  assert.deepEqual(parseRate('90/min'), { kind: 'absolute', ratePerSec: 1.5 });
  assert.deepEqual(parseRate('7.5'), { kind: 'absolute', ratePerSec: 7.5 });
  assert.deepEqual(parseRate('12 rps'), { kind: 'absolute', ratePerSec: 12 });
  for (const text of ['0', 'x0', '-3/s', 'fast', '5/fortnight'])
    assert.throws(() => parseRate(text), ToolError, text);
});

test('prices and windows', () => {
  assert.equal(parsePricePerHour('2.5/h'), 2.5);
  assert.equal(parsePricePerHour('$10'), 10);
  assert.equal(parsePricePerHour('0.05/min'), 3);
  assert.deepEqual(parseWindowSec('10m..20m'), { fromSec: 600, toSec: 1_200 });
  assert.deepEqual(parseWindowSec('..90s'), { fromSec: 0, toSec: 90 });
  assert.deepEqual(parseWindowSec('5m..'), { fromSec: 300, toSec: null });
  assert.throws(() => parseWindowSec('20m..10m'), ToolError);
  assert.throws(() => parseWindowSec('20m'), ToolError);
});

test('formats', () => {
  assert.equal(formatCount(12_031), '12 031');
  assert.equal(formatDurationSec(0.0123), '12.3 ms');
  assert.equal(formatDurationSec(3_501.7), '58.4 min');
  assert.equal(formatRatio(0.9994), '99.94 %');
  assert.equal(formatRatio(1), '100.0 %');
});
