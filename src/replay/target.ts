/** Where to send: from what the user typed to the endpoint's full URL, the API's root and the headers. */
import { ToolError } from '../errors.js';
import type { Protocol } from './protocol.js';

export interface Target {
  /** Full URL of the endpoint, without credentials. */
  readonly url: string;
  /** For files: without credentials and query. */
  readonly shownUrl: string;
  /** Root of the API, e.g. http://host:8000/v1 */
  readonly apiRoot: string;
  readonly origin: string;
  /** name, value, name, value …; credentials included. */
  readonly headers: readonly string[];
}

export interface TargetOptions {
  /** Origin, API root, or the endpoint itself. */
  readonly url: string;
  readonly protocol: Protocol;
  /** Sent as a bearer token. */
  readonly apiKey?: string | null;
  /** `Name: value` each. */
  readonly headers?: readonly string[];
}

/** Reads the target. Throws ToolError BAD_VALUE for what is no HTTP URL or no header. */
export function parseTarget(options: TargetOptions): Target {
  const url = parseUrl(options.url);
  const headers = (options.headers ?? []).flatMap(parseHeader);
  const given = (name: string): boolean =>
    headers.some((word, i) => i % 2 === 0 && word.toLowerCase() === name);
  if (!given('authorization')) {
    if (options.apiKey) headers.push('authorization', `Bearer ${options.apiKey}`);
    else if (url.username !== '') {
      const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      headers.push('authorization', `Basic ${Buffer.from(user).toString('base64')}`);
    }
  }
  if (!given('user-agent')) headers.push('user-agent', 'tokentide');
  url.username = '';
  url.password = '';
  url.hash = '';
  const { path } = options.protocol;
  const trimmed = url.pathname.replace(/\/+$/, '');
  if (!trimmed.endsWith(path))
    url.pathname = /\/v\d+$/.test(trimmed) ? trimmed + path : `${trimmed}/v1${path}`;
  const shown = new URL(url);
  shown.search = '';
  return {
    url: url.href,
    shownUrl: shown.href,
    apiRoot: shown.href.slice(0, -path.length),
    origin: url.origin,
    headers,
  };
}

function parseUrl(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '')
    return url;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected an http or https URL, got '${text}'`,
    hint: 'write it like --url http://localhost:8000',
  });
}

function parseHeader(text: string): string[] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([^\r\n\0]*)$/.exec(text);
  if (match !== null) return [match[1], match[2].trim()];
  throw new ToolError({
    code: 'BAD_VALUE',
    // The text may hold a secret: only its beginning is repeated.
    message: `expected a header like 'Name: value', got '${text.slice(0, 12)}…'`,
    hint: 'quote the whole header: --header "x-team: search"',
  });
}
