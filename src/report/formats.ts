/** A report as Markdown, JSON and CSV: the same words and numbers as the page. Pure. */
import { stringifyStrict } from '../trace/files.js';
import type { ReportInput } from './input.js';
import { type Block, type Cell, type Outline, outlineOf, type TableBlock } from './outline.js';
import type { Page } from './page.js';

export const REPORT_FORMATS = ['html', 'md', 'json', 'csv'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** A table behind a chart with more rows than this is a curve; Markdown shows a few of its points, CSV and JSON all. */
const WHOLE_ROWS = 40;
const CURVE_ROWS = 12;

/** The page as Markdown (CommonMark with tables). */
export function formatMarkdown(page: Page): string {
  const { subject, name, context, headline, tiles, sections, footer }: Outline = outlineOf(page);
  const lines = [
    `# ${subject}: ${escaped(name)}`,
    escaped(context),
    `## ${escaped(headline.verdict)}`,
    `**Because** ${headline.because}`,
    `**Next** ${headline.next}`,
    tableText({
      kind: 'table',
      caption: '',
      columns: ['', 'value', ''],
      rows: tiles.map((tile) => [plain(tile.label), tile.cell, plain(tile.detail)]),
    }),
    ...sections.flatMap((section) => [
      `## ${escaped(section.title)}`,
      ...(section.intro === null ? [] : [escaped(section.intro)]),
      ...section.blocks.map(blockText),
    ]),
    `---\n\n${escaped(footer)}`,
  ];
  return `${lines.filter((line) => line !== '').join('\n\n')}\n`;
}

const plain = (text: string): Cell => ({ text, value: null });

function blockText(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `### ${escaped(block.text)}`;
    case 'text':
      return escaped(block.text);
    case 'list':
      return block.items.map((item) => `- ${escaped(item)}`).join('\n');
    case 'facts':
      return block.entries.map(({ name, cell }) => `- ${escaped(name)}: ${escaped(cell.text)}`).join('\n');
    case 'code':
      return `### ${escaped(block.title)}\n\n${fence(block.text)}`;
    case 'table':
      return `${block.caption === '' ? '' : `${escaped(block.caption)}\n\n`}${tableText(block)}`;
    case 'figure':
      return [
        `### ${escaped(block.title)}`,
        escaped(block.reading),
        ...(block.note === null ? [] : [escaped(block.note)]),
        tableText({ ...block.table, rows: curveRows(block.table.rows) }),
        `${escaped(block.source)} (chart \`${block.id}\`)`,
      ].join('\n\n');
  }
}

/** Characters that Markdown would take for markup. */
function escaped(text: string): string {
  return text.replace(/([\\`*_[\]<>|])/g, '\\$1');
}

function fence(text: string): string {
  const ticks = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${ticks}\n${text.replace(/\n$/, '')}\n${ticks}`;
}

function tableText({ columns, rows }: TableBlock): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map(escaped)),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(row.map((cell) => escaped(cell.text)))),
  ].join('\n');
}

/** All rows, or some of a curve: evenly spread, the first and the last among them. */
function curveRows<T>(rows: readonly T[]): readonly T[] {
  if (rows.length <= WHOLE_ROWS) return rows;
  const last = rows.length - 1;
  return Array.from({ length: CURVE_ROWS }, (_, i) => rows[Math.round((i * last) / (CURVE_ROWS - 1))]);
}

/** The page as a JSON document: outline with exact numbers, and the charts' series. */
export function formatJson(of: ReportInput['kind'], page: Page): string {
  return `${stringifyStrict({ schemaVersion: 1, kind: 'report', of, ...outlineOf(page), charts: page.charts })}\n`;
}

/** Every number and word of tables, facts and tiles, one cell a line: section, block, row, column, value, text. */
export function formatCsv(page: Page): string {
  const outline = outlineOf(page);
  const lines: string[][] = [['section', 'block', 'row', 'column', 'value', 'text']];
  const add = (section: string, block: string, row: string, column: string, cell: Cell): void => {
    lines.push([section, block, row, column, cell.value === null ? '' : String(cell.value), cell.text]);
  };
  const { verdict, because, next, tone } = outline.headline;
  for (const [row, text] of Object.entries({ tone, verdict, because, next }))
    add('verdict', 'verdict', row, '', plain(text));
  for (const tile of outline.tiles) add('verdict', 'key numbers', tile.label, '', tile.cell);
  const addTable = (section: string, block: string, { columns, rows }: TableBlock): void => {
    rows.forEach((row, i) => {
      row.slice(1).forEach((cell, k) => {
        add(section, block, row[0].text || String(i + 1), columns[k + 1], cell);
      });
    });
  };
  for (const section of outline.sections) {
    for (const block of section.blocks) {
      if (block.kind === 'table') addTable(section.id, block.caption, block);
      if (block.kind === 'figure') addTable(section.id, block.id, block.table);
      if (block.kind === 'facts')
        for (const { name, cell } of block.entries) add(section.id, 'facts', name, '', cell);
    }
  }
  return `${lines.map((line) => line.map(quoted).join(',')).join('\n')}\n`;
}

const quoted = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
