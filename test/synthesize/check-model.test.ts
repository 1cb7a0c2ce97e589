/** Wrong models are refused before the first row, with the key and, for misspellings, the nearest right one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ToolError } from '../../src/errors.js';
import { checkWorkloadModel, readWorkloadModel } from '../../src/synthesize/check-model.js';
import { synthesizeTrace } from '../../src/synthesize/synthesize.js';
import type { WorkloadModel } from '../../src/types.js';
import { familyLengths, gapModel, ON_OFF, workloadClass, workloadModel } from './models.js';

function refusal(model: unknown): string {
  try {
    checkWorkloadModel(model);
  } catch (error) {
    assert.ok(error instanceof ToolError);
    assert.equal(error.code, 'BAD_MODEL');
    return error.message;
  }
  throw new Error('nothing was refused');
}

/** A model in the making: what tests break on purpose. */
// biome-ignore lint/suspicious/noExplicitAny: wrong types are what these tests are about
type Draft = any;

/** A right model with one place changed. */
function changed(change: (model: Draft) => void): unknown {
  const model = structuredClone(workloadModel([workloadClass()])) as unknown;
  change(model);
  return model;
}

const family = (parts: object): object => ({
  family: 'gamma',
  params: { a: 1, scale: 5 },
  min: null,
  max: null,
  ...parts,
});

const CASES: readonly [string, (model: Draft) => void, RegExp][] = [
  [
    'negative rate',
    (m) => (m.classes[0].arrivals.rate.ratePerSec = [3, -1]),
    /classes\[0\]\.arrivals\.rate\.ratePerSec\[1\] must be a number from 0, it is -1/,
  ],
  ['NaN rate', (m) => (m.classes[0].arrivals.rate.ratePerSec = [Number.NaN]), /ratePerSec\[0\].*NaN/],
  [
    'infinite rate',
    (m) => (m.classes[0].arrivals.rate.ratePerSec = [Number.POSITIVE_INFINITY]),
    /ratePerSec\[0\]/,
  ],
  ['no rate at all', (m) => (m.classes[0].arrivals.rate.ratePerSec = [0, 0]), /rate above zero somewhere/],
  [
    'empty curve',
    (m) => (m.classes[0].arrivals.rate.ratePerSec = []),
    /ratePerSec must be a list of at least 1/,
  ],
  [
    'unknown family',
    (m) => (m.classes[0].arrivals.gaps.family = 'gama'),
    /gaps\.family must be .*"gama" \(did you mean gamma\?\)/,
  ],
  ['missing parameter', (m) => (m.classes[0].arrivals.gaps.params = {}), /gaps\.params\.scale is missing/],
  [
    'negative parameter',
    (m) => (m.classes[0].arrivals.gaps.params = { scale: -1 }),
    /gaps\.params\.scale must be a number above 0/,
  ],
  [
    'gaps that change the rate',
    (m) => (m.classes[0].arrivals.gaps.params = { scale: 2 }),
    /must have mean gap 1, it has 2/,
  ],
  [
    'misspelt key',
    (m) => (m.classes[0].arrivals.rte = {}),
    /unknown key classes\[0\]\.arrivals\.rte \(did you mean rate\?\)/,
  ],
  ['missing key', (m) => delete m.durationSec, /durationSec is missing/],
  ['negative duration', (m) => (m.durationSec = -5), /durationSec must be a number above 0, it is -5/],
  ['no classes', (m) => (m.classes = []), /classes must be a list of at least 1/],
  ['two classes of one name', (m) => m.classes.push(structuredClone(m.classes[0])), /'all' occurs twice/],
  [
    'unknown kind of lengths',
    (m) => (m.classes[0].lengths = { kind: 'pair' }),
    /lengths\.kind must be .*did you mean pairs/,
  ],
  [
    'correlation above 1',
    (m) => (m.classes[0].lengths.copulaRho = 1.5),
    /copulaRho must be a number from -1 up to 1, it is 1\.5/,
  ],
  [
    'bounds the wrong way round',
    (m) => (m.classes[0].lengths.input = family({ min: 9, max: 3 })),
    /lengths\.input\.min must not be above \.max/,
  ],
  [
    'bounds without probability',
    (m) => (m.classes[0].lengths.input = family({ min: 100_000 })),
    /no probability between min and max/,
  ],
  [
    'fractional bound',
    (m) => (m.classes[0].lengths.input = family({ min: 1.5 })),
    /input\.min must be a whole number/,
  ],
  [
    'parameter of another family',
    (m) => (m.classes[0].lengths.input = family({ params: { s: 1, scale: 5 } })),
    /unknown key .*params\.s.*\n.*params\.a is missing/,
  ],
  ['not a model', (m) => (m.kind = 'trace'), /kind must be workload-model, it is "trace"/],
];

for (const [title, change, message] of CASES) {
  test(`refused: ${title}`, () => {
    assert.match(refusal(changed(change)), message);
  });
}

test('quantile tables: falling probabilities, unequal lists, too many atoms, emptiness', () => {
  const withTable = (table: object): unknown =>
    changed((m) => {
      m.classes[0].lengths = {
        kind: 'pairs',
        input: { n: 10, atoms: [], probs: [0, 1], values: [1, 2], ...table },
        outputGivenInput: [
          { inputFrom: 0, inputTo: 9, output: { n: 1, atoms: [[1, 1]], probs: [], values: [] } },
        ],
        spearman: null,
        inputFits: [],
        outputFits: [],
      };
    });
  checkWorkloadModel(withTable({}));
  assert.match(
    refusal(withTable({ probs: [0, 0.6, 0.5, 1], values: [1, 2, 3, 4] })),
    /input\.probs must rise/,
  );
  assert.match(refusal(withTable({ values: [1, 2, 3] })), /must be equally long/);
  assert.match(refusal(withTable({ values: [5, 2] })), /values must not fall/);
  assert.match(refusal(withTable({ probs: [0.1, 1] })), /must run from 0 to 1/);
  assert.match(refusal(withTable({ atoms: [[1, 11]] })), /count 11 rows of 10/);
  assert.match(refusal(withTable({ probs: [], values: [] })), /neither atoms nor probs/);
  assert.match(refusal(withTable({ values: [-1, 2] })), /values\[0\] must be a number from 0/);
});

test('load states: shares that do not sum to one, states without a row, silent states', () => {
  const withBursts = (bursts: object): unknown =>
    changed((m) => {
      m.classes[0].arrivals.bursts = { ...ON_OFF, ...bursts };
    });
  checkWorkloadModel(withBursts({}));
  assert.match(
    refusal(
      withBursts({
        transition: [
          [0.9, 0.2],
          [0.5, 0.5],
        ],
      }),
    ),
    /bursts\.transition\[0\] must sum to 1, it sums to 1\.1/,
  );
  assert.match(refusal(withBursts({ transition: [[1]] })), /one row and one column per state/);
  assert.match(refusal(withBursts({ mean: [0, 1] })), /mean\[0\] must be a number above 0/);
  assert.match(refusal(withBursts({ size: [null] })), /one entry per state/);
});

test('all problems come at once, and nothing is drawn', () => {
  const model = changed((m) => {
    m.durationSec = 0;
    m.classes[0].arrivals.gaps = gapModel('gamma', { a: -1, scale: 1 });
    m.classes[0].lengths = familyLengths(undefined, undefined, 2);
  });
  const message = refusal(model);
  assert.match(message, /durationSec/);
  assert.match(message, /copulaRho/);
  assert.match(message, /params\.a/);
  assert.throws(() => synthesizeTrace({ model: model as WorkloadModel, seed: 1 }), { code: 'BAD_MODEL' });
});

test('a model file that is missing, empty, not JSON or another kind is refused by name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-model-'));
  try {
    const write = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    await assert.rejects(readWorkloadModel(join(folder, 'none.json')), { code: 'FILE_NOT_FOUND' });
    await assert.rejects(readWorkloadModel(write('empty.json', '')), { code: 'FILE_EMPTY' });
    await assert.rejects(readWorkloadModel(write('broken.json', '{')), { code: 'BAD_MODEL' });
    await assert.rejects(readWorkloadModel(write('other.json', '{"kind":"run"}')), { code: 'BAD_MODEL' });
    const right = write('right.json', JSON.stringify(workloadModel([workloadClass()])));
    assert.equal((await readWorkloadModel(right)).name, 'test');
    await assert.rejects(
      readWorkloadModel(write('wrong.json', JSON.stringify(changed((m) => (m.by = 'clients'))))),
      /wrong\.json: by must be/,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
