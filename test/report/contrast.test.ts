/** The page's palette against WCAG 2.1: text 4.5 : 1 on every surface it stands on, lines of charts 3 : 1. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAssets } from '../../src/report/assets.js';

const { pageStyle } = loadAssets();

function palettes(): Record<string, Map<string, string>> {
  const read = (text: string): Map<string, string> =>
    new Map([...text.matchAll(/--([a-z-]+): (#[0-9a-f]{6})\b/g)].map((match) => [match[1], match[2]]));
  const light = /:root \{(.*?)\}/s.exec(pageStyle)![1];
  const automatic = /:root:not\(\[data-theme="light"\]\) \{(.*?)\}/s.exec(pageStyle)![1];
  const dark = /:root\[data-theme="dark"\] \{(.*?)\}/s.exec(pageStyle)![1];
  return { light: read(light), automatic: read(automatic), dark: read(dark) };
}

/** Relative luminance of #rrggbb, WCAG 2.1. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

test('the chosen dark theme is the automatic one', () => {
  const { automatic, dark } = palettes();
  assert.deepEqual([...automatic], [...dark]);
  assert.ok(dark.size > 15);
});

for (const name of ['light', 'dark']) {
  test(`${name}: text is readable on every surface, lines of charts on the page`, () => {
    const palette = palettes()[name];
    const pairs: [string, string, number][] = [
      ['ink', 'page', 7],
      ['ink', 'panel', 7],
      ...['good', 'warn', 'bad'].flatMap((tone): [string, string, number][] => [
        ['ink', `${tone}-panel`, 7],
        [tone, `${tone}-panel`, 4.5],
        [tone, 'page', 4.5],
        ['muted', `${tone}-panel`, 4.5],
      ]),
      ['muted', 'page', 4.5],
      ['muted', 'panel', 4.5],
      ['link', 'page', 4.5],
      ['good', 'panel', 4.5],
      ...['blue', 'orange', 'teal', 'purple', 'red', 'grey'].map((role): [string, string, number] => [
        role,
        'page',
        4.5,
      ]),
    ];
    for (const [front, back, least] of pairs) {
      const ratio = contrast(palette.get(front)!, palette.get(back)!);
      assert.ok(ratio >= least, `${front} on ${back}: ${ratio.toFixed(2)} < ${least}`);
    }
  });
}
