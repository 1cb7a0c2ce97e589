/** The command frame: one clear line, a hint and the right status for every kind of wrong call. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CommandSpec } from '../../src/cli/command.js';
import { resolveOptions } from '../../src/cli/options.js';
import { COMMANDS, TABLES_FILE, tableOf } from '../../src/cli/registry.js';
import { nearestWord, ToolError } from '../../src/errors.js';
import { toolVersion } from '../../src/manifest.js';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).href;

function tokentide(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const code = `const { main } = await import(${JSON.stringify(MAIN)}); process.exitCode = await main(process.argv.slice(2));`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', code, '--', 'tokentide', ...args], {
    encoding: 'utf8',
  });
}

test('no command: overview and status 2; --help: the same and status 0', () => {
  const bare = tokentide();
  assert.equal(bare.status, 2);
  const help = tokentide('--help');
  assert.equal(help.status, 0);
  assert.equal(help.stdout, bare.stdout);
  for (const entry of COMMANDS)
    assert.match(help.stdout, new RegExp(`^ {2}${entry.name} +${entry.summary.slice(0, 10)}`, 'm'));
});

test('--version prints the version of package.json', () => {
  assert.equal(tokentide('--version').stdout.trim(), toolVersion());
});

test('a mistyped command names the nearest one', () => {
  const result = tokentide('ingset');
  assert.equal(result.status, 2);
  assert.match(result.stderr, /unknown command 'ingset'/);
  assert.match(result.stderr, /did you mean `tokentide ingest`/);
});

for (const entry of COMMANDS) {
  test(`${entry.name}: --help lists options and two examples; an unknown flag is refused with status 2`, async () => {
    const { command } = await entry.load();
    assert.equal(command.name, entry.name);
    assert.ok(command.examples.length >= 2, 'two examples');
    const help = tokentide(entry.name, '--help');
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`Usage: tokentide ${entry.name}`));
    for (const example of command.examples) assert.ok(help.stdout.includes(example), example);
    const wrong = tokentide(entry.name, '--no-such-flag-here');
    assert.equal(wrong.status, 2, wrong.stderr);
    assert.match(wrong.stderr, /unknown option '--no-such-flag-here'/);
    assert.match(wrong.stderr, /hint: /);
  });
}

test('the tables that the build wrote are those of the commands', async (t) => {
  if (!existsSync(TABLES_FILE)) return t.skip('built without the last step: `npm run build` writes them');
  for (const entry of COMMANDS) {
    const { run: _, ...table } = (await entry.load()).command;
    assert.deepEqual(await tableOf(entry), JSON.parse(JSON.stringify(table)), entry.name);
  }
});

test('a flag that begins with no- is a flag of its own, off unless given', () => {
  const help = tokentide('replay', '--help').stdout;
  assert.match(help, /--no-ignore-eos +\S/);
  const noUrl = tokentide('replay', 'x.parquet', '--no-stream', '--no-trial');
  assert.equal(noUrl.status, 2);
  assert.match(noUrl.stderr, /--url is required/);
});

test('output that nobody reads to the end is no failure', () => {
  const code = `const { main } = await import(${JSON.stringify(MAIN)}); process.exitCode = await main([process.argv[2]]);`;
  const script = `${JSON.stringify(process.execPath)} --input-type=module -e '${code}' -- tokentide --help | true; echo "\${PIPESTATUS[0]}"`;
  const result = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(result.stdout.trim(), '0', result.stderr);
});

test('with --json an error is also one JSON document on stdout', () => {
  const result = tokentide('nonsense', '--json');
  const document = JSON.parse(result.stdout) as { kind: string; exitCode: number; hint: string };
  assert.equal(document.kind, 'error');
  assert.equal(document.exitCode, 2);
  assert.ok(document.hint.length > 0);
});

const SPEC: CommandSpec = {
  name: 'probe',
  summary: '',
  arguments: [],
  options: [
    { key: 'maxGap', type: 'duration', description: 'longest gap' },
    { key: 'requests', type: 'integer', description: 'how many', required: true },
    { key: 'router', type: 'string', description: 'which', choices: ['round-robin', 'least-requests'] },
    { key: 'slo', type: 'strings', description: 'objectives' },
    { key: 'spin', type: 'boolean', description: 'spin', default: true },
  ],
  examples: [],
  run: async () => 0,
};

test('options: values are converted, defaults filled, and all problems reported at once', async () => {
  assert.deepEqual(await resolveOptions(SPEC, { maxGap: '20s', requests: '5', slo: ['a', 'b'] }), {
    maxGap: 20,
    requests: 5,
    slo: ['a', 'b'],
    spin: true,
  });
  await assert.rejects(
    resolveOptions(SPEC, { maxGap: 'soon', requests: '1.5', router: 'least-request' }),
    (error) => {
      assert.ok(error instanceof ToolError);
      assert.equal(error.exitCode, 2);
      assert.match(error.message, /--max-gap: expected a duration/);
      assert.match(error.message, /--requests: expected a whole number/);
      assert.match(error.message, /did you mean least-requests/);
      return true;
    },
  );
  await assert.rejects(resolveOptions(SPEC, {}), /--requests is required/);
});

test('config file: same keys as flags, flags win, unknown keys name the nearest', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokentide-config-'));
  const good = join(folder, 'good.yaml');
  writeFileSync(good, 'max-gap: 5s\nrequests: 7\nslo: [x]\n');
  assert.deepEqual(await resolveOptions(SPEC, { config: good, requests: '9' }), {
    config: good,
    maxGap: 5,
    requests: 9,
    slo: ['x'],
    spin: true,
  });
  const wrong = join(folder, 'wrong.yaml');
  writeFileSync(wrong, 'request: 7\n');
  await assert.rejects(
    resolveOptions(SPEC, { config: wrong, requests: '1' }),
    /unknown key 'request'.*did you mean requests/,
  );
  await assert.rejects(resolveOptions(SPEC, { config: join(folder, 'none.yaml') }), /config file not found/);
});

test('the nearest word is found over a swap, and nothing is guessed for a far one', () => {
  assert.equal(nearestWord('ContextTokns', ['TIMESTAMP', 'ContextTokens']), 'ContextTokens');
  assert.equal(nearestWord('reqeusts', ['requests', 'seed']), 'requests');
  assert.equal(nearestWord('zzzz', ['requests', 'seed']), null);
});
