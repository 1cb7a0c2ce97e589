/** Every target, random traces: what is written is what our own ingest reads back, in the columns that the target has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ConvertTarget } from '../../src/convert/target.js';
import { CONVERT_TARGETS } from '../../src/convert/targets/index.js';
import type { TraceRow } from '../../src/types.js';
import { keysOf, roundTrip, traceOf, traceRows } from './conversions.js';

/** What the target should hold of a trace, worked out from its declaration alone. */
function expectedRows(rows: readonly TraceRow[], target: ConvertTarget, traceBlock: number): TraceRow[] {
  const step = target.kind === 'text' ? target.stepNs : 1n;
  const rounded = (ns: bigint): bigint => ((2n * ns + step) / (2n * step)) * step;
  const kept = rows.filter((row) => target.required.every((code) => row[code] !== null));
  const startNs = kept.length === 0 ? 0n : rounded(kept[0].arrivalNs);
  const isNested = target.columns.some(({ name }) => name === 'delay');
  const isColumnar = target.kind !== 'text' || target.blockSize === 'own';
  return kept.map((row) => ({
    ...row,
    arrivalNs: rounded(row.arrivalNs) - (isColumnar ? kept[0].arrivalNs : startNs),
    thinkNs: row.thinkNs === null || (isNested && row.sessionId === null) ? null : rounded(row.thinkNs),
    blockHashes:
      isColumnar || target.kind !== 'text' || target.blockSize === traceBlock ? row.blockHashes : null,
  }));
}

for (const target of CONVERT_TARGETS) {
  test(`${target.name}: random traces come back`, async (context) => {
    const blockSize = target.kind === 'text' && typeof target.blockSize === 'number' ? target.blockSize : 100;
    await fc.assert(
      fc.asyncProperty(traceRows(blockSize), async (rows) => {
        const expected = expectedRows(rows, target, blockSize);
        fc.pre(expected.length > 0);
        const trace = await traceOf(context, rows, { blockSize });
        const { rows: back, result } = await roundTrip(context, trace, target.name);
        assert.equal(result.rows, expected.length);
        assert.deepEqual(keysOf(back, target), keysOf(expected, target));
        const left = Object.values(result.leftOut).reduce((sum, count) => sum + count, 0);
        assert.equal(left, rows.length - expected.length);
      }),
      { numRuns: 6 },
    );
  });
}
