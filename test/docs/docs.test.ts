/** The documentation: inline commands parse, links lead somewhere, and the reader of sessions is itself right. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { COMMON_OPTIONS, flagOf } from '../../src/cli/command.js';
import { COMMANDS, tableOf } from '../../src/cli/registry.js';
import { PACKAGE_ROOT } from '../../src/manifest.js';
import { inlineCommands, missingLine, shownCommands } from './console.js';

const PAGES = [
  'README.md',
  ...readdirSync(new URL('src/docs/', PACKAGE_ROOT)).map((name) => `src/docs/${name}`),
];
const textOf = (page: string): string => readFileSync(new URL(page, PACKAGE_ROOT), 'utf8');

test('a session is read as commands with what they print', () => {
  const shown = shownCommands(
    'x\n```console\n$ a b \\\n  c\none\n…\n$ d & \n$ e # exit 5\n```\n```sh\n$ not this\n```\n'.replace(
      '& ',
      '&',
    ),
  );
  assert.deepEqual(
    shown.map(({ text, background, exitStatus, output }) => [text, background, exitStatus, output]),
    [
      ['a b c', false, 0, ['one', '…']],
      ['d', true, 0, []],
      ['e', false, 5, []],
    ],
  );
  assert.equal(missingLine(['rows  12', '…', 'p99 … ms'], 'x\nrows 12\nmore\np99 12.5 ms\n'), null);
  assert.equal(missingLine(['b', 'a'], 'a\nb\n'), 'a');
});

for (const page of PAGES) {
  test(`${page}: inline commands name commands and flags that exist`, async () => {
    for (const text of [
      ...inlineCommands(textOf(page)),
      ...shownCommands(textOf(page)).map(({ text }) => text),
    ]) {
      const [program, word, ...rest] = text.split(/\s+/);
      if (program !== 'tokentide' || word === undefined || word.startsWith('-') || word.startsWith('<'))
        continue;
      const entry = COMMANDS.find(({ name, aliases }) => name === word || aliases.includes(word));
      assert.ok(entry, text);
      const table = await tableOf(entry);
      const flags = [...table.options, ...COMMON_OPTIONS].flatMap((option) =>
        option.short ? [flagOf(option.key), `-${option.short}`] : [flagOf(option.key)],
      );
      for (const flag of rest.filter((part) => /^--?[a-z]/.test(part)))
        assert.ok([...flags, '--help'].includes(flag.replace(/=.*/, '')), `${flag} in: ${text}`);
    }
  });

  test(`${page}: links to files lead to files`, () => {
    const here = new URL(page, PACKAGE_ROOT);
    for (const [, target] of textOf(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g))
      assert.ok(existsSync(new URL(target, here)), target);
  });
}
