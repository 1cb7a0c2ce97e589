/** The parts of an elastic fleet alone: agenda, cold starts, scraped samples, outcome. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agenda } from '../../../src/engine/elastic/agenda.js';
import { coldStartOf, drawColdStart, meanColdStartSec } from '../../../src/engine/elastic/cold-start.js';
import { attainmentGoal, breachEpisodes, countFlaps } from '../../../src/engine/elastic/outcome.js';
import { aggregate, TargetSamples } from '../../../src/engine/elastic/scrapes.js';
import { parseSlo } from '../../../src/slo.js';
import type { SignalQuery } from '../../../src/types.js';
import { secondsEngine } from './scenario.js';

test('the agenda runs by time, then rank, then order of entry, and periodic entries do not drift', () => {
  const agenda = new Agenda();
  const seen: string[] = [];
  agenda.add(2, 1, () => seen.push('2b'));
  agenda.add(2, 0, () => seen.push('2a'));
  agenda.add(2, 1, () => seen.push('2c'));
  agenda.every(0.1, 0.1, 5, (atSec) => {
    if (seen.length < 20) seen.push(String(atSec));
  });
  while (agenda.nextSec <= 1) agenda.runNext();
  assert.deepEqual(seen.slice(0, 3), ['0.1', '0.2', String(0.1 + 2 * 0.1)]);
  assert.equal(seen.at(-1), String(0.1 + 9 * 0.1));
  while (agenda.nextSec <= 2) agenda.runNext();
  assert.deepEqual(
    seen.filter((entry) => /[abc]/.test(entry)),
    ['2a', '2b', '2c'],
  );
});

test('cold starts: phases add up, draws have the asked mean and spread, and depend on the replica alone', () => {
  assert.deepEqual(coldStartOf(secondsEngine()), { scheduleSec: 0, pullSec: 0, loadSec: 20, warmupSec: 0 });
  const fixed = { scheduleSec: 1, pullSec: 2, loadSec: 3, warmupSec: 4 };
  assert.deepEqual(drawColdStart(fixed, 1, 0), { runningSec: 3, readySec: 10 });
  const phases = { ...fixed, loadSec: { meanSec: 60, cv: 0.25 } };
  assert.equal(meanColdStartSec(phases), 67);
  const loads = Array.from(
    { length: 20_000 },
    (_, replica) => drawColdStart(phases, 9, replica).readySec - 7,
  );
  const mean = loads.reduce((sum, x) => sum + x, 0) / loads.length;
  const sd = Math.sqrt(loads.reduce((sum, x) => sum + (x - mean) ** 2, 0) / loads.length);
  // Standard errors: 60 × 0.25 ÷ √20 000 = 0.1 s of the mean, about 0.1 s of the deviation.
  assert.ok(Math.abs(mean - 60) < 0.4 && Math.abs(sd - 15) < 0.5, `${mean} ${sd}`);
  assert.equal(drawColdStart(phases, 9, 5).readySec - 7, loads[5]);
});

const sample = (atSec: number, running: number, finishedRequests = 0) => ({
  atSec,
  running,
  waiting: 2 * running,
  kvUsage: 0.5,
  finishedRequests,
  promptTokens: 0,
  generatedTokens: 0,
  held: 0,
});
const query = (changes: Partial<SignalQuery>): SignalQuery => ({
  signal: 'running',
  statistic: 'last',
  windowSec: 0,
  ...changes,
});

test('gauges: the newest sample, mean and maximum of the window (now − w, now]', () => {
  const samples = new TargetSamples(60);
  assert.equal(samples.read(query({}), 0), null);
  for (const [atSec, running] of [
    [15, 4],
    [30, 8],
    [45, 6],
  ])
    samples.add(sample(atSec, running));
  assert.equal(samples.read(query({}), 50), 6);
  assert.equal(samples.read(query({ signal: 'in_flight' }), 50), 18);
  assert.equal(samples.read(query({ statistic: 'mean', windowSec: 30 }), 45), 7);
  assert.equal(samples.read(query({ statistic: 'max', windowSec: 60 }), 50), 8);
  assert.equal(samples.read(query({ statistic: 'mean', windowSec: 10 }), 60), null);
});

test('rate as Prometheus extrapolates it', () => {
  const rate = query({ signal: 'request_rate', statistic: 'rate', windowSec: 60 });
  const of = (...rows: readonly (readonly [number, number])[]): number | null => {
    const samples = new TargetSamples(60);
    for (const [atSec, finished] of rows) samples.add(sample(atSec, 0, finished));
    return samples.read(rate, 60);
  };
  assert.equal(of([15, 10]), null);
  // 30 in 45 s, stretched by 10 s to the start and 5 s to the end of the range: all of 60 s.
  assert.equal(of([10, 100], [25, 110], [40, 120], [55, 130]), ((30 / 45) * 60) / 60);
  // A gap of 25 s to the start is more than 1.1 distances: half a distance of 15 s instead.
  assert.equal(of([25, 100], [40, 110], [55, 120]), (20 * ((30 + 7.5 + 5) / 30)) / 60);
  // A counter that began at zero 3 s before its first sample is not stretched further back than that.
  assert.equal(of([15, 2], [30, 12], [45, 22], [60, 32]), (30 * ((45 + 3) / 45)) / 60);
  assert.equal(of([10, 5], [25, 5], [40, 5], [55, 5]), 0);
});

test('aggregation over replicas leaves out those without a sample', () => {
  assert.equal(aggregate('sum', [1, null, 3]), 4);
  assert.equal(aggregate('mean', [1, null, 3]), 2);
  assert.equal(aggregate('max', [1, null, 3]), 3);
  assert.equal(aggregate('sum', [null]), null);
});

test('the goal of an SLO: its goodput, else its strictest percentile', () => {
  assert.equal(attainmentGoal(parseSlo('p99(ttft) < 1s, goodput >= 0.95')), 0.95);
  assert.equal(attainmentGoal(parseSlo('p50(ttft) < 1s, p95(tpot) < 50ms')), 0.95);
  assert.equal(attainmentGoal(parseSlo('mean(ttft) < 1s')), 1);
});

test('breaches: minutes without requests are bridged; what did not recover stays open', () => {
  const ratios = [1, 0.5, null, 0.8, 1, null, 0.9];
  const attainment = ratios.map((ratio, i) => ({ fromSec: 60 * i, offered: 10, good: 5, ratio }));
  const events = [
    { atSec: 30, from: 1, to: 2, because: '' },
    { atSec: 75, from: 2, to: 4, because: '' },
  ];
  const life = (replica: number, createdSec: number, readySec: number | null) => ({
    replica,
    createdSec,
    readySec,
    drainingSec: null,
    endSec: null,
  });
  const lives = [life(0, 0, 0), life(1, 30, 70), life(2, 75, 140), life(3, 75, 130)];
  assert.deepEqual(breachEpisodes(attainment, 0.95, events, lives), [
    { fromSec: 60, recoveredSec: 240, worst: 0.5, scaledUpSec: 75, readySec: 130 },
    { fromSec: 360, recoveredSec: null, worst: 0.9, scaledUpSec: null, readySec: null },
  ]);
});

test('flaps are changes of direction within ten minutes', () => {
  const events = [
    [0, 1, 2],
    [60, 2, 4],
    [120, 4, 3],
    [700, 3, 5],
    [1400, 5, 1],
  ].map(([atSec, from, to]) => ({ atSec, from, to, because: '' }));
  assert.equal(countFlaps(events), 2);
  assert.equal(countFlaps([]), 0);
});
