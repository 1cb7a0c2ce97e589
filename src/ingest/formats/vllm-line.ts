/**
 * Lines of vLLM's text log that tell of a request. Announcements: the old form has the prompt as a Python literal before
 * its parameters, the new one has the parameters only and the prompt in a DEBUG line of its own; the engine adds a line of its
 * own, the only one where the server's are off. Ends: `Finished request`
 * and `Aborted request` of older engines, `Generated response` of `--enable-log-outputs`. All prefixes lack the year and
 * the zone.
 */

import { unescapePython } from './python-literal.js';

/** When a line was written. */
export interface VllmStamp {
  readonly month: number;
  readonly day: number;
  /** `HH:MM:SS` with fraction digits where there are some. */
  readonly clock: string;
}

export interface VllmRequestLine extends VllmStamp {
  readonly requestId: string;
  /** The prompt's text; null in the new form, or when it was None. */
  readonly prompt: string | null;
  /** Number of prompt token ids that were logged (`--max-log-len` cuts them); null when they are not. */
  readonly promptTokenIds: number | null;
  readonly maxTokens: number | null;
  /** Whether an embedding, score or class is asked for, not text. */
  readonly isPooling: boolean;
  readonly adapter: string | null;
}

/** Any line about a request. */
export type VllmLine =
  | ({ readonly kind: 'received' } & VllmRequestLine)
  | ({ readonly kind: 'details' } & Pick<VllmRequestLine, 'requestId' | 'prompt' | 'promptTokenIds'> &
      VllmStamp)
  | ({ readonly kind: 'added' | 'finished' | 'aborted'; readonly requestId: string } & VllmStamp)
  | ({
      readonly kind: 'generated';
      readonly requestId: string;
      /** A part of a streamed answer: more follow. */
      readonly isDelta: boolean;
      /** The answer's text; null = not logged. */
      readonly output: string | null;
      readonly outputTokenIds: number | null;
      /** stop, length, abort, …; null = none was given. */
      readonly finishReason: string | null;
    } & VllmStamp);

// biome-ignore lint/suspicious/noControlCharactersInRegex: log colours are control characters
const COLOUR = /\u001b\[[0-9;]*m/g;
const HEAD =
  /^(?:\([^)]*\) )*(?:INFO|DEBUG)\s+(\d\d)-(\d\d) (\d\d:\d\d:\d\d(?:[.,]\d+)?) \[?[\w./-]+:\d+\]\s+(?:\S+ )?(Received request|Request|Added request|Finished request|Aborted request|Generated response) (\S+?)([.:]? .*|[.:])?$/s;
/** The prompt may itself hold the words that follow it: the last place counts. */
const PARAMETERS = /^(.*)(?:sampling )?params: (Sampling|Pooling|BeamSearch)Params\((.*)$/s;
const ENDS = {
  'Added request': 'added',
  'Finished request': 'finished',
  'Aborted request': 'aborted',
} as const;

/** The line's content; null when it tells of no request. */
export function parseVllmLine(line: string): VllmLine | null {
  const head = HEAD.exec(line.replace(COLOUR, '').trimEnd());
  if (head === null) return null;
  const [, month, day, time, what, requestId, tail = ''] = head;
  const stamp = { month: Number(month), day: Number(day), clock: time.replace(',', '.') };
  const rest = tail.replace(/^[.:]? ?/, '');
  switch (what) {
    case 'Received request': {
      const request = requestOf(rest);
      return request === null ? null : { kind: 'received', ...stamp, requestId, ...request };
    }
    case 'Request': {
      if (!rest.startsWith('details: ')) return null;
      const { prompt, promptTokenIds } = detailsOf(rest.slice('details: '.length));
      return { kind: 'details', ...stamp, requestId, prompt, promptTokenIds };
    }
    case 'Generated response':
      return generatedOf(rest, requestId, stamp);
    default:
      return { kind: ENDS[what as keyof typeof ENDS], ...stamp, requestId };
  }
}

/** The content of a line that announces a request; null for every other. */
export function parseVllmRequestLine(line: string): VllmRequestLine | null {
  const found = parseVllmLine(line);
  return found?.kind === 'received' ? found : null;
}

function requestOf(
  rest: string,
): Pick<VllmRequestLine, 'prompt' | 'promptTokenIds' | 'maxTokens' | 'isPooling' | 'adapter'> | null {
  const split = PARAMETERS.exec(rest);
  if (split === null) return null;
  const [, before, kind, parameters] = split;
  const cap = /(?:^|[ ,])max_tokens=(\d{1,9})\b/.exec(parameters);
  const lora = /lora_request: LoRARequest\(lora_name='([^']*)'/.exec(parameters);
  return {
    prompt: literalOf(/^prompt: (['"])(.*)\1, ?(?:sampling )?$/s.exec(before)),
    promptTokenIds: idsOf('prompt[_ ]token[_ ]ids', parameters),
    maxTokens: cap === null ? null : Number(cap[1]),
    isPooling: kind === 'Pooling',
    adapter: lora === null ? null : lora[1],
  };
}

function detailsOf(rest: string): Pick<VllmRequestLine, 'prompt' | 'promptTokenIds'> {
  const at = rest.lastIndexOf(', prompt_token_ids: ');
  const said = at < 0 ? rest : rest.slice(0, at);
  return {
    prompt: literalOf(/^prompt: (['"])(.*)\1$/s.exec(said)),
    promptTokenIds: at < 0 ? null : idsOf('prompt_token_ids', rest.slice(at)),
  };
}

function generatedOf(rest: string, requestId: string, stamp: VllmStamp): VllmLine | null {
  const head = /^(?:\(streaming (delta|complete)\): )?output: /.exec(rest);
  const ids = rest.lastIndexOf(', output_token_ids: ');
  const at = ids < 0 ? rest.lastIndexOf(', finish_reason: ') : ids;
  if (head === null || at < 0) return null;
  const tail = rest.slice(at);
  const reason = /finish_reason: (\w+)/.exec(tail)?.[1] ?? 'None';
  return {
    kind: 'generated',
    ...stamp,
    requestId,
    isDelta: head[1] === 'delta',
    output: literalOf(/^(['"])(.*)\1$/s.exec(rest.slice(head[0].length, at)) as RegExpExecArray | null),
    outputTokenIds: idsOf('output_token_ids', tail),
    finishReason: reason === 'None' ? null : reason,
  };
}

/** The text of a Python literal from its quote and inside; null when there is none. */
function literalOf(match: RegExpExecArray | null): string | null {
  return match === null ? null : unescapePython(match[2]);
}

function idsOf(name: string, text: string): number | null {
  const ids = new RegExp(`${name}: \\[([^\\]]*)\\]`).exec(text);
  return ids === null ? null : countItems(ids[1]);
}

function countItems(list: string): number {
  return list.trim() === '' ? 0 : list.split(',').length;
}
