/** Plain requests beside the load (lists of models, metrics pages) over connections like those of the load. */
import { Agent } from 'undici';
import type { ConnectionRequest } from '../transport.js';

/** Options of Node's `tls.connect` and `net.connect` for a connection. */
export interface SocketOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
  readonly socketPath?: string;
}

/** What undici and Node need to make such connections. */
export function socketOptionsOf(connection: ConnectionRequest): SocketOptions {
  const { ca, cert, key, insecure, unixSocket } = connection;
  return {
    ...(ca == null ? {} : { ca }),
    ...(cert == null ? {} : { cert }),
    ...(key == null ? {} : { key }),
    ...(insecure === true ? { rejectUnauthorized: false } : {}),
    ...(unixSocket == null ? {} : { socketPath: unixSocket }),
  };
}

/** A dispatcher for undici's `request` with the connection's certificates and socket. Destroy it after use. */
export function createAgent(connection: ConnectionRequest): Agent {
  const http = connection.http ?? '1.1';
  return new Agent({ connect: { ...socketOptionsOf(connection), timeout: 10_000 }, allowH2: http !== '1.1' });
}
