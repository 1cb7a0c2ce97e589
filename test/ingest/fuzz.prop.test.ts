/** Damaged logs: whatever is done to a sample's bytes, the ingest ends with rows that add up or with a ToolError. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ToolError } from '../../src/errors.js';
import { ingest } from '../../src/ingest/ingest.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { openTrace } from '../../src/trace/read.js';
import { temporaryFolder } from '../trace/traces.js';

const SAMPLES = fileURLToPath(new URL('traces/samples/', PACKAGE_ROOT));
const LOGS = readdirSync(SAMPLES).filter((file) => !/\.(expected\.json|map\.yaml)$/.test(file));

/** One change of the bytes: cut, repeat, overwrite, insert. */
const CHANGE = fc.oneof(
  fc.record({ kind: fc.constant('remove' as const), at: fc.nat(), length: fc.nat({ max: 40 }) }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), length: fc.nat({ max: 200 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), bytes: fc.uint8Array({ maxLength: 6 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    bytes: fc
      .constantFrom('"', ',', '\n', '\r', '{', '}', '[', '-', '9'.repeat(30), 'e308', '\\u', '\0', '\ufeff')
      .map((text) => Buffer.from(text)),
  }),
  fc.record({ kind: fc.constant('truncate' as const), at: fc.nat() }),
);

function changed(
  bytes: Buffer,
  changes: readonly (typeof CHANGE extends fc.Arbitrary<infer T> ? T : never)[],
): Buffer {
  let result = bytes;
  for (const change of changes) {
    const at = change.at % (result.length + 1);
    const [head, tail] = [result.subarray(0, at), result.subarray(at)];
    if (change.kind === 'truncate') result = head;
    else if (change.kind === 'insert') result = Buffer.concat([head, change.bytes, tail]);
    else if (change.kind === 'remove') result = Buffer.concat([head, tail.subarray(change.length)]);
    else result = Buffer.concat([head, tail.subarray(0, change.length), tail]);
  }
  return result;
}

test('mutated samples end with rows that add up, or with a ToolError and no file, or what came before a cut', async (context) => {
  const folder = temporaryFolder(context);
  const output = join(folder, 'out.parquet');
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...LOGS),
      fc.array(CHANGE, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (log, changes, isPacked) => {
        const bytes = readFileSync(join(SAMPLES, log));
        const map = join(SAMPLES, `${log.split('.')[0]}.map.yaml`);
        const path = join(folder, 'log');
        writeFileSync(path, isPacked ? changed(gzipSync(bytes), changes) : changed(bytes, changes));
        rmSync(output, { force: true });
        try {
          const result = await ingest({ inputs: [path], output, ...(existsSync(map) ? { map } : {}) });
          const dropped = Object.values(result.meta.droppedRows).reduce((sum, rows) => sum + rows, 0);
          assert.equal(result.quality.rowsIn, result.rows + dropped);
          const reader = await openTrace(output);
          assert.equal(reader.rowCount, result.rows);
          reader.close();
        } catch (error) {
          assert.ok(error instanceof ToolError, String((error as Error).stack));
          // Of a truncated file everything before the cut is written, and nothing of any other damage.
          const isCut = /truncated .*that came before (is|are) in/.test(error.message);
          assert.equal(existsSync(output), isCut, error.message);
          if (isCut) (await openTrace(output)).close();
        }
      },
    ),
    { numRuns: 150 },
  );
});
