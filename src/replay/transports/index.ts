/** The transport for a target: HTTP/1.1 with a connection per request in flight, or HTTP/2. */
import type { Transport, TransportTarget } from '../transport.js';
import { createUndiciTransport } from '../undici-transport.js';
import { createHttp2Transport } from './http2-transport.js';
import { createSocketTransport } from './socket-transport.js';

/** What a transport needs beside its target. */
export interface TransportOptions extends TransportTarget {
  readonly nowNs: () => number;
}

/** Creates the transport that `connection.http` and `.engine` name. */
export function createTransport(options: TransportOptions): Transport {
  const { http, engine } = options.connection ?? {};
  if (http === '2') return createHttp2Transport(options);
  return engine === 'undici' ? createUndiciTransport(options) : createSocketTransport(options);
}
