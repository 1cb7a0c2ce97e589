/** HTML text that cannot be broken by its data: a tagged template that escapes everything except HTML already built. */

/** Finished HTML. Only this file and `html` make it, so a plain string never reaches the page unescaped. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

/** html`<p>${anything}</p>`: strings are escaped, `Html` is kept, arrays are joined, null and false vanish. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = strings[0];
  for (let i = 0; i < values.length; i++) text += textOf(values[i]) + strings[i + 1];
  return new Html(text);
}

/** Escapes text for element content and quoted attributes. Control characters that HTML forbids become U+FFFD. */
export function escapeHtml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that must not appear
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '\ufffd')
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      .replace(/"/g, '&quot;')
      .replace(/'/g, '&#39;')
  );
}

/** JSON that is safe inside a script element: no `<`, no line separators that older parsers refuse. */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value, (key, item) => {
    if (typeof item === 'number' && !Number.isFinite(item)) throw new Error(`${key} is ${item}`);
    return item;
  })
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}

/**
 * A sentence from a document as prose: `backticks` become code, the first letter is raised, a full stop is added where
 * one is missing. Words that are names (a command, a metric) keep their case.
 */
export function prose(text: string): Html {
  const trimmed = text.trim();
  const raised = /^(?!tokentide|ttf|tpot|itl|e2e|ntpot)[a-z]+[ ,]/.test(trimmed)
    ? trimmed[0].toUpperCase() + trimmed.slice(1)
    : trimmed;
  const ended = raised === '' || /[.!?:]$/.test(raised) ? raised : `${raised}.`;
  const parts = ended.split('`');
  if (parts.length % 2 === 0) return html`${ended}`;
  return html`${parts.map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}

function textOf(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  return value.map(textOf).join('');
}
