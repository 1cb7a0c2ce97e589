/** One request on a plain socket: its bytes, who hears of its answer, and that it ends once. */
import type { ResponseListener } from '../exchange-types.js';
import type { TransportRequest } from '../transport.js';

export class SocketRequest implements TransportRequest {
  readonly listener: ResponseListener;
  readonly head: string;
  readonly body: Uint8Array;
  #over = false;
  #lost = false;
  onAbort: () => void = () => undefined;
  /** Called at most once: send it again, on a connection of its own. null = what is lost has failed. */
  onLost: (() => void) | null = null;

  constructor(listener: ResponseListener, head: string, body: Uint8Array) {
    this.listener = listener;
    this.head = head;
    this.body = body;
  }

  abort(): void {
    if (!this.#over) this.onAbort();
  }

  /** Its connection was closed under it before the server can have read it. */
  lose(error: Error): void {
    if (this.#over || this.#lost || this.onLost === null) {
      this.finish(error);
      return;
    }
    this.#lost = true;
    this.onLost();
  }

  /** Tells the end, once. */
  finish(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    if (error === null) this.listener.onEnd();
    else this.listener.onError(error);
  }
}

/** The head of every request to an address, up to the number of its content-length. */
export function headOf(url: URL, words: readonly string[], accept: string): string {
  const given = new Set(words.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()));
  const own = [
    ...['host', url.host, 'connection', 'keep-alive', 'content-type', 'application/json'],
    // Unpacking would blur the instants of chunks.
    ...['accept', accept, 'accept-encoding', 'identity'],
  ];
  const lines = [`POST ${url.pathname}${url.search} HTTP/1.1`];
  for (let i = 0; i < own.length; i += 2) if (!given.has(own[i])) lines.push(`${own[i]}: ${own[i + 1]}`);
  for (let i = 0; i < words.length; i += 2) lines.push(`${words[i]}: ${words[i + 1]}`);
  return `${lines.join('\r\n')}\r\ncontent-length: `;
}
