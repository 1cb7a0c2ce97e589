/** `tokentide completion`: the script that completes commands, flags and choices in a shell. */
import { EXIT, nearestWord, ToolError } from '../../errors.js';
import type { CommandSpec } from '../command.js';
import { completionScript, SHELLS } from '../completion.js';
import { COMMANDS, tableOf } from '../registry.js';

export const command: CommandSpec = {
  name: 'completion',
  summary: 'script that completes commands and flags in your shell',
  arguments: [{ name: 'shell', description: SHELLS.join(', '), required: true }],
  options: [],
  examples: [
    'tokentide completion bash > ~/.local/share/bash-completion/completions/tokentide',
    'tokentide completion fish > ~/.config/fish/completions/tokentide.fish',
  ],
  async run({ args, io }) {
    const shell = SHELLS.find((name) => name === args[0]);
    if (shell === undefined) throw unknownShell(args[0]);
    const commands = await Promise.all(
      COMMANDS.map(async (entry) => ({ spec: await tableOf(entry), aliases: entry.aliases })),
    );
    const script = completionScript(shell, commands);
    io.print(script.trimEnd());
    io.result({ schemaVersion: 1, kind: 'completion', shell, script });
    return EXIT.ok;
  },
};

function unknownShell(word: string): ToolError {
  const near = nearestWord(word, SHELLS);
  return new ToolError({
    code: 'BAD_VALUE',
    message: `expected a shell of ${SHELLS.join(', ')}, got '${word}'`,
    hint: near ? `did you mean ${near}?` : 'bash works for most others that can source bash functions',
  });
}
