/** Completion scripts for bash, zsh and fish, written from the option tables of the commands. */
import { COMMON_OPTIONS, type CommandTable, flagOf, type OptionSpec } from './command.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A command as the user types it: its spec and its other names. */
export interface CompletedCommand {
  readonly spec: CommandTable;
  readonly aliases: readonly string[];
}

/** The script to source. Values with choices are completed from them, everything else as file names. */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  if (shell === 'fish') return fishScript(commands);
  const bash = bashScript(commands);
  return shell === 'bash' ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`;
}

function bashScript(commands: readonly CompletedCommand[]): string {
  const names = commands.flatMap(({ spec, aliases }) => [spec.name, ...aliases]);
  const flags = commands.map(({ spec, aliases }) => {
    const words = optionsOf(spec).flatMap(flagsOf);
    return `    ${[spec.name, ...aliases].join('|')}) words='${[...words, '--help'].join(' ')}' ;;`;
  });
  const choices = commands.flatMap(({ spec, aliases }) =>
    spec.options
      .filter((option) => option.choices !== undefined)
      .map((option) => {
        const patterns = [spec.name, ...aliases].flatMap((name) =>
          flagsOf(option).map((flag) => `${name},${flag}`),
        );
        return `    ${patterns.join('|')}) COMPREPLY=($(compgen -W '${option.choices!.join(' ')}' -- "$current")); return ;;`;
      }),
  );
  return `# tokentide completion: source this file, or put it into your completion folder
_tokentide() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${names.join(' ')} help --help --version' -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]},$previous" in
${choices.join('\n')}
  esac
  case "\${COMP_WORDS[1]}" in
${flags.join('\n')}
  esac
  if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W "$words" -- "$current")); else COMPREPLY=(); fi
}
complete -o bashdefault -o default -F _tokentide tokentide
`;
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = ['# tokentide completion: put this file into ~/.config/fish/completions'];
  for (const { spec, aliases } of commands) {
    lines.push(
      `complete -c tokentide -n __fish_use_subcommand -f -a ${spec.name} -d ${fishText(spec.summary)}`,
    );
    const seen = `'__fish_seen_subcommand_from ${[spec.name, ...aliases].join(' ')}'`;
    for (const option of optionsOf(spec)) {
      const parts = [`complete -c tokentide -n ${seen}`, `-l ${flagOf(option.key).slice(2)}`];
      if (option.short) parts.push(`-s ${option.short}`);
      if (option.choices) parts.push(`-x -a '${option.choices.join(' ')}'`);
      else if (option.type !== 'boolean') parts.push('-r');
      lines.push(`${parts.join(' ')} -d ${fishText(option.description)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function optionsOf(spec: CommandTable): readonly OptionSpec[] {
  return [...spec.options, ...COMMON_OPTIONS];
}

function flagsOf(option: OptionSpec): string[] {
  return option.short ? [flagOf(option.key), `-${option.short}`] : [flagOf(option.key)];
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
