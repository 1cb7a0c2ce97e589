/**
 * Lines of vLLM's text log that announce a request. The old form has the prompt as a Python literal before its
 * parameters, the new one has the parameters only. Both prefixes lack the year and the zone.
 */

export interface VllmRequestLine {
  readonly month: number;
  readonly day: number;
  /** `HH:MM:SS` with fraction digits where there are some. */
  readonly clock: string;
  readonly requestId: string;
  /** The prompt's text; null in the new form, or when it was None. */
  readonly prompt: string | null;
  /** Number of prompt token ids that were logged (`--max-log-len` cuts them); null when they are not. */
  readonly promptTokenIds: number | null;
  readonly maxTokens: number | null;
  readonly adapter: string | null;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: log colours are control characters
const COLOUR = /\u001b\[[0-9;]*m/g;
const HEAD =
  /^(?:\([^)]*\) )?(?:INFO|DEBUG)\s+(\d\d)-(\d\d) (\d\d:\d\d:\d\d(?:[.,]\d+)?) \[[^\]]*\] (?:\S+ )?Received request (\S+): (.*)$/s;
const PARAMETERS = 'params: SamplingParams(';

/** The line's content; null when it announces no request. */
export function parseVllmRequestLine(line: string): VllmRequestLine | null {
  const head = HEAD.exec(line.replace(COLOUR, ''));
  if (head === null) return null;
  const [, month, day, clock, requestId, rest] = head;
  // The prompt may itself hold the words that follow it: the last place counts.
  const at = rest.lastIndexOf(PARAMETERS);
  if (at < 0) return null;
  const parameters = rest.slice(at + PARAMETERS.length);
  const cap = /(?:^|[ ,])max_tokens=(\d{1,9})\b/.exec(parameters);
  const ids = /prompt_token_ids: \[([^\]]*)\]/.exec(parameters);
  const lora = /lora_request: LoRARequest\(lora_name='([^']*)'/.exec(parameters);
  return {
    month: Number(month),
    day: Number(day),
    clock: clock.replace(',', '.'),
    requestId: requestId.replace(/:$/, ''),
    prompt: promptOf(rest.slice(0, at)),
    promptTokenIds: ids === null ? null : countItems(ids[1]),
    maxTokens: cap === null ? null : Number(cap[1]),
    adapter: lora === null ? null : lora[1],
  };
}

/** `prompt: '…', ` with Python's escapes; null when there is none. */
function promptOf(text: string): string | null {
  const match = /^prompt: (['"])(.*)\1, $/s.exec(text);
  return match === null ? null : unescapePython(match[2]);
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

function unescapePython(text: string): string {
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

function countItems(list: string): number {
  return list.trim() === '' ? 0 : list.split(',').length;
}
