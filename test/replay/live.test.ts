/** The live view: rolling figures, rates and errors; drawn in place, narrow terminals, plain lines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveView, liveLines, plainLine } from '../../src/cli/live-view.js';
import { type LiveState, LiveTally } from '../../src/replay/live.js';
import { MS, record } from './records.js';

const SEC = 1e9;

/** 100 requests, 100 ms apart, TTFT growing by 1 ms; every tenth one fails. */
function tallied(): LiveTally {
  const intendedNs = Float64Array.from({ length: 100 }, (_, i) => i * 100 * MS);
  const tally = new LiveTally({ intendedNs, total: 100 });
  tally.state({ nowNs: 0, dispatched: 0, inFlight: 0 });
  for (let i = 0; i < 80; i++) {
    const sentNs = i * 100 * MS;
    tally.add(
      record(i * 100, {
        sentNs,
        firstTokenNs: sentNs + (10 + i) * MS,
        lastTokenNs: sentNs + 300 * MS,
        endNs: sentNs + 300 * MS,
        status: i % 10 === 9 ? 'http_error' : 'ok',
      }),
    );
  }
  tally.add(record(0, { phase: 'retried', status: 'http_error' }));
  return tally;
}

test('figures are of the last seconds, rates planned beside real, errors by kind', () => {
  const tally = new LiveTally({ intendedNs: null, total: 5, windowSec: 1 });
  for (const [endSec, ttftMs] of [
    [0.2, 500],
    [1.5, 10],
    [1.6, 20],
  ]) {
    tally.add(
      record(0, { sentNs: 0, firstTokenNs: ttftMs * MS, endNs: endSec * SEC, lastTokenNs: endSec * SEC }),
    );
  }
  const state = tally.state({ nowNs: 2 * SEC, dispatched: 4, inFlight: 1 });
  assert.deepEqual(state.ttft, { n: 2, p50: 15, p99: 19.9 });
  assert.equal(state.ended, 3);
  assert.equal(state.offeredPerSec, null);
  const whole = tallied().state({ nowNs: 8 * SEC, dispatched: 76, inFlight: 4 });
  assert.equal(whole.offeredPerSec, 10);
  assert.equal(whole.sentPerSec, 9.5);
  assert.deepEqual(whole.failures, [['http_error', 8]]);
  assert.equal(whole.ended, 80);
  assert.equal(whole.e2e.n, 72);
});

const state = (): LiveState => tallied().state({ nowNs: 8 * SEC, dispatched: 76, inFlight: 4 });

test('no line is wider than the terminal, however narrow it is', () => {
  for (const columns of [200, 80, 44, 43, 30, 12]) {
    const lines = liveLines(state(), columns);
    assert.ok(
      lines.every((line) => [...line].length <= columns),
      lines.join('\n'),
    );
    assert.ok(lines.length >= 6);
  }
  const wide = liveLines(state(), 120).join('\n');
  for (const part of [
    /80 of 100 ended, 4 in flight, 8 http_error/,
    /offered 10\/s, sent 9\.5\/s/,
    /ttft +\d/,
    /send lag/,
  ])
    assert.match(wide, part);
});

function drawn(options: { interactive: boolean; colour?: boolean; columns?: number }): {
  view: LiveView;
  text: () => string;
  clock: { ms: number };
} {
  const clock = { ms: 0 };
  let text = '';
  const view = new LiveView({
    columns: () => options.columns ?? 80,
    interactive: options.interactive,
    colour: options.colour ?? false,
    write: (part) => {
      text += part;
    },
    nowMs: () => clock.ms,
  });
  return { view, text: () => text, clock };
}

test('on a terminal it is redrawn in place, a few times a second, and erased at the end', () => {
  const { view, text, clock } = drawn({ interactive: true });
  view.show(state());
  const first = text();
  const lines = first.split('\n').length - 1;
  assert.ok(!first.includes('\u001b[2m') && !first.includes(`\u001b[${lines}A`));
  clock.ms = 100;
  view.show(state());
  assert.equal(text(), first);
  clock.ms = 300;
  view.show(state());
  assert.ok(text().slice(first.length).startsWith(`\u001b[${lines}A\r`));
  view.end();
  assert.ok(text().endsWith('\u001b[J'));
  const before = text();
  view.end();
  assert.equal(text(), before);
});

test('colour only where it is wanted; elsewhere one plain line every five seconds', () => {
  const coloured = drawn({ interactive: true, colour: true });
  coloured.view.show(state());
  assert.ok(coloured.text().includes('\u001b[2mlast 10 s'));
  const plain = drawn({ interactive: false });
  for (let ms = 0; ms <= 11_000; ms += 25) {
    plain.clock.ms = ms;
    plain.view.show(state());
  }
  plain.view.end();
  assert.deepEqual(plain.text(), `${plainLine(state())}\n`.repeat(2));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there.
  assert.doesNotMatch(plain.text(), /\u001b/);
});
