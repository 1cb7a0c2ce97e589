/**
 * The sender's side of session replay: holds turns until the answer that they wait for has ended, decides their instant,
 * and puts the conversation so far into their prompt.
 *
 * A turn's instant is the latest of: its parent's end + think time; its parent's instant + the recorded gap, where the
 * trace knows no think time; its own recorded instant (hybrid). Nothing of this needs the run's process: an answer's end
 * and the next turn's sending are on one clock in one thread.
 */
import type { Outcome } from './exchange.js';

/** What a request waits for. Times are ns, after the load's own scaling. */
export interface TurnRule {
  /** Place in the plan of the request that goes before. */
  readonly parent: number;
  /** From the end of its answer. */
  readonly thinkNs: number;
  /** From its own instant; null = think time is known. */
  readonly gapNs: number | null;
  /** Never before this instant, from t0; null = whenever. */
  readonly earliestNs: number | null;
  /** The prompt's new text stands behind the conversation so far. */
  readonly history: boolean;
  /** Stands for the parent's answer; null = the real answer. */
  readonly answer: Uint8Array | null;
  /** Tokens of `answer`. */
  readonly answerTokens: number;
}

/** Where a body's prompt stands. */
export interface PromptPlace {
  readonly from: number;
  readonly to: number;
  /** Tokens of that text; null = unknown. */
  readonly tokens: number | null;
}

/** A request of a conversation. */
export interface TurnJob {
  readonly index: number;
  readonly intendedNs: number;
  readonly body: Uint8Array;
  /** Requests that wait for this one. */
  readonly children?: number;
  readonly after?: TurnRule;
  readonly prompt?: PromptPlace;
}

interface EndedTurn {
  readonly failed: boolean;
  /** ns from t0. */
  readonly endNs: number;
  /** A client cannot act on an end before it knows of it (an end mark that never came). */
  readonly knownNs: number;
  readonly intendedNs: number;
  readonly history: Uint8Array;
  readonly tokens: number | null;
  readonly answer: Uint8Array;
  readonly answerTokens: number | null;
  /** Children that have not come yet. */
  childrenLeft: number;
}

/** What becomes of a turn that waited. */
export interface TurnSink<T extends TurnJob> {
  /** Leaves at its (new) instant. */
  release(job: T): void;
  /** Never leaves: what it follows failed. */
  skip(job: T): void;
}

/** Keeps one sender's conversations. */
export class TurnBook<T extends TurnJob> {
  readonly #sink: TurnSink<T>;
  readonly #endOnFailure: boolean;
  readonly #waiting = new Map<number, T[]>();
  readonly #ended = new Map<number, EndedTurn>();

  constructor(sink: TurnSink<T>, endOnFailure: boolean) {
    this.#sink = sink;
    this.#endOnFailure = endOnFailure;
  }

  /** Turns that wait for an answer. */
  get waiting(): number {
    let count = 0;
    for (const jobs of this.#waiting.values()) count += jobs.length;
    return count;
  }

  /** A turn has come: waits, or goes on at once when its parent has ended already. */
  add(job: T): void {
    const { parent } = job.after!;
    const ended = this.#ended.get(parent);
    if (ended === undefined) {
      const siblings = this.#waiting.get(parent);
      if (siblings === undefined) this.#waiting.set(parent, [job]);
      else siblings.push(job);
      return;
    }
    ended.childrenLeft -= 1;
    if (ended.childrenLeft === 0) this.#ended.delete(parent);
    this.#goOn(job, ended);
  }

  /** A request with children has ended for good. `t0Ns` and `nowNs` are on the sender's clock. */
  end(job: T, outcome: Outcome, t0Ns: number, nowNs: number): void {
    const text = outcome.answerText ?? '';
    const told = outcome.outputTokens;
    this.#close(job, {
      failed: outcome.status !== 'ok' && outcome.status !== 'empty',
      endNs: outcome.endNs - t0Ns,
      knownNs: nowNs - t0Ns,
      intendedNs: job.intendedNs,
      history: job.prompt === undefined ? NOTHING : job.body.subarray(job.prompt.from, job.prompt.to),
      tokens: job.prompt?.tokens ?? null,
      // Servers refuse empty messages.
      answer: Buffer.from(jsonText(text === '' ? EMPTY_ANSWER : text)),
      answerTokens: text === '' ? 1 : told === null ? null : told - (outcome.reasoningTokens ?? 0),
      childrenLeft: job.children ?? 0,
    });
  }

  /** Takes every turn that waits. */
  drain(): T[] {
    const all = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    return all;
  }

  #close(job: T, ended: EndedTurn): void {
    const children = this.#waiting.get(job.index) ?? [];
    this.#waiting.delete(job.index);
    ended.childrenLeft -= children.length;
    if (ended.childrenLeft > 0) this.#ended.set(job.index, ended);
    for (const child of children) this.#goOn(child, ended);
  }

  #goOn(job: T, parent: EndedTurn): void {
    if (parent.failed && this.#endOnFailure) {
      this.#sink.skip(job);
      if ((job.children ?? 0) > 0) this.#close(job, { ...parent, childrenLeft: job.children! });
      return;
    }
    const { thinkNs, gapNs, earliestNs } = job.after!;
    const intendedNs = Math.round(
      Math.max(
        parent.endNs + thinkNs,
        parent.knownNs,
        gapNs === null ? Number.NEGATIVE_INFINITY : parent.intendedNs + gapNs,
        earliestNs ?? Number.NEGATIVE_INFINITY,
      ),
    );
    this.#sink.release({ ...job, intendedNs, ...(job.after!.history ? continued(job, parent) : {}) });
  }
}

const NOTHING = new Uint8Array(0);
const EMPTY_ANSWER = 'ok';

/** Text as it stands between the quotes of a JSON string. */
const jsonText = (text: string): string => JSON.stringify(text).slice(1, -1);

/** The body of a turn with the conversation so far before its new text. */
function continued<T extends TurnJob>(job: T, parent: EndedTurn): { body: Uint8Array; prompt: PromptPlace } {
  const { from, to, tokens } = job.prompt!;
  const before = job.body.subarray(0, from);
  const { answer, answerTokens } = answerBetween(job.after!, parent, before);
  const text = Buffer.concat([parent.history, ...answer, job.body.subarray(from, to)]);
  return {
    body: Buffer.concat([before, text, job.body.subarray(to)]),
    prompt: {
      from,
      to: from + text.length,
      tokens:
        parent.tokens === null || answerTokens === null || tokens === null
          ? null
          : parent.tokens + answerTokens + tokens,
    },
  };
}

/** What stands between the conversation so far and a turn's new text: the answer with what joins it, and its tokens. */
function answerBetween(
  { answer, answerTokens }: TurnRule,
  parent: EndedTurn,
  before: Uint8Array,
): { answer: readonly Uint8Array[]; answerTokens: number | null } {
  const joins = joinsOf(before, answer === null);
  const [toAnswer, toPrompt] = joins;
  if (answer === null)
    return { answer: [toAnswer, parent.answer, toPrompt], answerTokens: parent.answerTokens };
  if (answer.length > 0) return { answer: [toAnswer, answer, toPrompt], answerTokens };
  // The recorded answer was empty: one text has nothing in its place, and a message must not be empty.
  return joins === CHAT_JOINS
    ? { answer: [toAnswer, Buffer.from(EMPTY_ANSWER), toPrompt], answerTokens: 1 }
    : { answer: [toPrompt], answerTokens: 0 };
}

/**
 * A body whose prompt is a whole conversation: prompt, answer, prompt … as texts, between the parts of a body's frame.
 */
export function conversationBody(before: string, texts: readonly string[], after: string): Buffer {
  const head = Buffer.from(before);
  const [toAnswer, toPrompt] = joinsOf(head, false);
  const parts = texts.flatMap((text, i) => [
    ...(i === 0 ? [] : [i % 2 === 1 ? toAnswer : toPrompt]),
    Buffer.from(text),
  ]);
  return Buffer.concat([head, ...parts, Buffer.from(after)]);
}

const USER_MESSAGE = Buffer.from('{"role":"user","content":"');
const CHAT_JOINS = [
  Buffer.from('"},{"role":"assistant","content":"'),
  Buffer.from('"},{"role":"user","content":"'),
] as const;
const BLANK = Buffer.from(' ');
const ID_JOINS = [Buffer.from(','), Buffer.from(',')] as const;
const LIST_START = 0x5b;

/**
 * What stands before an answer and before the next prompt. Where the prompt is the content of a user's message, turns are
 * messages of their own; where it is a list of token ids, they are one list; elsewhere one text, in which a real answer
 * continues the prompt as it was generated.
 */
function joinsOf(before: Uint8Array, isReal: boolean): readonly [Uint8Array, Uint8Array] {
  if (before.at(-1) === LIST_START) return ID_JOINS;
  const tail = before.subarray(Math.max(0, before.length - USER_MESSAGE.length));
  if (USER_MESSAGE.equals(tail)) return CHAT_JOINS;
  return [isReal ? NOTHING : BLANK, BLANK];
}
