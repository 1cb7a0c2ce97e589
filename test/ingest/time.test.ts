/** Times: fraction digits, units, offsets, zones, daylight saving. Cases F46, F47 and their kind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TimeUnit } from '../../src/ingest/format.js';
import { TimeReader } from '../../src/ingest/time.js';
import { parseZone } from '../../src/ingest/zone.js';
import { azureCsv, ingestText } from './logs.js';

/** ns since 1970; null when refused. */
function read(text: string, unit: TimeUnit = 'iso', zone = 'UTC'): bigint | null {
  const reader = new TimeReader(parseZone(zone));
  const bytes = Buffer.from(`,${text},`);
  if (!reader.read(bytes, 1, bytes.length - 1, unit)) return null;
  assert.ok(reader.nanos >= 0 && reader.nanos < 1e9);
  return BigInt(reader.sec) * 1_000_000_000n + BigInt(reader.nanos);
}

const utcNs = (iso: string): bigint => BigInt(Date.parse(iso)) * 1_000_000n;

test('dates with 0 to 9 fraction digits, comma or point, any offset notation', () => {
  const base = utcNs('2023-11-16T18:17:03Z');
  const cases: readonly (readonly [string, bigint])[] = [
    ['2023-11-16 18:17', base - 3_000_000_000n],
    ['2023-11-16 18:17:03', base],
    ['2023-11-16T18:17:03Z', base],
    ['2023-11-16t18:17:03z', base],
    ['2023-11-16 18:17:03 UTC', base],
    ['2023-11-16 18:17:03.9', base + 900_000_000n],
    ['2023-11-16 18:17:03,979', base + 979_000_000n],
    ['2023-11-16 18:17:03.979960', base + 979_960_000n],
    ['2023-11-16 18:17:03.9799601', base + 979_960_100n],
    ['2023-11-16 18:17:03.979960123', base + 979_960_123n],
    ['2023-11-16 18:17:03.9799601234', base + 979_960_123n],
    ['2023-11-16 18:17:03.9999999996', base + 1_000_000_000n],
    ['2023-11-16T23:47:03.5+05:30', base + 500_000_000n],
    ['2023-11-16T23:47:03.5 +0530', base + 500_000_000n],
    ['2023-11-16T10:17:03-08', base],
    ['  2023-11-16 18:17:03  ', base],
    ['1969-12-31T23:59:59.5Z', -500_000_000n],
    ['2016-12-31T23:59:60Z', utcNs('2017-01-01T00:00:00Z')],
    ['2024-02-29T00:00:00Z', utcNs('2024-02-29T00:00:00Z')],
  ];
  for (const [text, expected] of cases) assert.equal(read(text), expected, text);
});

test('what is no date is refused', () => {
  const bad = [
    '',
    '2023-11-16',
    '2023-13-16 18:17:03',
    '2023-02-29 18:17:03',
    '2023-11-31 00:00:00',
    '2023-00-10 00:00:00',
    '2023-11-16 24:00:00',
    '2023-11-16 18:60:00',
    '2023-11-16 18:17:61',
    '2023-11-16 18:17:03.',
    '2023-11-16 18:17:03.5x',
    '2023/11/16 18:17:03',
    '16-11-2023 18:17:03',
    '2023-11-16_18:17:03',
    '2023-11-16 18:17:03+5',
    '2023-11-16 18:17:03+05:3',
    '2023-11-16 18:17:03+19:00',
    '2023-11-16 18:17:03 CET',
    '1700158623',
    'yesterday at noon..',
    '2500-01-01T00:00:00Z',
  ];
  for (const text of bad) assert.equal(read(text), null, text);
});

test('numbers in every unit, beyond 2^53, with fractions, signs and exponents', () => {
  const cases: readonly (readonly [string, TimeUnit, bigint])[] = [
    ['0', 'ms', 0n],
    ['3052', 'ms', 3_052_000_000n],
    ['3052', 's', 3_052_000_000_000n],
    ['61.114', 's', 61_114_000_000n],
    ['61.114000000000004', 's', 61_114_000_000n],
    ['0.9999999999', 's', 1_000_000_000n],
    ['1700158623.979960123', 's', 1_700_158_623_979_960_123n],
    ['1767225600123456789', 'ns', 1_767_225_600_123_456_789n],
    ['1767225600123456', 'us', 1_767_225_600_123_456_000n],
    ['1767225600123.5', 'ms', 1_767_225_600_123_500_000n],
    ['7', 'ns', 7n],
    ['1.5e3', 'ms', 1_500_000_000n],
    ['-2.5', 's', -2_500_000_000n],
    ['0000000000000000000005', 'ms', 5_000_000n],
    ['639085499998712345', 'dotnet-ticks', 1_772_953_199_871_234_500n],
  ];
  for (const [text, unit, expected] of cases) assert.equal(read(text, unit), expected, `${text} ${unit}`);
  for (const text of [
    '',
    '-',
    '1,5',
    '1.5.2',
    '0x10',
    '1e',
    'NaN',
    'Infinity',
    '1'.repeat(70),
    '99999999999999',
  ]) {
    assert.equal(read(text, 's'), null, text);
  }
});

test('the milliseconds of .NET ticks are those of the known formula', () => {
  // unix_ms = (ticks − 621355968000000000) / 10000
  assert.equal(
    read('639085499998712345', 'dotnet-ticks')! / 1_000_000n,
    (639085499998712345n - 621355968000000000n) / 10_000n,
  );
});

test('any instant written in any unit comes back to the digit', () => {
  const instants = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n });
  fc.assert(
    fc.property(instants, fc.integer({ min: -840, max: 840 }), (ns, offsetMinutes) => {
      assert.equal(read(String(ns), 'ns'), ns);
      const seconds = ns / 1_000_000_000n;
      const nanos = String(ns % 1_000_000_000n).padStart(9, '0');
      assert.equal(read(`${seconds}.${nanos}`, 's'), ns);
      const local = new Date(Number(seconds) * 1_000 + offsetMinutes * 60_000).toISOString().slice(0, 19);
      const size = Math.abs(offsetMinutes);
      const offset = `${offsetMinutes < 0 ? '-' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`;
      assert.equal(read(`${local}.${nanos}${offset}`), ns);
    }),
  );
});

test('zone-less times follow the given zone: offsets, names, folds and gaps', () => {
  assert.equal(read('2026-05-02 23:59:59.871'), 1_777_766_399_871_000_000n);
  const tokyo = 9n * 3_600n * 1_000_000_000n;
  assert.equal(read('2026-05-02 23:59:59.871', 'iso', 'Asia/Tokyo'), 1_777_766_399_871_000_000n - tokyo);
  assert.equal(read('2026-05-02 23:59:59.871', 'iso', '+09:00'), 1_777_766_399_871_000_000n - tokyo);
  // An offset in the text goes before the zone.
  assert.equal(read('2026-05-02 23:59:59.871Z', 'iso', 'Asia/Tokyo'), 1_777_766_399_871_000_000n);
  // Winter and summer in Berlin, and a zone with a half-hour offset.
  assert.equal(read('2026-01-10 12:00:00', 'iso', 'Europe/Berlin'), utcNs('2026-01-10T11:00:00Z'));
  assert.equal(read('2026-07-10 12:00:00', 'iso', 'Europe/Berlin'), utcNs('2026-07-10T10:00:00Z'));
  assert.equal(read('2026-07-10 12:00:00', 'iso', 'Asia/Kolkata'), utcNs('2026-07-10T06:30:00Z'));
  // 2026-03-29: 02:00 becomes 03:00; 02:30 does not exist and keeps the offset from before.
  assert.equal(read('2026-03-29 01:59:59', 'iso', 'Europe/Berlin'), utcNs('2026-03-29T00:59:59Z'));
  assert.equal(read('2026-03-29 02:30:00', 'iso', 'Europe/Berlin'), utcNs('2026-03-29T01:30:00Z'));
  assert.equal(read('2026-03-29 03:00:00', 'iso', 'Europe/Berlin'), utcNs('2026-03-29T01:00:00Z'));
  // 2026-10-25: 03:00 becomes 02:00; 02:30 exists twice, the first is meant.
  assert.equal(read('2026-10-25 01:59:59', 'iso', 'Europe/Berlin'), utcNs('2026-10-24T23:59:59Z'));
  assert.equal(read('2026-10-25 02:30:00', 'iso', 'Europe/Berlin'), utcNs('2026-10-25T00:30:00Z'));
  assert.equal(read('2026-10-25 03:00:00', 'iso', 'Europe/Berlin'), utcNs('2026-10-25T02:00:00Z'));
});

test('a log that runs through the hour that exists twice runs forward', async (context) => {
  const times = [
    '01:59:00',
    '02:10:00',
    '02:59:59',
    '02:00:01',
    '02:30:00',
    '02:29:58',
    '02:59:59',
    '03:00:00',
  ];
  const csv = azureCsv(times.map((time) => `2026-10-25 ${time}`));
  const { rows, result } = await ingestText(context, 'fold.csv', csv, { tz: 'Europe/Berlin' });
  const offsetsSec = rows.map((row) => Number(row.arrivalNs / 1_000_000_000n));
  assert.deepEqual(offsetsSec, [0, 660, 3_659, 3_661, 5_458, 5_460, 7_259, 7_260]);
  assert.equal(result.meta.startUtc, '2026-10-24T23:59:00Z');
  assert.equal(result.quality.outOfOrderRows, 1);
  assert.match(result.quality.notes.join('\n'), /6 local times exist twice/);
});

test('an unknown zone is refused with the nearest', () => {
  assert.throws(() => parseZone('Europe/Berln'), { code: 'BAD_VALUE', hint: 'did you mean Europe/Berlin?' });
  assert.throws(() => parseZone('+25:00'), { code: 'BAD_VALUE' });
  assert.throws(() => parseZone(''), { code: 'BAD_VALUE' });
});

test('F46: fraction digits survive into the trace, with carry into the next second', async (context) => {
  const prefix = '2023-11-16 18:17:03';
  const milliseconds = await ingestText(
    context,
    'a.csv',
    azureCsv(['.0010000', '.0020000', '.0090000', '.0110000'].map((f) => prefix + f)),
  );
  assert.deepEqual(
    milliseconds.rows.map((row) => row.arrivalNs),
    [0n, 1_000_000n, 8_000_000n, 10_000_000n],
  );
  const ticks = await ingestText(context, 'b.csv', azureCsv([`${prefix}.0000001`, `${prefix}.0000009`]));
  assert.equal(ticks.rows[1].arrivalNs, 800n);
  assert.equal(ticks.result.meta.timeResolutionNs, 100);
  const carry = await ingestText(
    context,
    'c.csv',
    azureCsv([`${prefix}.9999999`, '2023-11-16 18:17:04.0000001']),
  );
  assert.equal(carry.rows[1].arrivalNs, 200n);
  const mixed = await ingestText(
    context,
    'd.csv',
    azureCsv([
      prefix,
      `${prefix},100`,
      `${prefix}.200000`,
      `${prefix}.3000000`,
      `${prefix}.400000000`,
      `${prefix}.5Z`,
      '2023-11-16 23:47:03.6+05:30',
    ]),
  );
  assert.deepEqual(
    mixed.rows.map((row) => Number(row.arrivalNs) / 1e6),
    [0, 100, 200, 300, 400, 500, 600],
  );
});

test('F47: zone-less and mixed files: the rule is said, rows are counted, --tz shifts', async (context) => {
  const bare = azureCsv(['2026-05-02 23:59:59.871', '2026-05-03 00:00:03.402']);
  const utc = await ingestText(context, 'a.csv', bare);
  assert.equal(utc.result.meta.startUtc, '2026-05-02T23:59:59.871Z');
  assert.match(utc.result.quality.zoneRule, /^UTC \(assumed/);
  const tokyo = await ingestText(context, 'a.csv', bare, { tz: 'Asia/Tokyo' });
  assert.equal(tokyo.result.meta.startUtc, '2026-05-02T14:59:59.871Z');
  assert.equal(tokyo.result.quality.zoneRule, 'Asia/Tokyo (as given)');
  const mixed = await ingestText(
    context,
    'b.csv',
    azureCsv(['2026-05-02 10:00:00', '2026-05-02T10:00:01Z', '2026-05-02 10:00:02']),
  );
  assert.equal(
    mixed.result.quality.zoneRule,
    'mixed: offsets as written in 1 row, UTC (assumed: the source names none) in 2 rows without one',
  );
  assert.match(mixed.result.quality.notes.join('\n'), /2 rows without a time zone, 1 row with one/);
});

test("F49: the unit is the mapping's, not guessed from the size; odd spans are pointed out", async (context) => {
  const lines = [0, 3052, 6100].map((timestamp) => JSON.stringify({ timestamp, n: 1 })).join('\n');
  const map = (unit: string): object => ({
    format: 'jsonl',
    columns: { arrival: { from: 'timestamp', unit }, input_tokens: 'n' },
  });
  const ms = await ingestText(context, 'a.jsonl', lines, { map: map('ms') });
  const s = await ingestText(context, 'a.jsonl', lines, { map: map('s') });
  assert.deepEqual(
    ms.rows.map((row) => row.arrivalNs),
    [0n, 3_052_000_000n, 6_100_000_000n],
  );
  assert.deepEqual(
    s.rows.map((row) => row.arrivalNs),
    [0n, 3_052_000_000_000n, 6_100_000_000_000n],
  );
  assert.equal(ms.result.meta.startUtc, null);
  const years = await ingestText(
    context,
    'b.jsonl',
    '{"timestamp":0,"n":1}\n{"timestamp":1300000000,"n":1}\n',
    { map: map('s') },
  );
  assert.match(years.result.quality.notes.join('\n'), /check the time unit/);
  const blink = Array.from({ length: 20 }, (_, i) => `{"timestamp":${i * 5},"n":1}`).join('\n');
  const short = await ingestText(context, 'c.jsonl', blink, { map: map('ms') });
  assert.match(short.result.quality.notes.join('\n'), /spans 95 ms: check the time unit/);
});
