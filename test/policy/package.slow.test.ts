/**
 * What the package holds: packed, installed in an empty project, used from the command line, from plain JavaScript and
 * from TypeScript. Dependencies are linked from here, so that no network is needed. And the Dockerfile: its stages copy
 * what exists and what the program needs.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT } from '../../src/manifest.js';

const root = fileURLToPath(PACKAGE_ROOT);
const folder = mkdtempSync(join(tmpdir(), 'tokentide-package-'));
const project = join(folder, 'project');
const installed = join(project, 'node_modules', 'tokentide');
after(() => rmSync(folder, { recursive: true, force: true }));

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}
let packed: Packed;

function run(command: string, args: readonly string[], cwd = project): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

before(() => {
  const text = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], root);
  packed = (JSON.parse(text) as Packed[])[0];
  run('tar', ['xzf', join(folder, packed.filename)], folder);
  mkdirSync(join(project, 'node_modules'), { recursive: true });
  renameSync(join(folder, 'package'), installed);
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  // Only run-time dependencies are there, as after `npm install tokentide`.
  for (const name of [
    ...Object.keys(dependencies),
    '@duckdb/node-bindings-linux-x64',
    '@duckdb/node-bindings-linux-arm64',
  ]) {
    const source = join(root, 'node_modules', name);
    if (!existsSync(source)) continue;
    const target = join(project, 'node_modules', name);
    mkdirSync(join(target, '..'), { recursive: true });
    if (!existsSync(target)) symlinkSync(source, target);
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }\n');
});

test('the package holds code, models, schemas, traces and assets, and neither tests nor sources', () => {
  const paths = packed.files.map(({ path }) => path);
  for (const path of [
    'dist/src/cli/main.js',
    'dist/src/index.d.ts',
    'dist/src/cli/tables.json',
    'bin/tokentide.js',
    'schemas/run.schema.json',
    'models/reference.engine.json',
    'traces/demo-gateway.csv',
    'README.md',
    'LICENSE',
  ])
    assert.ok(paths.includes(path), path);
  assert.deepEqual(
    paths.filter((path) => path.startsWith('dist/test') || /^src\/.*\.ts$/.test(path)),
    [],
  );
});

test('installed: the command works where nothing of the repository is at hand', () => {
  const bin = join(installed, 'bin', 'tokentide.js');
  assert.match(run(process.execPath, [bin, '--version']), /^\d+\.\d+\.\d+/);
  const traces = join(installed, 'traces');
  run(process.execPath, [
    bin,
    'ingest',
    join(traces, 'demo-gateway.csv'),
    '--map',
    join(traces, 'demo-gateway.map.yaml'),
    '-o',
    't.parquet',
  ]);
  assert.match(run(process.execPath, [bin, 'inspect', 't.parquet']), /3 480/);
  const plan = ['plan', 't.parquet', '--engine', 'reference', '--slo', 'p99(ttft) < 2s', '-o', 'plan'];
  assert.match(run(process.execPath, [bin, ...plan]), /REPLICA/);
  assert.ok(existsSync(join(project, 'plan', 'report.html')));
});

test('installed: the library works from plain JavaScript', () => {
  const code = `import { readTraceRows, parseSlo, bundledEngines } from 'tokentide';
const rows = await readTraceRows('t.parquet');
console.log(rows.length, parseSlo('p99(ttft) < 1s').text, bundledEngines().length > 0);\n`;
  writeFileSync(join(project, 'use.mjs'), code);
  assert.equal(run(process.execPath, ['use.mjs']).trim(), '3480 p99(ttft) < 1s true');
});

test('installed: the types are found from TypeScript', () => {
  const code = `import { type CapacityPlan, type IngestOptions, ingest, planCapacity } from 'tokentide';
const options: IngestOptions = { inputs: ['a.csv'], output: 'a.parquet' };
export const use = async (): Promise<CapacityPlan> => {
  await ingest(options);
  return planCapacity({ workload: 'a.parquet', output: 'plan', engine: 'reference', slo: ['p99(ttft) < 1s'], seed: '1' });
};\n`;
  writeFileSync(join(project, 'use.ts'), code);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [
    tsc,
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--typeRoots',
    join(root, 'node_modules', '@types'),
    '--types',
    'node',
    'use.ts',
  ]);
});

test('Dockerfile: copies what exists, runs as a user without rights, carries all that the package does', () => {
  const text = readFileSync(join(root, 'Dockerfile'), 'utf8');
  const stages = text.split(/^FROM /m).slice(1);
  assert.equal(stages.length, 2);
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8');
  for (const [, words] of text.matchAll(/^COPY (?!--from)(.+)$/gm)) {
    for (const word of words.split(' ').slice(0, -1)) {
      assert.ok(existsSync(join(root, word)), word);
      assert.ok(ignored.split('\n').includes(`!${word}`), `${word} is not in the build context`);
    }
  }
  assert.match(stages[1], /^USER node$/m);
  for (const part of ['dist/src', 'models', 'schemas', 'traces', 'bin', 'node_modules'])
    assert.match(stages[1], new RegExp(`^COPY .*\\b${part}\\b`, 'm'), part);
});
