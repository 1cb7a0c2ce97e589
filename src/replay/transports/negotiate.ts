/**
 * Which HTTP version the load will speak. `auto` asks the server by ALPN in a TLS handshake; without TLS there is no
 * asking, so `auto` stays with HTTP/1.1 and `2` means prior knowledge.
 */
import { connect } from 'node:tls';
import type { Target } from '../target.js';
import { unreachable } from '../trial.js';
import { socketOptionsOf } from './agent.js';

const TIME_LIMIT_MS = 10_000;

export interface Negotiated {
  /** The target with the version in place of `auto`. */
  readonly target: Target;
  readonly notes: readonly string[];
}

/** Decides the version. Throws ENDPOINT_UNREACHABLE when `auto` or `2` finds no TLS server. */
export async function negotiateHttp(target: Target, signal: AbortSignal | null): Promise<Negotiated> {
  const asked = target.connection.http ?? '1.1';
  if (asked === '1.1') return { target, notes: [] };
  const isTls = new URL(target.url).protocol === 'https:';
  let offered: string | null = null;
  if (isTls) {
    try {
      offered = await offeredProtocol(target, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(target, error as Error);
    }
  }
  const http = asked === '2' || offered === 'h2' ? '2' : '1.1';
  const notes =
    http === '2'
      ? ['HTTP/2: requests share connections, so a lost packet delays all of them']
      : ['the endpoint does not offer HTTP/2; HTTP/1.1 was used'];
  return { target: { ...target, connection: { ...target.connection, http } }, notes };
}

/** The protocol that the server picks by ALPN; null = none. */
function offeredProtocol(target: Target, signal: AbortSignal | null): Promise<string | null> {
  const { hostname, port } = new URL(target.url);
  const { socketPath, ...tls } = socketOptionsOf(target.connection);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...tls,
      ...(socketPath === undefined ? { host, port: Number(port) || 443 } : { path: socketPath }),
      ...(/[a-z]/i.test(host) && !host.includes(':') ? { servername: host } : {}),
      ALPNProtocols: ['h2', 'http/1.1'],
      timeout: TIME_LIMIT_MS,
    });
    const close = (): void => {
      socket.destroy();
      signal?.removeEventListener('abort', close);
    };
    signal?.addEventListener('abort', close);
    socket.once('secureConnect', () => {
      resolve(typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null);
      close();
    });
    socket.once('timeout', () => {
      reject(new Error('the TLS handshake took too long'));
      close();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed in the TLS handshake')));
  });
}
