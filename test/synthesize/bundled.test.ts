/** The models and traces that the package ships: complete, named after their source, and equal to what their command makes. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bundledWorkloads, isWorkloadModel } from '../../src/synthesize/bundled-models.js';
import { readWorkloadModel } from '../../src/synthesize/check-model.js';
import { openModelWorkload } from '../../src/synthesize/model-workload.js';
import { synthesizeToFile } from '../../src/synthesize/synthesize-file.js';
import { openTrace } from '../../src/trace/read.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tokentide-bundled-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const MODELS = readdirSync(join(ROOT, 'models')).filter((file) => file.includes('.workload.'));
const LICENCES: Readonly<Record<string, string>> = {
  azure: 'CC-BY-4.0',
  mooncake: 'Apache-2.0',
  servegen: 'Apache-2.0',
};

test('five fitted models and three hand-written ones are there', () => {
  assert.deepEqual(
    MODELS.map((file) => file.slice(0, file.indexOf('.'))),
    [
      'agentic-coding',
      'azure-code',
      'azure-conv',
      'chat',
      'mooncake-conversation',
      'mooncake-synthetic',
      'rag',
      'servegen-deepseek-r1',
    ],
  );
});

for (const file of MODELS) {
  test(`models/${file}: can be drawn from, says where it comes from, and its trace is what its command makes`, async () => {
    const path = join(ROOT, 'models', file);
    const model = await readWorkloadModel(path);
    const name = basename(file, file.endsWith('.yaml') ? '.workload.yaml' : '.workload.json');
    assert.equal(model.name, name);
    if (file.endsWith('.json')) {
      assert.equal(model.source?.licence, LICENCES[name.split('-')[0]]);
      assert.ok((model.source?.citation?.length ?? 0) > 20, 'a citation');
      assert.match(model.source!.traceHash, /^[0-9a-f]{64}$/);
      assert.match(model.warnings.join(), /window/);
    } else assert.equal(model.source, null);
    const made = join(folder, `${name}.parquet`);
    await synthesizeToFile({ model, path: made, seed: '42', durationSec: 600 });
    const [again, shipped] = await Promise.all(
      [made, join(ROOT, 'traces', `${name}-10min.parquet`)].map(async (one) => {
        const reader = await openTrace(one);
        reader.close();
        return reader;
      }),
    );
    assert.equal(again.rowCount, shipped.rowCount);
    assert.equal(again.meta.contentHash, shipped.meta.contentHash);
    const readme = readFileSync(join(ROOT, 'traces', 'README.md'), 'utf8');
    assert.match(readme, new RegExp(`models/${file.replaceAll('.', '\\.')} --seed 42 --duration 10m`));
  });
}

test('bundled models are found by name, files of that name win, and a wrong name gets the nearest', async () => {
  assert.deepEqual(
    bundledWorkloads(),
    MODELS.map((file) => file.slice(0, file.indexOf('.'))),
  );
  assert.equal((await readWorkloadModel('chat')).name, 'chat');
  assert.equal((await readWorkloadModel('azure-code')).name, 'azure-code');
  assert.equal((await openModelWorkload('chat')).meta.name, 'chat');
  assert.ok(isWorkloadModel('rag') && isWorkloadModel('own.yaml') && isWorkloadModel('a/own.json'));
  assert.ok(!isWorkloadModel('trace.parquet') && !isWorkloadModel('a/rag'));
  await assert.rejects(readWorkloadModel('azure-cod'), { code: 'FILE_NOT_FOUND', hint: /azure-code/ });
  await assert.rejects(readWorkloadModel('nothing-like-it'), { hint: /bundled models: agentic-coding, / });
  const before = process.cwd();
  process.chdir(folder);
  try {
    writeFileSync('rag', '{"kind": "workload-model"}');
    await assert.rejects(readWorkloadModel('rag'), { code: 'BAD_MODEL' });
  } finally {
    process.chdir(before);
  }
});
