/** Ten million requests: memory does not grow with the number of rows. A file of its own, so that the peak is its own. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import { gapModel, workloadClass, workloadModel } from './models.js';

const MIB = 1_048_576;

test('10 million requests within 350 MiB, and little more than 1 million need', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-memory-'));
  try {
    const model = workloadModel([
      workloadClass({ id: 'a', ratePerSec: [800, 1_200], requests: 900 }),
      workloadClass({
        id: 'b',
        ratePerSec: [100],
        gaps: gapModel('gamma', { a: 0.25, scale: 4 }),
        requests: 100,
      }),
    ]);
    const peakMib = async (requests: number): Promise<number> => {
      const path = join(folder, `${requests}.parquet`);
      const { rows } = await synthesizeToFile({ model, path, seed: 1, requests, workers: 2 });
      assert.equal(rows, requests);
      // ru_maxrss is in KiB on Linux and in bytes on macOS; Node gives KiB on both.
      return (process.resourceUsage().maxRSS * 1_024) / MIB;
    };
    const small = await peakMib(1_000_000);
    const large = await peakMib(10_000_000);
    console.log(`peak RSS: ${small.toFixed(0)} MiB for 1 million, ${large.toFixed(0)} MiB for 10 million`);
    assert.ok(large < 350, `${large} MiB`);
    assert.ok(large < small + 100, `${small} MiB, then ${large} MiB`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
