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
  /** For servers that count the prompt in parts: without what came from the cache or went into it. */
  readonly uncachedInputTokens?: number;
  /** Part of the prompt that was written into the cache, beside `uncachedInputTokens`. */
  readonly cacheWriteTokens?: number;
  readonly outputTokens?: number;
  /** For servers that count each event by itself: added to what earlier events said. */
  readonly addedOutputTokens?: number;
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
}

/** Receives what a protocol reads from an answer. */
export interface AnswerSink {
  /** Generated text; empty text is no token and is ignored. */
  text(channel: Channel, text: string): void;
  /** All answer text so far: only what is new in it counts. An echo of the prompt at its start is left out. */
  textSoFar(text: string): void;
  /** A fragment of a tool call; fragments of one index belong together. */
  toolCall(index: number, name: string, argumentsText: string): void;
  /** A result that is no text (an embedding, a tensor): the answer is not empty. */
  result(): void;
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
  /** Names of `Protocol.concessions` that the server refused: left out, or asked for in the other way. */
  readonly conceded?: readonly string[];
}

/** The body's bytes are `before` + prompt + `after`; the prompt is [a-z ] and needs no escaping. */
export interface BodyFrame {
  readonly before: string;
  readonly after: string;
}

/** Something that strict servers refuse and that a request can do without. */
export interface Concession {
  /** Stands in the body and in the server's refusal, e.g. `ignore_eos`. */
  readonly name: string;
  /** What follows for the run; for its notes. */
  readonly consequence: string;
  /** Needed for the full output length: goes first when a refusal names nothing. */
  readonly forcesLength?: boolean;
}

export interface Protocol {
  readonly name: string;
  /** One line for help. */
  readonly summary: string;
  /** Where the protocol is specified. */
  readonly source: string;
  /** Path below the API's root, e.g. `/chat/completions`; `MODEL_IN_PATH` stands for the model's name. */
  readonly path: string;
  /** Path of requests that are not streamed, when it is another one. */
  readonly plainPath?: string;
  /** What stands between an origin and `path` when the user's URL has none of it. Default `/v1`. */
  readonly root?: '/v1' | '';
  /** How a stream is cut into events. Default `sse`. */
  readonly framing?: 'sse' | 'lines';
  /** false = the API has no streamed answers. Default true. */
  readonly streams?: boolean;
  /** What requests ask for. Default `generation`. */
  readonly operation?: 'generation' | 'embedding';
  /** Streams end with the response alone: an orderly end is a complete answer. Default false. */
  readonly endsWithResponse?: boolean;
  /** Characters of the prompt that answers to this body repeat before the generated text. Absent = none. */
  echoLength?(body: Uint8Array): number;
  /** Prompts are lists of token ids, written between brackets. Default text. */
  readonly promptAs?: 'text' | 'token-ids';
  /** Sent with every request: name, value, name, value … */
  readonly headers?: readonly string[];
  /** Header of the API key. Default `authorization` with `Bearer`. */
  readonly keyHeader?: string;
  /** Where the names of the served models are listed, below the API's root. Default `/models`, as OpenAI lists them. */
  readonly modelsPath?: string;
  /** Names in the answer of `modelsPath`; throws or gives none when they cannot be read. */
  readModels?(document: unknown): readonly string[];
  /** What strict servers may refuse, in the order of giving in. */
  readonly concessions?: readonly Concession[];
  /** Why the output length cannot be forced; null or absent = it can. */
  readonly lengthIsFree?: string | null;
  frame(shape: RequestShape): BodyFrame;
  /** One event of a streamed answer. Throws SyntaxError when it cannot be read. */
  readEvent(data: string, type: string | null, sink: AnswerSink): void;
  /** The whole body of an answer that is not streamed. Throws SyntaxError when it cannot be read. */
  readBody(body: string, sink: AnswerSink): void;
}

/** Stands for the model's name in a protocol's path. */
export const MODEL_IN_PATH = '~model~';

/** Stands for the prompt while a frame is made; JSON leaves it as it is. */
export const PROMPT_PLACEHOLDER = 'tokentide prompt goes here';

/** Splits a body's JSON at the placeholder of the prompt. */
export function frameOf(body: object): BodyFrame {
  const [before, after] = JSON.stringify(body).split(PROMPT_PLACEHOLDER);
  return { before, after };
}

/** The same for a prompt of token ids: the placeholder, alone in a list, goes with its quotes. */
export function idsFrameOf(body: object): BodyFrame {
  const { before, after } = frameOf(body);
  return { before: before.slice(0, -1), after: after.slice(1) };
}

/** Whether the server has refused a concession of this name. */
export const isConceded = (shape: RequestShape, name: string): boolean =>
  shape.conceded?.includes(name) === true;
