/**
 * Writes server-sent events so that they leave at once and cost little.
 *
 * `ServerResponse.write` defers everything to the end of the tick, behind the writes of all other streams, and costs a
 * quarter more. Where the response owns its socket the frames of the chunked encoding are written to the socket
 * directly; the head and the closing frame still go through the response, which keeps its state right.
 */
import type { ServerResponse } from 'node:http';

export class StreamWriter {
  readonly #response: ServerResponse;
  readonly #direct: boolean;

  /** Sends the head. */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>) {
    this.#response = response;
    const chunked = response.req.httpVersionMinor >= 1;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // Proxies must not collect the stream.
      'x-accel-buffering': 'no',
      ...(chunked ? { 'transfer-encoding': 'chunked' } : {}),
      ...headers,
    });
    response.flushHeaders();
    // A pipelined response gets its socket later, and with it what was written until then.
    this.#direct = chunked && response.socket !== null;
  }

  /** Sends ASCII text as one chunk. */
  write(text: string): void {
    const { socket } = this.#response;
    if (this.#direct && socket !== null) socket.write(`${text.length.toString(16)}\r\n${text}\r\n`, 'latin1');
    else this.#response.write(text, 'latin1');
  }

  /** Sends the last text and the end of the response together. */
  end(text: string): void {
    const { socket } = this.#response;
    socket?.cork();
    this.write(text);
    this.#response.end();
    socket?.uncork();
  }
}
