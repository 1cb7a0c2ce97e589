/** Rows on their way into a trace: any order and any budget of memory give the same rows, and disk is used with measure. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RowCollector } from '../../src/ingest/collector.js';
import { BLOCK_ROWS, BlockBuilder, type RowBlock } from '../../src/ingest/row-block.js';
import { type RowField, StagedRow } from '../../src/ingest/rows.js';
import { TieOrder } from '../../src/ingest/tie-order.js';

const FIELDS: readonly RowField[] = ['inputTokens', 'thinkNs', 'blockHashes', 'model'];

interface Line {
  readonly sec: number;
  readonly value: number;
}

/** Blocks of `perBlock` rows as a reader would hand them over. */
function blocksOf(lines: readonly Line[], perBlock: number): RowBlock[] {
  const builder = new BlockBuilder(FIELDS, Math.min(perBlock, BLOCK_ROWS));
  const row = new StagedRow();
  const blocks: RowBlock[] = [];
  for (const { sec, value } of lines) {
    row.clear();
    row.sec = sec;
    row.nanos = value % 2;
    row.inputTokens = value % 5 === 0 ? null : value;
    row.thinkNs = value % 3 === 0 ? null : BigInt(value) << 40n;
    row.model = value % 4 === 0 ? null : `model-${value % 7}`;
    row.hashes.clear();
    for (let i = 0; i < value % 4; i++) row.hashes.push(value * 10 + i);
    row.blockHashes = value % 11 === 0 ? null : row.hashes;
    builder.add(row);
    if (builder.isFull) blocks.push(builder.take());
  }
  if (builder.rowCount > 0) blocks.push(builder.take());
  return blocks;
}

/** Everything that comes out, one text per row. */
function collected(
  blocks: readonly RowBlock[],
  budgetBytes?: number,
): { rows: string[]; runsOnDisk: number; tiedRows: number; lookAlikes: number } {
  const collector = new RowCollector(FIELDS, budgetBytes);
  for (const block of blocks) collector.add(block);
  const { runsOnDisk } = collector;
  const rows: string[] = [];
  for (const block of collector.sorted()) {
    const [input, think, hashes, model] = block.columns as unknown as [
      { values: Int32Array; valid: Uint8Array | null } | null,
      { values: BigInt64Array; valid: Uint8Array | null } | null,
      { offsets: Uint32Array; values: BigUint64Array; valid: Uint8Array | null } | null,
      { codes: Int32Array; dictionary: string[] } | null,
    ];
    for (let at = 0; at < block.rowCount; at++) {
      const known = (column: { valid: Uint8Array | null } | null): boolean =>
        column !== null && (column.valid === null || column.valid[at] !== 0);
      rows.push(
        [
          block.secs[at],
          block.nanos[at],
          known(input) ? input!.values[at] : null,
          known(think) ? think!.values[at] : null,
          known(hashes) ? hashes!.values.slice(hashes!.offsets[at], hashes!.offsets[at + 1]).join(' ') : null,
          model === null || model.codes[at] < 0 ? null : model.dictionary[model.codes[at]],
        ].join('|'),
      );
    }
  }
  const { tiedRows, lookAlikes } = collector.tieFindings;
  return { rows, runsOnDisk, tiedRows, lookAlikes };
}

const LINES = fc.array(fc.record({ sec: fc.nat({ max: 40 }), value: fc.nat({ max: 500 }) }), {
  minLength: 1,
  maxLength: 200,
});

test('any order of the blocks, their size and the budget give the same rows', () => {
  fc.assert(
    fc.property(
      LINES,
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 8_000 }),
      (lines, perBlock, budget) => {
        const sorted = [...lines].sort((a, b) => a.sec - b.sec || (a.value % 2) - (b.value % 2));
        const expected = collected(blocksOf(sorted, BLOCK_ROWS)).rows;
        assert.deepEqual(collected(blocksOf(lines, perBlock)).rows, expected);
        assert.deepEqual(collected(blocksOf(lines, perBlock), budget).rows, expected);
      },
    ),
    { numRuns: 60 },
  );
});

test('it makes no difference whether instants were put in order block by block before', () => {
  const order = new TieOrder(FIELDS);
  const settled = (blocks: readonly RowBlock[]): RowBlock[] => blocks.map((block) => order.settled(block));
  fc.assert(
    fc.property(LINES, fc.integer({ min: 1, max: 50 }), (lines, perBlock) => {
      const sorted = [...lines].sort((a, b) => a.sec - b.sec || (a.value % 2) - (b.value % 2));
      const expected = collected(blocksOf(sorted, BLOCK_ROWS));
      const distinct = new Set(sorted.map(({ sec, value }) => `${sec} ${value}`)).size;
      assert.equal(expected.lookAlikes, lines.length - distinct);
      assert.deepEqual(collected(settled(blocksOf(sorted, perBlock))), expected);
      assert.deepEqual(collected(settled(blocksOf(lines, perBlock))), expected);
    }),
    { numRuns: 60 },
  );
});

test('an instant of any number of rows has one order', () => {
  for (const count of [64, 1_000, 30_000, BLOCK_ROWS + 5]) {
    // Two instants: even values and odd ones.
    const lines = Array.from({ length: 2 * count }, (_, i) => ({
      sec: 7,
      value: 2 * (i % count) + (i < count ? 0 : 1),
    }));
    const turned = lines.map((_, i) => lines[Math.floor(i / count) * count + ((i * 7_919) % count)]);
    const { rows, tiedRows } = collected(blocksOf(lines, BLOCK_ROWS));
    assert.equal(tiedRows, 2 * count - 2);
    assert.deepEqual(collected(blocksOf(turned, 10_000)).rows, rows);
  }
});

test('a log in order, or with rows that are late by less than the window, is one run on disk; a shuffled one is several', () => {
  const inOrder = Array.from({ length: 5_000 }, (_, i) => ({ sec: i, value: i * 2 }));
  const late = inOrder.map((line, i) => ({ ...line, sec: i % 10 === 0 ? Math.max(0, i - 40) : i }));
  const shuffled = inOrder.map((_, i) => inOrder[(i * 2_003) % inOrder.length]);
  const budget = 40_000;
  for (const [lines, isMerged] of [
    [inOrder, false],
    [late, false],
    [shuffled, true],
  ] as const) {
    const blocks = blocksOf(lines, 64);
    const { rows, runsOnDisk } = collected(blocks, budget);
    assert.equal(runsOnDisk > 0, isMerged, `${runsOnDisk} runs`);
    assert.deepEqual(rows, collected(blocks).rows);
  }
});
