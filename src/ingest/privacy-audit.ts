/**
 * The scan that `--audit-privacy` runs over a finished trace before it gets its name: every word of the trace that could
 * name somebody, and every run of words that could have been said, is looked for in the inputs, which are read once more.
 * The search goes from the trace to the inputs because the trace's own strings are few (pseudonyms, model names, the
 * report): it is exact, and its memory does not grow with the inputs.
 */
import { ToolError } from '../errors.js';
import { openTrace, type TraceReader } from '../trace/read.js';
import { recordChunks, type SampledInput } from './sampled-input.js';

/** What the scan covered. It throws when anything survives, so this is what a clean trace has. */
export interface PrivacyAudit {
  /** Values of the four identifier columns that are pseudonyms. */
  readonly pseudonyms: number;
  /** Words of the trace and its report that could be identifiers, looked for in the inputs. */
  readonly words: number;
  /** Runs of four words of the trace and its report, looked for in the inputs. */
  readonly texts: number;
  /** Bytes of the inputs, unpacked, that were searched. */
  readonly searchedBytes: number;
  /** Different model names: kept on purpose, not searched. */
  readonly modelNames: number;
}

const PSEUDONYM = /^[rsc]-[0-9a-z]{16}$/;
const WORD = /[\p{L}\p{N}_@.+-]+/gu;
const EDGES = /^[.+-]+|[.+-]+$/g;
/** Numbers, dates and times mean nobody. */
const NUMERIC = /^[\d.+-]+(?:[TZe][\d.+-]*Z?)*$/;
const LEAST_WORD_CHARACTERS = 6;
const TEXT_WORDS = 4;
const LEAST_TEXT_CHARACTERS = 20;
/** Longest word that may lie across two chunks. */
const LONGEST_WORD_CHARACTERS = 4_096;

/** Strings of the trace that must not be found in its inputs, each with the place where the trace has it. */
class Needles {
  readonly words = new Map<string, string>();
  /** By their last word. */
  readonly texts = new Map<string, Map<string, string>>();
  textCount = 0;

  /** Words that are kept on purpose: of model names and of the names of columns. */
  readonly #known = new Set<string>();

  allow(name: string): void {
    for (const word of wordsOf(name)) this.#known.add(word);
  }

  /** Takes what could be identifiers or text; of an identifier column (`isId`) every word. */
  add(value: string, place: string, isId = false): void {
    let run: string[] = [];
    for (const word of wordsOf(value)) {
      if (this.#known.has(word) && !isId) {
        run = [];
        continue;
      }
      if (isId ? word.length > 1 : couldIdentify(word)) this.words.set(word, place);
      run = [...run.slice(1 - TEXT_WORDS), word];
      if (run.length === TEXT_WORDS) this.#addText(run, place);
    }
  }

  #addText(words: readonly string[], place: string): void {
    const text = words.join(' ');
    if (text.length < LEAST_TEXT_CHARACTERS || words.filter((word) => !NUMERIC.test(word)).length < 2) return;
    const last = words[TEXT_WORDS - 1];
    const texts = this.texts.get(last) ?? new Map<string, string>();
    if (!texts.has(text)) this.textCount += 1;
    texts.set(text, place);
    this.texts.set(last, texts);
  }
}

/** Looks a trace over. Throws BAD_TRACE, naming the place (never the value), when anything of the inputs is in it. */
export async function auditPrivacy(
  path: string,
  inputs: readonly SampledInput[],
  signal?: AbortSignal,
): Promise<PrivacyAudit> {
  const needles = new Needles();
  const reader = await openTrace(path);
  let kept: { pseudonyms: number; models: ReadonlySet<string> };
  try {
    kept = await takeColumns(reader, needles, signal);
    for (const name of inputs.flatMap(({ views }) => views.flatMap(({ names }) => names)))
      needles.allow(name);
    for (const model of kept.models) needles.allow(model);
    takeReport(reader.meta, 'report', needles);
  } finally {
    reader.close();
  }
  let searchedBytes = 0;
  for (const input of inputs) searchedBytes += await search(input, needles, signal);
  return {
    pseudonyms: kept.pseudonyms,
    words: needles.words.size,
    texts: needles.textCount,
    searchedBytes,
    modelNames: kept.models.size,
  };
}

async function takeColumns(
  reader: TraceReader,
  needles: Needles,
  signal?: AbortSignal,
): Promise<{ pseudonyms: number; models: ReadonlySet<string> }> {
  const models = new Set<string>();
  let pseudonyms = 0;
  for await (const batch of reader.batches({ signal })) {
    for (const column of ['requestId', 'sessionId', 'parentId', 'clientId'] as const) {
      for (const value of batch[column]?.dictionary ?? []) {
        if (PSEUDONYM.test(value)) pseudonyms += 1;
        else needles.add(value, column, true);
      }
    }
    for (const model of batch.model?.dictionary ?? []) models.add(model);
  }
  return { pseudonyms, models };
}

/** All texts of the trace's metadata. */
function takeReport(value: unknown, place: string, needles: Needles): void {
  if (typeof value === 'string') needles.add(value, place);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) takeReport(inner, `${place}.${key}`, needles);
  }
}

/** Reads an input once more; its unpacked bytes. */
async function search(
  { source, wrapping }: SampledInput,
  needles: Needles,
  signal?: AbortSignal,
): Promise<number> {
  const again = source.reopened();
  const rest = again.chunks();
  const decoder = new TextDecoder();
  const recent: string[] = [];
  let tail = '';
  let bytes = 0;
  const look = (text: string): void => {
    for (const word of wordsOf(unescaped(text))) {
      const place = needles.words.get(word);
      if (place !== undefined) throw survives(place, source.name, 'a word');
      recent.push(word);
      if (recent.length > TEXT_WORDS) recent.shift();
      const said = needles.texts.get(word)?.get(recent.join(' '));
      if (said !== undefined) throw survives(said, source.name, 'a run of words');
    }
  };
  const chunks = recordChunks({
    source: again,
    wrapping,
    views: [],
    head: [],
    rest,
    failure: null,
    isBare: false,
  });
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    bytes += chunk.length;
    const text = tail + decoder.decode(chunk, { stream: true });
    const cut = endOfWords(text);
    look(text.slice(0, cut));
    tail = text.slice(cut);
  }
  look(tail + decoder.decode());
  return bytes;
}

/** Where a text can be cut without cutting a word or an escape. */
function endOfWords(text: string): number {
  const least = Math.max(0, text.length - LONGEST_WORD_CHARACTERS);
  for (let at = text.length; at > least; at--) if (' \n,;"\t'.includes(text[at - 1])) return at;
  return least === 0 ? 0 : text.length;
}

/** JSON's escapes of a text, also of JSON within JSON, as what they stand for. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text
    .replace(/\\+u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/\\+[nrtbf"/]?/g, ' ');
}

function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [found] of text.matchAll(WORD)) {
    const word = found.replace(EDGES, '');
    if (word !== '') words.push(word);
  }
  return words;
}

/** Long enough, and with a digit or an at sign among letters: vocabulary has none. */
function couldIdentify(word: string): boolean {
  return (
    word.length >= LEAST_WORD_CHARACTERS &&
    !NUMERIC.test(word) &&
    (word.includes('@') || /\p{N}/u.test(word)) &&
    !PSEUDONYM.test(word)
  );
}

function survives(place: string, input: string, what: string): ToolError {
  return new ToolError({
    code: 'BAD_TRACE',
    message: `no trace was written: ${what} of ${input} would be in it, in ${place}`,
    hint: 'look at that place in a trace written without --audit-privacy; a file name can be changed, --name gives another trace name',
  });
}
