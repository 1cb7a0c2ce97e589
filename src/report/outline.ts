/**
 * A page without its layout: headings, sentences, facts, tables with exact numbers, figures in words. Read back from the
 * page's own HTML, so that Markdown, JSON and CSV say what the page says. Pure.
 */
import { type Html, type HtmlValue, html } from './html.js';
import type { Page } from './page.js';
import type { Tone } from './parts.js';

/** What is shown, and the exact number behind it where there is exactly one. */
export interface Cell {
  readonly text: string;
  readonly value: number | null;
}

export interface TableBlock {
  readonly kind: 'table';
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface FigureBlock {
  readonly kind: 'figure';
  readonly id: string;
  readonly title: string;
  readonly reading: string;
  /** n, window and definitions. */
  readonly source: string;
  readonly note: string | null;
  readonly table: TableBlock;
}

export type Block =
  | TableBlock
  | FigureBlock
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'facts'; readonly entries: readonly { readonly name: string; readonly cell: Cell }[] }
  | { readonly kind: 'code'; readonly title: string; readonly text: string };

export interface OutlineSection {
  readonly id: string;
  readonly title: string;
  readonly intro: string | null;
  readonly blocks: readonly Block[];
}

export interface Outline {
  readonly subject: string;
  readonly name: string;
  readonly context: string;
  readonly headline: {
    readonly tone: Tone;
    readonly verdict: string;
    readonly because: string;
    readonly next: string;
  };
  readonly tiles: readonly { readonly label: string; readonly cell: Cell; readonly detail: string }[];
  readonly sections: readonly OutlineSection[];
  readonly footer: string;
}

/** The page as an outline. */
export function outlineOf(page: Page): Outline {
  return {
    subject: page.subject,
    name: page.name,
    context: textOf(parse(page.context)),
    headline: page.headline,
    tiles: page.tiles.map((tile) => ({
      label: tile.label,
      cell: cellOf(parse(tile.value)),
      detail: textOf(parse(tile.detail)),
    })),
    sections: page.sections.map((section) => ({
      id: section.id,
      title: section.title,
      intro: section.intro ? textOf(parse(section.intro)) : null,
      blocks: blocksOf(parse(section.body)),
    })),
    footer: textOf(parse(page.footer)),
  };
}

/** Every figure of the outline. */
export function figuresOf(outline: Outline): FigureBlock[] {
  return outline.sections.flatMap((section) => section.blocks.filter((block) => block.kind === 'figure'));
}

/** An element of our own HTML; text is an element without a name. */
interface Node {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Node[];
  readonly text: string;
}

const node = (name: string, attributes: Record<string, string> = {}, text = ''): Node => ({
  name,
  attributes,
  children: [],
  text,
});

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

const unescaped = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name]);

/** Reads what `html` wrote: every attribute quoted, every element closed or self-closed. */
function parse(value: HtmlValue): Node {
  const { text }: Html = html`${value}`;
  const root = node('root');
  const open: Node[] = [root];
  for (const [, closing, name, attributes, empty, words] of text.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>|([^<]+)/gi,
  )) {
    const top = open[open.length - 1];
    if (words !== undefined) top.children.push(node('', {}, unescaped(words)));
    else if (closing) {
      if (open.length > 1) open.pop();
    } else {
      const made = node(name.toLowerCase(), attributesOf(attributes));
      top.children.push(made);
      if (!empty) open.push(made);
    }
  }
  return root;
}

function attributesOf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/([\w:-]+)(?:="([^"]*)")?/g))
    found[name] = unescaped(value ?? '');
  return found;
}

const hasClass = ({ attributes }: Node, name: string): boolean =>
  (attributes['class'] ?? '').split(' ').includes(name);

function all(from: Node, name: string): Node[] {
  return from.children.flatMap((child) =>
    child.name === name ? [child, ...all(child, name)] : all(child, name),
  );
}

/** Text as it is read; pictures have none. */
function textOf(from: Node): string {
  return rawText(from).replace(/\s+/g, ' ').trim();
}

function rawText(from: Node): string {
  if (from.name === '') return from.text;
  if (from.name === 'svg' || from.name === 'button') return '';
  return from.children.map(rawText).join('');
}

function cellOf(from: Node): Cell {
  const numbers = all(from, 'data');
  return {
    text: textOf(from),
    value: numbers.length === 1 ? Number(numbers[0].attributes['value']) : null,
  };
}

function blocksOf(from: Node): Block[] {
  return from.children.flatMap((child): Block[] => {
    switch (child.name) {
      case '':
        return textOf(child) === '' ? [] : [{ kind: 'text', text: textOf(child) }];
      case 'h3':
        return [{ kind: 'heading', text: textOf(child) }];
      case 'p':
        return [{ kind: 'text', text: textOf(child) }];
      case 'ul':
        return [{ kind: 'list', items: all(child, 'li').map(textOf) }];
      case 'dl':
        return [
          {
            kind: 'facts',
            entries: child.children
              .filter((pair) => pair.name === 'div')
              .map((pair) => ({ name: textOf(all(pair, 'dt')[0]), cell: cellOf(all(pair, 'dd')[0]) })),
          },
        ];
      case 'table':
        return [tableOf(child)];
      case 'figure':
        return [figureOf(child)];
      default:
        return hasClass(child, 'copy') ? [codeOf(child)] : blocksOf(child);
    }
  });
}

function tableOf(from: Node): TableBlock {
  const [head, body] = [all(from, 'thead')[0], all(from, 'tbody')[0]];
  return {
    kind: 'table',
    caption: textOf(all(from, 'caption')[0]),
    columns: all(head, 'th').map(textOf),
    rows: all(body, 'tr').map((row) =>
      row.children.filter((cell) => cell.name === 'th' || cell.name === 'td').map(cellOf),
    ),
  };
}

function figureOf(from: Node): FigureBlock {
  const caption = all(from, 'figcaption')[0];
  const paragraphs = from.children.filter((child) => child.name === 'p');
  const note = paragraphs.find((child) => hasClass(child, 'note'));
  return {
    kind: 'figure',
    id: from.attributes['data-chart'],
    title: textOf(all(caption, 'h3')[0]),
    reading: textOf(all(caption, 'p')[0]),
    source: textOf(paragraphs.find((child) => hasClass(child, 'source'))!),
    note: note === undefined ? null : textOf(note),
    table: tableOf(all(all(from, 'details')[0], 'table')[0]),
  };
}

function codeOf(from: Node): Block {
  const block = all(from, 'pre')[0];
  return { kind: 'code', title: block.attributes['aria-label'], text: rawText(block) };
}
