/** Errors of sockets and servers → short stable words with the server's message; secrets are cut out. */
import { errorMessage } from './protocols/json.js';

export interface Failure {
  /** Stable word, with the message after a colon where it adds something. */
  readonly text: string;
  /** The peer closed the connection in order (FIN), so what came before is an answer cut short. */
  readonly closedByPeer: boolean;
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNRESET: 'connection_reset',
  ECONNREFUSED: 'connection_refused',
  ECONNABORTED: 'connection_aborted',
  EPIPE: 'connection_broken',
  ENOTFOUND: 'name_not_found',
  EAI_AGAIN: 'name_not_found',
  EHOSTUNREACH: 'host_unreachable',
  ENETUNREACH: 'network_unreachable',
  ETIMEDOUT: 'connection_timed_out',
  EMFILE: 'too_many_open_files',
  EADDRNOTAVAIL: 'no_free_local_port',
};

const LONGEST = 240;

/** What a transport error means. */
export function describeFailure(error: Error): Failure {
  const cause = rootOf(error);
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (code === 'UND_ERR_SOCKET' && cause.message === 'other side closed') {
    return { text: 'closed_before_response', closedByPeer: true };
  }
  const word = WORDS[code];
  if (word !== undefined) return { text: word, closedByPeer: false };
  if (code === 'ERR_HTTP2_STREAM_ERROR' || code === 'ERR_HTTP2_SESSION_ERROR') {
    // e.g. REFUSED_STREAM, INTERNAL_ERROR, ENHANCE_YOUR_CALM (RFC 9113, section 7)
    const name = /NGHTTP2_(\w+)/.exec(cause.message)?.[1].toLowerCase();
    return { text: `http2_reset: ${name ?? shorten(cause.message)}`, closedByPeer: false };
  }
  if (cause.name === 'HTTPParserError')
    return { text: `bad_http: ${shorten(cause.message)}`, closedByPeer: false };
  const tls = /CERT|TLS|SSL|VERIFY|SIGNATURE|INVALID_(CA|PURPOSE)|HOSTNAME/.test(code) ? 'tls: ' : '';
  return { text: `${tls}${shorten(cause.message || code || cause.name)}`, closedByPeer: false };
}

/** The innermost cause; for several attempts at once (happy eyeballs) the first. */
function rootOf(error: Error): Error {
  let current = error;
  for (let depth = 0; depth < 5; depth++) {
    const inner =
      current instanceof AggregateError ? (current.errors[0] as unknown) : (current.cause as unknown);
    if (!(inner instanceof Error)) break;
    current = inner;
  }
  return current;
}

/** `http_429: message`, from the body of an error response; for a redirect also where it points. */
export function httpErrorText(status: number, body: Buffer, location: string | null = null): string {
  const text = body.toString('utf8');
  let message: string | null = null;
  try {
    message = errorMessage(JSON.parse(text));
  } catch {
    // Not JSON: HTML pages of proxies say little beyond their title.
    message = /<title>([^<]*)<\/title>/i.exec(text)?.[1] ?? (text.includes('<') ? null : text);
  }
  if (location !== null && status >= 300 && status < 400) message = `redirect to ${location.split('?')[0]}`;
  const trimmed = shorten((message ?? '').trim());
  return trimmed === '' ? `http_${status}` : `http_${status}: ${trimmed}`;
}

/** One line, short, without anything that looks like a key. Servers repeat the key that they refuse. */
export function shorten(text: string): string {
  const line = text
    .replace(/\b(Bearer\s+)\S+/gi, '$1***')
    .replace(/\b(sk|pk|key|token|hf)[-_][A-Za-z0-9*_-]{6,}/gi, '$1-***')
    .replace(/\s+/g, ' ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}
