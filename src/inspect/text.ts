/** Text for one terminal screen: aligned tables, sparklines, and sentences broken at 80 columns. Pure. */

/** Columns of the narrowest terminal that must show everything. */
export const SCREEN_COLUMNS = 80;

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/**
 * One character per value, its height in eighths of the largest; a space for zero, so that empty is told from small.
 */
export function sparkline(values: readonly number[]): string {
  const top = values.reduce((max, value) => Math.max(max, value), 0);
  return values
    .map((value) => (value <= 0 || top === 0 ? ' ' : BARS[Math.min(7, Math.ceil((value / top) * 8) - 1)]))
    .join('');
}

/** `rows` lines, the top one first: columns as high as their values, in eighths of a line. */
export function barChart(values: readonly number[], rows: number): string[] {
  const top = values.reduce((max, value) => Math.max(max, value), 0);
  const eighths = values.map((value) => (value <= 0 || top === 0 ? 0 : Math.ceil((value / top) * 8 * rows)));
  return Array.from({ length: rows }, (_, row) => {
    const below = (rows - 1 - row) * 8;
    return eighths.map((height) => (height <= below ? ' ' : BARS[Math.min(7, height - below - 1)])).join('');
  });
}

/** What characters outside of ASCII become on terminals that cannot show them; widths stay. */
const PLAIN: Readonly<Record<string, string>> = {
  '▁': '.',
  '▂': '.',
  '▃': ':',
  '▄': ':',
  '▅': '|',
  '▆': '|',
  '▇': '#',
  '█': '#',
  '–': '-',
  '−': '-',
  '…': '~',
  '×': 'x',
  '·': '*',
  '→': '>',
  '≤': '<',
  '≥': '>',
  µ: 'u',
};

/** The line in ASCII only; characters without a likeness become `?`. */
export function plainText(line: string): string {
  return [...line]
    .map((letter) => (letter <= '~' ? letter : (PLAIN[letter] ?? (/\s/.test(letter) ? ' ' : '?'))))
    .join('');
}

export interface TextColumn {
  readonly title: string;
  readonly right?: boolean;
}

/** Rows in columns two spaces apart, each as wide as its widest cell; the last column is not padded. */
export function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, i) =>
    rows.reduce((most, row) => Math.max(most, lengthOf(row[i])), lengthOf(column.title)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const pad = ' '.repeat(Math.max(0, widths[i] - lengthOf(cell)));
        return columns[i].right ? pad + cell : cell + pad;
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

/** `name   value` lines; values longer than the screen continue under themselves. */
export function nameValues(pairs: readonly (readonly [string, string | null])[]): string[] {
  const shown = pairs.filter((pair): pair is [string, string] => pair[1] !== null);
  const width = shown.reduce((most, [name]) => Math.max(most, lengthOf(name)), 0) + 2;
  return shown.flatMap(([name, value]) =>
    wrap(value, SCREEN_COLUMNS - width).map(
      (line, i) => (i === 0 ? name.padEnd(width) : ' '.repeat(width)) + line,
    ),
  );
}

/** Breaks text at spaces; a word longer than the line is cut. */
export function wrap(text: string, columns: number = SCREEN_COLUMNS): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(/\s+/).flatMap((part) => pieces(part, columns))) {
    if (current === '') current = word;
    else if (lengthOf(current) + 1 + lengthOf(word) <= columns) current += ` ${word}`;
    else {
      lines.push(current);
      current = word;
    }
  }
  return current === '' && lines.length > 0 ? lines : [...lines, current];
}

/** Cuts text to a width, with an ellipsis. */
export function clip(text: string, columns: number): string {
  return lengthOf(text) <= columns ? text : `${[...text].slice(0, Math.max(0, columns - 1)).join('')}…`;
}

function pieces(word: string, columns: number): string[] {
  const letters = [...word];
  const parts: string[] = [];
  for (let i = 0; i < letters.length; i += columns) parts.push(letters.slice(i, i + columns).join(''));
  return parts.length === 0 ? [''] : parts;
}

const lengthOf = (text: string): number => [...text].length;
