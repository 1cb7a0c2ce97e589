/**
 * HTTP/1.1 through undici's `dispatch`, one `Client` per connection and as many connections as requests in flight.
 *
 * undici's own time limits are off (its defaults would cut answers at 300 s): the exchange has its own. A Client per
 * connection instead of a Pool, because a run must know which request opened a connection and how long that took, and
 * because a Pool searches all its clients for a free one at each dispatch. Free connections are reused last-in first-out:
 * a quiet run stays on few connections and the rest idle out before servers cut them.
 */
import { buildConnector, Client, type Dispatcher } from 'undici';
import type { ResponseListener } from './exchange.js';
import type { ConnectionFacts, Transport, TransportRequest, TransportTarget } from './transport.js';
import { socketOptionsOf } from './transports/agent.js';
import { createDnsClock, type DnsClock } from './transports/dns-clock.js';

export interface UndiciTransportOptions extends TransportTarget {
  readonly nowNs: () => number;
}

/** Options that every connection gets; time limits are the exchange's business. */
export const CLIENT_OPTIONS = {
  headersTimeout: 0,
  bodyTimeout: 0,
  connectTimeout: 0,
  pipelining: 1,
  maxResponseSize: -1,
  allowH2: false,
} as const;

export type UndiciTransport = Transport & Required<Pick<Transport, 'preconnect' | 'connectionFacts'>>;

export function createUndiciTransport(options: UndiciTransportOptions): UndiciTransport {
  return new ConnectionPerRequestTransport(options);
}

type Socket = Parameters<buildConnector.Callback>[1];

class ConnectionPerRequestTransport implements UndiciTransport {
  readonly #places: Place[];
  readonly #streamHeaders: string[];
  readonly #plainHeaders: string[];
  readonly #nowNs: () => number;
  readonly #connect: buildConnector.connector;
  readonly #dns: DnsClock;
  readonly #all = new Set<Connection>();
  #opened = 0;
  #reused = 0;
  #connectNs = 0;

  constructor(options: UndiciTransportOptions) {
    this.#nowNs = options.nowNs;
    this.#dns = createDnsClock(options.nowNs);
    this.#places = [options, ...(options.otherPlaces ?? [])].map(({ url, plainUrl }) => {
      const { origin, pathname, search } = new URL(url);
      const plain = new URL(plainUrl ?? url);
      return {
        origin,
        streamPath: pathname + search,
        plainPath: plain.pathname + plain.search,
        idle: [],
        spare: [],
      };
    });
    this.#connect = buildConnector({
      ...socketOptionsOf(options.connection ?? {}),
      timeout: 0,
      lookup: this.#dns.lookup,
    } as buildConnector.BuildOptions);
    const given = options.headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    const headers = (accept: string): string[] => [
      ...['content-type', 'application/json', ...options.headers],
      ...(given.includes('accept') ? [] : ['accept', accept]),
      // Unpacking would blur the instants of chunks.
      ...(given.includes('accept-encoding') ? [] : ['accept-encoding', 'identity']),
    ];
    this.#streamHeaders = headers('text/event-stream');
    this.#plainHeaders = headers('application/json');
  }

  send(body: Uint8Array, stream: boolean, listener: ResponseListener, place = 0): TransportRequest {
    const at = this.#places[place];
    const connection = this.#takeConnection(at);
    if (connection.open) this.#reused += 1;
    const request = new DispatchedRequest(connection, listener, this);
    connection.request = request;
    try {
      connection.client.dispatch(
        {
          method: 'POST',
          path: stream ? at.streamPath : at.plainPath,
          headers: stream ? this.#streamHeaders : this.#plainHeaders,
          body: body as Buffer,
        },
        request,
      );
    } catch (error) {
      request.onResponseError(null, error as Error);
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
    await Promise.all(this.#places.map((place) => this.#preconnectTo(place, connections)));
  }

  async #preconnectTo(place: Place, connections: number): Promise<void> {
    const { protocol, hostname, host, port } = new URL(place.origin);
    const open = (): Promise<void> =>
      new Promise((resolve) => {
        const name = hostname.replace(/^\[|\]$/g, '');
        this.#connect({ protocol, hostname: name, host, port }, (error, socket) => {
          if (error === null && socket !== null) {
            this.#opened += 1;
            socket.once('close', () => {
              place.spare = place.spare.filter((other) => other !== socket);
            });
            place.spare.push(socket);
          }
          resolve();
        });
      });
    await Promise.all(Array.from({ length: connections }, open));
  }

  async close(): Promise<void> {
    for (const place of this.#places) {
      for (const socket of place.spare) socket.destroy();
      place.spare = [];
      place.idle = [];
    }
    await Promise.allSettled([...this.#all].map((connection) => connection.client.destroy()));
    this.#all.clear();
  }

  /** The response is complete: the connection may serve again. */
  release(connection: Connection): void {
    connection.request = null;
    if (connection.open) connection.place.idle.push(connection);
    else this.discard(connection);
  }

  discard(connection: Connection): void {
    connection.request = null;
    if (!this.#all.delete(connection)) return;
    void connection.client.destroy().catch(() => undefined);
  }

  #takeConnection(place: Place): Connection {
    for (let last = place.idle.pop(); last !== undefined; last = place.idle.pop()) {
      if (last.open) return last;
      this.discard(last);
    }
    const client = this.#newClient(place, () => connection);
    const connection: Connection = { client, place, open: false, request: null };
    connection.client.on('disconnect', () => {
      connection.open = false;
    });
    this.#all.add(connection);
    return connection;
  }

  #newClient(place: Place, connectionOf: () => Connection): Client {
    return new Client(place.origin, {
      ...CLIENT_OPTIONS,
      connect: (target, callback) => {
        const spare = place.spare.pop();
        if (spare !== undefined) {
          // undici expects to be called back in a later turn.
          queueMicrotask(() => {
            connectionOf().open = true;
            callback(null, spare);
          });
          return;
        }
        const startNs = this.#nowNs();
        this.#connect(target, (error, socket) => {
          if (error !== null) {
            callback(error, null);
            return;
          }
          this.#opened += 1;
          const connection = connectionOf();
          connection.open = true;
          const connectNs = this.#nowNs() - startNs;
          this.#connectNs += connectNs;
          connection.request?.listener.onConnected(connectNs);
          callback(null, socket!);
        });
      },
    });
  }
}

/** One address of the service. */
interface Place {
  readonly origin: string;
  readonly streamPath: string;
  readonly plainPath: string;
  idle: Connection[];
  /** Connections that were opened ahead and have served nothing. */
  spare: NonNullable<Socket>[];
}

interface Connection {
  readonly client: Client;
  readonly place: Place;
  open: boolean;
  request: DispatchedRequest | null;
}

class DispatchedRequest implements Dispatcher.DispatchHandler, TransportRequest {
  readonly listener: ResponseListener;
  readonly #connection: Connection;
  readonly #transport: ConnectionPerRequestTransport;
  #controller: Dispatcher.DispatchController | null = null;
  #over = false;

  constructor(connection: Connection, listener: ResponseListener, transport: ConnectionPerRequestTransport) {
    this.#connection = connection;
    this.listener = listener;
    this.#transport = transport;
  }

  abort(): void {
    if (this.#over) return;
    if (this.#controller !== null) this.#controller.abort(new Error('aborted'));
    else this.onResponseError(null, new Error('aborted'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('aborted'));
    else this.listener.onSent();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    // Its socket is still open when the response ends, but not for another request.
    if (/\bclose\b/i.test(String(headers['connection'] ?? ''))) this.#connection.open = false;
    const text = (name: string): string | null => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : (value ?? null);
    };
    this.listener.onHead(status, text('content-type'), {
      contentEncoding: text('content-encoding'),
      location: text('location'),
      retryAfter: text('retry-after'),
    });
  }

  onResponseData(_controller: Dispatcher.DispatchController, bytes: Buffer): void {
    this.listener.onData(bytes);
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#transport.release(this.#connection);
    this.listener.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#transport.discard(this.#connection);
    this.listener.onError(error);
  }
}
