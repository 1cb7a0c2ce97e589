/** A plain HTTP client for tests of the server: whole answers, parsed events, raw bytes, and hanging up. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface SendOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Called with what has arrived so far; a true answer hangs up. */
  readonly hangUpWhen?: (text: string) => boolean;
}

/** Sends a request and reads the whole answer; a hang-up resolves with what had arrived. */
export function send(url: string, options: SendOptions = {}): Promise<Reply> {
  const { body, hangUpWhen } = options;
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers: options.headers, agent: false }, (response) => {
      let text = '';
      const done = (): void => resolve({ status: response.statusCode!, headers: response.headers, text });
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (hangUpWhen?.(text)) {
          request.destroy();
          done();
        }
      });
      response.on('end', done);
      response.on('error', done);
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}

export interface StreamChunk {
  readonly id: string;
  readonly object: string;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly delta?: { readonly role?: string; readonly content?: string };
    readonly text?: string;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: Usage;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

/** The JSON events of a stream, and whether it ended with [DONE]. Fails on anything that is not an event. */
export function eventsOf(text: string): { readonly chunks: StreamChunk[]; readonly done: boolean } {
  const events = text.split('\n\n').filter((event) => event !== '');
  const data = events.map((event) => {
    if (!event.startsWith('data: ')) throw new Error(`not an event: ${event}`);
    return event.slice('data: '.length);
  });
  const done = data.at(-1) === '[DONE]';
  return { chunks: (done ? data.slice(0, -1) : data).map((line) => JSON.parse(line) as StreamChunk), done };
}

/** Text of a chunk's first choice. */
export function textOf(chunk: StreamChunk): string {
  const choice = chunk.choices[0];
  return choice?.delta?.content ?? choice?.text ?? '';
}

/** Writes raw bytes to a port and reads until the server closes the connection. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

/** Samples of a metrics page by `name{labels}`; fails on a line that is neither comment nor sample. */
export function samplesOf(page: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of page.trimEnd().split('\n')) {
    if (/^# (HELP|TYPE) [\w:]+ /.test(line)) continue;
    const match = /^([\w:]+\{(?:\w+="(?:[^"\\]|\\.)*",?)*\}) (\S+)$/.exec(line);
    if (match === null || !Number.isFinite(Number(match[2]))) throw new Error(`not a sample: ${line}`);
    if (samples.has(match[1])) throw new Error(`twice: ${match[1]}`);
    samples.set(match[1], Number(match[2]));
  }
  return samples;
}

/** Asks again until the answer satisfies; the runner's time limit is the only clock. */
export async function eventually<T>(ask: () => Promise<T> | T, satisfies: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (satisfies(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
