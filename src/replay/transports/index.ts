/** The transport for a target: HTTP/1.1 with a connection per request in flight, or HTTP/2. */
import type { Transport, TransportTarget } from '../transport.js';
import { createUndiciTransport } from '../undici-transport.js';
import { createHttp2Transport } from './http2-transport.js';

/** What a transport needs beside its target. */
export interface TransportOptions extends TransportTarget {
  readonly nowNs: () => number;
}

/** Creates the transport that `connection.http` names. */
export function createTransport(options: TransportOptions): Transport {
  return options.connection?.http === '2' ? createHttp2Transport(options) : createUndiciTransport(options);
}
