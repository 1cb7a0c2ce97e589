/** Result text of the commands, broken to fit the narrowest terminal. */
import { SCREEN_COLUMNS, wrap } from '../../inspect/text.js';

/** Breaks lines that are too long at spaces; what follows keeps the line's indentation. Shorter lines stay as they are. */
export function fitScreen(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => {
      if ([...line].length <= SCREEN_COLUMNS) return [line];
      const indent = /^ */.exec(line)![0];
      return wrap(line.trim(), SCREEN_COLUMNS - indent.length).map((part) => indent + part);
    })
    .join('\n');
}
