/** What an answer has said so far: tokens, usage, tool calls, how it ended. Filled by a protocol, read by the exchange. */
import type { AnswerSink, Channel, UsageUpdate } from './protocol.js';

export interface ToolCall {
  name: string;
  argumentsText: string;
}

/** Characters at the end of cumulative texts that the next one may change. */
const REWRITTEN = 4;

/** Collects one answer. `keepText` keeps generated text for the case that no usage comes. */
export class Answer implements AnswerSink {
  inputTokens: number | null = null;
  outputTokens: number | null = null;
  cachedTokens: number | null = null;
  reasoningTokens: number | null = null;
  finishReason: string | null = null;
  doneSeen = false;
  failure: string | null = null;
  id: string | null = null;
  readonly notes = new Set<string>();
  readonly toolCalls = new Map<number, ToolCall>();
  /** A result that is no text has come. */
  resultSeen = false;
  /** Set by text of the event being read; the exchange resets them before each event. */
  tokensInEvent = false;
  answerInEvent = false;
  usageInEvent = false;
  usefulInEvent = false;
  /** Output count that came with the event being read. */
  outputTokensInEvent: number | null = null;
  #texts: string[] = [];
  /** Pieces of `#texts` that belong to the first event with tokens. */
  #firstPieces = 0;
  #firstClosed = false;
  /** Answer text alone, for the history of a conversation; null = not kept. */
  readonly #answerTexts: string[] | null;
  readonly #echoLength: number;
  /** Generated text that cumulative events have told. */
  #toldText = '';
  #isIncremental = false;
  #uncachedInputTokens: number | null = null;
  #cacheWriteTokens: number | null = null;

  /** `echoLength` = characters of the prompt that cumulative texts begin with. */
  constructor(echoLength = 0, keepAnswer = false) {
    this.#echoLength = echoLength;
    this.#answerTexts = keepAnswer ? [] : null;
  }

  /** Call before each event. */
  startEvent(): void {
    if (this.tokensInEvent) this.#firstClosed = true;
    this.tokensInEvent = false;
    this.answerInEvent = false;
    this.usageInEvent = false;
    this.usefulInEvent = false;
    this.outputTokensInEvent = null;
  }

  text(channel: Channel, text: string): void {
    if (text === '') return;
    this.tokensInEvent = true;
    this.usefulInEvent = true;
    if (channel === 'answer') {
      this.answerInEvent = true;
      this.#answerTexts?.push(text);
    }
    this.#keep(text);
  }

  textSoFar(text: string): void {
    if (this.#isIncremental) {
      this.text('answer', text);
      return;
    }
    const own = this.#echoLength === 0 ? text : text.slice(this.#echoLength);
    const told = this.#toldText;
    // A character that was not complete is told anew, so the last few may differ.
    const isRewritten =
      told.length > 2 * REWRITTEN &&
      own.length >= told.length - REWRITTEN &&
      own.startsWith(told.slice(0, -REWRITTEN));
    if (own.startsWith(told) || isRewritten) {
      this.text('answer', own.slice(told.length));
      this.#toldText = own;
    } else {
      // The server sends only what is new, although the protocol says otherwise.
      this.#isIncremental = true;
      this.#toldText = '';
      this.text('answer', text);
    }
  }

  result(): void {
    this.resultSeen = true;
    this.usefulInEvent = true;
  }

  toolCall(index: number, name: string, argumentsText: string): void {
    this.tokensInEvent = true;
    this.usefulInEvent = true;
    const call = this.toolCalls.get(index);
    if (call === undefined) this.toolCalls.set(index, { name, argumentsText });
    else {
      call.name += name;
      call.argumentsText += argumentsText;
    }
    this.#keep(name + argumentsText);
  }

  usage(update: UsageUpdate): void {
    this.usageInEvent = true;
    this.usefulInEvent = true;
    this.cachedTokens = update.cachedTokens ?? this.cachedTokens;
    this.inputTokens = update.inputTokens ?? this.#sumOfParts(update) ?? this.inputTokens;
    const added = update.addedOutputTokens;
    const output = update.outputTokens ?? (added === undefined ? null : (this.outputTokens ?? 0) + added);
    this.outputTokens = output ?? this.outputTokens;
    this.reasoningTokens = update.reasoningTokens ?? this.reasoningTokens;
    this.outputTokensInEvent = output;
  }

  finish(reason: string): void {
    this.finishReason = reason;
    this.usefulInEvent = true;
  }

  done(): void {
    this.doneSeen = true;
    this.usefulInEvent = true;
  }

  fail(message: string): void {
    this.failure ??= message;
  }

  responseId(id: string): void {
    this.id ??= id;
  }

  note(word: string): void {
    this.notes.add(word);
  }

  /** All generated text, and how much of it came with the first token event. */
  generated(): { readonly text: string; readonly firstLength: number } {
    let firstLength = 0;
    for (let i = 0; i < this.#firstPieces; i++) firstLength += this.#texts[i].length;
    return { text: this.#texts.join(''), firstLength };
  }

  /** Text of the answer without reasoning and tool calls; '' when it was not kept. */
  answerText(): string {
    return this.#answerTexts?.join('') ?? '';
  }

  /** Usage came: the text will not be needed. */
  dropText(): void {
    this.#texts = [];
    this.#firstPieces = 0;
    this.#firstClosed = true;
  }

  /** The whole prompt, for servers that count it in parts; null while the uncached part is unknown. */
  #sumOfParts(update: UsageUpdate): number | null {
    this.#uncachedInputTokens = update.uncachedInputTokens ?? this.#uncachedInputTokens;
    this.#cacheWriteTokens = update.cacheWriteTokens ?? this.#cacheWriteTokens;
    if (this.#uncachedInputTokens === null) return null;
    return this.#uncachedInputTokens + (this.cachedTokens ?? 0) + (this.#cacheWriteTokens ?? 0);
  }

  #keep(text: string): void {
    this.#texts.push(text);
    if (!this.#firstClosed) this.#firstPieces += 1;
  }
}
