/**
 * What an endpoint protocol is: how a request's body looks, and what an event or a body of the answer means.
 *
 * A protocol knows nothing of time, sockets or endings: it tells the exchange what it read. To add one, write a file in
 * `protocols/` that exports a `Protocol` const and put it into the list in `protocols/index.ts`.
 */

/** Where generated text came from; all of them are tokens. */
export type Channel = 'answer' | 'reasoning' | 'tool';

/** Counts as the server tells them; a missing field leaves what an earlier event said. */
export interface UsageUpdate {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
}

/** Receives what a protocol reads from an answer. */
export interface AnswerSink {
  /** Generated text; empty text is no token and is ignored. */
  text(channel: Channel, text: string): void;
  /** A fragment of a tool call; fragments of one index belong together. */
  toolCall(index: number, name: string, argumentsText: string): void;
  usage(update: UsageUpdate): void;
  /** Why generation stopped. */
  finish(reason: string): void;
  /** The protocol's own end mark. */
  done(): void;
  /** An error inside an answer whose HTTP status was fine. */
  fail(message: string): void;
  responseId(id: string): void;
  /** Something odd that is no error, as a short word. */
  note(word: string): void;
}

/** What a request asks for, beside its prompt. */
export interface RequestShape {
  readonly model: string;
  readonly stream: boolean;
  /** null = left to the server. */
  readonly maxOutputTokens: number | null;
  /** Asks the server to generate on to the full length. */
  readonly ignoreEos: boolean;
  /** Further members of the body; they win over ours. */
  readonly extraBody: Readonly<Record<string, unknown>> | null;
}

/** The body's bytes are `before` + prompt + `after`; the prompt is [a-z ] and needs no escaping. */
export interface BodyFrame {
  readonly before: string;
  readonly after: string;
}

export interface Protocol {
  readonly name: string;
  /** One line for help. */
  readonly summary: string;
  /** Where the protocol is specified. */
  readonly source: string;
  /** Path below the API's root, e.g. `/chat/completions`. */
  readonly path: string;
  frame(shape: RequestShape): BodyFrame;
  /** One server-sent event of a streamed answer. Throws SyntaxError when it cannot be read. */
  readEvent(data: string, type: string | null, sink: AnswerSink): void;
  /** The whole body of an answer that is not streamed. Throws SyntaxError when it cannot be read. */
  readBody(body: string, sink: AnswerSink): void;
}

/** Stands for the prompt while a frame is made; JSON leaves it as it is. */
export const PROMPT_PLACEHOLDER = 'tokentide prompt goes here';

/** Splits a body's JSON at the placeholder of the prompt. */
export function frameOf(body: object): BodyFrame {
  const [before, after] = JSON.stringify(body).split(PROMPT_PLACEHOLDER);
  return { before, after };
}
