/** How requests reach a server: the seam between the sender and sockets, and between the sender and its tests. */
import type { ResponseListener } from './exchange.js';

export interface Transport {
  /** Sends a body now, on an open connection if there is one, else on a new one. Never throws for a bad peer. */
  send(body: Uint8Array, stream: boolean, listener: ResponseListener): TransportRequest;
  /** Connections opened so far. */
  connectionsOpened(): number;
  /** Closes everything. */
  close(): Promise<void>;
}

export interface TransportRequest {
  /** Gives the connection up; the listener's onError follows if the response was not complete. */
  abort(): void;
}

/** What every request of a run has in common. */
export interface TransportTarget {
  /** Full URL of the endpoint, without credentials. */
  readonly url: string;
  /** Extra headers, credentials included: name, value, name, value … */
  readonly headers: readonly string[];
}
