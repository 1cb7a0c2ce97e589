/** The house rules that a machine can check: imports point one way, files stay short, names are whole words. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));

/** Layer of each file or folder directly under src/; imports may point to a lower layer or inside the own folder. */
const LAYERS: Readonly<Record<string, number>> = {
  types: 0,
  'types.ts': 0,
  'units.ts': 0,
  'errors.ts': 0,
  'random.ts': 0,
  'manifest.ts': 0,
  'clock.ts': 0,
  'metrics.ts': 0,
  'slo.ts': 0,
  kernels: 0,
  stats: 1,
  trace: 1,
  engine: 1,
  tokens: 1,
  ingest: 2,
  inspect: 2,
  fit: 2,
  synthesize: 2,
  compare: 2,
  convert: 2,
  replay: 2,
  profile: 2,
  calibrate: 2,
  serve: 2,
  simulate: 2,
  interop: 2,
  plan: 2,
  report: 3,
  'verbs.ts': 4,
  demo: 4,
  'index.ts': 5,
  cli: 5,
};

function sourceFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.split('\\').join('/'));
}

test('imports point from stages to base to ground, and stages never import each other', () => {
  const faults: string[] = [];
  for (const file of sourceFiles()) {
    const own = file.split('/')[0];
    const layer = LAYERS[own];
    if (layer === undefined) {
      faults.push(`${file}: '${own}' has no layer in this test`);
      continue;
    }
    const text = readFileSync(join(SRC, file), 'utf8');
    for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
      const target = relative(SRC, join(SRC, file, '..', match[1]))
        .split('\\')
        .join('/')
        .replace(/\.js$/, '.ts');
      const head = target.split('/')[0];
      if (head === own || head.startsWith('..')) continue;
      const targetLayer = LAYERS[head];
      if (targetLayer === undefined) faults.push(`${file} imports ${target}, which has no layer`);
      else if (targetLayer > layer || (targetLayer === layer && layer >= 2 && layer < 5)) {
        faults.push(`${file} imports ${target}: not below its own layer`);
      }
    }
  }
  assert.deepEqual(faults, []);
});

test('no source file is longer than 400 lines, and none is a drawer of leftovers', () => {
  const faults = sourceFiles().filter((file) => {
    const lines = readFileSync(join(SRC, file), 'utf8').split('\n').length - 1;
    return (
      lines > 400 || /(^|\/)(utils|helpers|common|manager)\.ts$/.test(file.replace('types/common.ts', ''))
    );
  });
  assert.deepEqual(faults, []);
});
