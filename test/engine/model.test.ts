import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bundledEngines, parseEngineModel, readEngineModel } from '../../src/engine/model.js';
import { type ErrorCode, ToolError } from '../../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'tokentide-engine-'));
after(() => rmSync(folder, { recursive: true }));

const is =
  (code: ErrorCode, ...parts: RegExp[]) =>
  (error: unknown) => {
    assert.ok(error instanceof ToolError && error.code === code, String(error));
    for (const part of parts) assert.match(`${error.message} ${error.hint}`, part);
    return true;
  };

test('every bundled model is valid, carries its own name and says where its numbers come from', async () => {
  const names = bundledEngines();
  assert.ok(names.length >= 4);
  for (const name of names) {
    const model = await readEngineModel(name);
    assert.equal(model.name, name);
    assert.ok(model.source.length > 80);
    if (model.calibration === null && name.endsWith('published'))
      assert.match(model.source, /NOT calibrated/);
  }
});

test('a path is read, neutral values are filled in', async () => {
  const path = join(folder, 'mine.engine.json');
  const step = { baseSec: 0.01, perPrefillTokenSec: 0, perDecodeSeqSec: 0, perKvTokenSec: 0 };
  const limits = { maxBatchedTokens: 100, maxSeqs: 4, kvBlocks: 10, blockSize: 16, maxModelLen: 160 };
  writeFileSync(
    path,
    JSON.stringify({ schemaVersion: 1, kind: 'engine-model', name: 'mine', source: 'me', step, limits }),
  );
  const model = await readEngineModel(path);
  assert.deepEqual(
    [model.step.noiseCv, model.kvAdmission, model.prefixCaching, model.coldStartSec, model.calibration],
    [0, 'watermark', true, 0, null],
  );
});

test('an unknown name is refused with the nearest bundled one', async () => {
  await assert.rejects(
    readEngineModel('tiny-dmo'),
    is('FILE_NOT_FOUND', /tiny-dmo/, /did you mean tiny-demo/),
  );
  await assert.rejects(readEngineModel('nowhere/x.json'), is('FILE_NOT_FOUND'));
});

test('every problem of a file is named at once, unknown keys with the nearest', async () => {
  const good = await readEngineModel('tiny-demo');
  const { perDecodeSeqSec: _, ...step } = good.step;
  const bad = {
    ...good,
    step: { ...step, baseSec: -1, perDecodeSec: 1 },
    limits: { ...good.limits, maxSeqs: 1.5 },
    kvAdmission: 'waterline',
  };
  assert.throws(
    () => parseEngineModel(bad, 'bad.json'),
    is(
      'BAD_ENGINE',
      /bad\.json/,
      /unknown key 'perDecodeSec' \(did you mean perDecodeSeqSec\?\)/,
      /step\.perDecodeSeqSec: expected a number from 0, got nothing/,
      /step\.baseSec: expected a number from 0, got -1/,
      /limits\.maxSeqs: expected a whole number from 1, got 1\.5/,
      /kvAdmission/,
    ),
  );
  assert.throws(
    () => parseEngineModel({ ...good, step: { ...good.step, baseSec: 0, perPrefillTokenSec: 0 } }, 'free'),
    is('BAD_ENGINE', /must take time/),
  );
  const path = join(folder, 'other.json');
  writeFileSync(path, '{"schemaVersion":1,"kind":"run"}');
  await assert.rejects(readEngineModel(path), is('BAD_ENGINE', /kind is "run"/));
});
