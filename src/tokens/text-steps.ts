/**
 * The steps before a tokenizer's model, as `tokenizer.json` lists them: normalizers change a text, pre-tokenizers cut it.
 * Source: Hugging Face tokenizers, its components' documentation. A step that is not known here is refused by name, since
 * a count without it would be wrong in silence.
 */
import { ToolError } from '../errors.js';

/** One step of the document, with whatever members it has. */
export type StepDocument = Readonly<Record<string, unknown>> & { readonly type?: string };

export type Normalizer = (text: string) => string;
/** Cuts a piece; `isFirst` = it begins the text. */
export type Cutter = (piece: string, isFirst: boolean) => readonly string[];

/** Reads a normalizer; null = none. Throws BAD_VALUE for an unknown one. */
export function normalizerOf(step: StepDocument | null | undefined, name: string): Normalizer {
  if (step == null) return (text) => text;
  switch (step.type) {
    case 'Sequence': {
      const steps = stepsOf(step['normalizers']).map((one) => normalizerOf(one, name));
      return (text) => steps.reduce((sofar, one) => one(sofar), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = step.type;
      return (text) => text.normalize(form);
    }
    // SentencePiece's own table: NFKC but for a few characters.
    case 'Precompiled':
      return (text) => text.normalize('NFKC');
    case 'Lowercase':
      return (text) => text.toLowerCase();
    case 'StripAccents':
      return stripAccents;
    case 'Strip':
      return (text) => {
        const left = step['strip_left'] === false ? text : text.trimStart();
        return step['strip_right'] === false ? left : left.trimEnd();
      };
    case 'Prepend':
      return (text) => (text === '' ? '' : String(step['prepend'] ?? '') + text);
    case 'Replace': {
      const pattern = patternOf(step['pattern'], name);
      const content = String(step['content'] ?? '');
      return (text) => text.replace(pattern, () => content);
    }
    case 'BertNormalizer':
      return bertNormalizer(step);
    default:
      throw unknownStep(name, `normalizer ${step.type}`);
  }
}

/** Reads a pre-tokenizer; null = the text is one piece. Throws BAD_VALUE for an unknown one. */
export function cutterOf(step: StepDocument | null | undefined, name: string): Cutter {
  if (step == null) return (piece) => [piece];
  switch (step.type) {
    case 'Sequence': {
      const cutters = stepsOf(step['pretokenizers']).map((one) => cutterOf(one, name));
      return (piece, isFirst) => {
        let pieces: readonly string[] = [piece];
        for (const cut of cutters) pieces = pieces.flatMap((one, i) => cut(one, isFirst && i === 0));
        return pieces;
      };
    }
    case 'Metaspace':
      return metaspace(step);
    case 'WhitespaceSplit':
      return (piece) => piece.split(/\s+/u).filter((part) => part !== '');
    case 'Whitespace':
      return (piece) =>
        piece.match(/[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\s]+/gu) ?? [];
    case 'BertPreTokenizer':
      return (piece) => piece.match(BERT_PIECES) ?? [];
    case 'Digits':
      return splitter(step['individual_digits'] === true ? /\p{N}/gu : /\p{N}+/gu, 'Isolated', false);
    case 'Punctuation':
      return splitter(PUNCTUATION, String(step['behavior'] ?? 'Isolated'), false);
    case 'Split':
      return splitter(patternOf(step['pattern'], name), String(step['behavior']), step['invert'] === true);
    default:
      throw unknownStep(name, `pre-tokenizer ${step.type}`);
  }
}

function stepsOf(value: unknown): StepDocument[] {
  return Array.isArray(value) ? (value as StepDocument[]) : [];
}

function stripAccents(text: string): string {
  return text.normalize('NFD').replace(/\p{Mn}/gu, '');
}

function bertNormalizer(step: StepDocument): Normalizer {
  const lowers = step['lowercase'] !== false;
  const strips = step['strip_accents'] ?? lowers;
  return (text) => {
    let clean = text;
    if (step['clean_text'] !== false) {
      clean = clean.replace(/[\t\n\r]/g, ' ').replace(/[\0\ufffd]|\p{Cc}|\p{Cf}/gu, '');
      clean = clean.replace(/\s/gu, ' ');
    }
    if (step['handle_chinese_chars'] !== false) clean = clean.replace(HAN, ' $& ');
    if (strips === true) clean = stripAccents(clean);
    return lowers ? clean.toLowerCase() : clean;
  };
}

function metaspace(step: StepDocument): Cutter {
  const mark = String(step['replacement'] ?? '▁');
  const scheme = step['prepend_scheme'] ?? (step['add_prefix_space'] === false ? 'never' : 'always');
  return (piece, isFirst) => {
    let marked = piece.replaceAll(' ', mark);
    const prepends = scheme === 'always' || (scheme === 'first' && isFirst);
    if (prepends && marked !== '' && !marked.startsWith(mark)) marked = mark + marked;
    return step['split'] === false ? [marked] : cutBefore(marked, mark);
  };
}

/** Pieces that begin with the mark each, but perhaps the first. */
export function cutBefore(text: string, mark: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (let at = text.indexOf(mark, 1); at !== -1; at = text.indexOf(mark, at + 1)) {
    pieces.push(text.slice(from, at));
    from = at;
  }
  if (from < text.length) pieces.push(text.slice(from));
  return pieces;
}

/** Cuts at matches of a pattern; `behavior` says where the matches go. */
function splitter(pattern: RegExp, behavior: string, invert: boolean): Cutter {
  return (piece) => {
    // Stretches in order: match or not.
    const parts: { text: string; isMatch: boolean }[] = [];
    let from = 0;
    const add = (to: number, isMatch: boolean): void => {
      if (to > from) parts.push({ text: piece.slice(from, to), isMatch: isMatch !== invert });
      from = to;
    };
    for (const match of piece.matchAll(pattern)) {
      add(match.index, false);
      add(match.index + match[0].length, true);
    }
    add(piece.length, false);
    return placed(parts, behavior);
  };
}

function placed(parts: readonly { text: string; isMatch: boolean }[], behavior: string): string[] {
  switch (behavior) {
    case 'Removed':
      return parts.filter(({ isMatch }) => !isMatch).map(({ text }) => text);
    case 'MergedWithPrevious':
      return parts.reduce<string[]>((pieces, { text, isMatch }, i) => {
        if (isMatch && i > 0 && !parts[i - 1].isMatch) pieces[pieces.length - 1] += text;
        else pieces.push(text);
        return pieces;
      }, []);
    case 'MergedWithNext':
      return parts.reduceRight<string[]>((pieces, { text, isMatch }, i) => {
        if (isMatch && i < parts.length - 1 && !parts[i + 1].isMatch) pieces[0] = text + pieces[0];
        else pieces.unshift(text);
        return pieces;
      }, []);
    case 'Contiguous':
      return parts.reduce<string[]>((pieces, { text, isMatch }, i) => {
        if (i > 0 && parts[i - 1].isMatch === isMatch) pieces[pieces.length - 1] += text;
        else pieces.push(text);
        return pieces;
      }, []);
    default:
      return parts.map(({ text }) => text);
  }
}

function patternOf(value: unknown, name: string): RegExp {
  const { String: literal, Regex: source } = (value ?? {}) as { String?: string; Regex?: string };
  try {
    if (source !== undefined) return new RegExp(source, 'gu');
    if (literal !== undefined) return new RegExp(literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'gu');
  } catch {
    throw unknownStep(name, `pattern ${source}`);
  }
  throw unknownStep(name, 'pattern');
}

function unknownStep(name: string, what: string): ToolError {
  return new ToolError({
    code: 'BAD_VALUE',
    message: `${name} has a ${what}, which is not known`,
    hint: 'name another tokenizer.json, or cl100k_base or o200k_base',
  });
}

const HAN = /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[\u{20000}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
const PUNCTUATION = /[!-/:-@[-`{-~]|\p{P}/gu;
/** Punctuation alone, or a stretch without blanks and punctuation. */
const BERT_PIECES = /[!-/:-@[-`{-~]|\p{P}|[^\s\p{P}!-/:-@[-`{-~]+/gu;
