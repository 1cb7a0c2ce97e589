/** Text as Python's `repr` writes it, in the text logs of vLLM and SGLang. */
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** The text between the quotes of a literal. */
export function unescapePython(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/gs,
    (
      whole,
      byte: string | undefined,
      unit: string | undefined,
      point: string | undefined,
      plain: string | undefined,
    ) => {
      const digits = byte ?? unit ?? point;
      if (digits === undefined) return ESCAPES[plain ?? ''] ?? whole;
      const code = Number.parseInt(digits, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

/** The literal that begins at a place, with the place behind it; null when none does. */
export function pythonLiteral(
  text: string,
  at: number,
): { readonly value: string; readonly end: number } | null {
  const quote = text[at];
  if (quote !== "'" && quote !== '"') return null;
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === '\\') end += 1;
    else if (text[end] === quote) return { value: unescapePython(text.slice(at + 1, end)), end: end + 1 };
  }
  return null;
}
