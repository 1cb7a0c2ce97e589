/**
 * Numbers on the page. Each is a `<data>` element: rounded for people, with the document's exact number in its value,
 * so that a script (and our test) can read the page back.
 */
import {
  formatBytes,
  formatCount,
  formatDurationSec,
  formatMs,
  formatRatio,
  secToMs,
  significant,
} from '../units.js';
import { type Html, html } from './html.js';

/** What stands where a number is unknown. */
export const UNKNOWN = html`<span class="unknown">–</span>`;

const exact = (value: number, text: string): Html => html`<data value="${value}">${text}</data>`;

const known =
  (format: (value: number) => string) =>
  (value: number | null | undefined): Html =>
    value === null || value === undefined ? UNKNOWN : exact(value, format(value));

export const msValue = known(formatMs);
export const secValue = known(formatDurationSec);
export const countValue = known(formatCount);
export const ratioValue = known(formatRatio);
export const bytesValue = known(formatBytes);
export const numberValue = known((value) => significant(value));
export const perSecValue = known((value) => `${significant(value)}/s`);
export const tokensPerSecValue = known((value) => `${significant(value)} tokens/s`);

/** Money keeps two decimals from 1 on, three significant digits below; the currency is the user's. */
export const moneyValue = known(formatMoney);

/** Text of an amount of money. */
export function formatMoney(value: number): string {
  return Math.abs(value) >= 1 || value === 0 ? value.toFixed(2) : significant(value);
}

/** Value of a check, an SLO term or a gauge, in its own unit. */
export function inUnit(value: number | null, unit: string): Html {
  return value === null ? UNKNOWN : exact(value, textInUnit(value, unit));
}

/** Text of a value in one of the units that documents name. */
export function textInUnit(value: number | null, unit: string): string {
  if (value === null) return '–';
  if (unit === 'ms') return formatMs(value);
  if (unit === 's' || unit === 'sec') return formatMs(secToMs(value));
  if (unit === 'ratio') return formatRatio(value);
  return unit === '' ? significant(value) : `${significant(value)} ${unit}`;
}

/**
 * A percentile that rests on few samples is marked: fewer than five lie above it, so it moves with each of them.
 */
export function percentileValue(value: number | null, n: number, p: number): Html {
  if (value === null) return UNKNOWN;
  const above = n * (1 - p);
  return above < 5
    ? html`${msValue(value)}<span class="few" title="fewer than 5 of ${formatCount(n)} samples lie above: a rough value">*</span>`
    : msValue(value);
}
