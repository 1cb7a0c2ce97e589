/** How requests reach a server: the seam between the sender and sockets, and between the sender and its tests. */
import type { ResponseListener } from './exchange.js';

export interface Transport {
  /**
   * Sends a body now, on an open connection if there is one, else on a new one. Never throws for a bad peer. `place` =
   * which of the target's places; default 0.
   */
  send(body: Uint8Array, stream: boolean, listener: ResponseListener, place?: number): TransportRequest;
  /** Connections opened so far. */
  connectionsOpened(): number;
  /** What opening connections took, when the transport keeps it. */
  connectionFacts?(): ConnectionFacts;
  /** Opens connections ahead of need, so many per place. Failures are ignored: the first request will tell. */
  preconnect?(connections: number): Promise<void>;
  /** Closes everything. */
  close(): Promise<void>;
}

export interface TransportRequest {
  /** Gives the connection up; the listener's onError follows if the response was not complete. */
  abort(): void;
}

/** Connections of one sender. */
export interface ConnectionFacts {
  readonly opened: number;
  /** Requests that left on a connection that was already open. */
  readonly reused: number;
  /** Of these, sent once more because the server was just closing that connection; absent = this is not done. */
  readonly resent?: number;
  /** Time to look up names, ns in all; 0 for addresses. */
  readonly dnsNs: number;
  /** Time to open connections, look-up and TLS included, ns in all. */
  readonly connectNs: number;
}

/** One address that serves the load. */
export interface TransportPlace {
  /** Full URL of the endpoint for streamed requests, without credentials. */
  readonly url: string;
  /** The same for requests that are not streamed, when it is another one. */
  readonly plainUrl?: string;
}

/** How connections are made. PEM texts and keys are held in memory only. */
export interface ConnectionOptions {
  /** Certificates to trust instead of the system's, PEM. */
  readonly ca?: string | null;
  /** Our own certificate and its key, PEM. */
  readonly cert?: string | null;
  readonly key?: string | null;
  /** Do not check the server's certificate. */
  readonly insecure?: boolean;
  /** A request under which a kept connection closes before any answer is sent once more. Default true. */
  readonly resend?: boolean;
  /** Path of a unix socket that every connection goes to. */
  readonly unixSocket?: string | null;
  /** Default '1.1'. */
  readonly http?: '1.1' | '2';
  /** What carries HTTP/1.1. Default `socket`. */
  readonly engine?: 'socket' | 'undici';
}

/** Connections as the user asks for them: `auto` = HTTP/2 where the server offers it by ALPN. */
export type ConnectionRequest = Omit<ConnectionOptions, 'http'> & { readonly http?: '1.1' | '2' | 'auto' };

/** What every request of a run has in common. */
export interface TransportTarget extends TransportPlace {
  /** Extra headers, credentials included: name, value, name, value … */
  readonly headers: readonly string[];
  /** Further addresses of the same service; place 0 is `url`. */
  readonly otherPlaces?: readonly TransportPlace[];
  readonly connection?: ConnectionOptions;
}
