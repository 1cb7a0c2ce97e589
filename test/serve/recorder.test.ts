import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { openRecorder } from '../../src/serve/recorder.js';
import type { ServedRequest } from '../../src/types.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-recorder-'));
after(() => rmSync(folder, { recursive: true }));

test('every request is a line, also beyond one write', async () => {
  const path = join(folder, 'deep', 'served.jsonl');
  const recorder = await openRecorder(path);
  for (let i = 0; i < 1_000; i++) recorder.add({ responseId: `r${i}` } as ServedRequest);
  assert.equal(recorder.count, 1_000);
  await recorder.close();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as ServedRequest).responseId),
    Array.from({ length: 1_000 }, (_, i) => `r${i}`),
  );
});

test('a place that cannot be written is refused at once', async () => {
  const file = join(folder, 'plain');
  writeFileSync(file, 'x');
  for (const path of [folder, join(file, 'below.jsonl')])
    await assert.rejects(
      openRecorder(path),
      (error) => error instanceof ToolError && error.code === 'OUTPUT_UNWRITABLE',
    );
});
