/**
 * Replay against a real Triton server (the one inside `nvidia-pytriton`), on models with the inputs and outputs of the
 * TensorRT-LLM ensemble and of the vLLM backend: generate, generate_stream and v2 infer. Counts, finish reasons and the
 * parameters that arrived are those of the model's own log. Skips with the reason when it is not installed.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { emptyRow } from '../../src/trace/batch.js';
import type { RunRecord } from '../../src/types.js';
import { freePort } from '../replay/processes.js';
import {
  assertAllOk,
  distinctRows,
  findEngine,
  MODELS,
  replayed,
  type Started,
  scratchFolder,
  startEngine,
} from './engines.js';

const found = sitePackages();
const skip =
  found === null &&
  'no Triton server: python3 -m venv .venv/engines/triton && .venv/engines/triton/bin/pip install --no-deps nvidia-pytriton "numpy<2"';

interface Installed {
  readonly home: string;
  readonly packages: string;
  readonly version: string;
}

function sitePackages(): Installed | null {
  const home = findEngine('triton', 'bin/python');
  if (home === null) return null;
  for (const name of readdirSync(join(home, 'lib'))) {
    const packages = join(home, 'lib', name, 'site-packages');
    if (existsSync(join(packages, 'pytriton/tritonserver/bin/tritonserver')))
      return { home, packages, version: name.replace('python', '') };
  }
  return null;
}

const REQUESTS = 24;

type Input = readonly [name: string, type: string, optional: boolean];
const flag = (name: string): Input => [name, 'BOOL', true];
const TRTLLM: readonly Input[] = [
  ['text_input', 'STRING', false],
  ['max_tokens', 'INT32', false],
  ['min_tokens', 'INT32', true],
  flag('stream'),
  flag('exclude_input_in_output'),
  flag('return_num_input_tokens'),
  flag('return_num_output_tokens'),
];
const VLLM: readonly Input[] = [
  ['text_input', 'STRING', false],
  ['sampling_parameters', 'STRING', true],
  flag('stream'),
  flag('exclude_input_in_output'),
  flag('return_finish_reason'),
  flag('return_num_input_tokens'),
  flag('return_num_output_tokens'),
];
/** Before the counts and under the old name for the least length. */
const OLD_TRTLLM = TRTLLM.filter(([name]) => !/^return|^min|^exclude/.test(name));

interface ModelConfig {
  readonly inputs: readonly Input[];
  readonly style: 'trtllm' | 'vllm';
  readonly decoupled: boolean;
  /** 0 = inputs have no batch dimension. */
  readonly batch: number;
}

const CONFIGS: Readonly<Record<string, ModelConfig>> = {
  ensemble: { inputs: TRTLLM, style: 'trtllm', decoupled: true, batch: 64 },
  old: { inputs: OLD_TRTLLM, style: 'trtllm', decoupled: true, batch: 64 },
  vllm: { inputs: VLLM, style: 'vllm', decoupled: true, batch: 0 },
  infer: { inputs: TRTLLM, style: 'trtllm', decoupled: false, batch: 0 },
  batched: { inputs: OLD_TRTLLM, style: 'trtllm', decoupled: false, batch: 8 },
};

function writeModel(repository: string, name: string, config: ModelConfig): void {
  const folder = join(repository, name);
  mkdirSync(join(folder, '1'), { recursive: true });
  copyFileSync(join(MODELS, 'triton-llm.py'), join(folder, '1', 'model.py'));
  const inputs = config.inputs.map(
    ([input, type, optional]) =>
      `{ name: "${input}" data_type: TYPE_${type} dims: [ 1 ] optional: ${optional} }`,
  );
  const outputs = [
    ['text_output', 'STRING'],
    ['finish_reason', 'STRING'],
    ['num_input_tokens', 'UINT32'],
    ['num_output_tokens', 'UINT32'],
  ].map(([output, type]) => `{ name: "${output}" data_type: TYPE_${type} dims: [ -1 ] }`);
  const parameters = Object.entries({
    LOG_FILE: join(repository, `${name}.log`),
    STYLE: config.style,
    DECOUPLED: config.decoupled ? 'yes' : 'no',
  }).map(([key, value]) => `parameters { key: "${key}" value: { string_value: ${JSON.stringify(value)} } }`);
  writeFileSync(
    join(folder, 'config.pbtxt'),
    [
      'backend: "python"',
      `max_batch_size: ${config.batch}`,
      `input [ ${inputs.join(', ')} ]`,
      `output [ ${outputs.join(', ')} ]`,
      ...parameters,
      `model_transaction_policy { decoupled: ${config.decoupled} }`,
      'instance_group [ { count: 1 kind: KIND_CPU } ]',
    ].join('\n'),
  );
}

/** A request as the model saw it. */
interface Logged {
  readonly input: number;
  readonly output: number;
  readonly most: number;
  readonly finish: string;
  readonly cancelled: boolean;
  readonly parameters: Readonly<Record<string, unknown>>;
}

const scratch = found === null ? null : scratchFolder('triton');
let url = '';
let server: Started;
before(async () => {
  if (found === null || scratch === null) return;
  const repository = join(scratch.path, 'models');
  for (const [name, config] of Object.entries(CONFIGS)) writeModel(repository, name, config);
  const own = join(found.packages, 'pytriton/tritonserver');
  const backend = join(scratch.path, 'backends/python');
  mkdirSync(backend, { recursive: true });
  const stub = join(own, 'python_backend_stubs', found.version);
  for (const folder of [join(own, 'backends/python'), stub]) cpSync(folder, backend, { recursive: true });
  chmodSync(join(backend, 'triton_python_backend_stub'), 0o755);
  const port = await freePort();
  const python = realPrefix(found.home);
  url = `http://127.0.0.1:${port}`;
  server = await startEngine({
    command: join(own, 'bin/tritonserver'),
    words: [
      `--model-repository=${repository}`,
      `--backend-directory=${join(scratch.path, 'backends')}`,
      '--http-address=127.0.0.1',
      `--http-port=${port}`,
      '--allow-grpc=false',
      '--allow-metrics=false',
      '--exit-timeout-secs=3',
      '--disable-auto-complete-config',
    ],
    env: {
      // The model's process takes its packages from the first Python on the path.
      PATH: [join(found.home, 'bin'), process.env['PATH'] ?? ''].join(':'),
      LD_LIBRARY_PATH: [join(found.packages, 'nvidia_pytriton.libs'), join(python, 'lib')].join(':'),
    },
    folder: scratch.path,
    readyUrl: `${url}/v2/health/ready`,
    limitSec: 60,
  });
});
after(async () => {
  await server?.stop();
  scratch?.remove();
});

/** Where the environment's Python comes from: its library is there. */
function realPrefix(home: string): string {
  const settings = readFileSync(join(home, 'pyvenv.cfg'), 'utf8');
  return join(/^home\s*=\s*(.*)$/m.exec(settings)![1].trim(), '..');
}

function logOf(model: string): Logged[] {
  const path = join(scratch!.path, 'models', `${model}.log`);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Logged);
}

const CASES = [
  ['triton-trtllm', 'ensemble', 'always', 'usage', null],
  ['triton-trtllm', 'ensemble', 'never', 'usage', null],
  ['triton-vllm', 'vllm', 'always', 'usage', 'length'],
  ['triton-vllm', 'vllm', 'never', 'usage', 'length'],
  ['kserve-v2', 'infer', 'never', 'tokenizer', 'stop'],
] as const;

for (const [protocol, model, stream, source, finish] of CASES) {
  test(`${protocol}, stream ${stream}: counts and endings are the model's own`, { skip }, async () => {
    const rows = distinctRows(`${protocol}-${stream}`, REQUESTS, 30);
    const known = logOf(model).length;
    const { records } = await replayed(join(scratch!.path, `${protocol}-${stream}`), rows, {
      url,
      protocol,
      model,
      stream,
    });
    assertAllOk(records, REQUESTS);
    const logged = logOf(model).slice(known);
    assert.equal(logged.length, REQUESTS);
    const byInput = new Map(logged.map((one) => [one.input, one]));
    assert.equal(byInput.size, REQUESTS);
    for (const record of records) {
      const seen = byInput.get(record.inputTokensAsked!);
      assert.ok(seen !== undefined, `the model saw a prompt of ${record.inputTokensAsked} tokens`);
      assert.equal(record.outputTokens, seen.output);
      assert.equal(record.outputTokensSource, source);
      assert.equal(record.maxOutputTokens, seen.most);
      // The model would end after five tokens by itself.
      assert.equal(record.outputTokens, record.maxOutputTokens);
      assert.equal(record.finishReason, finish);
      if (source === 'usage') assert.equal(record.inputTokens, seen.input);
      if (stream === 'always') assert.equal(record.chunks, seen.output);
    }
  });
}

test('an older ensemble: names that are no inputs become parameters that do no harm', { skip }, async () => {
  const rows = distinctRows('old', 6, 30);
  const { records } = await replayed(join(scratch!.path, 'old'), rows, {
    url,
    protocol: 'triton-trtllm',
    model: 'old',
    stream: 'always',
  });
  assertAllOk(records, 6);
  for (const one of logOf('old')) {
    assert.equal(one.parameters['min_length'], one.most);
    assert.equal(one.parameters['exclude_input_in_output'], true);
  }
});

test('strict inputs: the trial request finds shape and names that the model takes', { skip }, async () => {
  const rows = distinctRows('batched', 4, 30);
  const { records, summary } = await replayed(join(scratch!.path, 'batched'), rows, {
    url,
    protocol: 'kserve-v2',
    model: 'batched',
    stream: 'never',
    trial: true,
  });
  assertAllOk(records, 4);
  const notes = summary.notes.join('\n');
  assert.match(notes, /refuses shape/);
  assert.match(notes, /refuses min_tokens/);
  for (const record of records) assert.ok(record.outputTokens! > 0);
});

test('refusals and disconnects: an unknown model, an input of another type, a client that leaves', {
  skip,
}, async () => {
  const run = async (name: string, more: object): Promise<readonly RunRecord[]> => {
    const rows = [emptyRow({ arrivalNs: 0n, inputTokens: 9, outputTokens: 4, operation: 'chat' })];
    return (
      await replayed(join(scratch!.path, name), rows, {
        url,
        protocol: 'triton-trtllm',
        stream: 'always',
        ...more,
      })
    ).records;
  };
  const [missing] = await run('missing', { model: 'nobody' });
  assert.deepEqual([missing.status, missing.httpStatus], ['http_error', 404]);
  assert.match(missing.error!, /unknown model: 'nobody'/);
  // Refused at the stream's start: a status beside the content type of a stream.
  const [mistyped] = await run('mistyped', { model: 'ensemble', extraBody: { max_tokens: 'many' } });
  assert.deepEqual([mistyped.status, mistyped.httpStatus], ['http_error', 500]);
  assert.match(mistyped.error!, /Unable to parse 'data'/);
  const known = logOf('ensemble').length;
  const rows = [emptyRow({ arrivalNs: 0n, inputTokens: 11, outputTokens: 4_000, operation: 'chat' })];
  const { records } = await replayed(join(scratch!.path, 'left'), rows, {
    url,
    protocol: 'triton-trtllm',
    model: 'ensemble',
    stream: 'always',
    timeoutTotalSec: 0.7,
  });
  assert.equal(records[0].status, 'timeout_total');
  assert.ok(records[0].chunks > 0);
  for (let wait = 0; logOf('ensemble').length === known && wait < 200; wait++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const [left] = logOf('ensemble').slice(known);
  assert.equal(left.cancelled, true, 'Triton tells the model that its client went away');
  assert.ok(left.output >= records[0].chunks);
});
