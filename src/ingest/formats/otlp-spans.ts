/**
 * Spans of OTLP JSON (one export request per line): attributes by name, times exact. Writers differ: 64-bit integers as
 * text (the specification) or as numbers, `scopeSpans` or the old `instrumentationLibrarySpans`, status codes as numbers
 * or names.
 */
import { valueAt } from './json-cell.js';

/** A scalar; a list or map as plain JSON. */
export type AttributeValue = string | number | boolean | object;

export interface OtlpSpan {
  readonly name: string;
  readonly spanId: string | null;
  readonly parentSpanId: string | null;
  readonly traceId: string | null;
  /** Since 1970, ns; null = unknown. */
  readonly startNs: bigint | null;
  readonly endNs: bigint | null;
  readonly hasFailed: boolean;
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  readonly events: readonly OtlpEvent[];
}

export interface OtlpEvent {
  readonly name: string;
  readonly timeNs: bigint | null;
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

/** 64-bit fields that some writers emit as bare numbers, which JSON.parse would round. */
const BARE_INTEGER = /"(startTimeUnixNano|endTimeUnixNano|timeUnixNano|intValue)"\s*:\s*(-?\d{16,})/g;

/** All spans of an export request. Throws SyntaxError when the text is no JSON. */
export function parseOtlpSpans(text: string): OtlpSpan[] {
  const request: unknown = JSON.parse(text.replace(BARE_INTEGER, '"$1":"$2"'));
  return list(valueAt(request, ['resourceSpans'])).flatMap((resource) =>
    [
      ...list(valueAt(resource, ['scopeSpans'])),
      ...list(valueAt(resource, ['instrumentationLibrarySpans'])),
    ].flatMap((scope) => list(valueAt(scope, ['spans'])).map(spanOf)),
  );
}

function spanOf(span: unknown): OtlpSpan {
  const code = valueAt(span, ['status', 'code']);
  return {
    name: text(valueAt(span, ['name'])) ?? '',
    spanId: text(valueAt(span, ['spanId'])),
    parentSpanId: text(valueAt(span, ['parentSpanId'])),
    traceId: text(valueAt(span, ['traceId'])),
    startNs: nanos(valueAt(span, ['startTimeUnixNano'])),
    endNs: nanos(valueAt(span, ['endTimeUnixNano'])),
    hasFailed: code === 2 || code === '2' || code === 'STATUS_CODE_ERROR',
    attributes: attributesOf(valueAt(span, ['attributes'])),
    events: list(valueAt(span, ['events'])).map((event) => ({
      name: text(valueAt(event, ['name'])) ?? '',
      timeNs: nanos(valueAt(event, ['timeUnixNano'])),
      attributes: attributesOf(valueAt(event, ['attributes'])),
    })),
  };
}

function attributesOf(attributes: unknown): Map<string, AttributeValue> {
  const found = new Map<string, AttributeValue>();
  for (const attribute of list(attributes)) {
    const key = text(valueAt(attribute, ['key']));
    const value = plainValue(valueAt(attribute, ['value']));
    if (key !== null && value !== null) found.set(key, value);
  }
  return found;
}

/** A typed value of OTLP without its types; null = it has none. */
function plainValue(value: unknown): AttributeValue | null {
  if (typeof value !== 'object' || value === null) return null;
  const inner = Object.entries(value).find(([kind]) => kind.endsWith('Value'))?.[1] as unknown;
  if (typeof inner === 'string' || typeof inner === 'number' || typeof inner === 'boolean') return inner;
  const values = valueAt(inner, ['values']);
  if (!Array.isArray(values)) return null;
  if (Object.hasOwn(value, 'arrayValue')) return (values as unknown[]).map(plainValue);
  return Object.fromEntries(attributesOf(values));
}

/** Unix ns; 0 is how OTLP writes an unknown time. */
function nanos(value: unknown): bigint | null {
  const digits = typeof value === 'number' ? String(value) : value;
  return typeof digits === 'string' && /^\d{1,19}$/.test(digits) && digits !== '0' ? BigInt(digits) : null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
