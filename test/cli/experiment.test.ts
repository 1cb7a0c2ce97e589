// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of experiment files
/** Experiments: checked before they run, recorded as they run, resumable; completion; options from the environment. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CommandSpec } from '../../src/cli/command.js';
import { readExperiment } from '../../src/cli/experiment/file.js';
import type { ExperimentResult } from '../../src/cli/experiment/run.js';
import { substitute } from '../../src/cli/experiment/variables.js';
import { commandLine, wordsOf } from '../../src/cli/experiment/words.js';
import { resolveOptions, variableOf } from '../../src/cli/options.js';
import { COMMANDS } from '../../src/cli/registry.js';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'tokentide-experiment-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function tokentide(args: string[], environment: Record<string, string> = {}) {
  const code = `const { main } = await import(${JSON.stringify(MAIN)}); process.exitCode = await main(process.argv.slice(1));`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code, '--', ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
}

function experiment(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const WORKLOAD = 'rate: 20/s\nduration: 20s\ninput: constant 100\noutput: constant 10\n';

test('variables keep their type alone, are text inside text, and come from the environment', () => {
  const variables = { n: 3, name: 'a' };
  assert.deepEqual(substitute({ x: '${n}', y: ['${name}-${n}', 7], z: '$${n}' }, variables, {}), {
    x: 3,
    y: ['a-3', 7],
    z: '${n}',
  });
  assert.equal(substitute('${env:HOST}:1', {}, { HOST: 'h' }), 'h:1');
  assert.throws(() => substitute('${env:HOST}', {}, {}), /the environment has no HOST/);
  assert.throws(() => substitute('${nmae}', variables, {}), /did you mean name\?/);
});

test('a command line reads back as the same words in a shell', () => {
  const words = ['a b', "it's", 'plain-1.5/s', '$HOME', 'p99(ttft) < 2s', ''];
  const shown = spawnSync('sh', ['-c', `printf '%s\\n' ${commandLine(words)}`], { encoding: 'utf8' }).stdout;
  assert.deepEqual(shown.split('\n').slice(0, -1), words);
});

test('words of a step are those that the option table reads back', async () => {
  const { command } = await COMMANDS.find(({ name }) => name === 'plan')!.load();
  const given = { slo: ['p99(ttft) < 2s', 'p50(tpot) < 50ms'], price: '2.5/h', output: 'plan' };
  assert.equal(
    commandLine(wordsOf(command, ['t.parquet'], given)),
    "plan t.parquet --slo 'p99(ttft) < 2s' --slo 'p50(tpot) < 50ms' --output plan --price 2.5/h",
  );
});

test('every problem of an experiment is named with its step before anything runs', async () => {
  const path = experiment(
    'wrong.yaml',
    `nmae: x
variables: { rate: x2 }
steps:
  - synthesise: { model: a }
  - synthesize: { model: a, output: t.parquet, sed: 1 }
  - synthesize: { output: t.parquet }
  - inspect: { file: '\${rat}' }
  - replay: { trace: t.parquet, url: 'http://127.0.0.1:1', output: run, speed: fast }
  - serve: { engine: tiny-demo }
    background: false
  - run: { experiment: x }
`,
  );
  await assert.rejects(readExperiment(path, { rte: 1 }), (error: Error) => {
    for (const part of [
      "unknown key 'nmae' (did you mean name?)",
      '--set rte: no such variable (did you mean rate?)',
      "step 1: 'synthesise' is no step (did you mean synthesize?)",
      "step 2: synthesize: unknown option 'sed' (did you mean seed?)",
      'step 3: synthesize: model is required',
      "step 4: no variable 'rat' (did you mean rate?)",
      'step 5: --speed: expected a number',
      'step 6: serve never ends by itself',
      "step 7: 'run' is no step",
    ])
      assert.ok(error.message.includes(part), `${part}\n---\n${error.message}`);
    return true;
  });
});

test('steps run in order, relative to the file; the record says how each ended; --resume keeps what is done', () => {
  writeFileSync(join(folder, 'w.yaml'), WORKLOAD);
  const path = experiment(
    'good.yaml',
    `name: two steps
variables: { seed: 7 }
steps:
  - synthesize: { model: w.yaml, output: t.parquet, seed: '\${seed}' }
  - name: look
    inspect: { file: t.parquet }
  - simulate: { trace: t.parquet, engine: no-such-engine }
`,
  );
  const first = tokentide(['run', path]);
  assert.equal(first.status, 3, first.stderr);
  assert.match(first.stderr, /step simulate: engine model not found/);
  const readRecord = () =>
    JSON.parse(readFileSync(join(folder, 'good.result.json'), 'utf8')) as ExperimentResult;
  assert.deepEqual(
    readRecord().steps.map(({ name, outcome, exitStatus }) => [name, outcome, exitStatus]),
    [
      ['synthesize', 'done', 0],
      ['look', 'done', 0],
      ['simulate', 'failed', 3],
    ],
  );
  assert.equal(readRecord().exitStatus, 3);
  const written = statSync(join(folder, 't.parquet')).mtimeMs;

  writeFileSync(path, readFileSync(path, 'utf8').replace('no-such-engine', 'tiny-demo'));
  const second = tokentide(['run', path, '--resume', '--json']);
  assert.equal(second.status, 0, second.stderr);
  assert.equal(statSync(join(folder, 't.parquet')).mtimeMs, written, 'a kept step is not run again');
  const printed = JSON.parse(second.stdout) as ExperimentResult;
  assert.deepEqual(
    printed.steps.map(({ outcome }) => outcome),
    ['kept', 'kept', 'done'],
  );
  assert.equal((printed.steps[2].result as { kind: string }).kind, 'simulation');

  const other = tokentide(['run', path, '--resume', '--set', 'seed=8']);
  assert.equal(other.status, 0, other.stderr);
  assert.equal(readRecord().steps[0].outcome, 'done', 'another seed is another command: it runs again');
});

test('--dry-run prints the command lines and writes nothing', () => {
  const path = experiment('dry.yaml', 'steps:\n  - synthesize: { model: w.yaml, output: never.parquet }\n');
  const result = tokentide(['run', path, '--dry-run']);
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /\[1\/1\] tokentide synthesize w\.yaml --output never\.parquet/);
  assert.equal(existsSync(join(folder, 'never.parquet')), false);
  assert.equal(existsSync(join(folder, 'dry.result.json')), false);
});

test('a server step serves the steps after it and ends with the experiment', () => {
  const path = experiment(
    'served.yaml',
    `steps:
  - serve: { engine: tiny-demo, port: 0, record: served.jsonl }
  - inspect: { file: w.parquet }
`,
  );
  assert.equal(tokentide(['synthesize', join(folder, 'w.yaml'), '-o', join(folder, 'w.parquet')]).status, 0);
  const result = tokentide(['run', path, '--json']);
  assert.equal(result.status, 0, result.stderr);
  const { steps } = JSON.parse(result.stdout) as ExperimentResult;
  assert.deepEqual(
    steps.map(({ outcome, exitStatus }) => [outcome, exitStatus]),
    [
      ['served', 0],
      ['done', 0],
    ],
  );
});

test('init writes an experiment that passes its own check, and replaces nothing unasked', async () => {
  const target = join(folder, 'start');
  assert.equal(tokentide(['init', target]).status, 0);
  const { steps } = await readExperiment(join(target, 'experiment.yaml'));
  assert.deepEqual(
    steps.map(({ spec }) => spec.name),
    ['synthesize', 'inspect', 'serve', 'replay', 'report', 'plan'],
  );
  const again = tokentide(['init', target]);
  assert.equal(again.status, 3);
  assert.match(again.stderr, /exists already/);
  assert.equal(tokentide(['init', target, '--force']).status, 0);
});

test('options come from the environment; flags win over it, it wins over the config file', async () => {
  assert.equal(variableOf('maxReplicas'), 'TOKENTIDE_MAX_REPLICAS');
  const spec: CommandSpec = {
    name: 'x',
    summary: '',
    arguments: [],
    options: [
      { key: 'maxGap', type: 'integer', description: 'n', default: 1 },
      { key: 'on', type: 'boolean', description: 'b' },
    ],
    examples: [],
    run: async () => 0,
  };
  const config = experiment('config.yaml', 'max-gap: 2\n');
  assert.equal((await resolveOptions(spec, { config }))['maxGap'], 2);
  const environment = { TOKENTIDE_MAX_GAP: '3', TOKENTIDE_ON: '1', TOKENTIDE_OTHER: 'x' };
  assert.deepEqual(await resolveOptions(spec, { config }, environment), { config, maxGap: 3, on: true });
  assert.equal((await resolveOptions(spec, { config, maxGap: '4' }, environment))['maxGap'], 4);
  await assert.rejects(
    resolveOptions(spec, {}, { TOKENTIDE_MAX_GAP: 'many' }),
    /TOKENTIDE_MAX_GAP: expected a whole number/,
  );
});

test('bash completes commands, flags and choices', () => {
  const script = tokentide(['completion', 'bash']).stdout;
  const complete = (...words: string[]): string[] => {
    const code = `${script}\nCOMP_WORDS=(${commandLine(words)}); COMP_CWORD=${words.length - 1}; _tokentide; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const result = spawnSync('bash', ['-c', code], { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stderr);
    return result.stdout.split('\n').filter((word) => word !== '');
  };
  assert.deepEqual(complete('tokentide', 'synt'), ['synthesize', 'synth']);
  assert.deepEqual(complete('tokentide', 'plan', '--max-r'), ['--max-replicas']);
  assert.ok(complete('tokentide', 'plan', '--router', 'prefix').includes('prefix-aware'));
  for (const shell of ['zsh', 'fish'])
    assert.match(tokentide(['completion', shell]).stdout, /complete .*tokentide/);
  assert.match(tokentide(['completion', 'bsh']).stderr, /did you mean bash\?/);
});
