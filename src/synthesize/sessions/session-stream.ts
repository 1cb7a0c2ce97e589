/**
 * First turns → sessions: merges first turns in time order with the turns that follow from them.
 *
 * Streams in memory of the active sessions only: each has its next turn in a heap by arrival. Which rows come depends on
 * model, seed and first turns, never on how many threads drew those.
 */
import type { PrefixModel, SessionModel, WorkloadModel } from '../../types.js';
import { ArrivalHeap } from './arrival-heap.js';
import { PrefixLaw } from './prefix-law.js';
import { blockCount, continueFrom, type Piece, type Prompt } from './prompt.js';
import { type RecentPrompt, RecentPrompts } from './recent-prompts.js';
import { TurnLaw, type TurnRanks } from './turn-law.js';

/** A cursor on first turns in time order; `arrivalUs` is +∞ at the end. */
export interface FirstTurns {
  readonly arrivalUs: number;
  /** Place of the class in the model. */
  readonly classIndex: number;
  readonly input: number;
  readonly output: number;
  advance(): void;
}

/** One request of a session. */
export interface SessionRow {
  readonly arrivalUs: number;
  readonly classIndex: number;
  /** Number of the session in its class, from 0. */
  readonly session: number;
  readonly turn: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** null in first turns. */
  readonly thinkUs: number | null;
  /** null where the model has no prefixes. */
  readonly prompt: Prompt | null;
}

export interface SessionStreamOptions {
  readonly model: Pick<WorkloadModel, 'classes'> & {
    readonly sessions?: SessionModel | null;
    readonly prefixes?: PrefixModel | null;
  };
  readonly seed: string;
  readonly firstTurns: FirstTurns;
  /** First instant that is no longer wanted, µs; +∞ = no end. */
  readonly endUs: number;
  /** Number of this copy when several are superposed. */
  readonly copy?: number;
}

interface Session {
  readonly classIndex: number;
  readonly session: number;
  readonly firstInput: number;
  readonly headBlocks: number;
  readonly ranks: TurnRanks;
  turn: number;
  inputTokens: number;
  outputTokens: number;
  arrivalUs: number;
  thinkUs: number | null;
  pieces: readonly Piece[];
  /** Questions that were asked once on the document. */
  pending: Prompt[];
  recent: RecentPrompt | null;
}

interface ClassLaws {
  readonly turns: TurnLaw;
  readonly prefix: PrefixLaw | null;
  nextSession: number;
}

/** Questions of one document that are remembered for repetition. */
const MOST_PENDING = 32;

/** Rows in time order; of rows at one instant, later turns come before first turns. */
export class SessionStream {
  readonly #model: SessionModel;
  readonly #firstTurns: FirstTurns;
  readonly #endUs: number;
  readonly #laws: readonly ClassLaws[];
  readonly #waiting = new ArrivalHeap<Session>();
  /** null when no first turn looks back. */
  readonly #recent: RecentPrompts | null;

  constructor({ model, seed, firstTurns, endUs, copy = 0 }: SessionStreamOptions) {
    const { sessions, prefixes } = model;
    if (!sessions) throw new Error('the model has no sessions');
    this.#model = sessions;
    this.#firstTurns = firstTurns;
    this.#endUs = endUs;
    this.#recent = prefixes?.branches ? new RecentPrompts() : null;
    this.#laws = model.classes.map(({ id: classId }, classIndex) => ({
      turns: new TurnLaw(sessions, seed, classId),
      prefix: prefixes ? new PrefixLaw({ prefixes, seed, copy, classId, classIndex }) : null,
      nextSession: 0,
    }));
  }

  /** The next request; null at the end. */
  next(): SessionRow | null {
    const startUs = this.#firstTurns.arrivalUs;
    const waiting = this.#waiting.peek();
    if (waiting !== null && waiting.arrivalUs <= startUs) {
      this.#waiting.pop();
      return this.#follow(waiting);
    }
    if (startUs === Number.POSITIVE_INFINITY) return null;
    return this.#begin();
  }

  #begin(): SessionRow {
    const cursor = this.#firstTurns;
    const { classIndex } = cursor;
    const laws = this.#laws[classIndex];
    const number = laws.nextSession++;
    const content =
      laws.prefix?.begin(number, cursor.input, cursor.arrivalUs, this.#recent ?? new RecentPrompts()) ?? null;
    const repeated = content?.repeated ?? null;
    const inputTokens = repeated?.prompt.inputTokens ?? cursor.input;
    const session: Session = {
      classIndex,
      session: number,
      firstInput: inputTokens,
      headBlocks: content?.headBlocks ?? 0,
      ranks: { think: null, growth: null, output: null },
      turn: 1,
      inputTokens,
      outputTokens: cursor.output,
      arrivalUs: cursor.arrivalUs,
      thinkUs: null,
      pieces: content?.pieces ?? [],
      pending: [],
      recent: null,
    };
    cursor.advance();
    return this.#emit(session, repeated?.prompt ?? this.#firstPrompt(session, laws.prefix));
  }

  /** A document is a part of the first prompt; what follows is the first question. */
  #firstPrompt(session: Session, law: PrefixLaw | null): Prompt | null {
    if (law === null) return null;
    if (this.#model.kind === 'documents') {
      const complete = Math.floor(session.inputTokens / law.blockSize);
      const document = law.kept(session.session, 1, complete, session.headBlocks);
      session.pieces = continueFrom(session.pieces, document, law.owner(session.session, 1));
    }
    return this.#promptOf(session, law);
  }

  #follow(session: Session): SessionRow {
    const { turns, prefix } = this.#laws[session.classIndex];
    session.turn += 1;
    const before = { ...session, turn: session.turn - 1 };
    const pending = prefix?.repeats(session.session, session.turn, session.pending.length) ?? null;
    const repeated = pending === null ? null : session.pending.splice(pending, 1)[0];
    const prompt = repeated ?? this.#nextPrompt(session, turns.growth(before), prefix);
    session.inputTokens = repeated?.inputTokens ?? session.inputTokens;
    const room = Math.max(1, this.#model.window.tokens - session.inputTokens);
    session.outputTokens = Math.min(room, turns.output(before, session.inputTokens));
    return this.#emit(session, prompt, repeated === null);
  }

  /** Sets the session's next input, and the content of its prompt. */
  #nextPrompt(session: Session, growth: number, law: PrefixLaw | null): Prompt | null {
    const { kind, linkedBy, window } = this.#model;
    const before = session.inputTokens;
    const base = { chat: before + session.outputTokens, documents: session.firstInput, independent: 0 }[kind];
    // Links by hashes are known from longer prompts only.
    const least = kind === 'chat' && linkedBy === 'block_hashes' ? before + 1 : 1;
    let inputTokens = Math.max(least, base + growth);
    const isCut = inputTokens > window.tokens && window.policy === 'truncate_history';
    inputTokens = Math.min(inputTokens, Math.max(before, window.tokens));
    session.inputTokens = inputTokens;
    if (law === null) return null;
    const { blockSize } = law;
    const own = law.owner(session.session, session.turn);
    const headBlocks = Math.min(session.headBlocks, Math.floor(before / blockSize));
    if (kind === 'documents') {
      const document = session.pieces.at(-2)?.upTo ?? 0;
      session.pieces = continueFrom(session.pieces, document, own);
    } else {
      const complete = Math.floor(before / blockSize);
      // A cut history begins elsewhere in the conversation: nothing after the head stays where it was.
      const kept = isCut ? headBlocks : law.kept(session.session, session.turn, complete, headBlocks);
      if (kept < complete) session.pieces = continueFrom(session.pieces, kept, own);
    }
    return this.#promptOf(session, law);
  }

  #promptOf(session: Session, law: PrefixLaw): Prompt {
    return {
      pieces: session.pieces,
      inputTokens: session.inputTokens,
      ending: law.owner(session.session, session.turn),
    };
  }

  /** The session's present turn as a row; plans the next one. */
  #emit(session: Session, prompt: Prompt | null, isNew = true): SessionRow {
    const { classIndex, turn, inputTokens, outputTokens, arrivalUs, thinkUs } = session;
    if (prompt !== null && this.#recent !== null) {
      if (session.recent !== null) session.recent.isPast = true;
      session.recent = this.#recent.add(arrivalUs, prompt, outputTokens);
    }
    const asksQuestions = this.#model.kind === 'documents' && isNew && prompt !== null;
    if (asksQuestions && session.pending.length < MOST_PENDING) session.pending.push(prompt);
    this.#plan(session);
    return {
      arrivalUs,
      classIndex,
      session: session.session,
      turn,
      inputTokens,
      outputTokens,
      thinkUs,
      prompt,
    };
  }

  #plan(session: Session): void {
    const { turns } = this.#laws[session.classIndex];
    const { window, kind } = this.#model;
    const isFull =
      kind === 'chat' &&
      window.policy === 'end_session' &&
      session.inputTokens + session.outputTokens >= window.tokens;
    if (isFull || !turns.continues(session)) return;
    const { gapSec, thinkSec } = turns.wait(session);
    const arrivalUs = session.arrivalUs + Math.floor(gapSec * 1e6);
    if (arrivalUs >= this.#endUs) return;
    session.arrivalUs = arrivalUs;
    session.thinkUs = Math.floor(thinkSec * 1e6);
    this.#waiting.push(session);
  }
}

/** Block ids that a row has. */
export function blocksOf(row: SessionRow, blockSize: number): number {
  return row.prompt === null ? 0 : blockCount(row.inputTokens, blockSize);
}
