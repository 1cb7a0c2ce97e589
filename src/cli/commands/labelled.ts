/** Result lines of a label and its text, wrapped to the terminal's 80 columns. */

const WIDTH = 80;
const LABEL = 12;

/** `label       text …`, continued under the text; a label too long for its column stands on a line of its own. */
export function labelled(label: string, text: string): string {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > WIDTH - LABEL) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  lines.push(current);
  const isLong = label.length >= LABEL;
  const rows = lines.map((content, i) => (i === 0 && !isLong ? label : '').padEnd(LABEL) + content);
  return (isLong ? [label, ...rows] : rows).join('\n');
}

/** Width of the label's column. */
export const LABEL_WIDTH = LABEL;
