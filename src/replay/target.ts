/** Where to send: from what the user typed to the endpoint's full URLs, the API's root and the headers. */
import { ToolError } from '../errors.js';
import { MODEL_IN_PATH, type Protocol } from './protocol.js';
import type { ConnectionRequest, TransportPlace, TransportTarget } from './transport.js';

export interface Target extends TransportPlace {
  /** For files: without credentials and query. */
  readonly shownUrl: string;
  /** Root of the API, e.g. http://host:8000/v1 */
  readonly apiRoot: string;
  readonly origin: string;
  /** name, value, name, value …; credentials included. */
  readonly headers: readonly string[];
  /** Further addresses of the same service. */
  readonly otherPlaces: readonly TransportPlace[];
  readonly connection: ConnectionRequest;
  /** Model that the URL names, for protocols that have it in their path; null = none. */
  readonly modelInUrl: string | null;
}

export interface TargetOptions {
  /** Origin, API root, or the endpoint itself. */
  readonly url: string;
  /** Further ones that serve the same. */
  readonly otherUrls?: readonly string[];
  readonly protocol: Protocol;
  /** Sent as a bearer token, or in the header that the protocol names. */
  readonly apiKey?: string | null;
  /** `Name: value` each. */
  readonly headers?: readonly string[];
  readonly connection?: ConnectionRequest;
}

/** Reads the target. Throws ToolError BAD_VALUE for what is no HTTP URL or no header. */
export function parseTarget(options: TargetOptions): Target {
  const { protocol } = options;
  const url = parseUrl(options.url);
  const headers = (options.headers ?? []).flatMap(parseHeader);
  const given = (name: string): boolean =>
    headers.some((word, i) => i % 2 === 0 && word.toLowerCase() === name);
  const keyHeader = protocol.keyHeader ?? 'authorization';
  if (!given(keyHeader)) {
    const key = options.apiKey;
    if (key) headers.push(keyHeader, keyHeader === 'authorization' ? `Bearer ${key}` : key);
    else if (url.username !== '' && !given('authorization')) {
      const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      headers.push('authorization', `Basic ${Buffer.from(user).toString('base64')}`);
    }
  }
  const own = ['user-agent', 'tokentide', ...(protocol.headers ?? [])];
  if (protocol.framing === 'lines') own.push('accept', 'application/x-ndjson, application/json');
  for (let i = 0; i < own.length; i += 2) if (!given(own[i])) headers.push(own[i], own[i + 1]);
  const { root, modelInUrl, ...place } = placeAt(url, protocol);
  return {
    ...place,
    shownUrl: shown(place.url),
    apiRoot: shown(root),
    origin: url.origin,
    headers,
    otherPlaces: (options.otherUrls ?? []).map((text) => {
      const other = placeAt(parseUrl(text), protocol);
      return { url: other.url, ...(other.plainUrl === undefined ? {} : { plainUrl: other.plainUrl }) };
    }),
    connection: options.connection ?? {},
    modelInUrl,
  };
}

/** The target with the model's name in its paths. */
export function withModel(target: Target, model: string): Target {
  const name = encodeURIComponent(model);
  const put = (url: string): string => url.replace(MODEL_IN_PATH, name);
  const putIn = (place: TransportPlace): TransportPlace =>
    place.plainUrl === undefined
      ? { url: put(place.url) }
      : { url: put(place.url), plainUrl: put(place.plainUrl) };
  return {
    ...target,
    ...putIn(target),
    shownUrl: put(target.shownUrl),
    otherPlaces: target.otherPlaces.map(putIn),
  };
}

/** Every address of a target, for files: without credentials and query. */
export function endpointsOf(target: Target): readonly string[] {
  return [target.shownUrl, ...target.otherPlaces.map(({ url }) => shown(url))];
}

/** What senders need of a target. `http` = what the server was found to speak. */
export function transportTargetOf(target: Target): TransportTarget {
  const { http, ...connection } = target.connection;
  return {
    url: target.url,
    ...(target.plainUrl === undefined ? {} : { plainUrl: target.plainUrl }),
    headers: target.headers,
    otherPlaces: target.otherPlaces,
    connection: { ...connection, http: http === '2' ? '2' : '1.1' },
  };
}

/** The full URLs behind an origin, an API root or the endpoint itself. */
function placeAt(
  url: URL,
  protocol: Protocol,
): TransportPlace & { readonly root: string; readonly modelInUrl: string | null } {
  url.username = '';
  url.password = '';
  url.hash = '';
  const { path, plainPath } = protocol;
  let rootPath = url.pathname.replace(/\/+$/, '');
  let modelInUrl: string | null = null;
  const whole = [path, plainPath ?? path].map((one) => pathPattern(one).exec(rootPath)).find(Boolean);
  if (whole != null) {
    rootPath = rootPath.slice(0, whole.index);
    modelInUrl = whole[1] === undefined ? null : decodeURIComponent(whole[1]);
  } else if (protocol.root === '') rootPath = rootPath.replace(/\/v\d+$/, '');
  else if (!/\/v\d+$/.test(rootPath)) rootPath += '/v1';
  const at = (below: string): string => {
    const full = new URL(url);
    full.pathname = rootPath + below;
    return full.href;
  };
  return {
    url: at(path),
    ...(plainPath === undefined ? {} : { plainUrl: at(plainPath) }),
    root: `${url.origin}${rootPath}`,
    modelInUrl: modelInUrl === MODEL_IN_PATH ? null : modelInUrl,
  };
}

function pathPattern(path: string): RegExp {
  const [before, after] = path
    .split(MODEL_IN_PATH)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(after === undefined ? `${before}$` : `${before}([^/]+)${after}$`);
}

function shown(text: string): string {
  const url = new URL(text);
  url.search = '';
  return url.pathname === '/' && !text.endsWith('/') ? url.origin : url.href;
}

function parseUrl(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '')
    return url;
  throw new ToolError({
    code: 'BAD_VALUE',
    message: `expected an http or https URL, got '${text}'`,
    hint: /^([a-z]+:\/\/)?[0-9a-f]*:[0-9a-f]*:/i.test(text)
      ? 'write an IPv6 address in brackets: --url http://[::1]:8000'
      : 'write it like --url http://localhost:8000',
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
