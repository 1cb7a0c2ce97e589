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
import type { Transport, TransportRequest, TransportTarget } from './transport.js';

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

export type UndiciTransport = Transport & {
  /** Opens connections ahead of need. Failures are ignored: the first request will tell. */
  preconnect(connections: number): Promise<void>;
};

export function createUndiciTransport(options: UndiciTransportOptions): UndiciTransport {
  return new ConnectionPerRequestTransport(options);
}

type Socket = Parameters<buildConnector.Callback>[1];

class ConnectionPerRequestTransport implements UndiciTransport {
  readonly #origin: string;
  readonly #path: string;
  readonly #streamHeaders: string[];
  readonly #plainHeaders: string[];
  readonly #nowNs: () => number;
  readonly #connect = buildConnector({ timeout: 0 });
  readonly #all = new Set<Connection>();
  #idle: Connection[] = [];
  #spare: NonNullable<Socket>[] = [];
  #opened = 0;

  constructor(options: UndiciTransportOptions) {
    const url = new URL(options.url);
    this.#origin = url.origin;
    this.#path = url.pathname + url.search;
    this.#nowNs = options.nowNs;
    const common = ['content-type', 'application/json', ...options.headers];
    this.#streamHeaders = [...common, 'accept', 'text/event-stream'];
    this.#plainHeaders = [...common, 'accept', 'application/json'];
  }

  send(body: Uint8Array, stream: boolean, listener: ResponseListener): TransportRequest {
    const connection = this.#takeConnection();
    const request = new DispatchedRequest(connection, listener, this);
    connection.request = request;
    try {
      connection.client.dispatch(
        {
          method: 'POST',
          path: this.#path,
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

  async preconnect(connections: number): Promise<void> {
    const { protocol, hostname, host, port } = new URL(this.#origin);
    const open = (): Promise<void> =>
      new Promise((resolve) => {
        const name = hostname.replace(/^\[|\]$/g, '');
        this.#connect({ protocol, hostname: name, host, port }, (error, socket) => {
          if (error === null && socket !== null) {
            this.#opened += 1;
            socket.once('close', () => {
              this.#spare = this.#spare.filter((other) => other !== socket);
            });
            this.#spare.push(socket);
          }
          resolve();
        });
      });
    await Promise.all(Array.from({ length: connections }, open));
  }

  async close(): Promise<void> {
    for (const socket of this.#spare) socket.destroy();
    this.#spare = [];
    this.#idle = [];
    await Promise.allSettled([...this.#all].map((connection) => connection.client.destroy()));
    this.#all.clear();
  }

  /** The response is complete: the connection may serve again. */
  release(connection: Connection): void {
    connection.request = null;
    if (connection.open) this.#idle.push(connection);
    else this.discard(connection);
  }

  discard(connection: Connection): void {
    connection.request = null;
    if (!this.#all.delete(connection)) return;
    void connection.client.destroy().catch(() => undefined);
  }

  #takeConnection(): Connection {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (last.open) return last;
      this.discard(last);
    }
    const connection: Connection = { client: this.#newClient(() => connection), open: false, request: null };
    connection.client.on('disconnect', () => {
      connection.open = false;
    });
    this.#all.add(connection);
    return connection;
  }

  #newClient(connectionOf: () => Connection): Client {
    return new Client(this.#origin, {
      ...CLIENT_OPTIONS,
      connect: (target, callback) => {
        const spare = this.#spare.pop();
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
          connection.request?.listener.onConnected(this.#nowNs() - startNs);
          callback(null, socket!);
        });
      },
    });
  }
}

interface Connection {
  readonly client: Client;
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
    const contentType = headers['content-type'];
    this.listener.onHead(status, Array.isArray(contentType) ? contentType[0] : (contentType ?? null));
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
