/**
 * Hugging Face Text Generation Inference, router log as text (the default): a line per request, written at its end, so
 * that the arrival is that end less `total_time`. Spans stand before the message, each with its fields in braces; colours
 * are left out. Prompt lengths are nowhere in it.
 */
import type { Detection, LogFormat, Sample } from '../format.js';
import { LINE, textLines } from './text-lines.js';
import { endsTgiRequest, fillFromTgi, TGI_FILLS, type TgiLine } from './tgi-rows.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: log colours are control characters
const COLOUR = /\u001b\[[0-9;]*m/g;
const HEAD = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) +(INFO|ERROR) (.*)$/s;
/** Where spans end and it is told who said what: `target: file:line: message`. */
const SAID = /^(.*?): text_generation_\w[\w:]*: (?:\S+:\d+: )?(.*)$/s;
const QUOTED = /"(?:[^"\\]|\\.)*"/g;
const INNERMOST = /\{[^{}]*\}/g;
/** Braces within braces of parameters: grammars are printed whole. */
const MOST_NESTED = 32;

export const tgiLog: LogFormat = {
  name: 'tgi-log',
  title: 'Text Generation Inference router log (text)',
  sourceUrl: 'https://github.com/huggingface/text-generation-inference',
  ...textLines(
    '`<time> INFO generate{parameters=… total_time="1.2s" inference_time="…" time_per_token="…"}: …: Success`; ERROR = failed; output = inference time ÷ time per token; prompt lengths are not logged',
  ),
  fills: TGI_FILLS,
  arrivalBasis: 'arrival',
  timeOrigin: 'epoch',
  blockSize: null,
  arrivalDerivation: 'the end of the request less its duration',
  detect,
  open: () => ({
    read(record, row) {
      const raw = record.text(LINE) ?? '';
      const line = parseTgiLine(raw);
      if (line === null || !endsTgiRequest(line)) return false;
      const time = record.timePart(LINE, raw.indexOf(line.time), line.time.length, 'iso');
      if (time === null) return false;
      row.setArrival(time);
      fillFromTgi(line, row);
      return true;
    },
  }),
};

function detect({ shape, bytes }: Sample): Detection {
  if (shape !== 'text' && shape !== 'csv') return { score: 0, reason: 'it is no text log' };
  const lines = bytes.toString('utf8').split('\n');
  return lines.some((line) => parseTgiLine(line) !== null)
    ? { score: 1, reason: 'it has lines of text_generation_router' }
    : { score: 0, reason: 'it has no line of text_generation_router' };
}

/** A line of the router; null = of something else. */
function parseTgiLine(raw: string): (TgiLine & { readonly time: string }) | null {
  const head = HEAD.exec(raw.replace(COLOUR, ''));
  if (head === null) return null;
  const [, time, level, rest] = head;
  const said = SAID.exec(withoutFields(`: ${rest}`));
  if (said === null) return null;
  return {
    time,
    level,
    message: said[2],
    spans: said[1].split(':').map((name) => name.trim()),
    totalTime: lastField(rest, 'total_time'),
    inferenceTime: lastField(rest, 'inference_time'),
    timePerToken: lastField(rest, 'time_per_token'),
    parameters: rest,
  };
}

/** The line without what is in braces; names of spans, who said it and the message remain. */
function withoutFields(text: string): string {
  let bare = text.replace(QUOTED, '""');
  for (let depth = 0; depth < MOST_NESTED && bare.includes('{'); depth++) {
    const next = bare.replace(INNERMOST, '');
    if (next === bare) break;
    bare = next;
  }
  return bare;
}

/** A field that was recorded after the parameters, which may hold the same words. */
function lastField(text: string, name: string): string | null {
  const found = [...text.matchAll(new RegExp(` ?\\b${name}="([^"]*)"`, 'g'))].at(-1);
  return found?.[1] ?? null;
}
