/**
 * Terminal sessions in the documentation: what they run and what they show. A ```console block holds `$ command`
 * lines and what they print; `…` stands for anything, a line of only `…` for any lines. `# exit 5` behind a command
 * says how it ends; ` &` starts it in the background.
 */
export interface ShownCommand {
  /** Line of the document, 1-based. */
  readonly line: number;
  readonly text: string;
  readonly background: boolean;
  readonly exitStatus: number;
  /** Lines that must come in this order. */
  readonly output: readonly string[];
}

const FENCE = /^```(\w*)\s*$/;

/** Commands of all console blocks of a Markdown text, in order. */
export function shownCommands(markdown: string): ShownCommand[] {
  const commands: ShownCommand[] = [];
  let inside = false;
  let open: { line: number; text: string; output: string[] } | null = null;
  const close = (): void => {
    if (open !== null) commands.push(finish(open));
    open = null;
  };
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (fence) {
      close();
      inside = !inside && fence[1] === 'console';
    } else if (inside && line.startsWith('$ ')) {
      close();
      open = { line: index + 1, text: line.slice(2), output: [] };
    } else if (inside && open !== null) {
      const { text, output }: { text: string; output: string[] } = open;
      if (text.endsWith('\\') && output.length === 0) open.text = `${text.slice(0, -1)}${line.trim()}`;
      else output.push(line);
    }
  }
  close();
  return commands;
}

function finish({
  line,
  text,
  output,
}: {
  line: number;
  text: string;
  output: readonly string[];
}): ShownCommand {
  const status = /\s+# exit (\d+)$/.exec(text);
  const command = status ? text.slice(0, status.index) : text;
  const background = command.endsWith(' &');
  return {
    line,
    text: background ? command.slice(0, -2) : command,
    background,
    exitStatus: status ? Number(status[1]) : 0,
    output,
  };
}

/** Inline code and table cells that call the program: `tokentide verb …`. */
export function inlineCommands(markdown: string): string[] {
  const withoutBlocks = markdown.replace(/^```[\s\S]*?^```/gm, '');
  return [...withoutBlocks.matchAll(/`(tokentide [^`]+)`/g)].map((match) => match[1].replaceAll('\\|', '|'));
}

/** The first expected line that the printed text does not hold in order, or null. Runs of spaces are one space. */
export function missingLine(expected: readonly string[], printed: string): string | null {
  const lines = printed.split('\n').map(normal);
  let at = 0;
  for (const line of expected) {
    const wanted = normal(line);
    if (wanted === '' || wanted === '…') continue;
    const pattern = new RegExp(`^${wanted.split('…').map(escaped).join('.*')}$`, 'u');
    while (at < lines.length && !pattern.test(lines[at])) at += 1;
    if (at === lines.length) return line;
    at += 1;
  }
  return null;
}

const normal = (line: string): string => line.trim().replace(/\s+/g, ' ');
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The ```js blocks of a Markdown text, with the line where each begins. */
export function shownScripts(markdown: string): { readonly line: number; readonly text: string }[] {
  return [...markdown.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => ({
    line: markdown.slice(0, match.index).split('\n').length + 1,
    text: match[1],
  }));
}
