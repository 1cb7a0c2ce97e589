/**
 * HTTP/2 through node:http2: requests of an address share connections, up to the number of streams that the server
 * allows; then a further connection is opened.
 *
 * A request that finds no open connection waits for the one being opened, and that wait is its connection time. When a
 * connection dies, its requests end with the connection's error; a server's GOAWAY lets running requests end and sends
 * later ones over a new connection.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectTcp, type LookupFunction } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ResponseListener } from '../exchange-types.js';
import type { ConnectionFacts, Transport, TransportRequest, TransportTarget } from '../transport.js';
import { socketOptionsOf } from './agent.js';
import { createDnsClock } from './dns-clock.js';

export interface Http2TransportOptions extends TransportTarget {
  readonly nowNs: () => number;
}

/** Until the server tells its limit: what RFC 9113 recommends as the least. */
const STREAMS_BEFORE_SETTINGS = 100;
/** Streams beyond one window would wait for each other's window updates. */
const WINDOW_BYTES = 16 * 1024 * 1024;

export function createHttp2Transport(options: Http2TransportOptions): Transport {
  return new Http2Transport(options);
}

class Http2Transport implements Transport {
  readonly #options: Http2TransportOptions;
  readonly #places: Place[];
  readonly #dns;
  #opened = 0;
  #reused = 0;
  #connectNs = 0;

  constructor(options: Http2TransportOptions) {
    this.#options = options;
    this.#dns = createDnsClock(options.nowNs);
    const headers = headersOf(options.headers);
    this.#places = [options, ...(options.otherPlaces ?? [])].map(({ url, plainUrl }) => {
      const { origin, host, protocol, pathname, search } = new URL(url);
      const plain = new URL(plainUrl ?? url);
      const head = {
        ':method': 'POST',
        ':scheme': protocol.slice(0, -1),
        ':authority': host,
        'content-type': 'application/json',
        'accept-encoding': 'identity',
        ...headers,
      };
      const accept = (type: string): Record<string, string> => ('accept' in headers ? {} : { accept: type });
      return {
        origin,
        streamHead: { ...head, ...accept('text/event-stream'), ':path': pathname + search },
        plainHead: { ...head, ...accept('application/json'), ':path': plain.pathname + plain.search },
        sessions: [],
      };
    });
  }

  send(body: Uint8Array, stream: boolean, listener: ResponseListener, place = 0): TransportRequest {
    const at = this.#places[place];
    const found = at.sessions.find((one) => one.usable && one.streams < one.limit);
    const session = found ?? this.#open(at);
    const request = new Http2Request(listener, stream ? at.streamHead : at.plainHead, body);
    session.streams += 1;
    const isNew = !session.ready;
    request.onOver = () => {
      session.streams -= 1;
      if (!session.usable && session.streams === 0) session.http2.close();
    };
    if (session.ready) {
      this.#reused += 1;
      request.start(session.http2);
    } else {
      const askedNs = this.#options.nowNs();
      session.waiting.push((error) => {
        if (error !== null) request.fail(error);
        else {
          // Those that join while it opens wait for less than all of it.
          const dnsNs = found === undefined ? session.dnsNs() : null;
          if (isNew) listener.onConnected(this.#options.nowNs() - askedNs, dnsNs);
          request.start(session.http2);
        }
      });
    }
    return request;
  }

  connectionsOpened(): number {
    return this.#opened;
  }

  connectionFacts(): ConnectionFacts {
    return {
      opened: this.#opened,
      reused: this.#reused,
      dnsNs: this.#dns.spentNs(),
      connectNs: this.#connectNs,
    };
  }

  async preconnect(connections: number): Promise<void> {
    if (connections === 0) return;
    const opened = this.#places.map(
      (place) => new Promise<void>((resolve) => this.#open(place).waiting.push(() => resolve())),
    );
    await Promise.all(opened);
  }

  async close(): Promise<void> {
    for (const { sessions } of this.#places) for (const { http2 } of sessions) http2.destroy();
  }

  #open(place: Place): Session {
    const { nowNs } = this.#options;
    const startNs = nowNs();
    const name = this.#dns.one();
    const http2 = connect(place.origin, {
      createConnection: (url) => this.#socket(url, name.lookup),
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    });
    const session: Session = {
      http2,
      ready: false,
      usable: true,
      streams: 0,
      limit: STREAMS_BEFORE_SETTINGS,
      waiting: [],
      dnsNs: name.spentNs,
    };
    place.sessions.push(session);
    let failure: Error | null = null;
    const settle = (error: Error | null): void => {
      const { waiting } = session;
      session.waiting = [];
      for (const wake of waiting) wake(error);
    };
    http2.once('connect', () => {
      this.#opened += 1;
      this.#connectNs += nowNs() - startNs;
      session.ready = true;
      http2.setLocalWindowSize(WINDOW_BYTES);
      settle(null);
    });
    http2.on('remoteSettings', ({ maxConcurrentStreams }) => {
      session.limit = maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
    });
    http2.on('goaway', () => {
      session.usable = false;
    });
    http2.on('error', (error) => {
      failure = error;
    });
    http2.on('close', () => {
      session.usable = false;
      place.sessions = place.sessions.filter((other) => other !== session);
      settle(failure ?? closedByPeer());
    });
    return session;
  }

  #socket(url: URL, lookup: LookupFunction): ReturnType<typeof connectTcp> {
    const { socketPath, ...tls } = socketOptionsOf(this.#options.connection ?? {});
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const isTls = url.protocol === 'https:';
    const at =
      socketPath === undefined
        ? { host, port: Number(url.port) || (isTls ? 443 : 80), lookup }
        : { path: socketPath };
    if (!isTls) return connectTcp({ ...at, noDelay: true });
    const named = /[a-z]/i.test(host) && !host.includes(':') ? { servername: host } : {};
    return connectTls({ ...tls, ...at, ...named, ALPNProtocols: ['h2'] }).setNoDelay(true);
  }
}

interface Place {
  readonly origin: string;
  readonly streamHead: Record<string, string>;
  readonly plainHead: Record<string, string>;
  sessions: Session[];
}

interface Session {
  readonly http2: ClientHttp2Session;
  ready: boolean;
  /** false = no further request may use it. */
  usable: boolean;
  streams: number;
  /** Most streams at once. */
  limit: number;
  waiting: ((error: Error | null) => void)[];
  /** What the name's look-up took; null = none was made. */
  dnsNs(): number | null;
}

class Http2Request implements TransportRequest {
  readonly #listener: ResponseListener;
  readonly #head: Record<string, string>;
  readonly #body: Uint8Array;
  #stream: ClientHttp2Stream | null = null;
  #complete = false;
  #over = false;
  #aborted = false;
  onOver: () => void = () => undefined;

  constructor(listener: ResponseListener, head: Record<string, string>, body: Uint8Array) {
    this.#listener = listener;
    this.#head = head;
    this.#body = body;
  }

  start(http2: ClientHttp2Session): void {
    if (this.#over) return;
    let stream: ClientHttp2Stream;
    try {
      stream = http2.request({ ...this.#head, 'content-length': String(this.#body.length) });
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    this.#stream = stream;
    let failure: Error | null = null;
    this.#listener.onSent();
    stream.on('response', (headers) => {
      const text = (name: string): string | null => {
        const value = headers[name];
        return typeof value === 'string' ? value : null;
      };
      this.#listener.onHead(Number(headers[':status']), text('content-type'), {
        contentEncoding: text('content-encoding'),
        location: text('location'),
        retryAfter: text('retry-after'),
      });
    });
    stream.on('data', (bytes: Buffer) => {
      if (!this.#over) this.#listener.onData(bytes);
    });
    stream.on('end', () => {
      this.#complete = true;
    });
    stream.on('error', (error) => {
      failure = error;
    });
    stream.on('close', () => {
      if (this.#complete && failure === null && stream.rstCode === constants.NGHTTP2_NO_ERROR)
        this.#end(null);
      else this.#end(this.#aborted ? new Error('aborted') : (failure ?? streamReset(stream.rstCode)));
    });
    stream.end(this.#body);
  }

  abort(): void {
    if (this.#over) return;
    this.#aborted = true;
    if (this.#stream === null) this.fail(new Error('aborted'));
    else this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  fail(error: Error): void {
    this.#end(error);
  }

  #end(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.onOver();
    if (error === null) this.#listener.onEnd();
    else this.#listener.onError(error);
  }
}

/** Names in lower case; the last of several equal ones wins. */
function headersOf(words: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < words.length; i += 2) headers[words[i].toLowerCase()] = words[i + 1];
  return headers;
}

/** As a FIN in the middle of a response is told everywhere. */
function closedByPeer(): Error {
  return Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
}

/** CANCEL is what streams are left with when their connection closes. */
function streamReset(code: number): Error {
  if (code === constants.NGHTTP2_NO_ERROR || code === constants.NGHTTP2_CANCEL) return closedByPeer();
  return Object.assign(new Error(`Stream closed with error code ${code}`), {
    code: 'ERR_HTTP2_STREAM_ERROR',
  });
}
